package gateway

import (
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
	w, r = g.patient(w, r, x)
	defer x.dog.stop()
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

// bufferPool gives the proxy its buffers.
type bufferPool struct{ pool sync.Pool }

func newBufferPool() *bufferPool {
	return &bufferPool{sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}}
}

// Get implements [httputil.BufferPool].
func (p *bufferPool) Get() []byte { return *p.pool.Get().(*[]byte) } //nolint:forcetypeassert // the pool holds nothing else

// Put implements [httputil.BufferPool].
func (p *bufferPool) Put(b []byte) { p.pool.Put(&b) }
