package broker

import "time"

// Success is what a platform gave.
type Success struct {
	Want        Want
	Box         []byte // the token, sealed
	Same        bool   // it is the token that the record holds already
	Refresh     []byte // the refresh token of the next issue, sealed; nil: that of the record
	Seed        string // what it descends from
	Started     time.Time
	Lifetime    time.Duration
	Fingerprint string  // of the app secret that worked
	Rnd         float64 // in [0,1), for jitter
}

// PlanIssued returns the record after a success, to be stored at version r.Version+1.
// That is the version of a new token too, unless tokens were issued meanwhile that
// could not be stored: no two tokens share a version.
func PlanIssued(r Record, s Success, rot Rotation, p Policy) Record {
	prev := r.Current
	rot = rot.fit(s.Lifetime)
	t := SealedToken{
		Version: max(r.Version, prev.Version) + 1, Box: s.Box,
		Issued: s.Started, Expiry: s.Started.Add(s.Lifetime),
	}
	if s.Same {
		t.Version, t.Box = prev.Version, prev.Box
	} else {
		r.Previous = prev
		if s.Want.Cause == CauseLeaked {
			r.Previous.Box = nil // whoever shows it is not to be taken for one of ours
		}
	}
	if rot.AgeUnknown {
		r.Due, t.Until = planUnknownAge(prev, s)
	} else {
		r.Due, t.Until = plan(t, rot, p, s.Rnd)
		if rot.Family == Eager && prev.Version != 0 && r.Rejected != prev.Version && s.Want.Cause != CauseRejected {
			// Only the newest two tokens live. The next issue must not come before the
			// promises on the previous one have ended, as far as it can still keep them.
			kept := Earlier(prev.Until, s.Started.Add(rot.Overlap))
			r.Due = Later(r.Due, Earlier(kept, t.Expiry.Add(-s.Lifetime/4)))
			t.Until = eagerUntil(t, r.Due, rot)
		}
	}
	if s.Same && !rot.AgeUnknown && !s.Started.Before(r.Due) {
		r.Due = askAgain(s.Started, t.Expiry)
	}
	r.Current = t
	r.Failure = Failure{}
	r.Rejected = 0
	r.Secret = s.Fingerprint
	if len(s.Refresh) > 0 {
		r.Refresh, r.Seed = s.Refresh, s.Seed
	}
	return r
}

// NextRenewal says when a token is to be renewed: jittered later, never earlier
// than the policy says, by rnd in [0,1).
func NextRenewal(issued, expiry time.Time, rot Rotation, p Policy, rnd float64) time.Time {
	lifetime := expiry.Sub(issued)
	rot = rot.fit(lifetime)
	p = p.fit(rot, lifetime)
	// However small the figures are, a token is kept for a part of its lifetime: twenty
	// issues in a lifetime are a quota's worth.
	least := lifetime / 20
	switch rot.Family {
	case Eager, Independent, Sliding:
		interval := max(min(p.Every, lifetime-p.Ahead), least)
		jitter := min(interval/20, p.Ahead/2, time.Minute)
		return issued.Add(interval + scale(jitter, rnd))
	case Late:
		tail := min(rot.Window, p.Ahead)
		return expiry.Add(-tail + scale(tail/4, rnd))
	case Fixed:
		return expiry
	default:
		return expiry
	}
}

func plan(t SealedToken, rot Rotation, p Policy, rnd float64) (due, until time.Time) {
	due = NextRenewal(t.Issued, t.Expiry, rot, p, rnd)
	if rot.Family == Eager {
		return due, eagerUntil(t, due, rot)
	}
	return due, t.Expiry
}

// eagerUntil is the end of the promise on an eager platform: the next planned issue
// starts the overlap, a part of which is kept back for repeating that issue.
func eagerUntil(t SealedToken, due time.Time, rot Rotation) time.Time {
	return Earlier(t.Expiry, due.Add(rot.Overlap-rot.guard(rot.Overlap)))
}

// planUnknownAge plans for platforms that never say how old a token is. A token
// that replaced another was born after the other was last seen, and so lives at
// least a lifetime from then; of the first one nothing can be promised.
func planUnknownAge(prev SealedToken, s Success) (due, until time.Time) {
	switch {
	case s.Same:
		until = prev.Until
	case prev.Version != 0 && s.Started.Before(prev.Issued.Add(s.Lifetime)):
		until = prev.Issued.Add(s.Lifetime)
	default:
		until = s.Started
	}
	if until.After(s.Started) {
		return until, until
	}
	// Ask often enough to see the change, and seldom enough for a small quota.
	return s.Started.Add(max(s.Lifetime/40, 500*time.Millisecond)), until
}

// askAgain says when to ask a platform again that had nothing new to give.
func askAgain(now, expiry time.Time) time.Time {
	left := expiry.Sub(now)
	return now.Add(min(max(left/4, time.Second), max(left, 100*time.Millisecond)))
}

// PlanFailed returns the record after an attempt that brought no token.
func PlanFailed(r Record, w Want, e *Error, started, now time.Time, rot Rotation, rnd float64) Record {
	f := Failure{
		Class: e.Class, Code: e.Code, Message: e.Message, Hint: e.Hint,
		PlatformCode: e.PlatformCode, PlatformMessage: e.PlatformMessage,
		Attempts: r.Failure.Attempts + 1, First: r.Failure.First, Last: now, UnknownAt: r.Failure.UnknownAt,
	}
	if f.First.IsZero() {
		f.First = now
	}
	if e.Unknown && f.UnknownAt.IsZero() {
		f.UnknownAt = started
	}
	f.NotBefore = now.Add(Backoff(e, f.Attempts, now, rnd))
	r.Failure = f
	// On hearsay nobody else loses a token that may live (I3).
	if w.Cause == CauseRejected && !w.Hearsay && r.Current.Version == w.Stale {
		r.Rejected = w.Stale
	}
	planned := r.Due
	r.Due = f.NotBefore
	if !r.Usable(now) {
		return r
	}
	early := w.Cause != CausePlanned && planned.After(now)
	if rot.Family != Eager {
		if early {
			r.Due = Earlier(planned, f.NotBefore) // what was wanted early puts nothing off
		}
		return r
	}
	rot = rot.fit(r.Current.Expiry.Sub(r.Current.Issued))
	switch {
	case !f.UnknownAt.IsZero():
		// The platform may have replaced the token already. A second issue would then
		// kill it at once, so it waits for the promises on it to end; and no more is
		// promised than that it lives for an overlap.
		r.Current.Until = Earlier(r.Current.Until, f.UnknownAt.Add(rot.Overlap))
		if e.Unknown && f.UnknownAt.Before(started) {
			r.Current.Until = Earlier(r.Current.Until, started) // and now twice
		}
		r.Due = Later(r.Due, r.Current.Until)
	default:
		if early {
			r.Due = Later(planned, f.NotBefore) // promises count on it: it is not moved forward
		}
		// Nothing was issued: the token lives on, for an overlap after the next attempt.
		r.Current.Until = Later(r.Current.Until, eagerUntil(r.Current, r.Due, rot))
	}
	return r
}

// PlanForgiven returns the record after something was changed that may have mended
// what failed: the back-off is over. A live token is renewed as soon as the promises
// on it allow, which counted on the back-off.
func PlanForgiven(r Record, rot Rotation, now time.Time) Record {
	r.Failure.NotBefore = now
	switch {
	case rot.Family != Eager, !r.Usable(now):
		r.Due = now
	case !r.Failure.UnknownAt.IsZero():
		// The next issue may kill the current token at once.
		r.Due = Earlier(r.Due, Later(now, Later(r.Current.Until, r.Previous.Until)))
	default:
		rot = rot.fit(r.Current.Expiry.Sub(r.Current.Issued))
		// The current token dies an overlap after the next issue, the one before it at once.
		allowed := Later(r.Current.Until.Add(-rot.Overlap), r.Previous.Until)
		r.Due = Earlier(r.Due, Later(now, allowed))
	}
	return r
}

// clampHalf brings a duration that does not fit into a lifetime down to half of it.
func clampHalf(d, lifetime time.Duration) time.Duration {
	if d >= lifetime {
		return lifetime / 2
	}
	return d
}

func scale(d time.Duration, f float64) time.Duration { return time.Duration(float64(d) * f) }
