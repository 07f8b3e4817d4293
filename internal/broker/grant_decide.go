package broker

import "time"

// MinUserToken is what a user's token has to last to be handed out without asking for a
// better one: with less left it is gone before it is used.
const MinUserToken = 10 * time.Second

// userTokenRest is how long a live token is left alone after it was renewed: the platform has
// just given the best it has, however long a caller wants it to last.
const userTokenRest = time.Minute

// UserWant is what a caller wants of a grant.
type UserWant struct {
	// MinTTL is how long the token is to last. Less than [MinUserToken] is as much.
	MinTTL time.Duration
	// Stale is the version of a token that is known to be dead; zero: none is.
	Stale Version
}

// GrantStep is what is to be done for a want.
type GrantStep int

// The steps.
const (
	ServeGrant   GrantStep = iota // hand out the token that is there
	RefreshGrant                  // ask the platform for another one
	AwaitGrant                    // somebody else is asking; look again later
	RefuseGrant                   // there is no token, and asking for one makes no sense
)

// GrantDecision is a step, with what belongs to it.
type GrantDecision struct {
	Step GrantStep
	// Until is when the claim ends that is waited for.
	Until time.Time
	// Err is why it is refused.
	Err *Error
}

// UserTokenLive reports whether the grant's access token may still work by the platform's
// figure.
func (g Grant) UserTokenLive(now time.Time) bool { return g.Token != 0 && now.Before(g.Expiry) }

// Decide says what is to be done. A live token is never waited for, nor taken away because
// the platform refuses to renew it (I3).
func (g Grant) Decide(w UserWant, now time.Time) GrantDecision {
	live := g.UserTokenLive(now) && g.Token > w.Stale
	switch {
	case live && g.Expiry.Sub(now) >= max(w.MinTTL, MinUserToken):
		return GrantDecision{Step: ServeGrant}
	case live && now.Sub(g.Issued) < userTokenRest:
		return GrantDecision{Step: ServeGrant}
	case !g.Ended.IsZero() || g.Deadline.IsZero():
		if live {
			return GrantDecision{Step: ServeGrant}
		}
		return GrantDecision{Step: RefuseGrant, Err: g.ended()}
	case now.Before(g.Failure.NotBefore):
		if live {
			return GrantDecision{Step: ServeGrant}
		}
		return GrantDecision{Step: RefuseGrant, Err: g.Failure.Error(now)}
	case now.Before(g.Claim.Until):
		if live {
			return GrantDecision{Step: ServeGrant}
		}
		return GrantDecision{Step: AwaitGrant, Until: g.Claim.Until}
	default:
		return GrantDecision{Step: RefreshGrant}
	}
}

// ended is the error of a grant without any token left, in the platform's words where it
// said any.
func (g Grant) ended() *Error {
	e := *ErrGrantEnded
	e.PlatformCode, e.PlatformMessage = g.Failure.PlatformCode, g.Failure.PlatformMessage
	return &e
}

// Killed returns the grant with its access token known to be dead.
func (g Grant) Killed(now time.Time) Grant {
	g.Expiry = Earlier(g.Expiry, now)
	return g
}

// Claimed returns the grant as one whose token somebody renews until the given time.
func (g Grant) Claimed(holder string, until time.Time) Grant {
	g.Claim = RenewalClaim{Holder: holder, Until: until}
	return g
}

// Renewed returns the grant after a refresh that succeeded, whose request left at started, without
// its box. A token that is the same as before keeps its version: it is no newer one.
func (g Grant) Renewed(got Granted, same, newRefresh bool, started time.Time) Grant {
	if !same {
		g.Token = g.Version + 1
	}
	g.Issued, g.Expiry = started, started.Add(got.Lifetime)
	if newRefresh {
		// Whether a refresh token that stays is good for longer now is not known.
		g.Deadline = started.Add(got.RefreshLifetime)
	}
	if got.UnionID != "" {
		g.UnionID = got.UnionID
	}
	if got.Scope != "" {
		g.Scope = got.Scope
	}
	g.Failure, g.Ended, g.Claim = Failure{}, time.Time{}, RenewalClaim{}
	return g
}

// Unrenewed returns the grant after a refresh that failed. Where the platform has ended
// it, nobody asks again; the caller empties the box once there is no live token in it.
func (g Grant) Unrenewed(e *Error, now time.Time, rnd float64) Grant {
	f := Failure{
		Class: e.Class, Code: e.Code, Message: e.Message, Hint: e.Hint,
		PlatformCode: e.PlatformCode, PlatformMessage: e.PlatformMessage,
		Attempts: g.Failure.Attempts + 1, First: g.Failure.First, Last: now,
	}
	if f.First.IsZero() {
		f.First = now
	}
	if e.Is(ErrGrantEnded) {
		g.Ended = now
	} else {
		f.NotBefore = now.Add(Backoff(e, f.Attempts, now, rnd))
	}
	g.Failure, g.Claim = f, RenewalClaim{}
	return g
}
