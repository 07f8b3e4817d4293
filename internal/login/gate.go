package login

import (
	"context"
	"sync"
	"time"
)

// Bounds on the logins of one app that are at the platform or at the store: a crowd, or a platform
// that hangs, must not take all connections. A login that finds no place waits a little for
// one.
const (
	atOnce   = 64
	patience = 2 * time.Second
)

// gates has a gate for each app that users are just logging in to.
type gates struct {
	mu   sync.Mutex
	apps map[string]*gate
}

type gate struct {
	places chan struct{}
	users  int // who are in or wait; guarded by gates.mu
}

// enter takes a place, and returns false where there was none in time. Who has got one leaves.
func (g *gates) enter(ctx context.Context, app string) (leave func(), ok bool) {
	g.mu.Lock()
	a := g.apps[app]
	if a == nil {
		a = &gate{places: make(chan struct{}, atOnce)}
		g.apps[app] = a
	}
	a.users++
	g.mu.Unlock()

	forget := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if a.users--; a.users == 0 {
			delete(g.apps, app)
		}
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case a.places <- struct{}{}:
		return func() { <-a.places; forget() }, true
	case <-timer.C:
	case <-ctx.Done():
	}
	forget()
	return nil, false
}
