package renew

import (
	"sync/atomic"
	"time"
)

// clock tells the store's time from the local clock. All replicas decide on the
// store's time, so that a replica with a skewed clock does no harm.
type clock struct {
	local func() time.Time
	base  atomic.Pointer[instant]
}

// instant is one reading of both clocks.
type instant struct{ store, local time.Time }

func newClock(local func() time.Time) *clock {
	c := &clock{local: local}
	now := local()
	c.base.Store(&instant{store: now, local: now})
	return c
}

// now is the store's time by the latest reading. The time since then is measured on
// the monotonic clock, so steps of the wall clock do not show.
func (c *clock) now() time.Time {
	b := c.base.Load()
	return b.store.Add(c.local().Sub(b.local))
}

// observe takes a reading: the store said stored at some instant between two local ones.
func (c *clock) observe(stored, before, after time.Time) {
	c.base.Store(&instant{store: stored, local: before.Add(after.Sub(before) / 2)})
}
