package renew_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
)

// valve stands between a replica and the platform. It can be shut, and it counts.
type valve struct {
	rt http.RoundTripper
	// alone reports whether the replica is without a store.
	alone func() bool

	mu     sync.Mutex
	paused chan struct{} // closed when the pause ends; nil: flowing
	dead   bool
	loose  bool
	kills  map[*http.Request]context.CancelFunc
	lonely map[*http.Request]struct{} // those that left without a store
	calls  map[string]int
}

var errCut = errors.New("the connection is gone")

func newValve(rt http.RoundTripper, alone func() bool) *valve {
	return &valve{rt: rt, alone: alone, kills: map[*http.Request]context.CancelFunc{}, lonely: map[*http.Request]struct{}{}, calls: map[string]int{}}
}

// RoundTrip implements [http.RoundTripper].
func (v *valve) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	// The answer's body is read after this returns, so the request's own context ends it.
	context.AfterFunc(r.Context(), func() {
		cancel()
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.kills, r)
		delete(v.lonely, r)
	})
	paused, err := v.enter(r, cancel)
	if err != nil {
		return nil, err
	}
	if paused != nil {
		select {
		case <-paused:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return v.rt.RoundTrip(r.WithContext(ctx))
}

func (v *valve) enter(r *http.Request, cancel context.CancelFunc) (paused chan struct{}, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.dead:
		return nil, errCut
	case v.loose:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errCut}
	}
	v.calls[r.URL.Path]++
	v.kills[r] = cancel
	if v.alone() {
		v.lonely[r] = struct{}{}
	}
	return v.paused, nil
}

// cut ends everything under way and lets nothing through any more.
func (v *valve) cut() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dead = true
	for _, cancel := range v.kills {
		cancel()
	}
}

// pause makes new calls wait until resume.
func (v *valve) pause() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.paused == nil {
		v.paused = make(chan struct{})
	}
}

func (v *valve) resume() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.paused != nil {
		close(v.paused)
		v.paused = nil
	}
}

// unplug makes new calls fail before they leave, until plugIn.
func (v *valve) unplug() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.loose = true
}

func (v *valve) plugIn() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.loose = false
}

// count is how often a path was called.
func (v *valve) count(path string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls[path]
}

// busy reports whether a call is under way.
func (v *valve) busy() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.kills) > 0
}

// astray reports whether a call is under way that left without a store.
func (v *valve) astray() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.lonely) > 0
}
