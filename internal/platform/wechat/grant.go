package wechat

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

const (
	codeGrant    = "authorization_code"
	refreshGrant = "refresh_token"

	// refreshLifetime is how long a refresh token lasts [A].
	refreshLifetime = 30 * 24 * time.Hour

	maxCode  = 512 // bytes; those seen have 32
	maxScope = 512
)

// Exchange implements [broker.WebAuthorization].
func (w web) Exchange(ctx context.Context, app *broker.App, secret, code broker.Secret) (broker.Granted, error) {
	if err := exchangeable(app, secret, code); err != nil {
		return broker.Granted{}, err
	}
	a, err := w.client.ask(ctx, app, pathUserExchange, url.Values{
		paramAppID:   {app.AppID},
		paramSecret:  {secret.Reveal()},
		"code":       {code.Reveal()},
		"grant_type": {codeGrant},
	}, atToken, append(slices.Clone(app.Secrets), secret, code)...)
	if err != nil {
		return broker.Granted{}, err
	}
	g, err := w.granted(a)
	if err != nil {
		return broker.Granted{}, err
	}
	// The page of this call does not even name a scope [A], unlike its samples [A*]. What
	// was not said is taken to be the least.
	g.Kind = cmp.Or(w.KindOf(g.Scope), scopeBase)
	return g, nil
}

// exchangeable refuses a login code that the platform would only refuse.
func exchangeable(app *broker.App, secret, code broker.Secret) error {
	c := code.Reveal()
	switch {
	case app.AppID == "":
		return refusalHere(codeNoAppID)
	case secret.IsZero():
		return refusalHere(codeNoSecret)
	case c == "":
		return refusalHere(codeNoCode)
	case len(c) > maxCode || strings.ContainsFunc(c, func(r rune) bool { return r <= ' ' || r > '~' }):
		return refusalHere(codeBadCode)
	default:
		return nil
	}
}

// Refresh implements [broker.WebAuthorization]. The platform gives the same access token
// with a new deadline while that lives, and a new one later; the refresh token stays the
// same [A*]. So a refresh of which nothing is known costs nothing when it is made again.
func (w web) Refresh(ctx context.Context, app *broker.App, k broker.Key, refresh broker.Secret) (broker.Granted, error) {
	switch {
	case app.AppID == "":
		return broker.Granted{}, refusalHere(codeNoAppID)
	case refresh.IsZero():
		return broker.Granted{}, refusalHere(codeNoRefresh)
	}
	a, err := w.client.ask(ctx, app, pathUserRefresh, url.Values{
		paramAppID:   {app.AppID},
		"grant_type": {refreshGrant},
		paramRefresh: {refresh.Reveal()},
	}, atRefresh, append(slices.Clone(app.Secrets), refresh)...)
	if err != nil {
		return broker.Granted{}, spare(err)
	}
	g, err := w.granted(a)
	switch {
	case err != nil:
		return broker.Granted{}, err
	case g.OpenID != k.Subject:
		return broker.Granted{}, broker.ErrWrongUser
	}
	g.Kind = cmp.Or(w.KindOf(g.Scope), k.Kind)
	if g.Refresh.IsZero() {
		g.Refresh, g.RefreshLifetime = refresh, refreshLifetime
	}
	return g, nil
}

// spare keeps grants from being ended by what the platform has against the app: a frozen
// account's users need not log in again once it is thawed.
func spare(err error) error {
	e := broker.AsError(err)
	if e.Class != broker.Denied || errors.Is(e, broker.ErrGrantEnded) {
		return err
	}
	spared := *e
	spared.Class = broker.Misconfigured
	return &spared
}

// granted reads the answer of both calls that give a user's tokens.
func (w web) granted(a platform.Answer) (broker.Granted, error) {
	issued, err := issued(a, "access_token")
	if err != nil {
		return broker.Granted{}, err
	}
	g := broker.Granted{Access: issued.Token, Lifetime: issued.Lifetime}
	if g.OpenID, g.UnionID, err = identity(a); err != nil {
		return broker.Granted{}, err
	}
	if g.Scope, err = a.Line("scope", maxScope); err != nil {
		return broker.Granted{}, err
	}
	if a.Has(paramRefresh) {
		if g.Refresh, err = a.Token(paramRefresh); err != nil {
			return broker.Granted{}, err
		}
		g.RefreshLifetime = refreshLifetime
	}
	snapshot, _, err := a.Integer("is_snapshotuser") // 1, or it is not there [A]
	if err != nil {
		return broker.Granted{}, err
	}
	g.Snapshot = snapshot == 1
	return g, nil
}

// identity reads who an answer is about.
func identity(a platform.Answer) (openID, unionID string, err error) {
	if openID, err = a.Word("openid", broker.MaxOpenID); err != nil {
		return "", "", err
	}
	if openID == "" {
		return "", "", platform.Garbage("one without openid")
	}
	if unionID, err = a.Word("unionid", broker.MaxOpenID); err != nil {
		return "", "", err
	}
	return openID, unionID, nil
}
