package access

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
)

// Callable returns the app if the client may make calls on it. Who may not is told the
// same whether there is such an app or not.
func (s *Service) Callable(c broker.Caller, app string) (*broker.App, error) {
	if err := s.may(c, broker.Call, app); err != nil {
		return nil, err
	}
	a := s.registry.App(app)
	if a == nil {
		return nil, s.refuse(broker.ErrUnknownApp)
	}
	return a, nil
}

// CallableBy finds the app that a client means, of those that it may make calls on, as
// [Service.DropIn] does for those whose tokens it may have. Nor is anything counted here.
func (s *Service) CallableBy(c broker.Caller, m Meant) (*broker.App, error) {
	return s.meant(c, broker.Call, m)
}

// CallableByUser finds the app for a call that shows a token of one of its users and
// nothing that says which app that is. Such calls are the same for all apps of a
// platform, so that any will do that clients may call and that is at the platform's own base
// URL: a user's token goes to no place that is one app's alone (I8). Where the platform's
// app id is shown, that app is the one. It returns false where there is none.
func (s *Service) CallableByUser(platform, appID, baseURL string) (*broker.App, bool) {
	var few [4]*broker.App
	found := s.registry.ByPlatformID(few[:0], platform, appID)
	if appID == "" {
		for _, id := range s.registry.AppsOf(platform) {
			if a := s.registry.App(id); a != nil && a.Platform == platform {
				found = append(found, a)
			}
		}
	}
	var named *broker.App
	for _, a := range found {
		switch {
		case len(s.callers.of(s, a.ID)) == 0:
		case s.tokens.Entry(a) == baseURL:
			return a, true
		case appID != "" && named == nil:
			named = a
		}
	}
	return named, named != nil
}

// Registration names what an app's users know it as, in one short word. Apps that have it in
// common have the same users, with the same tokens, in whatever way their own tokens are issued;
// an app that is given another one has other users from then on (I8).
func (s *Service) Registration(a *broker.App) string {
	return (&broker.App{Platform: a.Platform, AppID: a.AppID, BaseURL: s.tokens.Entry(a)}).Source()
}

// CallableNamed is [Service.CallableByUser] where the base URL names the app. One that
// nobody may call is not there for strangers.
func (s *Service) CallableNamed(platform, app string) (*broker.App, bool) {
	a := s.registry.App(app)
	if a == nil || a.Platform != platform || len(s.callers.of(s, app)) == 0 {
		return nil, false
	}
	return a, true
}

// HasApps reports whether there is an app of a platform.
func (s *Service) HasApps(platform string) bool { return len(s.registry.AppsOf(platform)) > 0 }

// HasAppsOf reports whether a client has any right on an app of a platform.
func (s *Service) HasAppsOf(c *broker.Client, platform string) bool {
	return slices.ContainsFunc(s.registry.AppsOf(platform), func(app string) bool { return s.Knows(c, app) })
}

// Lookup returns an app while it is not yet known who asks; nil: there is none.
func (s *Service) Lookup(id string) *broker.App { return s.registry.App(id) }

// Knows reports whether a client has any right on an app. To one without it the app is as one
// that is not there.
func (s *Service) Knows(c *broker.Client, app string) bool {
	for _, r := range [...]broker.Right{broker.Read, broker.Call, broker.Renew, broker.Users, broker.Admin} {
		if acl.Allow(c, r, app) {
			return true
		}
	}
	return false
}

// Bearer finds out who makes a call that carries a token: the client and the app of a
// virtual one, and the app of a real one that was handed out here and may still be in
// use, together with the token's kind. Nobody knows whose a real one is, so that the
// caller's client stays what it was. Kinds that open calls are those that are issued by
// the app secret: a ticket opens nothing. It returns false for every other token, and for
// a virtual one whose client was revoked or may not call the app any more.
func (s *Service) Bearer(c broker.Caller, seen broker.Secret) (broker.Caller, *broker.App, broker.Kind, bool) {
	if claim, ok := s.virtual.Read(seen); ok {
		client := s.registry.Client(claim.Client)
		a := s.registry.App(claim.Key.App)
		if client == nil || client.Mark() != claim.Mark || !acl.Allow(client, broker.Call, claim.Key.App) ||
			a == nil || !s.opening.has(a.Platform, claim.Key.Kind) || claim.Key.Subject != "" {
			return c, nil, "", false
		}
		c.Client = client
		return c, a, claim.Key.Kind, true
	}
	k, ok := s.tokens.ByToken(seen)
	if !ok || k.Subject != "" {
		return c, nil, "", false
	}
	a := s.registry.App(k.App)
	if a == nil || !s.opening.has(a.Platform, k.Kind) {
		return c, nil, "", false
	}
	return c, a, k.Kind, true
}

// Owns reports whether a token is one of an app's, handed out here or virtual, whoever
// may use it: it opens nothing that wants another kind of token (I8).
func (s *Service) Owns(seen broker.Secret) bool {
	if _, ok := s.virtual.Read(seen); ok {
		return true
	}
	_, ok := s.tokens.ByToken(seen)
	return ok
}

// GoesTo reports whether a token may go to an app's platform as far as is known here: it is
// none of ours, or that app's own and real. Tickets open nothing, and may go anywhere.
func (s *Service) GoesTo(app string, seen broker.Secret) bool {
	if _, virtual := s.virtual.Read(seen); virtual {
		return false
	}
	k, ours := s.tokens.ByToken(seen)
	if !ours || k.App == app {
		return true
	}
	a := s.registry.App(k.App)
	return a == nil || !s.opening.has(a.Platform, k.Kind)
}

// OfUser reports whether a token is known to be a user's, and so is good for nothing that wants
// the app's own (I8).
func (s *Service) OfUser(seen broker.Secret) bool { return s.userTokens.Has(seen) && !s.Owns(seen) }

// MayCall checks a call of one path against the client's path rules and the patterns
// that only administrators may call. A call without a client may do what one of those
// clients may do that could have made it: with one of the app's tokens, those that get
// real ones; with a token of a user, all. An app without such patterns has its platform's.
//
// What an administrator does with a denied path is written down before it is done.
func (s *Service) MayCall(ctx context.Context, c broker.Caller, a *broker.App, sort broker.CallSort, path string) error {
	denied := s.denies(a, path)
	switch {
	case denied && !acl.Allow(c.Client, broker.Admin, a.ID):
		return s.denyPath(c, a.ID, path, "the path is on the app's deny list", "only a client with the right admin on the app may call it; the app's deny says which paths that are")
	case denied:
		e := entryOf(c, "call_denied_path", a.ID, nil)
		e.Target = path
		if err := s.audit.Record(ctx, e); err != nil {
			return s.refuse(err)
		}
		return nil
	case c.Client != nil && acl.AllowPath(c.Client, path):
		return nil
	case c.Client != nil:
		return s.denyPath(c, a.ID, path, "the client's paths do not have this one", hintPaths)
	}
	could := 0
	for _, client := range s.callers.of(s, a.ID) {
		if sort == broker.CallApp && (client.Handout == broker.HandoutVirtual || !acl.Allow(client, broker.Read, a.ID)) {
			continue // it never had one
		}
		if acl.AllowPath(client, path) {
			return nil
		}
		could++
	}
	if could == 0 {
		return s.denyPath(c, a.ID, path, "no client may make such calls on the app without saying who it is",
			"give the client that this token was handed out to the right call, or let it show its key as well: Authorization: Bearer CLIENT_KEY")
	}
	return s.denyPath(c, a.ID, path, "no client that this call could be of has this path among its paths", hintPaths)
}

// denies reports whether only administrators may call a path of an app.
func (s *Service) denies(a *broker.App, path string) bool {
	deny := a.Deny
	if deny == nil {
		deny = s.denied[a.Platform]
	}
	return acl.Denied(deny, path)
}

const hintPaths = "a client's paths say which of the platform's paths it may call; an administrator of the server can change them"

// denyPath refuses a call of a path. Which one it was is for the log: the audit would have
// a line for every path that somebody makes up.
func (s *Service) denyPath(c broker.Caller, app, path, why, hint string) error {
	err := &broker.Error{Code: broker.ErrNotAllowed.Code, Class: broker.ErrNotAllowed.Class, Message: broker.ErrNotAllowed.Message + ": " + why, Hint: hint}
	e := entryOf(c, "call", app, err)
	s.audit.Count(e)
	s.log.Debug("a client may not call a path", slog.String("client", c.Name()), slog.String("app", app), slog.String("path", path), slog.String("request_id", c.RequestID))
	return s.refuse(err)
}

// CallToken returns the app's token of a kind for a call, the best there is. With a token
// in memory it does not wait.
func (s *Service) CallToken(ctx context.Context, c broker.Caller, a *broker.App, kind broker.Kind) (broker.Token, error) {
	of := s.tokens.Of(a)
	t, ok := of.Peek(kind)
	if !ok {
		var err error
		if t, err = of.Token(ctx, broker.Key{App: a.ID, Kind: kind}); err != nil {
			return broker.Token{}, s.refuse(err)
		}
	}
	s.audit.Call(c, a.ID, t.Key.Kind, t.Version)
	return t, nil
}

// Rejected replaces a token of an app that the platform itself was seen to reject. However many
// calls saw it, it costs one issue (I4). Where the next issue may not be made yet, it is
// waited for as long as ctx allows: a call that fails is what it is all about.
func (s *Service) Rejected(ctx context.Context, c broker.Caller, a *broker.App, seen broker.Token) (broker.Token, error) {
	of := s.tokens.Of(a)
	for {
		t, err := of.Renew(ctx, seen.Key, seen.Version)
		if err == nil {
			e := entryOf(c, "call_rejected", seen.Key.App, nil)
			e.Kind, e.Version = seen.Key.Kind, t.Version
			s.audit.Count(e)
			s.audit.Call(c, t.Key.App, t.Key.Kind, t.Version)
			return t, nil
		}
		wait := broker.AsError(err).RetryAfter
		if end, bounded := ctx.Deadline(); of.Moved() != nil || wait <= 0 || !bounded || time.Until(end) < wait {
			return broker.Token{}, s.refuse(err)
		}
		select {
		case <-ctx.Done():
			return broker.Token{}, s.refuse(err)
		case <-time.After(wait):
		}
	}
}

// Doubted is [Service.Rejected] for a rejection that may be of something else than the
// token: the token is checked first, and returned as it is if it lives.
func (s *Service) Doubted(ctx context.Context, c broker.Caller, a *broker.App, seen broker.Token) (broker.Token, error) {
	t, err := s.tokens.Of(a).Report(ctx, seen.Key, seen.Version)
	if err != nil {
		return broker.Token{}, s.refuse(err)
	}
	if t.Version != seen.Version {
		e := entryOf(c, "call_rejected", seen.Key.App, nil)
		e.Kind, e.Version = seen.Key.Kind, t.Version
		s.audit.Count(e)
	}
	return t, nil
}

// CallUntokened counts a call that carried none of the app's tokens: one opened by the
// app secret, or by a token of the app's user.
func (s *Service) CallUntokened(c broker.Caller, a *broker.App) { s.audit.Call(c, a.ID, "", 0) }
