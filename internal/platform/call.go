package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

// Bounds of one call.
const (
	maxCall = 30 * time.Second // for callers whose context has no deadline
	maxBody = 256 << 10
)

// Caller makes calls at platforms. It keeps no cookies, follows no redirect and
// never sends anything twice. It is safe for concurrent use.
type Caller struct{ rt http.RoundTripper }

// NewCaller returns a caller that uses rt; nil means one made by [NewTransport].
//
// A transport that supports [net/http/httptrace] lets more failures be told as
// "never sent"; one that does not, such as an in-process fake, loses nothing but that.
func NewCaller(rt http.RoundTripper) *Caller {
	if rt == nil {
		rt = NewTransport()
	}
	return &Caller{rt: rt}
}

// Call is [Caller.Do] for a request that has no more than a query and a body. body is sent
// as JSON; nil means none.
func (c *Caller) Call(ctx context.Context, method, baseURL, path string, query url.Values, body any) (Answer, error) {
	return c.Do(ctx, Request{Method: method, BaseURL: baseURL, Path: path, Query: query, JSON: body})
}

// Do sends one request and reads its answer.
//
// It returns an answer whenever the platform gave a JSON object with a status below
// 300 or of the 4xx range, whatever that object says. Every error is a
// [*broker.Error] of a stable code. Its Unknown is set unless it is certain that the
// platform did not act: because the request never left, or because an HTTP status
// says so. No error contains a value of the query, the body, a header, or the password.
func (c *Caller) Do(ctx context.Context, r Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	var sent progress
	req, secrets, err := r.build(httptrace.WithClientTrace(ctx, sent.trace()))
	if err != nil {
		return Answer{}, err
	}
	if ctx.Err() != nil {
		return Answer{}, errNotSent(ctx, req.URL.Hostname(), stageConnect, nil, nil)
	}
	resp, err := c.rt.RoundTrip(req)
	if err != nil {
		cause := conceal(err, secrets)
		if sent.never(err) {
			return Answer{}, errNotSent(ctx, req.URL.Hostname(), sent.stage(err), err, cause)
		}
		return Answer{}, errNoAnswer(ctx, err, cause)
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return Answer{}, errRedirect(req.URL, resp, secrets)
	case resp.StatusCode >= 500:
		return Answer{}, errServer(resp.StatusCode, retryAfter(resp))
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return Answer{}, errNoAnswer(ctx, err, conceal(err, secrets))
	case len(raw) > maxBody:
		return Answer{}, Garbage(fmt.Sprintf("an answer of more than %d KiB", maxBody>>10))
	}
	answer, ok := ReadAnswer(resp, raw)
	switch {
	case ok:
		return answer, nil
	case resp.StatusCode >= 400:
		return answer, answer.StatusError() // for those who know what the header says
	default:
		return Answer{}, Garbage(describe(resp, raw))
	}
}

// over reports whether the time for a call has run out, rather than that the call has
// been given up or has failed.
func over(ctx context.Context, err error) bool {
	var t net.Error
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &t) && t.Timeout()
}
