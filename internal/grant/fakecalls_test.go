package grant_test

import (
	"context"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// web is one process' way to the platform's web authorization.
type web struct {
	p  *fakePlatform
	io func(context.Context, func() error) error
}

var _ broker.WebAuthorization = web{}

func (w web) call(ctx context.Context, name string, act func() error) error {
	return w.io(ctx, func() error { return w.p.call(ctx, name, act) })
}

// Scopes implements [broker.WebAuthorization], as do those below.
func (web) Scopes() []string { return []string{string(base), string(info), string(login)} }

func (w web) DefaultScopes() []string { return w.Scopes() }

func (w web) KindOf(scope string) broker.Kind {
	if slices.Contains(w.Scopes(), scope) {
		return broker.Kind(scope)
	}
	return ""
}

func (web) AuthorizeURL(broker.AuthorizeRequest) (string, error) { return "http://fake/authorize", nil }

func (w web) Exchange(ctx context.Context, app *broker.App, secret, code broker.Secret) (got broker.Granted, err error) {
	err = w.call(ctx, exchanging, func() error {
		o, err := w.p.admit(app, secret, code)
		if err == nil {
			got = w.p.issue(o, w.p.newRefresh(o))
		}
		return err
	})
	if err != nil {
		return broker.Granted{}, err
	}
	if w.p.silent {
		got.Scope, got.Kind = "", base
	}
	return got, nil
}

func (w web) Refresh(ctx context.Context, app *broker.App, k broker.Key, refresh broker.Secret) (got broker.Granted, err error) {
	err = w.call(ctx, refreshing, func() error {
		r := w.p.refresh[refresh.Reveal()]
		if r == nil || r.registration != registration(app) || r.user != k.Subject || r.ended || !time.Now().Before(r.until) {
			if r != nil && r.ended {
				w.p.reused++
			}
			return broker.ErrGrantEnded
		}
		if w.p.extends {
			for token, a := range w.p.access {
				if a.owner == r.owner && time.Now().Before(a.until) {
					a.until = time.Now().Add(lifetime)
					got = broker.Granted{Kind: r.kind, OpenID: r.user, Scope: string(r.kind), Access: broker.NewSecret(token), Lifetime: lifetime, Refresh: refresh, RefreshLifetime: month}
					return nil
				}
			}
		}
		next := refresh.Reveal()
		if w.p.usesUp {
			r.ended = true
			next = w.p.newRefresh(r.owner)
		}
		got = w.p.issue(r.owner, next)
		return nil
	})
	if err != nil {
		return broker.Granted{}, err
	}
	return got, nil
}

func (w web) CheckUser(ctx context.Context, _ *broker.App, user string, token broker.Secret) (v broker.Verdict, err error) {
	err = w.call(ctx, checking, func() error {
		v = broker.VerdictRejected
		if a := w.p.access[token.Reveal()]; a != nil && a.user == user && time.Now().Before(a.until) {
			v = broker.VerdictOK
		}
		return nil
	})
	if err != nil {
		return broker.VerdictUnknown, err
	}
	return v, nil
}

func (w web) Profile(ctx context.Context, app *broker.App, user string, token broker.Secret, _ string) (profile broker.Profile, err error) {
	err = w.call(ctx, profiling, func() error {
		a := w.p.access[token.Reveal()]
		switch {
		case a == nil || a.user != user || a.registration != registration(app) || !time.Now().Before(a.until):
			return broker.ErrUserTokenRejected
		case a.kind == base:
			return broker.ErrScopeLacking
		}
		profile = broker.Profile{OpenID: user, Nickname: "Mo"}
		if w.p.profile != nil {
			w.p.profile(&profile)
		}
		return nil
	})
	return profile, err
}

func (web) SubscriptionPath() string { return "" }

func (web) Subscription(context.Context, *broker.App, string, broker.Secret, string) (broker.Subscription, error) {
	return broker.Subscription{}, broker.ErrNoLogin
}

// mini is the same for mini programs.
type mini struct{ web }

var _ broker.MiniProgram = mini{}

// Session implements [broker.MiniProgram], as do those below.
func (m mini) Session(ctx context.Context, app *broker.App, secret, code broker.Secret) (got broker.Session, err error) {
	err = m.call(ctx, logging, func() error {
		o, err := m.p.admit(app, secret, code)
		if err == nil {
			key := m.p.newSecret("session")
			m.p.sessions[key] = &issued{owner: o}
			got = broker.Session{OpenID: o.user, Key: broker.NewSecret(key)}
		}
		return err
	})
	if err != nil {
		return broker.Session{}, err
	}
	return got, nil
}

func (mini) Verify(broker.Secret, string, string) bool { return false }

func (mini) Decrypt(*broker.App, broker.Secret, string, string) ([]byte, error) { return nil, nil }
