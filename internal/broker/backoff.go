package broker

import "time"

// Steps of the back-off, by what kind of fault it is for. The last one is repeated: an
// outage of a day costs less than the 200 calls that a test account is allowed.
var (
	transientSteps = [...]time.Duration{
		time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second,
		30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 5 * time.Minute, 5 * time.Minute,
		5 * time.Minute, 5 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	}
	// A fault that somebody has to mend is probed slowly: often enough that the mend
	// is noticed while the operator still looks.
	permanentSteps = [...]time.Duration{
		10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute,
	}
)

// maxRetryAfter bounds what an answer can put the next attempt off for.
const maxRetryAfter = 24 * time.Hour

// Backoff says how long to wait after the given number of failed attempts (at least
// 1), jittered later by up to a quarter by rnd in [0,1).
func Backoff(e *Error, attempts int, now time.Time, rnd float64) time.Duration {
	steps := transientSteps[:]
	if e.Class.Permanent() || e.Class == NotFound || e.Class == Invalid {
		steps = permanentSteps[:]
	}
	d := steps[min(max(attempts, 1), len(steps))-1]
	switch e.Reset {
	case ResetMinute:
		d = max(d, now.Truncate(time.Minute).Add(time.Minute).Sub(now))
	case ResetDay:
		d = max(d, nextDay(now).Sub(now))
	case ResetNone:
	}
	d = max(d, min(e.RetryAfter, maxRetryAfter))
	return d + min(scale(d/4, rnd), time.Minute)
}
