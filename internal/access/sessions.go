package access

import (
	"context"
	"errors"

	"github.com/hufu-io/hufu/internal/broker"
)

// Session logs a user of a mini program in. The key of the session is kept here; only
// clients that may have it get it, others have it used for them.
func (s *Service) Session(ctx context.Context, c broker.Caller, app string, jsCode broker.Secret) (broker.User, broker.Secret, error) {
	a, err := s.onUsers(c, broker.Users, app)
	if err != nil {
		return broker.User{}, broker.Secret{}, err
	}
	u, key, err := s.grants.Login(ctx, a, jsCode)
	if err != nil {
		return broker.User{}, broker.Secret{}, s.counted(c, "exchange", app, broker.SessionKey, 0, err)
	}
	s.loggedIn(ctx, c, u)
	if !c.Client.SessionKeys {
		return u, broker.Secret{}, nil
	}
	return u, key, s.counted(c, "read_session_key", app, broker.SessionKey, 0, nil)
}

// Verify reports whether data that a mini program sends was signed with the key of the
// user's latest session.
func (s *Service) Verify(ctx context.Context, c broker.Caller, app, user, rawData, signature string) (bool, error) {
	valid := false
	err := s.withSession(ctx, c, "verify", app, user, func(mini broker.MiniProgram, _ *broker.App, key broker.Secret) error {
		valid = mini.Verify(key, rawData, signature)
		return nil
	})
	return valid, err
}

// Decrypt opens what the platform has sealed with the key of the user's latest session.
func (s *Service) Decrypt(ctx context.Context, c broker.Caller, app, user, data, iv string) ([]byte, error) {
	var plain []byte
	err := s.withSession(ctx, c, "decrypt", app, user, func(mini broker.MiniProgram, a *broker.App, key broker.Secret) (err error) {
		plain, err = mini.Decrypt(a, key, data, iv)
		if _, said := errors.AsType[*broker.Error](err); err != nil && !said {
			err = invalid(err.Error(), "the key may be of another session: have the mini program log in again, and then send it what it seals")
		}
		return err
	})
	return plain, err
}

// withSession does something with the key of a user's latest session.
func (s *Service) withSession(ctx context.Context, c broker.Caller, action, app, user string, f func(broker.MiniProgram, *broker.App, broker.Secret) error) error {
	a, err := s.onUsers(c, broker.Users, app)
	if err != nil {
		return err
	}
	mini := s.platforms[a.Platform].Mini
	if mini == nil {
		return s.refuse(errNoSessions)
	}
	key, err := s.grants.SessionKey(ctx, a, user)
	if err == nil {
		err = f(mini, a, key)
	}
	return s.counted(c, action, app, broker.SessionKey, 0, err)
}

var errNoSessions = &broker.Error{Code: broker.ErrNoLogin.Code, Class: broker.NotFound, Message: "the app's platform has no mini programs"}
