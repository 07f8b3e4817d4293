package oauth2

import (
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// upstream is how the calls of resource servers look (RFC 6750). There are no hosts that
// are the platform's own: an app's calls go where its base URL says.
type upstream struct{}

const authorization = "Authorization"

// Hosts implements [broker.Upstream].
func (upstream) Hosts() []string { return nil }

// Denied implements [broker.Upstream].
func (upstream) Denied() []string { return nil }

// Route implements [broker.Upstream].
func (upstream) Route(path string) broker.Route {
	if platform.Canonical(path) == tokenPath {
		return broker.Route{Sort: broker.CallManaged}
	}
	return broker.Route{}
}

// Shown implements [broker.Upstream]. Tokens in the query are not looked for: they end in
// logs, and RFC 9700 forbids them.
func (upstream) Shown(r *http.Request) broker.Shown {
	scheme, token, _ := strings.Cut(r.Header.Get(authorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return broker.Shown{}
	}
	return broker.Shown{Token: broker.NewSecret(strings.TrimSpace(token))}
}

// Attach implements [broker.Upstream].
func (upstream) Attach(r *http.Request, tok broker.Secret) {
	r.Header.Set(authorization, "Bearer "+tok.Reveal())
}

// Substitute implements [broker.Upstream]. No call of a resource server is opened by the
// app secret.
func (upstream) Substitute(*http.Request, string, broker.Secret) {}
