package sandbox

import (
	"context"
	"net/http"
)

// Transport returns a RoundTripper that calls the sandbox in process, whatever
// the host of the request, as a caller from 127.0.0.1. It uses no socket and
// starts no goroutine.
func (s *Sandbox) Transport() http.RoundTripper { return s.TransportFrom("127.0.0.1") }

// TransportFrom is [Sandbox.Transport] for a caller from the address ip.
func (s *Sandbox) TransportFrom(ip string) http.RoundTripper {
	return transport{sandbox: s, remote: ip}
}

type transport struct {
	sandbox *Sandbox
	remote  string
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	if ctx := r.Context(); ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	in := r.Clone(r.Context())
	in.RemoteAddr = t.remote
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	if in.URL.Path == "" {
		in.URL.Path = "/"
	}
	return t.sandbox.exchange(in).response(r)
}
