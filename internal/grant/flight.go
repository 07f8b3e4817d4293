package grant

import (
	"context"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// want is what a flight is for.
type want struct {
	broker.UserWant
	// check says that somebody claims that the token Stale is dead: the platform is asked
	// first.
	check bool
}

// flightKey names a flight. Who knows the app by another registration has nothing to do with it (I8).
type flightKey struct {
	broker.Key
	source string
}

// flight is one refresh in progress, which any number of callers wait for.
type flight struct {
	want  want
	done  chan struct{}
	token broker.Token // valid once done is closed, as is err
	err   error
}

// maxJoins bounds how many flights a caller waits for that others have begun for another want.
const maxJoins = 3

// join waits for the refresh of a grant that is in progress, or starts one. The flight goes
// on without the caller when ctx ends first.
func (k *Keeper) join(ctx context.Context, app *broker.App, key broker.Key, w want) (broker.Token, error) {
	for range maxJoins {
		f, err := k.takeOff(ctx, app, key, w)
		if err != nil {
			return broker.Token{}, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return broker.Token{}, ctx.Err()
		}
		// What came of another want says nothing about this one.
		if f.want == w || f.err == nil && f.token.Version > w.Stale && f.token.Expiry.Sub(k.cfg.Now()) >= max(w.MinTTL, broker.MinUserToken) {
			return f.token, f.err
		}
	}
	return k.asItIs(ctx, app, key, w)
}

// asItIs is for a caller who has waited long enough: a token that lives is served (I3).
func (k *Keeper) asItIs(ctx context.Context, app *broker.App, key broker.Key, w want) (broker.Token, error) {
	g, err := k.get(ctx, app, key)
	if err != nil {
		return broker.Token{}, err
	}
	now := k.cfg.Now()
	if g.UserTokenLive(now) && g.Token > w.Stale {
		return k.serve(g)
	}
	if d := g.Decide(w.UserWant, now); d.Step == broker.RefuseGrant {
		return broker.Token{}, d.Err
	}
	return broker.Token{}, busy()
}

func busy() *broker.Error {
	return &broker.Error{
		Code: "busy", Class: broker.Transient, RetryAfter: time.Second,
		Message: "the user's token is being renewed just now, or waits for its turn", Hint: "try again",
	}
}

func (k *Keeper) takeOff(ctx context.Context, app *broker.App, key broker.Key, w want) (*flight, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := flightKey{key, k.source(app)}
	if f := k.flights[id]; f != nil {
		return f, nil
	}
	if k.closed {
		return nil, broker.ErrShuttingDown
	}
	f := &flight{want: w, done: make(chan struct{})}
	k.flights[id] = f
	k.flying.Go(func() { k.fly(context.WithoutCancel(ctx), app, id, f) })
	return f, nil
}

// fly runs one refresh. It ends in bounded time and always lands.
func (k *Keeper) fly(ctx context.Context, app *broker.App, id flightKey, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, flightTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			// The value of the panic is not printed: it may hold what must not be seen.
			f.err = fmt.Errorf("renew a user's token of app %q: panic of type %T", app.ID, p)
		}
		k.mu.Lock()
		delete(k.flights, id)
		k.mu.Unlock()
		close(f.done)
	}()
	f.token, f.err = k.renew(ctx, app, id.Key, f.want)
}
