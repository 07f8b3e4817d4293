package main

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	readHeaderTimeout = 5 * time.Second
	// readTimeout ends with the request's body: a handler may wait for longer.
	readTimeout = 30 * time.Second
	idleTimeout = 2 * time.Minute
	// writeTimeout cuts off callers that do not take their answer. It is counted from
	// when the request was read, so it is longer than the longest answer takes: a long
	// poll of a minute, and then a platform that answers late. Event streams set a
	// deadline of their own for each write.
	writeTimeout = 2 * time.Minute
)

// newHTTPServer returns a server with bounds on everything a caller can make it wait
// for. It speaks HTTP/1.1 only.
func newHTTPServer(h http.Handler, maxHeaderBytes int, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           unhurried(h),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         protocols,
		// The handler behind it redacts what looks like a secret.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// unhurried gives a rotation of the keyset the time it takes to answer: where there are
// a million tokens, that is minutes.
func unhurried(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/keys/rotate" {
			// A connection that knows no deadlines needs none.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(rotateTimeout + writeTimeout))
		}
		h.ServeHTTP(w, r)
	})
}
