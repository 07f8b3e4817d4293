package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// exchangeTimeout bounds an exchange at the platform, and saveTimeout how long the store
// is asked to keep what it brought.
const (
	exchangeTimeout = 10 * time.Second
	saveTimeout     = 10 * time.Second
)

// Exchange has the code of a login turned into tokens, and keeps them before it returns (I5). The
// code is sent to the platform once for each of the app's secrets, as long as the platform refuses
// the secret; whatever else comes of it, the code counts as used up. Scope is what the user was
// asked for: it counts where the platform does not say what was granted.
func (k *Keeper) Exchange(ctx context.Context, app *broker.App, scope string, code broker.Secret) (broker.User, error) {
	web, err := k.web(app)
	if err != nil {
		return broker.User{}, err
	}
	u, err := k.exchange(ctx, app, func(ctx context.Context, s broker.Secret) (broker.Grant, secrets, error) {
		started := k.cfg.Now()
		got, err := web.Exchange(ctx, app, s, code)
		if kind := web.KindOf(scope); got.Scope == "" && kind != "" {
			got.Scope, got.Kind = scope, kind
		}
		if err == nil {
			err = complete(got.OpenID, got.Kind, got.Access)
		}
		if err != nil {
			return broker.Grant{}, secrets{}, err
		}
		return granted(app, got, started), secrets{Access: got.Access.Reveal(), Refresh: got.Refresh.Reveal()}, nil
	})
	return u.user, err
}

// Login has the code of a mini program's login turned into a session, and keeps its key.
func (k *Keeper) Login(ctx context.Context, app *broker.App, jsCode broker.Secret) (broker.User, broker.Secret, error) {
	p := k.platform(app)
	if p == nil || p.Mini == nil {
		return broker.User{}, broker.Secret{}, broker.ErrNoLogin
	}
	u, err := k.exchange(ctx, app, func(ctx context.Context, s broker.Secret) (broker.Grant, secrets, error) {
		now := k.cfg.Now()
		got, err := p.Mini.Session(ctx, app, s, jsCode)
		if err == nil {
			err = complete(got.OpenID, broker.SessionKey, got.Key)
		}
		if err != nil {
			return broker.Grant{}, secrets{}, err
		}
		g := broker.Grant{Key: broker.Key{App: app.ID, Kind: broker.SessionKey, Subject: got.OpenID}, UnionID: got.UnionID, Authorized: now}
		return g, secrets{Session: got.Key.Reveal()}, nil
	})
	return u.user, broker.NewSecret(u.secrets.Session), err
}

// complete says what is wrong with an answer that does not say who has logged in, or to what: grants
// without a name would be one for all (I8).
func complete(user string, kind broker.Kind, s broker.Secret) error {
	if user == "" || kind == "" || s.IsZero() {
		return garbage("the platform's answer to a login does not say who it was, or has no token")
	}
	return nil
}

// granted is the grant that a login has left.
func granted(app *broker.App, got broker.Granted, started time.Time) broker.Grant {
	g := broker.Grant{
		Key:     broker.Key{App: app.ID, Kind: got.Kind, Subject: got.OpenID},
		UnionID: got.UnionID, Scope: got.Scope, Snapshot: got.Snapshot,
		Authorized: started, Issued: started, Expiry: started.Add(got.Lifetime),
	}
	if !got.Refresh.IsZero() {
		g.Deadline = started.Add(got.RefreshLifetime)
	}
	return g
}

// logged is who logged in, and what the login brought.
type logged struct {
	user    broker.User
	secrets secrets
}

// exchange asks the platform with each secret in turn and keeps what it gave. From when
// the platform was asked nobody can break it off: what it gave it gives once.
func (k *Keeper) exchange(ctx context.Context, app *broker.App, ask func(context.Context, broker.Secret) (broker.Grant, secrets, error)) (logged, error) {
	end, err := k.begin()
	if err != nil {
		return logged{}, err
	}
	defer end()
	ctx = context.WithoutCancel(ctx)
	out, err := withSecrets(app, func(s broker.Secret) (logged, error) {
		ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
		defer cancel()
		g, secrets, err := ask(ctx, s)
		if err != nil {
			return logged{}, err
		}
		g.Source = k.source(app)
		return k.keep(context.WithoutCancel(ctx), g, secrets)
	})
	k.metrics.exchanges.WithLabelValues(outcome(err)).Inc()
	if err != nil {
		return logged{}, fmt.Errorf("exchange a code of app %q: %w", app.ID, err)
	}
	return out, nil
}

// keep stores what a login brought, in the place of what was there of the same kind: the
// user has just said so, and the platform has the last word.
func (k *Keeper) keep(ctx context.Context, g broker.Grant, s secrets) (logged, error) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	said := g.UnionID
	for {
		was, err := k.stored(ctx, g.Key)
		if err != nil {
			return logged{}, err
		}
		g.Version = was.Version
		if g.UnionID = said; said == "" && was.Source == g.Source {
			g.UnionID = k.unionOf(was)
		}
		s.Union = g.UnionID
		if err := k.seal(&g, s); err != nil {
			return logged{}, err
		}
		if s.Access != "" {
			g.Token = g.Version + 1
		}
		switch err = k.putAgain(ctx, g); {
		case err == nil:
			return logged{userOf(g), s}, nil
		case !errors.Is(err, broker.ErrConflict):
			return logged{}, err
		}
	}
}

// unionOf is who the user of a stored grant is for all apps of one company, if the grant's box
// bears witness that the platform has said so.
func (k *Keeper) unionOf(g broker.Grant) string {
	s, err := k.open(g)
	if err != nil {
		return "" // open has told it
	}
	return s.Union
}

func userOf(g broker.Grant) broker.User {
	return broker.User{Key: g.Key, UnionID: g.UnionID, Scope: g.Scope, Snapshot: g.Snapshot}
}
