package quota

import (
	"sync/atomic"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// offset is that of Shanghai, where the platforms' days begin. It has no summer time.
const offset = 8 * time.Hour

func zone() *time.Location { return time.FixedZone("UTC+8", int(offset/time.Second)) }

// dayOf numbers the platforms' days, and minuteOf the minutes, both since 1970.
func dayOf(now int64) uint64    { return uint64((now + int64(offset)) / int64(24*time.Hour)) } //nolint:gosec // No clock is before 1970.
func minuteOf(now int64) uint64 { return uint64(now / int64(time.Minute)) }                    //nolint:gosec // No clock is before 1970.

// endOf is when a throttled platform listens again.
func endOf(r broker.Reset, now int64) int64 {
	if r == broker.ResetDay {
		return int64(dayOf(now)+1)*int64(24*time.Hour) - int64(offset) //nolint:gosec // It is a day's number, and small.
	}
	return int64(minuteOf(now)+1) * int64(time.Minute) //nolint:gosec // It is a minute's number, and small.
}

// counter counts within one period at a time: the period's number and the count share a
// word, so that a new period never loses a call that was counted at the same time.
type counter struct{ word atomic.Uint64 }

// countBits leave 28 bits to the period: minutes for 500 years.
const countBits = 36

// add counts one call. A call that comes in from the period just before, because its
// clock was read a moment earlier, is counted in the newer one and does not end it.
func (c *counter) add(period uint64) {
	for {
		old := c.word.Load()
		next := old + 1
		if at := old >> countBits; at != period && at != period+1 {
			next = period<<countBits | 1
		}
		if c.word.CompareAndSwap(old, next) {
			return
		}
	}
}

// in returns the count of a period, which is zero unless it is the one that is counted.
func (c *counter) in(period uint64) int64 {
	w := c.word.Load()
	if w>>countBits != period {
		return 0
	}
	return int64(w & (1<<countBits - 1))
}
