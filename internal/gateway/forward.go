package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// rewrite makes the request that goes to the platform of the one that came.
func rewrite(p *httputil.ProxyRequest) {
	x := callOf(p.In.Context())
	p.Out.URL = x.place.at(x.url, p.In.URL.RawQuery)
	p.Out.Host = ""
	cleanRequest(p.Out.Header)
	if x.authorization != "" {
		p.Out.Header["Authorization"] = []string{x.authorization}
	}
}

// RoundTrip makes a call at the platform, and once more where the platform says that what
// opened it was not good and that can be mended. It is the transport of the proxy.
func (g *Gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	x := callOf(r.Context())
	var body kept
	switch {
	case x.body != nil:
		body = x.body.kept
		body.rewind(r)
	case x.repeatable():
		var err error
		if body, err = g.keeper.keep(r, x.caller.Name()); err != nil {
			return nil, err
		}
		defer g.keeper.release(body)
	}
	if !body.whole && r.Body != nil {
		r.Body = x.streamed(r.Body)
	}
	switch x.route.Sort {
	case broker.CallApp:
		x.attach(r)
	case broker.CallExchange:
		x.substitute(r, x.secrets[0])
	case broker.CallUser, broker.CallManaged, broker.CallForeign:
	}
	if leaks, err := x.leaks(r, body); err != nil {
		return nil, err
	} else if leaks {
		return nil, errKeyInside
	}
	if err := g.strays(r, x); err != nil {
		return nil, err
	}
	switch x.route.Sort {
	case broker.CallApp:
		return g.opened(r, x, body)
	case broker.CallExchange:
		return g.exchanged(r, x, body)
	case broker.CallUser, broker.CallManaged, broker.CallForeign:
	}
	resp, j, err := g.try(r, x)
	if err != nil {
		return nil, err
	}
	g.remember(x, j)
	return resp, nil
}

// remember notes the tokens of users that an answer gives.
func (g *Gateway) remember(x *call, j broker.Judgement) {
	for _, tok := range j.Users {
		g.users.Add(x.app.ID, g.svc.Registration(x.app), tok)
	}
}

// opened makes a call that the app's token opens. The token is there already.
func (g *Gateway) opened(r *http.Request, x *call, body kept) (*http.Response, error) {
	resp, j, err := g.try(r, x)
	if err == nil {
		g.remember(x, j)
	}
	if err != nil || j.Verdict != broker.VerdictRejected {
		return resp, err
	}
	if !body.whole {
		// This call cannot be made again, but the next ones need not fail.
		g.metrics.replay(replayTooLarge)
		g.replaceLater(r.Context(), x)
		return resp, nil
	}
	next, err := g.replaced(r.Context(), x)
	if err == nil && next.Version == x.token.Version {
		// The token lives: the path wants another one, or something else is wrong.
		g.metrics.replay(replayUnfounded)
		return resp, nil
	}
	if err != nil {
		// The platform's own answer says more than that its token could not be replaced.
		g.metrics.replay(replayNoToken)
		g.log.WarnContext(r.Context(), "a call was rejected for its token, which could not be replaced",
			"app", x.app.ID, "client", x.caller.Name(), "request_id", x.caller.RequestID, "error", err)
		return resp, nil
	}
	_ = resp.Body.Close() // Its head was all of it.
	x.token = next
	body.rewind(r)
	x.dog.moved()
	x.attach(r)
	resp, j, err = g.try(r, x)
	switch {
	case err != nil:
		g.metrics.replay(replayFailed)
		return nil, err
	case j.Verdict == broker.VerdictRejected:
		// If another call has seen this one rejected as well, it deals with it.
		g.metrics.replay(replayRejected)
		g.trust.strange(x.platform.Name, x.app.ID, x.counted, x.kind)
	default:
		g.metrics.replay(replayDone)
	}
	g.remember(x, j)
	return resp, nil
}

// replaced returns the successor of the token that the call was rejected for, or the token
// itself if it turns out that it lives.
func (g *Gateway) replaced(ctx context.Context, x *call) (broker.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.RenewTimeout)
	defer cancel()
	mend := g.svc.Doubted
	if g.trust.believes(x.platform.Name, x.app.ID, x.counted, x.kind) {
		mend = g.svc.Rejected
	}
	return mend(ctx, x.caller, x.app, x.token)
}

// replaceLater has a rejected token replaced although the call cannot wait for it.
func (g *Gateway) replaceLater(ctx context.Context, x *call) {
	seen, caller, app := x.token, x.caller, x.app
	g.background.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.cfg.RenewTimeout)
		defer cancel()
		// What goes wrong is on record, and the next call that is rejected tries again.
		_, _ = g.svc.Doubted(ctx, caller, app, seen)
	})
}

// exchanged makes a call that the app secret opens, with each of the app's secrets until
// the platform takes one. The first is there already. A secret that is refused costs the
// caller's code nothing: the platform looks at it first.
func (g *Gateway) exchanged(r *http.Request, x *call, body kept) (*http.Response, error) {
	for i, secret := range x.secrets {
		if i > 0 {
			body.rewind(r)
			x.dog.moved()
			x.substitute(r, secret)
		}
		once(r)
		resp, j, err := g.try(r, x)
		if err != nil {
			return nil, err
		}
		refused := j.Err != nil && j.Err.Class == broker.BadCredential
		if refused && i < len(x.secrets)-1 && body.whole {
			_ = resp.Body.Close() // Its head was all of it.
			continue
		}
		if !refused && len(x.secrets) > 1 {
			g.secrets.worked(x.app.ID, secret)
		}
		g.remember(x, j)
		return resp, nil
	}
	return nil, broker.ErrNoToken // There is a secret at least, see prepare.
}

// try makes a call once and judges the answer.
func (g *Gateway) try(r *http.Request, x *call) (*http.Response, broker.Judgement, error) {
	var j broker.Judgement
	resp, err := g.transport.RoundTrip(r)
	if err != nil {
		return nil, j, err //nolint:wrapcheck // ServeHTTP says what it means
	}
	resp.Request = r // Not every transport says what it was asked.
	h, err := readHead(resp)
	if err != nil {
		_ = resp.Body.Close() // It is broken.
		return nil, j, err
	}
	j = x.platform.Upstream.Judge(x.place.path, resp, h.plain(resp))
	if x.route.Metered && g.meter != nil {
		g.meter.Passed(x.app.ID, x.counted, j.Err)
	}
	if x.route.Clears && j.Err == nil && resp.StatusCode == http.StatusOK && g.meter != nil {
		g.meter.Cleared(x.app.ID)
	}
	if x.route.Sort == broker.CallApp && j.Verdict == broker.VerdictOK && resp.StatusCode == http.StatusOK {
		g.trust.opened(x.platform.Name, x.counted, x.kind)
	}
	x.outcome = outPassed
	if j.Err != nil {
		x.outcome = outRefusedThere
	}
	if h, err = readPage(resp, h); err != nil {
		return nil, j, err
	}
	x.hide(resp, h)
	// What comes after an answer is nobody's, and not looked through.
	resp.Trailer = nil
	if !h.whole {
		resp.Body = &watched{resp.Body, &x.dog}
	}
	return resp, j, nil
}

// meterPath is the path as it is counted. Nobody knows whether platforms mind its case, or
// a slash at its end.
func meterPath(path string) string {
	if p := strings.TrimRight(path, "/"); p != "" {
		return strings.ToLower(p)
	}
	return "/"
}

const hintUnknown = "what became of the call is not known; ask the platform before making it again"

// fault says what ended a call that got no answer.
func fault(ctx context.Context, err error) *broker.Error {
	if e, ok := errors.AsType[*broker.Error](err); ok {
		return e
	}
	e := *broker.ErrUnreachable
	var late interface{ Timeout() bool }
	var body bodyError
	var dial *net.OpError
	switch {
	case errors.As(err, &body):
		return errBody
	case errors.Is(context.Cause(ctx), errStalled):
		e.Message, e.Hint = "the call stood still for too long", hintUnknown
	case ctx.Err() != nil:
		e.Message = "the caller has gone"
	case errors.As(err, &late) && late.Timeout():
		e.Message = "the platform did not answer in time"
		e.Hint = hintUnknown
	case errors.As(err, &dial) && dial.Op == "dial":
		e.Message, e.Hint = "the platform cannot be reached", "hufu doctor APP says what stands between the app and its platform"
	default:
		e.Hint = hintUnknown
	}
	// The error itself could quote the call's address, and the token in it.
	return &e
}
