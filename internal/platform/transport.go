package platform

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"
)

// NewTransport returns the transport for calls at real platforms. Connections are
// its own, shared with nothing else in the process.
//
// For https it goes through the proxy that HTTPS_PROXY and NO_PROXY name, since many
// servers reach platforms in no other way. Plain http, which is for hosts next door,
// never does: the proxy would read secrets and tokens.
//
// It speaks HTTP/1.1 only. On HTTP/2 all calls would share one connection, and one
// that has gone silent would take every app's renewal with it. Idle connections are
// dropped early: one that the platform closes at the instant in which it is used
// again costs an outcome that is not known.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		IdleConnTimeout:        15 * time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    64,
		MaxResponseHeaderBytes: 64 << 10,
		// Answers are a few hundred bytes. Without compression what is read is what was
		// sent, and its bound is the real one.
		DisableCompression: true,
		Protocols:          protocols,
	}
}

// proxy names the proxy for a request; nil: none.
func proxy(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "https" {
		return nil, nil //nolint:nilnil // That is how a transport is told so.
	}
	return http.ProxyFromEnvironment(r) //nolint:wrapcheck // The transport's own.
}
