package oidc

import (
	"context"
	"net/http"

	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
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

// refuse answers a client's call with what went wrong.
func (p *Provider) refuse(ctx context.Context, v visit, endpoint string, f *fault) {
	if f.cause != nil {
		p.complain(ctx, v, endpoint, f.cause)
	}
	h := v.w.Header()
	if f.challenge != "" {
		h.Set("WWW-Authenticate", f.challenge)
	}
	if f.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	p.metrics.ended(endpoint, string(f.err.ErrorType))
	httphelper.MarshalJSONWithStatus(v.w, f.err, f.status)
}

// complain logs what is no client's fault.
func (p *Provider) complain(ctx context.Context, v visit, endpoint string, err error) {
	p.cfg.Logger.ErrorContext(ctx, "an OpenID Connect call failed", "app", v.app.ID, "endpoint", endpoint, "request_id", v.id, "error", err)
}
