package quota

import (
	"sync/atomic"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// probeEvery is how often one call is let through while a day's quota is used up: it may
// have been raised, or cleared by hand.
const probeEvery = 5 * time.Minute

// circuit is open: the platform has throttled a path, and is not asked before the reset.
type circuit struct {
	err   broker.Error // as the platform said it
	until int64
	// probe is when the next call may find out whether the platform listens again. Zero:
	// none may, because a minute passes quickly.
	probe atomic.Int64
}

func newCircuit(err *broker.Error, now int64) *circuit {
	c := &circuit{err: *err, until: endOf(err.Reset, now)}
	c.err.Err = nil // it is of one call, and the error is kept for all that follow
	if err.Reset == broker.ResetDay {
		c.probe.Store(now + int64(probeEvery))
	}
	return c
}

func (c *circuit) open(now int64) bool { return c != nil && now < c.until }

// passes reports whether a call may be made. Of all that ask when a probe is due, one
// may.
func (c *circuit) passes(now int64) bool {
	if !c.open(now) {
		return true
	}
	due := c.probe.Load()
	return due != 0 && now >= due && c.probe.CompareAndSwap(due, now+int64(probeEvery))
}

// refusal is the platform's error as it holds now.
func (c *circuit) refusal(now int64) *broker.Error {
	e := c.err
	e.RetryAfter = time.Duration(c.until - now)
	return &e
}
