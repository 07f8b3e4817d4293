package gateway

import (
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// serve makes a call whose app is known. The error is why nothing was answered.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, x *call) error {
	ctx := r.Context()
	deny := x.app.Deny
	if deny == nil {
		deny = x.platform.Upstream.Denied()
	}
	if err := g.svc.MayCall(ctx, x.caller, x.app, x.route.Sort, x.place.path, deny); err != nil {
		return err
	}
	if x.route.Metered && g.meter != nil {
		if throttled := g.meter.Admit(x.app.ID, meterPath(x.place.path)); throttled != nil {
			g.throttle(w, x, throttled)
			return nil
		}
	}
	var err error
	if x.url, err = g.base(x.app, x.platform); err != nil {
		return err
	}
	switch x.route.Sort {
	case broker.CallApp:
		if x.token, err = g.svc.CallToken(ctx, x.caller, x.app); err != nil {
			return err
		}
	case broker.CallExchange:
		x.secrets = g.secrets.of(x.app)
		g.svc.CallUntokened(x.caller, x.app)
	case broker.CallUser, broker.CallManaged:
		g.svc.CallUntokened(x.caller, x.app)
	}
	began := time.Now()
	w, r = g.patient(w, x.with(r))
	g.proxy.ServeHTTP(w, r)
	g.metrics.took(time.Since(began))
	if x.err != nil {
		x.outcome = outUnanswered
		g.log.WarnContext(ctx, "a call got no answer of the platform",
			"app", x.app.ID, "client", x.caller.Name(), "request_id", x.caller.RequestID, "error", x.err)
	}
	return x.err
}

// throttle answers with what the platform said when it throttled the path: it would say
// the same now, and count it.
func (g *Gateway) throttle(w http.ResponseWriter, x *call, err *broker.Error) {
	x.outcome = outThrottled
	a := x.platform.Upstream.Refuse(err, x.caller.RequestID)
	h := w.Header()
	h["X-Request-Id"], h["Cache-Control"] = []string{x.caller.RequestID}, noStore
	h.Set("Content-Type", a.ContentType)
	if err.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((err.RetryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the peer is gone if this fails
}

// patient replaces the server's deadlines, which are meant for small requests: a body may
// take its time as long as it does not stand still.
func (g *Gateway) patient(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	c := http.NewResponseController(w)
	if r.Body != nil && r.Body != http.NoBody && (r.ContentLength < 0 || r.ContentLength > g.cfg.MaxReplay) {
		r.Body = &patientReader{ReadCloser: r.Body, conn: c, stall: g.cfg.Stall}
	}
	return &patientWriter{ResponseWriter: w, conn: c, stall: g.cfg.Stall}, r
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
	conn  *http.ResponseController
	stall time.Duration
	until time.Time
}

func (p *patientWriter) Write(b []byte) (int, error) {
	if now := time.Now(); p.until.Sub(now) < p.stall/2 {
		p.until = now.Add(p.stall)
		_ = p.conn.SetWriteDeadline(p.until) // As above.
	}
	return p.ResponseWriter.Write(b) //nolint:wrapcheck // it stands for the answer
}

// Unwrap lets the proxy flush.
func (p *patientWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// bufferPool gives the proxy its buffers.
type bufferPool struct{ pool sync.Pool }

func newBufferPool() *bufferPool {
	return &bufferPool{sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}}
}

// Get implements [httputil.BufferPool].
func (p *bufferPool) Get() []byte { return *p.pool.Get().(*[]byte) } //nolint:forcetypeassert // the pool holds nothing else

// Put implements [httputil.BufferPool].
func (p *bufferPool) Put(b []byte) { p.pool.Put(&b) }
