package oidc

import (
	"context"
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
	ctx, v := r.Context(), visitOf(w, r, p.cfg.App(id))
	if v.app == nil || len(p.cfg.Relay.Scopes(v.app)) == 0 {
		p.noLogin(ctx, v, endpoint)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	switch endpoint {
	case discoveryPath:
		p.discovery(v)
	case keysPath:
		p.publicKeys(v)
	case authorizePath:
		p.authorize(ctx, v)
	case tokenPath:
		p.token(ctx, v)
	case userinfoPath:
		p.userinfo(ctx, v)
	}
}

// visit is one request of a browser or of a client.
type visit struct {
	w   http.ResponseWriter
	r   *http.Request
	id  string // of the request
	app *broker.App
}

// visitOf is a visit whose id is the one that somebody before us has answered with.
func visitOf(w http.ResponseWriter, r *http.Request, app *broker.App) visit {
	return visit{w: w, r: r, id: w.Header().Get("X-Request-Id"), app: app}
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
func (p *Provider) noLogin(ctx context.Context, v visit, endpoint string) {
	if endpoint == authorizePath {
		p.page(v, http.StatusNotFound, noLoginPage())
		return
	}
	p.refuse(ctx, v, endpoint, &fault{status: http.StatusNotFound, err: oidc.ErrInvalidRequest().WithDescription("%s", broker.ErrNoLogin.Message)})
}
