// Package turns bounds how many do something at a time, for each name on its own: one whose
// turns take long keeps no other waiting.
package turns

import (
	"context"
	"sync"
)

// Turns is safe for concurrent use. It holds nothing of a name that nobody is at.
type Turns struct {
	most int

	mu     sync.Mutex // a leaf
	places map[string]*places
}

// places are those of one name.
type places struct {
	free  chan struct{}
	users int // who have one or wait for one; guarded by Turns.mu
}

// New returns turns of which each name has so many at a time.
func New(most int) *Turns { return &Turns{most: most, places: map[string]*places{}} }

// Take waits for a place, and returns false where there was none before ctx ended. Who has
// got one leaves it, once.
func (t *Turns) Take(ctx context.Context, name string) (leave func(), ok bool) {
	p := t.enter(name)
	select {
	case p.free <- struct{}{}:
		return func() { <-p.free; t.forget(name, p) }, true
	case <-ctx.Done():
		t.forget(name, p)
		return nil, false
	}
}

func (t *Turns) enter(name string) *places {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.places[name]
	if p == nil {
		p = &places{free: make(chan struct{}, t.most)}
		t.places[name] = p
	}
	p.users++
	return p
}

func (t *Turns) forget(name string, p *places) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.users--; p.users == 0 {
		delete(t.places, name)
	}
}
