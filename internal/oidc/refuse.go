package oidc

import (
	"net/http"

	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/hufu-io/hufu/internal/broker"
)

// fault is what a client is told of a call that failed, and what the log is.
type fault struct {
	status    int
	err       *oidc.Error
	challenge string // WWW-Authenticate
	cause     error  // for the log alone
}

func refusal(err *oidc.Error) *fault { return &fault{status: http.StatusBadRequest, err: err} }

// parseForm reads the form of a client's call. Secrets are not to be in URLs, which end up in
// logs on the way, so that nothing is read from there.
func parseForm(r *http.Request) *fault {
	if r.URL.RawQuery != "" {
		return refusal(oidc.ErrInvalidRequest().WithDescription("parameters belong into the body or the header Authorization, not into the URL"))
	}
	if err := r.ParseForm(); err != nil {
		return refusal(oidc.ErrInvalidRequest().WithDescription("the form cannot be read"))
	}
	if repeated(r.Form) {
		return refusal(oidc.ErrInvalidRequest().WithDescription("a parameter is there more than once"))
	}
	return nil
}

// refuse answers a client's call with what went wrong. Where the caller is not known the
// app may be nil.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, app *broker.App, endpoint string, f *fault) {
	if f.cause != nil {
		p.complain(r, app, endpoint, f.cause)
	}
	h := w.Header()
	if f.challenge != "" {
		h.Set("WWW-Authenticate", f.challenge)
	}
	if f.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	p.metrics.ended(endpoint, string(f.err.ErrorType))
	httphelper.MarshalJSONWithStatus(w, f.err, f.status)
}

// complain logs what is no client's fault.
func (p *Provider) complain(r *http.Request, app *broker.App, endpoint string, err error) {
	p.cfg.Logger.ErrorContext(r.Context(), "an OpenID Connect call failed", "app", app.ID, "endpoint", endpoint, "error", err)
}
