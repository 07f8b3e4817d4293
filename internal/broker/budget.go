package broker

import "time"

// shanghai is where the platforms' days and quotas begin. It has no summer time,
// and a fixed zone spares a time zone database.
var shanghai = time.FixedZone("UTC+8", 8*60*60)

// Budget counts what was asked of the platform for one key on one day, so that
// outages, bad credentials, crash loops and abusive callers cannot spend the
// app's quota (I7).
type Budget struct {
	Day       int // days since 1970 in Shanghai
	Issues    int
	Unplanned int
	Forced    int
	// Streak counts unplanned issues that followed each other closely.
	Streak        int
	LastUnplanned time.Time
	LastForced    time.Time
}

// quietTime ends a streak of unplanned issues.
const quietTime = 10 * time.Minute

func day(now time.Time) int {
	return int(now.In(shanghai).Unix()+8*60*60) / (24 * 60 * 60)
}

// nextDay is the instant at which daily quotas start again.
func nextDay(now time.Time) time.Time {
	y, m, d := now.In(shanghai).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, shanghai)
}

// at returns the budget as it stands at now: a new day starts with nothing spent.
func (b Budget) at(now time.Time) Budget {
	if d := day(now); b.Day != d {
		b.Day, b.Issues, b.Unplanned, b.Forced = d, 0, 0, 0
	}
	if now.Sub(b.LastUnplanned) > quietTime {
		b.Streak = 0
	}
	return b
}

// Allow reports from when on an issue for the given cause may be made: a time not
// after now means at once.
func (b Budget) Allow(c Cause, l Limits, now time.Time) time.Time {
	b = b.at(now)
	if l.PerDay > 0 && b.Issues >= l.PerDay {
		return nextDay(now)
	}
	if !c.unplanned() {
		return now
	}
	if l.Unplanned > 0 && b.Unplanned >= l.Unplanned {
		return nextDay(now)
	}
	return Later(now, b.LastUnplanned.Add(streakGap(b.Streak)))
}

// AllowForce is [Budget.Allow] for issues that use force.
func (b Budget) AllowForce(l Limits, now time.Time) time.Time {
	b = b.at(now)
	if l.Forced > 0 && b.Forced >= l.Forced {
		return nextDay(now)
	}
	if b.LastForced.IsZero() {
		return now
	}
	return Later(now, b.LastForced.Add(l.ForceGap))
}

// Spend counts one issue, whatever came of it.
func (b Budget) Spend(c Cause, now time.Time) Budget {
	b = b.at(now)
	b.Issues++
	if c.unplanned() {
		b.Unplanned++
		b.Streak++
		b.LastUnplanned = now
	}
	return b
}

// SpendForce counts one use of force.
func (b Budget) SpendForce(now time.Time) Budget {
	b = b.at(now)
	b.Forced++
	b.LastForced = now
	return b
}

// Join brings together two counts that began as one, of which neither knows what the
// other has spent since.
func (b Budget) Join(o Budget) Budget {
	if o.Day > b.Day {
		b, o = o, b
	}
	if o.Day == b.Day {
		b.Issues = max(b.Issues, o.Issues)
		b.Unplanned = max(b.Unplanned, o.Unplanned)
		b.Forced = max(b.Forced, o.Forced)
	}
	b.Streak = max(b.Streak, o.Streak)
	b.LastUnplanned = Later(b.LastUnplanned, o.LastUnplanned)
	b.LastForced = Later(b.LastForced, o.LastForced)
	return b
}

// streakGap is the least time between unplanned issues that follow each other
// closely. The first few are free, because tokens do die; then it grows, because
// two servers that kill each other's tokens would never stop.
func streakGap(streak int) time.Duration {
	const free = 5
	if streak < free {
		return 0
	}
	return min(time.Second<<min(streak-free, 10), 5*time.Minute)
}
