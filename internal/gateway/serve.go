package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// serve makes a call whose app is known. The error is why nothing was answered.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, x *call) error {
	// An answer that breaks off leaves by a panic, which is how a server is told so.
	defer func() { g.metrics.end(x.outcome) }()
	if throttled, err := g.prepare(r, x); err != nil {
		return err
	} else if throttled != nil {
		g.throttle(w, x, throttled)
		return nil
	}
	if x.route.Sort == broker.CallUser && x.caller.Client == nil {
		select {
		case g.nameless <- struct{}{}:
			defer func() { <-g.nameless }()
		default:
			return errBusy
		}
	}
	began := g.metrics.begin()
	defer g.metrics.took(began)
	w, r = g.patient(w, r, x)
	defer x.dog.stop()
	g.proxy.ServeHTTP(w, r)
	if x.err == nil {
		return nil
	}
	level := slog.LevelWarn
	switch {
	case r.Context().Err() != nil && !errors.Is(context.Cause(r.Context()), errStalled):
		x.outcome, level = outAbandoned, slog.LevelDebug
	case x.err.Class == broker.Invalid:
		x.outcome, level = outRefusedHere, slog.LevelDebug
	default:
		x.outcome = outUnanswered
	}
	g.log.LogAttrs(r.Context(), level, "a call got no answer of the platform", slog.String("app", x.app.ID), slog.String("client", x.caller.Name()),
		slog.String("request_id", x.caller.RequestID), slog.Any("error", x.err))
	return x.err
}

// prepare checks that a call may be made and gets what opens it. Where the platform has
// throttled its path it returns what the platform said.
func (g *Gateway) prepare(r *http.Request, x *call) (throttled *broker.Error, err error) {
	if err := g.svc.MayCall(r.Context(), x.caller, x.app, x.route.Sort, x.place.path); err != nil {
		return nil, err
	}
	x.counted = meterPath(x.place.path)
	if x.route.Metered && g.meter != nil {
		if throttled := g.meter.Admit(x.app.ID, x.counted); throttled != nil {
			return throttled, nil
		}
	}
	if x.url, err = g.base(x.app, x.platform, x.place.path); err != nil {
		return nil, err
	}
	switch x.route.Sort {
	case broker.CallApp:
		x.kind = x.wants()
		if x.token, err = g.svc.CallToken(r.Context(), x.caller, x.app, x.kind); err != nil {
			return nil, err
		}
	case broker.CallExchange:
		if x.secrets = g.secrets.of(x.app); len(x.secrets) == 0 {
			return nil, broker.ErrNoToken
		}
		g.svc.CallUntokened(x.caller, x.app)
	case broker.CallUser, broker.CallManaged, broker.CallForeign:
		g.svc.CallUntokened(x.caller, x.app)
	}
	return nil, nil
}

// throttle answers with what the platform said when it throttled the path: it would say
// the same now, and count it.
func (g *Gateway) throttle(w http.ResponseWriter, x *call, err *broker.Error) {
	x.outcome = outThrottled
	if err.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((err.RetryAfter+time.Second-1)/time.Second)))
	}
	say(w, x.platform, x.place.path, err, x.caller.RequestID)
}

// bufferPool gives the proxy its buffers.
type bufferPool struct{ pool sync.Pool }

const bufferSize = 32 << 10

func newBufferPool() *bufferPool {
	return &bufferPool{sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

// Get implements [httputil.BufferPool].
func (p *bufferPool) Get() []byte { return p.pool.Get().(*[bufferSize]byte)[:] } //nolint:forcetypeassert // the pool holds nothing else

// Put implements [httputil.BufferPool].
func (p *bufferPool) Put(b []byte) { p.pool.Put((*[bufferSize]byte)(b)) }
