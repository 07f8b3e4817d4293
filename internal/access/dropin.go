package access

import (
	"context"
	"time"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
)

// DropIn finds the app whose token of a kind a client wants on a platform's own path: one
// whose token of the kind it may have. A client that may have none is told the same as if
// there were none. Nothing is counted: of several platforms that a path may be of, each is
// asked about. Who refuses the call says so by [Service.Refused].
func (s *Service) DropIn(c broker.Caller, kind broker.Kind, m Meant) (*broker.App, error) {
	right, virtual := broker.Read, c.Client != nil && c.Client.Handout == broker.HandoutVirtual
	if virtual && s.opening.has(m.Platform, kind) {
		right = broker.Call
	}
	a, err := s.meant(c, right, m)
	if err == nil || m.App != "" || !virtual {
		return a, err
	}
	// What it may have of an app depends on the kind. Who has the other right may know what
	// is missing.
	other := broker.Read
	if right == broker.Read {
		other = broker.Call
	}
	if a, oerr := s.meant(c, other, m); oerr == nil {
		return nil, s.lacksToHave(c, a.ID, kind)
	}
	return nil, err
}

// Moved returns an error where an app is not any more what it was when [Service.DropIn] found
// it. It is asked after a token was read, which is that of the app as it is by then (I8).
func (s *Service) Moved(a *broker.App) error { return s.tokens.Of(a).Moved() }

// Refused counts a call that was refused.
func (s *Service) Refused(err error) { _ = s.refuse(err) }

// Recheck is for a client that asks again for a token that it should still have:
// maybe the platform rejected it, and maybe the client only runs twice. The token is
// checked at the platform, within a budget, and what is returned is its successor if
// it was really dead, and the token itself in every other case: if it lives, if it
// could not be checked, and if ctx ended first.
func (s *Service) Recheck(ctx context.Context, c broker.Caller, t Held) Held {
	got, err := s.tokens.SuspectVersion(ctx, t.Key, t.Version)
	if err != nil || got.Version == t.Version {
		t.Now = s.tokens.Now() // the check took its time, which is off the promise
		return t
	}
	e := entryOf(c, "suspect", t.Key.App, nil)
	e.Kind, e.Version = t.Key.Kind, got.Version
	_ = s.audit.Record(ctx, e) // kept and written later where the store is away
	s.reads.Inc()
	return Held{Token: got, Now: s.tokens.Now()}
}

// minHandover is how long a token that was replaced still stands for its app here, at
// least. WeChat promises that the old one works for five minutes more.
const minHandover = 5 * time.Minute

// handover is how long an app's access token that was replaced by t may still be in use: where
// tokens live on to their own expiry, that was promised to whoever has one (I2).
func (s *Service) handover(a *broker.App, t broker.Token) time.Duration {
	p := s.platforms[a.Platform]
	if p.Kinds == nil {
		return minHandover
	}
	switch r := p.Kinds(a.Mode)[broker.AccessToken].Rotation; r.Family {
	case broker.Late:
		return max(minHandover, r.Window)
	case broker.Independent:
		return max(minHandover, r.Lifetime, t.Expiry.Sub(t.Issued))
	case broker.Eager, broker.Fixed, broker.Sliding:
	}
	return minHandover
}

// ByToken finds whose access token this is: of a virtual one the client and its app, of a
// real one the app alone. Of real ones it knows the one that is handed out now, and the
// one before it while it still may be in use. An app of another platform is none, nor is
// one whose token of another kind is shown (I8).
func (s *Service) ByToken(ctx context.Context, c broker.Caller, platform string, seen broker.Secret) (broker.Caller, *broker.App, bool) {
	claim, virtual := s.virtual.Read(seen)
	k := claim.Key
	if !virtual {
		k, _ = s.tokens.ByToken(seen)
	}
	if k.Kind != broker.AccessToken {
		return c, nil, false
	}
	found, a, _, ok := s.Bearer(c, seen)
	switch {
	case !ok || a.Platform != platform:
		return c, nil, false
	case virtual:
		return found, a, true
	}
	t, err := s.tokens.Token(ctx, broker.Key{App: a.ID, Kind: broker.AccessToken})
	if err != nil || !t.Secret.Equal(seen) && s.tokens.Now().Sub(t.Issued) >= s.handover(a, t) {
		return c, nil, false
	}
	return c, a, true
}

// ReadTicket returns a ticket to whoever showed the app's access token, see
// [Service.ByToken]. With a real token that needs nothing else, as on the platform
// itself. A virtual one does what its client may do, which is to read tickets or to call
// the platform's path for them.
func (s *Service) ReadTicket(ctx context.Context, c broker.Caller, a *broker.App, kind broker.Kind, path string) (Held, error) {
	mayCall := acl.AllowPath(c.Client, path) && !s.denies(a, path)
	if c.Client != nil && !mayCall && !acl.Allow(c.Client, broker.Read, a.ID) {
		return Held{}, s.denyPath(c, a.ID, path, "neither may the client call this path nor has it the right read", hintPaths)
	}
	t, err := s.tokens.Of(a).Token(ctx, broker.Key{App: a.ID, Kind: kind})
	if err != nil {
		return Held{}, s.refuse(err)
	}
	return s.handOut(c, t, s.tokens.Now())
}

// CommonSDK names the SDK profile that all clients share which may have an app's real
// token and are not administrators; "" if they differ or none names one. It is for calls
// that carry such a token and so do not say whose SDK asks.
func (s *Service) CommonSDK(app string) string {
	common, seen := "", false
	for c := range s.registry.EachClient() {
		if c.Rights.Has(broker.Admin) || c.Handout == broker.HandoutVirtual || !acl.Allow(c, broker.Read, app) {
			continue
		}
		if seen && c.SDK != common {
			return ""
		}
		common, seen = c.SDK, true
	}
	return common
}

// refuse counts a refusal and passes it on.
func (s *Service) refuse(err error) error {
	s.refused.WithLabelValues(string(broker.AsError(err).Class)).Inc()
	return err
}
