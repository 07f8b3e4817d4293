package storetest

import (
	"sync"
	"testing"
	"time"
)

// Clock is a clock that only moves when it is told to, for stores that take their
// time from a function.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows some time of today.
func NewClock() *Clock { return &Clock{now: time.Now()} }

// Now returns the time the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance sets the clock ahead by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// inTime tries what has to be done before a time is over, the suite's TTL. Where the store's
// clock shows that the machine was too busy for that, it tries again with twice the time.
func (s suite) inTime(t *testing.T, f Fixture, try func(within time.Duration) error) {
	t.Helper()
	for within := s.TTL; ; within *= 2 {
		begun, err := f.Store.Clock(t.Context())
		ok(t, "clock", err)
		fault := try(within)
		if fault == nil {
			return
		}
		ended, err := f.Store.Clock(t.Context())
		ok(t, "clock", err)
		if took := ended.Sub(begun); took < within || within > long {
			t.Fatalf("%v, %v after the begin of %v", fault, took, within)
		}
	}
}
