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

// instant is one reading of both clocks, which took a while.
type instant struct {
	store, local time.Time
	took         time.Duration
}

// A reading that took clearly longer than the one in use is off by up to half of that,
// so it is taken only when the one in use has grown old.
const (
	tolerance  = 20 * time.Millisecond
	oldReading = 10 * time.Minute
)

func newClock(local func() time.Time) *clock {
	c := &clock{local: local}
	now := local()
	c.base.Store(&instant{store: now, local: now, took: oldReading}) // any reading is better
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
	took := after.Sub(before)
	b := c.base.Load()
	age := after.Sub(b.local)
	if took > 2*b.took+tolerance && age >= 0 && age < oldReading {
		return
	}
	c.base.Store(&instant{store: stored, local: before.Add(took / 2), took: took})
}
