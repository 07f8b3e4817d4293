package main

import (
	"net/http"
	"net/url"
)

const (
	weChat = "api.weixin.qq.com"
	weCom  = "qyapi.weixin.qq.com"
)

// moved takes to another server what is meant for the platform. With it as the transport of
// its HTTP client, an SDK needs no setting for its base URL.
type moved struct {
	to   *url.URL
	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (m moved) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == weChat || r.URL.Host == weCom {
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host, r.Host = m.to.Scheme, m.to.Host, ""
	}
	return m.next.RoundTrip(r)
}
