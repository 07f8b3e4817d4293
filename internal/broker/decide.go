package broker

import "time"

// Cause says why a renewal is wanted.
type Cause int

// The causes.
const (
	CausePlanned  Cause = iota + 1 // the record says it is due
	CauseMissing                   // a reader found no usable token
	CauseRejected                  // the platform was seen to reject the token
	CauseDemanded                  // a reader needs one that lasts longer
	CauseLeaked                    // an administrator wants this token replaced
)

// String names the cause for metrics and logs.
func (c Cause) String() string {
	switch c {
	case CausePlanned:
		return "planned"
	case CauseMissing:
		return "missing"
	case CauseRejected:
		return "rejected"
	case CauseDemanded:
		return "demanded"
	case CauseLeaked:
		return "leaked"
	default:
		return "unknown"
	}
}

func (c Cause) unplanned() bool {
	return c == CauseRejected || c == CauseDemanded || c == CauseLeaked
}

// Want is what a caller of a renewal wants: the reason, and what it saw.
type Want struct {
	Cause Cause
	Stale Version // rejected, leaked: the version that is to be replaced
	// Hearsay marks a rejection that this server has not seen itself, because the
	// platform could not be asked.
	Hearsay bool
	MinTTL  time.Duration // demanded: how long the token has to last
}

// Step is what to do about a [Want].
type Step int

// The steps.
const (
	// Fresh: nothing is to be done, the record's token serves the want.
	Fresh Step = iota + 1
	// Issue: ask the platform now.
	Issue
	// Hold: an issue is wanted but may not start yet.
	Hold
)

// Decision is the outcome of [Decide]. Until and Err belong to Hold.
type Decision struct {
	Step  Step
	Until time.Time
	Err   *Error
}

// Decide says what to do about a want, given what is known of the key. It is asked
// before a lease is sought and again under the lease, on what was read again.
func Decide(r Record, w Want, rot Rotation, now time.Time) Decision {
	if satisfied(r, w, rot, now) {
		return Decision{Step: Fresh}
	}
	if until := notBefore(r, w, now); now.Before(until) {
		return Decision{Step: Hold, Until: until, Err: r.Failure.err(until.Sub(now))}
	}
	if until := r.Budget.Allow(w.Spends(r), rot.Limits, now); now.Before(until) {
		return Decision{Step: Hold, Until: until, Err: budgetErr(until, now)}
	}
	return Decision{Step: Issue}
}

func satisfied(r Record, w Want, rot Rotation, now time.Time) bool {
	switch w.Cause {
	case CausePlanned:
		return r.Usable(now) && now.Before(r.Due)
	case CauseRejected:
		return r.Usable(now) && (r.Current.Version != w.Stale || r.vouched(rot, now))
	case CauseLeaked:
		return r.Current.Version != w.Stale && r.Usable(now)
	case CauseDemanded:
		// More than nearly a lifetime nobody gets, however often the platform is asked.
		most := scale(r.Current.Expiry.Sub(r.Current.Issued), 0.9)
		return r.Usable(now) && (r.Current.Until.Sub(now) >= min(w.MinTTL, most) || !rot.early(r, now))
	case CauseMissing:
		return r.Usable(now)
	default:
		return true
	}
}

// vouchTime is the least time for which a platform's word for a token holds.
const vouchTime = time.Second

// vouched reports whether the platform gave the current token again when it was last asked out
// of turn, and is not to be asked again yet. It has no other one then: the rejection was of
// something else, or will be repeated. Nobody is to go without a token for it (I3). A token
// that is new with the last write may have died since, however new it is.
func (r Record) vouched(rot Rotation, now time.Time) bool {
	asked := r.Budget.LastUnplanned
	if !rot.lasts() || asked.IsZero() || r.Current.Issued.Before(asked) || r.Current.Version >= r.Version {
		return false
	}
	return now.Before(Later(asked.Add(vouchTime), r.Budget.Allow(CauseRejected, rot.Limits, now)))
}

// early reports whether a renewal before its time can help a reader who needs a
// longer life, and breaks no promise.
func (r Rotation) early(rec Record, now time.Time) bool {
	t := rec.Current
	switch r.Family {
	case Eager:
		// The current token would die an overlap from now, or at once if it has been
		// replaced already, and the one before it dies at once.
		if !rec.Failure.UnknownAt.IsZero() {
			return !now.Before(t.Until)
		}
		return !now.Add(r.Overlap).Before(t.Until) && !now.Before(rec.Previous.Until) && !r.AgeUnknown
	case Late:
		return !now.Before(t.Expiry.Add(-r.fit(t.Expiry.Sub(t.Issued)).Window))
	case Sliding, Independent:
		return true
	case Fixed:
		return false
	default:
		return false
	}
}

// notBefore is the earliest instant at which what is known of failures allows the
// want to be tried.
func notBefore(r Record, w Want, now time.Time) time.Time {
	switch {
	case w.Cause == CauseLeaked, r.Failure.IsZero() && w.Cause != CausePlanned:
		return now
	case w.Cause == CausePlanned && r.Usable(now):
		return r.Due
	default:
		return r.Failure.NotBefore
	}
}

// err gives the failure as an error for callers who get no token because of it.
func (f Failure) err(wait time.Duration) *Error {
	if f.IsZero() {
		return &Error{Code: ErrNoToken.Code, Class: Transient, Message: ErrNoToken.Message, RetryAfter: wait}
	}
	return &Error{
		Code: f.Code, Class: f.Class, Message: f.Message, Hint: f.Hint,
		PlatformCode: f.PlatformCode, PlatformMessage: f.PlatformMessage, RetryAfter: wait,
	}
}

// Error gives the failure as an error, with how long the back-off still lasts.
func (f Failure) Error(now time.Time) *Error { return f.err(max(f.NotBefore.Sub(now), 0)) }

func budgetErr(until, now time.Time) *Error {
	e := *ErrTooSoon
	if until.Equal(nextDay(now)) {
		e = *ErrBudget
	}
	e.RetryAfter = until.Sub(now)
	e.Hint = "look in the audit for the client that keeps reporting tokens, and for another server that uses the same secret; planned renewals go on"
	return &e
}

// Spends is the cause that an issue for this want is counted under. A rejected token
// that had to wait its turn is replaced out of the budget for rejections, whoever comes
// for it then.
func (w Want) Spends(r Record) Cause {
	if r.Failure.Code == ErrTooSoon.Code && r.Rejected != 0 && r.Rejected == r.Current.Version {
		return CauseRejected
	}
	return w.Cause
}

// PlanHeld returns the record of a token that is known to be dead and that the budget
// does not allow to be replaced yet. Where the day's budget is spent it is replaced when
// its planned renewal comes, for which a part is kept.
func PlanHeld(r Record, w Want, d Decision, now time.Time) Record {
	until := d.Until
	if d.Err.Code == ErrBudget.Code {
		until = Earlier(until, Later(r.Due, now))
	}
	r.Rejected, r.Due = w.Stale, until
	r.Failure = Failure{
		Class: d.Err.Class, Code: d.Err.Code, Message: d.Err.Message, Hint: d.Err.Hint,
		Attempts: max(r.Failure.Attempts, 1), First: now, Last: now, NotBefore: until, UnknownAt: r.Failure.UnknownAt,
	}
	return r
}
