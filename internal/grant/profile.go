package grant

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
)

// Profile returns what the user shows of herself, by her own token, and the kind of that
// token. A token that the platform rejects is renewed once.
func (k *Keeper) Profile(ctx context.Context, app *broker.App, user, language string) (broker.Profile, broker.Kind, error) {
	web, err := k.web(app)
	if err != nil {
		return broker.Profile{}, "", err
	}
	kinds := kindsOf(web)
	kind := kinds[min(1, len(kinds)-1)] // the narrowest tells nothing but who it is
	t, err := k.Token(ctx, app, user, kind, 0)
	if err != nil {
		return broker.Profile{}, "", err
	}
	p, err := k.profile(ctx, web, app, t, language)
	if errors.Is(err, broker.ErrUserTokenRejected) || errors.Is(err, broker.ErrGrantEnded) {
		// The platform has said it itself, so that nothing has to be checked. Whether the grant
		// has ended is what its refresh token says.
		if t, err = k.join(ctx, app, t.Key, want{UserWant: broker.UserWant{Stale: t.Version}}); err != nil {
			return broker.Profile{}, "", err
		}
		p, err = k.profile(ctx, web, app, t, language)
	}
	return p, t.Key.Kind, err
}

func (k *Keeper) profile(ctx context.Context, web broker.WebAuthorization, app *broker.App, t broker.Token, language string) (broker.Profile, error) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	p, err := web.Profile(ctx, app, t.Key.Subject, t.Secret, language)
	if err != nil {
		return broker.Profile{}, fmt.Errorf("read a user's profile of app %q: %w", app.ID, err)
	}
	if p.OpenID != t.Key.Subject {
		return broker.Profile{}, broker.ErrWrongUser
	}
	return p, nil
}

// SessionKey returns the key of the user's latest session of a mini program.
func (k *Keeper) SessionKey(ctx context.Context, app *broker.App, user string) (broker.Secret, error) {
	found, err := k.ofUser(ctx, app, user)
	if err != nil {
		return broker.Secret{}, err
	}
	i := slices.IndexFunc(found, func(g broker.Grant) bool { return g.Key.Kind == broker.SessionKey })
	if i < 0 {
		e := *broker.ErrNoGrant
		e.Message = "no session of this user in the app's mini program is kept here"
		e.Hint = "have the mini program log in (wx.login), and send its code to POST /v1/apps/{app}/sessions"
		return broker.Secret{}, &e
	}
	s, err := k.open(found[i])
	if err != nil {
		return broker.Secret{}, err
	}
	return broker.NewSecret(s.Session), nil
}
