// Package nanos writes times as unix nanoseconds, which every store holds exactly and
// people can compute with. 0 stands for the zero time.
package nanos

import (
	"math"
	"time"
)

// Of brings what lies outside of the years 1678 to 2261 to the end of that range: a
// token without an end must not come back as one of the past.
func Of(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	n := t.UnixNano()
	if n == 0 {
		return 1 // the first instant of 1970 is not the zero time
	}
	return n
}

// Time is the inverse of [Of], in UTC.
func Time(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
