package sandbox

import "time"

// chinaTime is the zone in which a platform's day begins. It has had no
// daylight saving time since 1991, and a fixed zone needs no tzdata.
func chinaTime() *time.Location { return time.FixedZone("UTC+8", 8*60*60) }

// period numbers the stretches of time after which counters begin anew.
type period func(time.Time) int64

func daily(t time.Time) int64 {
	const offset, day = 8 * 60 * 60, 24 * 60 * 60
	return (t.Unix() + offset) / day
}

func everyMinute(t time.Time) int64 { return t.Unix() / 60 }

func monthly(t time.Time) int64 {
	t = t.In(chinaTime())
	return int64(t.Year())*12 + int64(t.Month())
}

// tally counts by name within one period. The zero value counts nothing yet;
// every is given anew at each call, so that a million apps cost little.
type tally struct {
	epoch int64
	n     map[string]int
}

// used returns how much of name is used up in the period of t.
func (c *tally) used(every period, t time.Time, name string) int {
	if every(t) != c.epoch {
		return 0
	}
	return c.n[name]
}

// take uses one of name, unless limit is reached.
func (c *tally) take(every period, t time.Time, name string, limit int) bool {
	if e := every(t); e != c.epoch {
		c.epoch = e
		clear(c.n)
	}
	if c.n[name] >= max(limit, 0) {
		return false
	}
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[name]++
	return true
}

// forget makes name unused.
func (c *tally) forget(name string) { delete(c.n, name) }

// reset forgets what was used.
func (c *tally) reset() { clear(c.n) }
