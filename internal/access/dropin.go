package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
)

// DropIn finds the app that a client means by a platform's app id: the one of those
// with this id whose access token the client may have; of several the one that the file
// defines. A client that may have none of them is told the same as if there were none.
func (s *Service) DropIn(c broker.Caller, platform, appID string) (*broker.App, error) {
	right := rightToHave(c.Client, broker.AccessToken)
	a, err := s.meant(c, right, platform, appID)
	if err != nil && right != broker.Read {
		// Who may read an app may know what is missing.
		if a, rerr := s.meant(c, broker.Read, platform, appID); rerr == nil {
			return nil, s.mayHave(c, a.ID, broker.AccessToken)
		}
	}
	return a, err
}

// DropInAt is [Service.DropIn] where the app is named beforehand, as it is in a base URL.
// A platform's app id that is none of that app's is no app; "" is that app's.
func (s *Service) DropInAt(c broker.Caller, platform, appID, app string) (*broker.App, error) {
	a := s.registry.App(app)
	if a == nil || a.Platform != platform || appID != "" && a.AppID != appID || !acl.Allow(c.Client, rightToHave(c.Client, broker.AccessToken), app) {
		return nil, s.refuse(broker.ErrUnknownApp)
	}
	return a, nil
}

// meant is the app that a client means by a platform's app id, of those on which it has
// a right.
func (s *Service) meant(c broker.Caller, r broker.Right, platform, appID string) (*broker.App, error) {
	var few, own [4]*broker.App
	readable, inFile := own[:0], 0
	for _, a := range s.registry.ByPlatformID(few[:0], platform, appID) {
		if !acl.Allow(c.Client, r, a.ID) {
			continue
		}
		readable = append(readable, a)
		if a.Origin == broker.FromFile {
			readable[inFile], readable[len(readable)-1] = a, readable[inFile]
			inFile++
		}
	}
	switch {
	case len(readable) == 0:
		return nil, s.refuse(broker.ErrUnknownApp)
	case len(readable) == 1 || inFile == 1:
		return readable[0], nil
	}
	return nil, s.refuse(ambiguous(c, readable))
}

// ambiguous names the apps to those who may manage them, and so can end it.
func ambiguous(c broker.Caller, apps []*broker.App) error {
	e := &broker.Error{
		Code: "ambiguous_app", Class: broker.Misconfigured,
		Message: fmt.Sprintf("the client may use %d apps with this app id", len(apps)),
		Hint:    "give the client the right to one of them only",
	}
	ids := make([]string, len(apps))
	for i, a := range apps {
		if !acl.Allow(c.Client, broker.Admin, a.ID) {
			return e
		}
		ids[i] = a.ID
	}
	e.Message += ": " + strings.Join(ids, ", ")
	return e
}

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

// handover is how long a token that was replaced still stands for its app here. WeChat
// promises that the old one works for five minutes more.
const handover = 5 * time.Minute

// ByToken finds whose access token this is: of a virtual one the client and its app, of a
// real one the app alone. Of real ones it knows the one that is handed out now, and the
// one before it while it still may be in use.
func (s *Service) ByToken(ctx context.Context, c broker.Caller, seen broker.Secret) (broker.Caller, *broker.App, bool) {
	_, virtual := s.virtual.Read(seen)
	c, a, ok := s.Bearer(c, seen)
	if !ok || virtual {
		return c, a, ok
	}
	t, err := s.tokens.Token(ctx, broker.Key{App: a.ID, Kind: broker.AccessToken})
	if err != nil || !t.Secret.Equal(seen) && s.tokens.Now().Sub(t.Issued) >= handover {
		return c, nil, false
	}
	return c, a, true
}

// ReadTicket returns a ticket to whoever showed the app's access token, see
// [Service.ByToken]. With a real token that needs nothing else, as on the platform
// itself. A virtual one does what its client may do, which is to read tickets or to call
// the platform's path for them.
func (s *Service) ReadTicket(ctx context.Context, c broker.Caller, a *broker.App, kind broker.Kind, path string) (Held, error) {
	mayCall := acl.AllowPath(c.Client, path) && !acl.Denied(a.Deny, path)
	if c.Client != nil && !mayCall && !acl.Allow(c.Client, broker.Read, a.ID) {
		return Held{}, s.denyPath(c, a.ID, path, "neither may the client call this path nor has it the right read", hintPaths)
	}
	t, err := s.tokens.Token(ctx, broker.Key{App: a.ID, Kind: kind})
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
