package oidc

import (
	"net/http"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/hufu-io/hufu/internal/broker"
)

// prefix is what all paths of logins begin with; the app's id comes next.
const prefix = "/oauth/"

// The endpoints, below an app's issuer.
const (
	discoveryPath = oidc.DiscoveryEndpoint
	authorizePath = "/oidc/authorize"
	tokenPath     = "/oidc/token"
	userinfoPath  = "/oidc/userinfo"
	keysPath      = "/oidc/keys"
)

// maxForm is longer than any form that is sent here.
const maxForm = 64 << 10

// split takes a path apart: the app's id, and which of the endpoints.
func split(path string) (app, endpoint string, ok bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return "", "", false
	}
	app, endpoint, ok = strings.Cut(rest, "/")
	if !ok || !broker.ValidAppID(app) {
		return "", "", false
	}
	switch endpoint = "/" + endpoint; endpoint {
	case discoveryPath, authorizePath, tokenPath, userinfoPath, keysPath:
		return app, endpoint, true
	default:
		return "", "", false
	}
}

// Serves reports whether a path is one of the provider's.
func (p *Provider) Serves(path string) bool {
	_, _, ok := split(path)
	return ok
}

// ServeHTTP implements [http.Handler] for the paths that [Provider.Serves] names.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, endpoint, ok := split(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	if allow := methods(endpoint); !slices.Contains(allow, r.Method) {
		h.Set("Allow", strings.Join(allow, ", "))
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	app := p.cfg.App(id)
	if app == nil || app.Login == nil || len(p.cfg.Scopes(app)) == 0 {
		p.noLogin(w, r, endpoint)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	switch endpoint {
	case discoveryPath:
		p.discovery(w, app)
	case keysPath:
		p.publicKeys(w, r)
	case authorizePath:
		p.authorize(w, r, app)
	case tokenPath:
		p.token(w, r, app)
	case userinfoPath:
		p.userinfo(w, r, app)
	}
}

func methods(endpoint string) []string {
	switch endpoint {
	case tokenPath:
		return []string{http.MethodPost}
	case authorizePath, userinfoPath:
		return []string{http.MethodGet, http.MethodPost}
	default:
		return []string{http.MethodGet, http.MethodHead}
	}
}

// noLogin answers for an app that there is not, or that nobody logs in to.
func (p *Provider) noLogin(w http.ResponseWriter, r *http.Request, endpoint string) {
	if endpoint == authorizePath {
		p.page(w, r, http.StatusNotFound, noLoginPage())
		return
	}
	p.refuse(w, r, nil, endpoint, &fault{status: http.StatusNotFound, err: oidc.ErrInvalidRequest().WithDescription("%s", broker.ErrNoLogin.Message)})
}
