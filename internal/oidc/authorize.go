package oidc

import (
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/hufu-io/hufu/internal/broker"
)

// authorize takes a client's request, in the hands of a browser, and sends it on to the
// platform. It writes nothing anywhere: anybody may call it, as often as he likes (I7).
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request, app *broker.App) {
	a, err := op.ParseAuthorizeRequest(r, p.decoder)
	if err != nil {
		p.page(w, r, http.StatusBadRequest, badRequest("the request cannot be read"))
		return
	}
	if repeated(r.Form) {
		p.page(w, r, http.StatusBadRequest, badRequest("a parameter is there more than once"))
		return
	}
	if f := p.entitled(app, a.ClientID, a.RedirectURI); f != nil {
		p.page(w, r, http.StatusBadRequest, f)
		return
	}
	q, fault := p.check(r, app, a)
	if fault != nil {
		p.redirectFault(w, r, q, fault)
		return
	}
	ref, err := p.keys.seal(q, forRequest, app)
	switch {
	case err != nil:
		p.complain(r, app, authorizePath, err)
		p.redirectFault(w, r, q, oidc.ErrServerError())
	case len(ref) > maxRef:
		p.redirectFault(w, r, q, oidc.ErrInvalidRequest().WithDescription("redirect_uri, state and nonce are too long together"))
	default:
		p.metrics.ended(authorizePath, resultOK)
		p.cfg.Relay.Begin(w, r, app, p.scope(app, q), ref)
	}
}

// entitled says why the browser must not be sent to this redirect URI for this client. A client
// that may not log users in to the app is told from one that there is not by nobody.
func (p *Provider) entitled(app *broker.App, client, redirect string) *broker.Error {
	switch {
	case p.client(app, client) == nil:
		return &broker.Error{
			Code: "unknown_client", Class: broker.Invalid, Message: "no client of the name in client_id may log users in to this app",
			Hint: "client_id is the name of a client that has the right users, and the app among its apps",
		}
	case !app.Login.Allows(redirect):
		return &broker.Error{
			Code: "redirect_not_allowed", Class: broker.Invalid, Message: "browsers may not be sent to the URL in redirect_uri",
			Hint: "add it to login.redirect_uris of the app; scheme, host and port have to be the same, and the path the same or below",
		}
	default:
		return nil
	}
}

func badRequest(message string) *broker.Error {
	return &broker.Error{Code: "bad_request", Class: broker.Invalid, Message: message, Hint: "go back to where you came from and log in again"}
}

// page shows a fault that the client cannot be told.
func (p *Provider) page(w http.ResponseWriter, r *http.Request, status int, f *broker.Error) {
	p.metrics.ended(authorizePath, resultPage)
	p.cfg.Relay.Page(w, r, status, f)
}
