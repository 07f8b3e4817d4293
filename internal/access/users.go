package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Exchange tells who has logged in, for the code that a login in a browser ended with. It
// needs users on the app, as does everything else that is about its users.
func (s *Service) Exchange(ctx context.Context, c broker.Caller, app, code, verifier, redirectURI string) (broker.User, error) {
	a, err := s.onUsers(c, broker.Users, app)
	if err != nil {
		return broker.User{}, err
	}
	if a.Login == nil {
		return broker.User{}, s.counted(c, "exchange", app, "", 0, broker.ErrNoLogin)
	}
	u, err := s.logins.Redeem(ctx, a, code, verifier, redirectURI)
	if err != nil {
		return broker.User{}, s.counted(c, "exchange", app, "", 0, err)
	}
	s.loggedIn(ctx, c, u)
	return u, nil
}

// loggedIn records that a client was told who has logged in. That is not taken back where
// the audit has to wait for the store: the code has been used up, and the entry is kept
// meanwhile.
func (s *Service) loggedIn(ctx context.Context, c broker.Caller, u broker.User) {
	e := entryOf(c, "exchange", u.Key.App, nil)
	e.Kind, e.Target = u.Key.Kind, u.Key.Subject
	_ = s.audit.Record(ctx, e)
}

// Users lists what users have granted an app, in the order of their open ids, after the
// given grant.
func (s *Service) Users(ctx context.Context, c broker.Caller, app string, after broker.Key, limit int) ([]broker.GrantState, error) {
	a, err := s.onUsers(c, broker.Users, app)
	if err != nil {
		return nil, err
	}
	list, err := s.grants.List(ctx, a, after, limit)
	return list, s.counted(c, "list_users", app, "", 0, err)
}

// User returns what one user has granted an app.
func (s *Service) User(ctx context.Context, c broker.Caller, app, user string) ([]broker.GrantState, error) {
	a, err := s.onUsers(c, broker.Users, app)
	if err != nil {
		return nil, err
	}
	list, err := s.grants.Of(ctx, a, user)
	return list, s.counted(c, "read_user", app, "", 0, err)
}

// DeleteUser deletes all that is kept of a user, and returns how many grants that were.
func (s *Service) DeleteUser(ctx context.Context, c broker.Caller, app, user string) (int, error) {
	a, err := s.onUsers(c, broker.Users, app)
	if err != nil {
		return 0, err
	}
	n, err := s.grants.Forget(ctx, a, user)
	e := entryOf(c, "delete_user", app, err)
	e.Target = user
	return n, s.changed(ctx, e, err)
}

// UserToken returns a user's token of a scope, or of a wider one where that is all there
// is; the empty scope is the widest. One that does not last for minTTL is renewed first.
func (s *Service) UserToken(ctx context.Context, c broker.Caller, app, user, scope string, minTTL time.Duration) (Held, error) {
	a, kind, err := s.userKind(c, app, scope)
	if err != nil {
		return Held{}, err
	}
	t, err := s.grants.Token(ctx, a, user, kind, minTTL)
	if err != nil {
		return Held{}, s.counted(c, "read_user_token", app, kind, 0, err)
	}
	_ = s.counted(c, "read_user_token", app, t.Key.Kind, 0, nil)
	return s.handUser(a, t), nil
}

// ReportUser takes a caller's word that a user's token was rejected, of which the version or
// the value says which.
func (s *Service) ReportUser(ctx context.Context, c broker.Caller, app, user, scope string, stale broker.Version, seen broker.Secret) (Held, error) {
	a, kind, err := s.userKind(c, app, scope)
	if err != nil {
		return Held{}, err
	}
	if !seen.IsZero() && s.Owns(seen) {
		return Held{}, s.counted(c, "report_user", app, kind, 0, errAppToken)
	}
	begun := s.tokens.Now()
	t, err := s.grants.Report(ctx, a, user, kind, stale, seen)
	if err != nil {
		return Held{}, s.counted(c, "report_user", app, kind, 0, err)
	}
	e := entryOf(c, "report_user", app, nil)
	e.Kind = t.Key.Kind
	if t.Issued.Before(begun) {
		s.audit.Count(e) // nothing was renewed for it
	} else {
		e.Target, e.Version = user, t.Version
		_ = s.audit.Record(ctx, e) // I3: as with reports of the app's own tokens
	}
	return s.handUser(a, t), nil
}

// handUser makes what a client gets of a user's token, and remembers whose it is.
func (s *Service) handUser(a *broker.App, t broker.Token) Held {
	s.userTokens.Add(a.ID, s.Registration(a), t.Secret)
	s.reads.Inc()
	return Held{Token: t, Now: s.tokens.Now()}
}

// userKind finds the kind of a scope's grants, "" for the empty one.
func (s *Service) userKind(c broker.Caller, app, scope string) (*broker.App, broker.Kind, error) {
	a, err := s.onUsers(c, broker.Users, app)
	if err != nil || scope == "" {
		return a, "", err
	}
	web, err := s.web(a)
	if err != nil {
		return nil, "", s.refuse(err)
	}
	kind := web.KindOf(scope)
	if kind == "" {
		return nil, "", s.refuse(invalidf("none of the platform's scopes is called %.40q", "there are "+list(web.Scopes()), scope))
	}
	return a, kind, nil
}

// Profile returns what a user shows of herself, by her own token, and the kind of the grant
// that this is of.
func (s *Service) Profile(ctx context.Context, c broker.Caller, app, user, language string) (broker.Profile, broker.Kind, error) {
	a, err := s.onUsers(c, broker.Users, app)
	if err != nil {
		return broker.Profile{}, "", err
	}
	p, kind, err := s.grants.Profile(ctx, a, user, language)
	return p, kind, s.counted(c, "read_profile", app, kind, 0, err)
}

// What callers are told who show a token of the wrong kind.
var (
	errAppToken = &broker.Error{
		Code: broker.ErrTokenKind.Code, Class: broker.Invalid, Message: "this is the app's own token, and not one of a user",
		Hint: "report it to POST /v1/apps/{app}/tokens/access_token/renew",
	}
	errAppTokenImported = &broker.Error{
		Code: broker.ErrTokenKind.Code, Class: broker.Invalid, Message: "this is the app's own token, and not one of a user",
		Hint: "import the tokens that the exchange of the user's code gave",
	}
	errUserToken = &broker.Error{
		Code: broker.ErrTokenKind.Code, Class: broker.Invalid, Message: "this is the token of a user who logged in through a page, and not the app's own",
		Hint: "report it to POST /v1/apps/{app}/users/{openid}/token/renew; the app's own token has nothing to do with it",
	}
)

func invalid(message, hint string) error {
	return &broker.Error{Code: "invalid", Class: broker.Invalid, Message: message, Hint: hint}
}

func invalidf(format, hint string, args ...any) error {
	return invalid(fmt.Sprintf(format, args...), hint)
}

func list(names []string) string { return strings.Join(names, ", ") }
