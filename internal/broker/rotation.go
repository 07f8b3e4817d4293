package broker

import "time"

// Family says how a platform answers when it is asked again while a token lives,
// and what becomes of the token it gave before.
type Family int

// The families, in the order of how careful a renewal has to be.
const (
	// Eager platforms give a new token every time. The previous one lives for
	// Overlap more, and only the newest two ever live.
	Eager Family = iota + 1
	// Late platforms give the same token until the last Window of its lifetime,
	// then a new one; the old one lives to its own expiry.
	Late
	// Fixed platforms give the same token until it expires.
	Fixed
	// Sliding platforms give the same token and renew its lifetime.
	Sliding
	// Independent platforms give a new token every time; the old one lives to its
	// own expiry.
	Independent
)

// String names the family in the words of the documentation.
func (f Family) String() string {
	switch f {
	case Eager:
		return "eager"
	case Late:
		return "late"
	case Fixed:
		return "fixed"
	case Sliding:
		return "sliding"
	case Independent:
		return "independent"
	default:
		return "unknown"
	}
}

// Rotation describes, as data, how tokens of one (platform, kind) come and go.
type Rotation struct {
	Family   Family
	Lifetime time.Duration // what the platform usually says; zero if it always says it itself
	Overlap  time.Duration // eager: how long the previous token still works
	Window   time.Duration // late: tail of the lifetime in which a new token is given
	// AgeUnknown marks platforms that state the full lifetime whenever they hand out
	// a token, however old it is. Its real expiry is then known only from having
	// seen the token change.
	AgeUnknown bool
	// UsesRefresh marks tokens that are issued by a refresh token, which the platform may
	// take for used up from then on. Two issues with the same one can end the grant.
	UsesRefresh bool
	Limits      Limits
}

// Limits bound what may be asked of the platform per app and day.
type Limits struct {
	PerDay    int           // issues of all causes; zero means unlimited
	Unplanned int           // the part of PerDay that rejections and demands may use
	Forced    int           // issues that use force (late platforms)
	ForceGap  time.Duration // least time between two forced issues
}

// For returns the rotation as it applies to one app: its configured overlap in the
// place of the platform's. On late platforms the same figure is the window.
func (r Rotation) For(p Policy) Rotation {
	if p.Overlap > 0 {
		switch r.Family {
		case Eager:
			r.Overlap = p.Overlap
		case Late:
			r.Window = p.Overlap
		case Fixed, Sliding, Independent:
		}
	}
	return r
}

// fit clamps the durations that cannot fit a token's lifetime. Of an overlap that is
// longer than half of it, no more is relied on: the next issue has to come after the
// promises on the token before, and well before the expiry of the one that it replaces.
func (r Rotation) fit(lifetime time.Duration) Rotation {
	r.Overlap = min(r.Overlap, lifetime/2)
	r.Window = min(r.Window, lifetime/2)
	return r
}

// HarmlessTwice reports whether issuing twice hurts nobody, so that a renewal may
// go on although the store, and with it the lease, cannot be reached.
func (r Rotation) HarmlessTwice() bool { return r.KeepsOld() && !r.UsesRefresh }

// KeepsOld reports whether a new token leaves the promises on the one before it alone.
func (r Rotation) KeepsOld() bool { return r.Family != Eager }

// EndedByOthers reports whether somebody else who has the app's secret can end a token by
// asking for another one. Where nobody can, a token that ends early was ended at the platform.
func (r Rotation) EndedByOthers() bool { return !r.KeepsOld() || r.Limits.Forced > 0 }

// lasts reports whether the platform gives a token again for as long as it takes it for good,
// and has no force by which to get another one.
func (r Rotation) lasts() bool {
	switch r.Family {
	case Late, Fixed, Sliding:
		return r.Limits.Forced == 0
	case Eager, Independent:
		return false
	default:
		return false
	}
}

// slack is the time between a planned renewal and the death of the old token.
func (r Rotation) slack() time.Duration {
	switch r.Family {
	case Eager:
		return r.Overlap
	case Late:
		return r.Window
	case Fixed, Sliding, Independent:
		return r.Lifetime / 10
	default:
		return 0
	}
}

// Bounds of one issue.
const (
	maxIssueTimeout = 10 * time.Second
	minIssueTimeout = 500 * time.Millisecond
)

// IssueTimeout is how long one issue may take: a quarter of the time in which the
// old token still covers for it, so that an attempt that hangs can be repeated.
func (r Rotation) IssueTimeout() time.Duration {
	s := r.slack() / 4
	if s == 0 {
		return maxIssueTimeout
	}
	return min(max(s, minIssueTimeout), maxIssueTimeout)
}

// LeaseTTL is how long a lease for one renewal is taken for. It outlives the issue
// by construction; what is left over is for reading and writing the store.
func (r Rotation) LeaseTTL() time.Duration {
	t := r.IssueTimeout()
	return t + min(max(t/2, time.Second), 5*time.Second)
}

// guard is the part of the overlap that is not promised, so that a renewal whose
// outcome was not known can be repeated after the last promise has ended and
// before the old token dies.
func (r Rotation) guard(overlap time.Duration) time.Duration {
	return min(overlap/4, 30*time.Second)
}
