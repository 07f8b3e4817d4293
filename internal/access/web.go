package access

import (
	"context"

	"github.com/hufu-io/hufu/internal/broker"
)

// Logins are those that browsers have been through.
type Logins interface {
	// Redeem takes the code that such a login ended with, which works once, and returns who
	// has logged in.
	Redeem(ctx context.Context, app *broker.App, code, verifier, redirectURI string) (broker.User, error)
}

// UserTokens remembers tokens of users for a while, to tell them from the apps' own (I8). It
// is a help and not relied upon.
type UserTokens interface {
	// Add remembers that a token is of a user of an app, which has that registration now, see
	// [Service.Registration].
	Add(app, registration string, tok broker.Secret)
	Has(tok broker.Secret) bool
}

// noLogins stands where users cannot log in.
type noLogins struct{}

func (noLogins) Redeem(context.Context, *broker.App, string, string, string) (broker.User, error) {
	return broker.User{}, broker.ErrNoLogin
}

// noUserTokens remembers none.
type noUserTokens struct{}

func (noUserTokens) Add(_, _ string, _ broker.Secret) {}
func (noUserTokens) Has(broker.Secret) bool           { return false }

// onApp returns an app on which the caller has a right.
func (s *Service) onApp(c broker.Caller, r broker.Right, id string) (*broker.App, error) {
	if err := s.may(c, r, id); err != nil {
		return nil, err
	}
	a := s.registry.App(id)
	if a == nil {
		return nil, s.refuse(broker.ErrUnknownApp)
	}
	return a, nil
}

// onUsers is [Service.onApp] for what users granted the app.
func (s *Service) onUsers(c broker.Caller, r broker.Right, id string) (*broker.App, error) {
	a, err := s.onApp(c, r, id)
	if err == nil && s.grants == nil {
		return nil, s.refuse(broker.ErrNoLogin)
	}
	return a, err
}

// web is the way in which users log in to an app's platform, in their browsers.
func (s *Service) web(a *broker.App) (broker.WebAuthorization, error) {
	if w := s.platforms[a.Platform].Web; w != nil {
		return w, nil
	}
	return nil, broker.ErrNoLogin
}

// counted accounts for something that changed nothing, together with what is like it. Of
// whom it was is not written down: that would be a line for every user.
func (s *Service) counted(c broker.Caller, action, app string, kind broker.Kind, v broker.Version, err error) error {
	e := entryOf(c, action, app, err)
	e.Kind, e.Version = kind, v
	s.audit.Count(e)
	if err != nil {
		return s.refuse(err)
	}
	return nil
}
