package oidc

import (
	"net/http"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/hufu-io/hufu/internal/broker"
)

// Done is the relay's: a user has logged in, and goes back to the client with a code.
func (p *Provider) Done(w http.ResponseWriter, r *http.Request, app *broker.App, ref string, u broker.User) {
	ctx, v := r.Context(), visitOf(w, r, app)
	q, ok := p.resume(v, ref)
	if !ok {
		return
	}
	who := identity{
		Client: q.Client, Redirect: q.Redirect, Nonce: q.Nonce, Challenge: q.Challenge, Scopes: q.Scopes,
		OpenID: u.Key.Subject, UnionID: u.UnionID, Snapshot: u.Snapshot, Time: p.cfg.Now().Unix(),
	}
	switch {
	case u.Key.App != app.ID || u.Key.Subject == "":
		p.redirectFault(v, q, oidc.ErrServerError().WithDescription("the user who came back is not one of the app's"))
		return
	case q.Hint != "" && q.Hint != who.subject():
		p.redirectFault(v, q, oidc.ErrLoginRequired().WithDescription("it was another user who logged in"))
		return
	}
	code, err := p.keep(ctx, app, who)
	if err != nil {
		p.complain(ctx, v, authorizePath, err)
		p.redirectFault(v, q, &oidc.Error{ErrorType: "temporarily_unavailable", Description: "the login could not be kept; log in again"})
		return
	}
	p.redirect(v, q, &op.CodeResponseType{Code: code, State: q.State})
}

// Failed is the relay's: the user did not log in.
func (p *Provider) Failed(w http.ResponseWriter, r *http.Request, app *broker.App, ref, oauthError, description string) {
	v := visitOf(w, r, app)
	q, ok := p.resume(v, ref)
	if !ok {
		return
	}
	e := oidc.ErrServerError()
	switch oauthError { // those of RFC 6749, 4.1.2.1; what else there is, clients do not know
	case "access_denied":
		e = oidc.ErrAccessDenied()
	case "temporarily_unavailable":
		e.ErrorType = "temporarily_unavailable"
	case "invalid_scope":
		e = oidc.ErrInvalidScope()
	case "invalid_request":
		e = oidc.ErrInvalidRequest()
	case "unauthorized_client":
		e = oidc.ErrUnauthorizedClient()
	}
	if description != "" {
		e.Description = description
	}
	p.redirectFault(v, q, e)
}

// resume opens the request that a browser comes back with. What it asked for is looked at
// again, because rights and redirect URIs may have gone meanwhile.
func (p *Provider) resume(v visit, ref string) (q request, ok bool) {
	if len(ref) > maxRef || !p.keys().open(ref, &q, forRequest, v.app) {
		p.page(v, http.StatusBadRequest, badRequest("the login does not belong to this app, or the app has changed meanwhile"))
		return request{}, false
	}
	if f := p.entitled(v.app, q.Client, q.Redirect); f != nil {
		p.page(v, http.StatusBadRequest, *f)
		return request{}, false
	}
	return q, true
}

// redirectFault tells the client what went wrong.
func (p *Provider) redirectFault(v visit, q request, e *oidc.Error) {
	e.State = q.State
	e.Description = strings.Map(describable, e.Description)
	p.metrics.ended(authorizePath, string(e.ErrorType))
	p.redirect(v, q, e)
}

// describable drops what RFC 6749 does not allow in an error_description.
func describable(c rune) rune {
	if c < ' ' || c > '~' || c == '"' || c == '\\' {
		return -1
	}
	return c
}

// redirect sends the browser back to the client with an answer.
func (p *Provider) redirect(v visit, q request, answer any) {
	to, err := op.AuthResponseURL(q.GetRedirectURI(), q.GetResponseType(), oidc.ResponseModeQuery, answer, oidc.NewEncoder())
	if err != nil {
		p.page(v, http.StatusInternalServerError, badRequest("the client's URL cannot be given an answer"))
		return
	}
	h := v.w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", to)
	// Not 302 or 307: whatever the request was, the browser is to get the client's page, and
	// to send it nothing else.
	v.w.WriteHeader(http.StatusSeeOther)
}

// identity is who has logged in, and for which client.
type identity struct {
	Client    string   `json:"c"`
	Redirect  string   `json:"r"`
	Nonce     string   `json:"n,omitempty"`
	Challenge string   `json:"p,omitempty"`
	Scopes    []string `json:"o"`
	OpenID    string   `json:"i"`
	UnionID   string   `json:"u,omitempty"`
	Snapshot  bool     `json:"x,omitempty"`
	Time      int64    `json:"t"` // when, in seconds since 1970
}

// subject is who the user is for clients.
func (who identity) subject() string { return subject(who.OpenID, who.UnionID) }

// subject is the same for all apps of a company where the platform says who that is.
func subject(openID, unionID string) string {
	if unionID != "" {
		return unionID
	}
	return openID
}

// wantsProfile reports whether more is asked for than who the user is.
func wantsProfile(scopes []string) bool { return slices.Contains(scopes, oidc.ScopeProfile) }
