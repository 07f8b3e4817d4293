package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// refreshTimeout bounds a refresh at the platform.
	refreshTimeout = 10 * time.Second
	// claimTTL is how long a claim lasts: longer than the refresh and the write after it.
	// After a crash others wait for as long.
	claimTTL = refreshTimeout + storeTimeout + 5*time.Second
	// flightTimeout bounds a flight: the claim of somebody who died, and then one's own.
	flightTimeout = 2*claimTTL + storeTimeout
	// lostTimeout is how long the store is asked to keep a refresh token that is not the one
	// it has: the one it has is used up.
	lostTimeout = 5 * time.Minute
	// maxPause is the longest pause between two looks at a grant that somebody else renews.
	maxPause = 250 * time.Millisecond
)

// renew runs the protocol until the want is satisfied, cannot be, or ctx ends. A grant is
// claimed by a write, renewed at the platform and written again, each write by
// compare-and-swap; whoever meets the claim of another waits.
func (k *Keeper) renew(ctx context.Context, app *broker.App, key broker.Key, w want) (broker.Token, error) {
	pause := 20 * time.Millisecond
	for {
		g, err := k.get(ctx, app, key)
		if err != nil {
			return broker.Token{}, err
		}
		if w.check && g.Token == w.Stale && g.UserTokenLive(k.cfg.Now()) {
			if alive, t := k.check(ctx, app, g); alive {
				return t, nil
			}
			w.check = false
		}
		d := g.Decide(w.UserWant, k.cfg.Now())
		switch d.Step {
		case broker.ServeGrant:
			return k.serve(g)
		case broker.RefuseGrant:
			return broker.Token{}, d.Err
		case broker.AwaitGrant:
			if err := sleep(ctx, min(pause+time.Duration(k.cfg.Rand()*float64(pause)), max(d.Until.Sub(k.cfg.Now()), time.Millisecond))); err != nil {
				return broker.Token{}, fmt.Errorf("wait for another server to renew a user's token of app %q: %w", key.App, err)
			}
			pause = min(2*pause, maxPause)
		case broker.RefreshGrant:
			t, err := k.refresh(ctx, app, g, w)
			if !errors.Is(err, broker.ErrConflict) {
				return t, err
			}
		}
	}
}

func (k *Keeper) serve(g broker.Grant) (broker.Token, error) {
	s, err := k.open(g)
	if err != nil {
		return broker.Token{}, err
	}
	return tokenOf(g, s), nil
}

// refresh claims the grant, asks the platform once and stores what it said. It returns
// ErrConflict where the grant was changed by somebody else, so that it is to be looked at
// again.
func (k *Keeper) refresh(ctx context.Context, app *broker.App, g broker.Grant, w want) (broker.Token, error) {
	web, err := k.web(app)
	if err != nil {
		return broker.Token{}, err
	}
	held, err := k.open(g)
	if err != nil {
		return broker.Token{}, err
	}
	live := g.UserTokenLive(k.cfg.Now()) && g.Token > w.Stale
	if w.Stale != 0 && w.Stale == g.Token {
		g = g.Killed(k.cfg.Now())
	}
	g = g.Claimed(k.cfg.Holder, k.cfg.Now().Add(claimTTL))
	if g.Version, err = k.put(ctx, g); err != nil {
		if live && !errors.Is(err, broker.ErrConflict) {
			return tokenOf(g, held), nil // a store that fails takes no live token away (I3)
		}
		return broker.Token{}, err
	}
	started := k.cfg.Now()
	asking, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	got, err := web.Refresh(asking, app, g.Key, broker.NewSecret(held.Refresh))
	k.metrics.refreshes.WithLabelValues(outcome(err)).Inc()
	if err != nil {
		return k.refused(ctx, g, held, err, live)
	}
	return k.renewed(ctx, g, held, got, started)
}

// renewed stores what a refresh has brought. Nobody gets the token before (I5).
func (k *Keeper) renewed(ctx context.Context, g broker.Grant, held secrets, got broker.Granted, started time.Time) (broker.Token, error) {
	fresh := secrets{Access: got.Access.Reveal(), Refresh: got.Refresh.Reveal()}
	if fresh.Refresh == "" {
		fresh.Refresh = held.Refresh
	}
	next := func(g broker.Grant) broker.Grant {
		return g.Renewed(got, fresh.Access == held.Access, fresh.Refresh != held.Refresh, started)
	}
	patience := saveTimeout
	if fresh.Refresh != held.Refresh {
		patience = lostTimeout
	}
	t, err := k.settle(ctx, g, next, fresh, patience)
	if err != nil && patience == lostTimeout && broker.AsError(err).Code != broker.ErrNoGrant.Code && !errors.Is(err, broker.ErrConflict) {
		k.log.ErrorContext(ctx, "a user's new refresh token could not be stored, and the one that is stored may be used up", "app", g.Key.App, "kind", g.Key.Kind, "error", err)
	}
	return t, err
}

// refused stores that a refresh has failed. A token that lives by our book stays in use.
func (k *Keeper) refused(ctx context.Context, g broker.Grant, held secrets, err error, live bool) (broker.Token, error) {
	e := *broker.AsError(err)
	now := k.cfg.Now()
	rnd := k.cfg.Rand()
	next := func(g broker.Grant) broker.Grant { return g.Unrenewed(&e, now, rnd) }
	kept := held
	if e.Is(broker.ErrGrantEnded) {
		if kept.Refresh = ""; !live {
			kept = secrets{}
		}
	}
	t, serr := k.settle(ctx, g, next, kept, saveTimeout)
	switch {
	case errors.Is(serr, broker.ErrConflict), errors.Is(serr, broker.ErrNoGrant):
		return broker.Token{}, serr
	case live:
		return tokenOf(g, held), nil
	case serr != nil && t.Secret.IsZero():
		k.log.WarnContext(ctx, "that a user's token could not be renewed was not stored", "app", g.Key.App, "kind", g.Key.Kind, "error", serr)
	}
	return broker.Token{}, fmt.Errorf("renew a user's token of app %q: %w", g.Key.App, &e)
}

// settle ends a claim: it writes the grant as next makes it, with what it holds from now
// on. Where somebody has written meanwhile without taking the claim away, such as to seal
// it anew, the same is done to that. ErrConflict: the grant is another one by now.
func (k *Keeper) settle(ctx context.Context, g broker.Grant, next func(broker.Grant) broker.Grant, s secrets, patience time.Duration) (broker.Token, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	claim := g.Claim
	for {
		done := next(g)
		if done.Box = nil; s != (secrets{}) {
			if err := k.seal(&done, s); err != nil {
				return broker.Token{}, err
			}
		}
		err := k.putAgain(ctx, done)
		if err == nil {
			return tokenOf(done, s), nil
		}
		if !errors.Is(err, broker.ErrConflict) {
			return broker.Token{}, err
		}
		now, err := k.stored(ctx, g.Key)
		switch {
		case err != nil:
			return broker.Token{}, err
		case now.Version == 0:
			// It was deleted, and stays so: what was brought is kept by nobody.
			return broker.Token{}, broker.ErrNoGrant
		case now.Version == done.Version+1 && now.Claim.Holder == "" && now.Token == done.Token && now.Issued.Equal(done.Issued) && now.Failure.Last.Equal(done.Failure.Last):
			return tokenOf(done, s), nil // this very write, whose answer was lost
		case now.Claim.Holder != claim.Holder || !now.Claim.Until.Equal(claim.Until):
			return broker.Token{}, broker.ErrConflict
		}
		g = now
	}
}
