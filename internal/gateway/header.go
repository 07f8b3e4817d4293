package gateway

import (
	"net/http"
	"strings"
)

// cleanRequest takes away what is between the caller and this server: credentials, traces
// of proxies, and what would make a transport or a platform treat the call as another.
// What belongs to one connection only is gone already.
func cleanRequest(h http.Header) {
	for name := range h {
		if private(name) {
			delete(h, name)
		}
	}
}

func private(name string) bool {
	switch name {
	case "Authorization", "Cookie", "Proxy-Authorization", "Forwarded", "Via", "Origin", "Referer",
		"X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip",
		"X-Original-Url", "X-Original-Host", "X-Rewrite-Url", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override",
		// An answer is read here as far as it may be an error, so that it comes unpacked.
		"Accept-Encoding",
		"X-Request-Id", "Connection", "Upgrade", "Te", "Expect",
		// With one of these net/http makes a call twice by itself.
		"Idempotency-Key", "X-Idempotency-Key":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "X-Hufu-")
}

// cleanAnswer takes away what a platform says to browsers about its own host, since for
// the caller it would be about this one, and gives no site leave to read answers.
func cleanAnswer(h http.Header) {
	for name := range h {
		switch name {
		case "Set-Cookie", "Set-Cookie2", "Strict-Transport-Security", "Alt-Svc", "Clear-Site-Data", "Public-Key-Pins", "Refresh",
			"Content-Security-Policy-Report-Only", "Trailer", "Report-To", "Nel", "Service-Worker-Allowed":
			delete(h, name)
		default:
			if strings.HasPrefix(name, "Access-Control-") {
				delete(h, name)
			}
		}
	}
	// What strangers have sent to the platform, a browser that comes upon it here shall
	// neither take for something else nor run.
	h["X-Content-Type-Options"], h["Content-Security-Policy"] = noSniff, sandboxed
}

// They are shared and not changed.
var (
	noSniff   = []string{"nosniff"}
	sandboxed = []string{"sandbox; default-src 'none'"}
)
