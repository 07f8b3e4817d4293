package httpapi

import (
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// OpenID serves OpenID Connect.
type OpenID interface {
	http.Handler
	// Serves reports whether a path is one of its own.
	Serves(path string) bool
}

const oauthPrefix = "/oauth/"

// browsers returns who serves what browsers come to when their users log in: what is below
// /oauth/{app}/. Platforms have paths below /oauth/ too, such as /oauth/access_token/; those
// have no app's id there, and are left to the drop-in paths, as is every path that is not
// written plainly.
func (a *API) browsers(r *http.Request) http.Handler {
	rest, ok := strings.CutPrefix(r.URL.Path, oauthPrefix)
	if !ok || r.URL.RawPath != "" {
		return nil
	}
	id, path, below := strings.Cut(rest, "/")
	if !below || path == "" || !broker.ValidAppID(id) {
		return nil
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		return nil
	}
	switch {
	case a.cfg.OpenID != nil && a.cfg.OpenID.Serves(r.URL.Path):
		return a.cfg.OpenID
	case r.Method != http.MethodPost:
		return a.cfg.Login
	default:
		return nil
	}
}
