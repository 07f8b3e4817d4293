package main

import (
	"log/slog"
	"net/http"
	"strings"
	"time"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	idleTimeout       = 2 * time.Minute
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
		Handler:           patient(h),
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

// patient lets requests that wait live longer than the time for reading one. While a
// handler runs, the server goes on reading, to find out whether the caller is gone; if
// the deadline for reading passes meanwhile, it takes the caller for gone and ends the
// request's context. Such requests have no body, so that nothing is left to read.
func patient(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 && (r.URL.Path == "/v1/watch" || strings.Contains(r.URL.RawQuery, "wait=")) {
			// A connection that knows no deadlines has none to lift.
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		}
		h.ServeHTTP(w, r)
	})
}
