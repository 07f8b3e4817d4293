package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
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

// Call sends one request and reads its answer. body is sent as JSON; nil means none.
// The path is appended to that of baseURL.
//
// It returns an answer whenever the platform gave a JSON object with a status below
// 300 or of the 4xx range, whatever that object says. Every error is a
// [*broker.Error] of a stable code. Its Unknown is set unless it is certain that the
// platform did not act: because the request never left, or because an HTTP status
// says so. No error contains a value of query or body.
func (c *Caller) Call(ctx context.Context, method, baseURL, path string, query url.Values, body any) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	var sent progress
	req, secrets, err := newRequest(httptrace.WithClientTrace(ctx, sent.trace()), method, baseURL, path, query, body)
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
		return Answer{}, answer.StatusError()
	default:
		return Answer{}, Garbage(describe(resp, raw))
	}
}

// newRequest builds the request. Besides it returns what is said in it that must not
// come back in an error.
func newRequest(ctx context.Context, method, baseURL, path string, query url.Values, body any) (*http.Request, []broker.Secret, error) {
	u, err := url.Parse(baseURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return nil, nil, &broker.Error{
			Code: "bad_base_url", Class: broker.Misconfigured,
			Message: "the app's base_url is not an http or https URL",
			Hint:    "set base_url to the platform's own, such as https://api.weixin.qq.com, or leave it out",
		}
	}
	u = u.JoinPath(path)
	u.RawQuery = query.Encode()
	var payload []byte
	if body != nil {
		if payload, err = encode(body); err != nil {
			return nil, nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, nil, &broker.Error{Code: "bad_request", Class: broker.Misconfigured, Message: "the request could not be built"}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "hufu")
	sendOnce(req, payload)
	return req, mentioned(query, payload), nil
}

func encode(body any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		// The encoder's error may quote a value, so it is not kept.
		return nil, &broker.Error{Code: "bad_request", Class: broker.Misconfigured, Message: "the request's body could not be encoded"}
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// sendOnce gives the request its body in such a way that net/http never sends it a
// second time by itself.
//
// [http.Transport] repeats a request if a connection that it has used before breaks
// before the first byte of the answer, and the request "is replayable": its method is
// GET or the like, and its body is nil, NoBody or can be had again from GetBody
// (persistConn.shouldRetryRequest, Request.isReplayable). On a platform that gives a
// new token at every call, that silent repetition is a second issue, which kills the
// token before last. A body that is neither nil nor NoBody and has no GetBody is never
// repeated, at any stage. The alternative, a new connection for every call, costs a
// TLS handshake each and does not bind transports that are not ours.
//
// A request without content therefore gets a body that is empty. Saying "identity"
// keeps net/http from looking for its length, which ends in a chunked GET if the
// machine is busy; nothing of it is seen on the wire.
func sendOnce(req *http.Request, payload []byte) {
	req.GetBody = nil
	if payload == nil {
		req.Body = onceBody{strings.NewReader("")}
		req.TransferEncoding = []string{"identity"}
		return
	}
	req.Body = onceBody{bytes.NewReader(payload)}
	req.ContentLength = int64(len(payload))
	req.Header.Set("Content-Type", "application/json")
}

// onceBody hides the reader's type, so that nothing finds a way to rewind it.
type onceBody struct{ io.Reader }

func (onceBody) Close() error { return nil }

// over reports whether the time for a call has run out, rather than that the call has
// been given up or has failed.
func over(ctx context.Context, err error) bool {
	var t net.Error
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &t) && t.Timeout()
}
