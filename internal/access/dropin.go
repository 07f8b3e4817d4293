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
// with this id that the client may read; of several the one that the file defines. A
// client that may read none of them is told the same as if there were none.
func (s *Service) DropIn(c broker.Caller, platform, appID string) (*broker.App, error) {
	return s.meant(c, broker.Read, platform, appID)
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
	return Held{got, s.tokens.Now()}
}

// handover is how long a token that was replaced still stands for its app here. WeChat
// promises that the old one works for five minutes more.
const handover = 5 * time.Minute

// ByToken finds the app whose access token this is: the one that is handed out now, or
// the one before it while it still may be in use.
func (s *Service) ByToken(ctx context.Context, seen broker.Secret) (*broker.App, bool) {
	k, ok := s.tokens.ByToken(seen)
	if !ok || k.Kind != broker.AccessToken || k.Subject != "" {
		return nil, false
	}
	t, err := s.tokens.Token(ctx, k)
	if err != nil || !t.Secret.Equal(seen) && s.tokens.Now().Sub(t.Issued) >= handover {
		return nil, false
	}
	a := s.registry.App(k.App)
	return a, a != nil
}

// ReadByToken returns a ticket of the app that an access token belongs to. Whoever has
// the app's token may have its tickets, as on the platform itself, so that there is no
// client; an unknown token is [broker.ErrNotAllowed].
func (s *Service) ReadByToken(ctx context.Context, c broker.Caller, seen broker.Secret, kind broker.Kind) (Held, error) {
	a, ok := s.ByToken(ctx, seen)
	if !ok {
		return Held{}, s.refuse(broker.ErrNotAllowed)
	}
	t, err := s.tokens.Token(ctx, broker.Key{App: a.ID, Kind: kind})
	if err != nil {
		return Held{}, s.refuse(err)
	}
	c.Client = nil
	s.handedOut(c, t)
	return Held{t, s.tokens.Now()}, nil
}

// CommonSDK names the SDK profile that all clients share which may read an app and are
// not administrators; "" if they differ or none names one. It is for calls that carry a
// token and so do not say whose SDK asks.
func (s *Service) CommonSDK(app string) string {
	common, seen := "", false
	for c := range s.registry.EachClient() {
		if c.Rights.Has(broker.Admin) || !acl.Allow(c, broker.Read, app) {
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
