package grant

import (
	"cmp"
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
		if g.Claim.Holder == k.cfg.Holder {
			// A process renews a grant once at a time, so that nobody is behind this claim any more:
			// the answer to its write was lost, or that to the one that was to end it.
			g.Claim = broker.RenewalClaim{}
		}
		if g.Token == w.Stale && g.UserTokenLive(k.cfg.Now()) {
			if k.doubts.settled(g, w, k.cfg.Now()) {
				return k.serve(g)
			}
			if w.check {
				alive, err := alone(ctx, k, app, func() (bool, error) { return k.check(ctx, app, g) })
				if err != nil || alive {
					return k.serveOr(g, err)
				}
				w.check = false
			}
		}
		d := g.Decide(w.UserWant, k.cfg.Now())
		switch d.Step {
		case broker.ServeGrant:
			return k.serve(g)
		case broker.RefuseGrant:
			return broker.Token{}, d.Err
		case broker.AwaitGrant:
			if sleep(ctx, min(pause+time.Duration(k.cfg.Rand()*float64(pause)), max(d.Until.Sub(k.cfg.Now()), time.Millisecond))) != nil {
				return broker.Token{}, busy()
			}
			pause = min(2*pause, maxPause)
		case broker.RefreshGrant:
			t, err := alone(ctx, k, app, func() (broker.Token, error) { return k.refresh(ctx, app, g, w) })
			if !errors.Is(err, broker.ErrConflict) {
				return t, err
			}
		}
	}
}

func (k *Keeper) serve(g broker.Grant) (broker.Token, error) { return k.serveOr(g, nil) }

// serveOr serves the grant's token, unless there is an error.
func (k *Keeper) serveOr(g broker.Grant, err error) (broker.Token, error) {
	if err != nil {
		return broker.Token{}, err
	}
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
	if w.Stale != 0 && w.Stale == g.Token {
		g = g.Killed(k.cfg.Now())
	}
	g = g.Claimed(k.cfg.Holder, k.cfg.Now().Add(claimTTL))
	if g.Version, err = k.put(ctx, g); err != nil {
		return broker.Token{}, err
	}
	started := k.cfg.Now()
	asking, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	got, err := web.Refresh(asking, app, g.Key, broker.NewSecret(held.Refresh))
	if err == nil {
		err = fits(got, g.Key.Subject)
	}
	k.metrics.refreshes.WithLabelValues(outcome(err)).Inc()
	if err != nil {
		return k.refused(ctx, g, held, err, w)
	}
	return k.renewed(ctx, g, held, got, started, w)
}

// fits says what is wrong with an answer that is not about the user who was asked about, or brings no
// token (I8).
func fits(got broker.Granted, user string) error {
	switch {
	case got.OpenID != user:
		return broker.ErrWrongUser
	case got.Access.IsZero():
		return garbage("the platform's answer has no token")
	default:
		return nil
	}
}

// garbage is the error of an answer that makes no sense.
func garbage(message string) error {
	return &broker.Error{Code: "platform_garbage", Class: broker.Transient, Unknown: true, Message: message}
}

// renewed stores what a refresh has brought. Nobody gets the token before (I5).
func (k *Keeper) renewed(ctx context.Context, g broker.Grant, held secrets, got broker.Granted, started time.Time, w want) (broker.Token, error) {
	e := ending{patience: saveTimeout, holds: secrets{
		Access: got.Access.Reveal(), Refresh: got.Refresh.Reveal(), Union: cmp.Or(got.UnionID, held.Union),
	}}
	if e.holds.Refresh == "" {
		e.holds.Refresh = held.Refresh
	}
	if e.holds.Refresh != held.Refresh {
		e.usedUp, e.patience = held.Refresh, lostTimeout
	}
	same := e.holds.Access == held.Access
	e.next = func(g broker.Grant) broker.Grant { return g.Renewed(got, same, e.usedUp != "", started) }
	t, err := k.settle(ctx, g, e)
	if err != nil && e.usedUp != "" && !errors.Is(err, broker.ErrConflict) {
		k.log.ErrorContext(ctx, "a user's new refresh token could not be stored, and the one that is stored may be used up", "app", g.Key.App, "kind", g.Key.Kind, "error", err)
	}
	if err == nil && w.Stale != 0 && t.Version == w.Stale {
		g.Token = t.Version
		k.doubts.vouch(g, true, k.cfg.Now())
	}
	return t, err
}

// refused stores that a refresh has failed. A token that lives by our book stays in use.
func (k *Keeper) refused(ctx context.Context, g broker.Grant, held secrets, err error, w want) (broker.Token, error) {
	live := func() bool { return g.UserTokenLive(k.cfg.Now()) && g.Token > w.Stale }
	e := *broker.AsError(err)
	now, rnd := k.cfg.Now(), k.cfg.Rand()
	kept := held
	if e.Is(broker.ErrGrantEnded) {
		if kept.Refresh = ""; !live() {
			kept = secrets{}
		}
	}
	_, serr := k.settle(ctx, g, ending{
		patience: saveTimeout, holds: kept,
		next: func(g broker.Grant) broker.Grant { return g.Unrenewed(&e, now, rnd) },
	})
	switch {
	case errors.Is(serr, broker.ErrConflict):
		return broker.Token{}, serr
	case serr != nil:
		k.log.WarnContext(ctx, "that a user's token could not be renewed was not stored", "app", g.Key.App, "kind", g.Key.Kind, "error", serr)
	}
	if live() {
		return tokenOf(g, held), nil
	}
	return broker.Token{}, fmt.Errorf("renew a user's token of app %q: %w", g.Key.App, &e)
}
