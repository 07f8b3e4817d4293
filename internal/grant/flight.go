package grant

import (
	"context"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// want is what a flight is for.
type want struct {
	broker.UserWant
	// check says that somebody claims that the token Stale is dead: the platform is asked
	// first.
	check bool
}

// flight is one refresh in progress, which any number of callers wait for.
type flight struct {
	want  want
	done  chan struct{}
	token broker.Token // valid once done is closed, as is err
	err   error
}

// maxJoins bounds how many flights of others a caller waits for whose want is another one.
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
	return broker.Token{}, &broker.Error{Code: "busy", Class: broker.Transient, Message: "the user's token is being renewed for others just now", Hint: "try again"}
}

func (k *Keeper) takeOff(ctx context.Context, app *broker.App, key broker.Key, w want) (*flight, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f := k.flights[key]; f != nil {
		return f, nil
	}
	if k.closed {
		return nil, broker.ErrShuttingDown
	}
	f := &flight{want: w, done: make(chan struct{})}
	k.flights[key] = f
	k.flying.Go(func() { k.fly(context.WithoutCancel(ctx), app, key, f) })
	return f, nil
}

// fly runs one refresh. It ends in bounded time and always lands.
func (k *Keeper) fly(ctx context.Context, app *broker.App, key broker.Key, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, flightTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			// The value of the panic is not printed: it may hold what must not be seen.
			f.err = fmt.Errorf("renew a user's token of app %q: panic of type %T", key.App, p)
		}
		k.mu.Lock()
		delete(k.flights, key)
		k.mu.Unlock()
		close(f.done)
	}()
	f.token, f.err = k.renew(ctx, app, key, f.want)
}
