package sqlstore

import (
	"math"
	"time"
)

// Times are kept as unix nanoseconds, which every database holds exactly and people
// can compute with. 0 stands for the zero time.

var (
	firstTime = time.Unix(0, math.MinInt64)
	lastTime  = time.Unix(0, math.MaxInt64)
)

// toNanos brings what lies outside of the years 1678 to 2261 to the end of that
// range: a token without an end must not come back as one of the past.
func toNanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(firstTime):
		return math.MinInt64
	case t.After(lastTime):
		return math.MaxInt64
	}
	n := t.UnixNano()
	if n == 0 {
		return 1 // the first instant of 1970 is not the zero time
	}
	return n
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
