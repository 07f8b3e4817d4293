package oidc

import (
	"context"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/login"
)

// authorize takes a client's request, in the hands of a browser, and sends it on to the
// platform. It writes nothing anywhere: anybody may call it, as often as he likes (I7).
func (p *Provider) authorize(ctx context.Context, v visit) {
	a, err := op.ParseAuthorizeRequest(v.r, p.decoder)
	if err != nil {
		p.page(v, http.StatusBadRequest, badRequest("the request cannot be read"))
		return
	}
	if repeated(v.r.Form) {
		p.page(v, http.StatusBadRequest, badRequest("a parameter is there more than once"))
		return
	}
	if f := p.entitled(v.app, a.ClientID, a.RedirectURI); f != nil {
		p.page(v, http.StatusBadRequest, *f)
		return
	}
	q, fault := p.check(ctx, v, a)
	if fault != nil {
		p.redirectFault(v, q, fault)
		return
	}
	ref, err := p.keys().seal(q, forRequest, v.app)
	switch {
	case err != nil:
		p.complain(ctx, v, authorizePath, err)
		p.redirectFault(v, q, oidc.ErrServerError())
	case len(ref) > maxRef:
		p.redirectFault(v, q, oidc.ErrInvalidRequest().WithDescription("redirect_uri, state and nonce are too long together"))
	default:
		p.metrics.ended(authorizePath, resultOK)
		p.cfg.Relay.Begin(v.w, v.r, v.app, p.scope(v.app), ref)
	}
}

// entitled says why the browser must not be sent to this redirect URI for this client. A client
// that may not log users in to the app is told from one that there is not by nobody.
func (p *Provider) entitled(app *broker.App, client, redirect string) *login.Page {
	switch {
	case p.client(app, client) == nil:
		return notEntitled("client_id has to be the name of a client that has the right users, and the app among its apps")
	case !app.Login.Allows(redirect):
		return notEntitled("redirect_uri has to be allowed by login.redirect_uris of the app: the same scheme, host and port, and the same path or one below")
	case broker.BringsAnswer(redirect):
		return notEntitled("redirect_uri has a parameter code, state, error or error_description, or a query that cannot be read: leave them out")
	default:
		return nil
	}
}
