package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// errStalled ends a call in which nothing has moved for too long.
var errStalled = errors.New("nothing has moved for too long")

// watchdog ends a call whose bodies stand still: a platform that takes a body and reads
// none of it, or that begins an answer and does not go on, would keep its caller for ever.
// How long an answer may take to begin is the transport's business.
type watchdog struct {
	timer *time.Timer
	stall time.Duration
}

// watch returns a context that ends when nothing moves.
func (d *watchdog) watch(ctx context.Context, stall time.Duration) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	d.timer, d.stall = time.AfterFunc(stall, func() { cancel(errStalled) }), stall
	return ctx
}

// moved says that something has moved.
func (d *watchdog) moved() { d.timer.Reset(d.stall) }

func (d *watchdog) stop() { d.timer.Stop() }

// watched tells the watchdog of everything that is read from a body.
type watched struct {
	io.ReadCloser
	dog *watchdog
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	w.dog.moved()
	return n, err //nolint:wrapcheck // it stands for the body
}

// patient replaces the server's deadlines, which are meant for small requests: a body may
// take its time as long as it does not stand still. Until half of that is over, the
// server's own deadline is later.
func (g *Gateway) patient(w http.ResponseWriter, r *http.Request, x *call) (http.ResponseWriter, *http.Request) {
	ctx := x.dog.watch(r.Context(), g.cfg.Stall)
	x.writer = patientWriter{ResponseWriter: w, stall: g.cfg.Stall, until: time.Now().Add(g.cfg.Stall)}
	return &x.writer, r.WithContext(context.WithValue(ctx, callKey{}, x))
}

// streamed is a body that is sent as it comes.
func (x *call) streamed(body io.ReadCloser) io.ReadCloser {
	return &watched{&patientReader{ReadCloser: body, conn: http.NewResponseController(x.writer.ResponseWriter), stall: x.dog.stall}, &x.dog}
}

type patientReader struct {
	io.ReadCloser
	conn  *http.ResponseController
	stall time.Duration
	until time.Time
}

func (p *patientReader) Read(b []byte) (int, error) {
	if now := time.Now(); p.until.Sub(now) < p.stall/2 {
		p.until = now.Add(p.stall)
		_ = p.conn.SetReadDeadline(p.until) // A connection that knows no deadlines needs none.
	}
	n, err := p.ReadCloser.Read(b)
	if err == io.EOF {
		// From here on the server only looks out for the caller hanging up.
		_ = p.conn.SetReadDeadline(time.Time{})
	}
	return n, err //nolint:wrapcheck // it stands for the body
}

// patientWriter passes what is written on, and gives each part of it its time.
type patientWriter struct {
	http.ResponseWriter
	stall time.Duration
	until time.Time
}

func (p *patientWriter) Write(b []byte) (int, error) {
	if now := time.Now(); p.until.Sub(now) < p.stall/2 {
		p.until = now.Add(p.stall)
		_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(p.until) // As above.
	}
	return p.ResponseWriter.Write(b) //nolint:wrapcheck // it stands for the answer
}

// WriteHeader passes on what is an answer. What platforms say before it is meant for this
// server.
func (p *patientWriter) WriteHeader(status int) {
	if status >= http.StatusOK {
		p.ResponseWriter.WriteHeader(status)
	}
}

// Unwrap lets the proxy flush.
func (p *patientWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }
