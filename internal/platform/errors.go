package platform

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// The codes of errors that this package makes. They are stable.
const (
	CodeUnreachable = "platform_unreachable" // the request never left
	CodeNoFiles     = "too_many_open_files"  // nor did it, because this process has no file left
	CodeTimeout     = "platform_timeout"     // no answer in time
	CodeCanceled    = "call_canceled"        // the caller gave up
	CodeNoAnswer    = "platform_no_answer"   // the connection broke
	CodeGarbage     = "platform_garbage"     // the answer makes no sense
	CodeRedirect    = "platform_redirect"
	CodeHTTP4xx     = "platform_http_4xx"
	CodeHTTP429     = "platform_http_429"
	CodeHTTP5xx     = "platform_http_5xx"
)

// errNotSent is for requests that provably never left. at is how far they came; err is
// why, nil if they were not even tried; cause is the same without secrets.
func errNotSent(ctx context.Context, host string, at stage, err, cause error) error {
	e := &broker.Error{Code: CodeUnreachable, Class: broker.Transient, Err: cause}
	switch host = Clean(host); at {
	case stageName:
		e.Message = fmt.Sprintf("a host name could not be resolved on the way to the platform at %s", host)
		e.Hint = "check this server's DNS, and the host in the app's base_url"
	case stageTLS:
		e.Message = fmt.Sprintf("the TLS handshake with the platform at %s failed", host)
		e.Hint = "check this server's clock and certificate authorities (ca-certificates), and that no proxy answers in the platform's place"
	case stageConnect:
		e.Message = fmt.Sprintf("no connection to the platform at %s", host)
		e.Hint = "check this server's DNS, firewall and proxy settings, and the app's base_url"
	}
	switch over := ctx.Err(); {
	case errors.Is(over, context.Canceled):
		e.Code, e.Message, e.Hint = CodeCanceled, "the call was given up before it was sent", ""
	case over != nil && cause == nil:
		e.Code, e.Message, e.Hint = CodeTimeout, "there was no time left to call the platform", ""
	case noFiles(err):
		e.Code, e.Message = CodeNoFiles, "this process has too many open files, so that it cannot connect to the platform"
		e.Hint = "raise the limit of open files for the server (ulimit -n), or lower limits.max_connections"
	}
	if e.Err == nil && ctx.Err() != nil {
		e.Err = conceal(ctx.Err(), nil)
	}
	return e
}

// noFiles reports whether no connection was made for want of a file, in this process or
// on the whole machine. A failed look-up of a name keeps no more of it than the words.
func noFiles(err error) bool {
	if err == nil {
		return false
	}
	for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, e) || strings.Contains(err.Error(), e.Error()) {
			return true
		}
	}
	return false
}

// errNoAnswer is for requests that may have left and were not answered in full.
func errNoAnswer(ctx context.Context, err, cause error) error {
	e := &broker.Error{
		Code: CodeNoAnswer, Class: broker.Transient, Unknown: true, Err: cause,
		Message: "the connection to the platform broke before its answer was there",
		Hint:    "nothing to do if it stays the only one: the call is repeated; else check what lies between this server and the platform",
	}
	switch {
	case over(ctx, err):
		e.Code, e.Message = CodeTimeout, "the platform did not answer in time"
	case errors.Is(ctx.Err(), context.Canceled):
		e.Code, e.Message, e.Hint = CodeCanceled, "the call was given up before it was answered", ""
	}
	return e
}

// Garbage is the error for an answer that makes no sense. It is not known what the platform
// did: something that answers in its place may have passed the request on.
func Garbage(what string) *broker.Error {
	return &broker.Error{
		Code: CodeGarbage, Class: broker.Transient, Unknown: true,
		Message: "the platform gave no usable answer but " + what,
		Hint:    "check that base_url is the platform's own and that no proxy or login page answers in its place",
	}
}

// errRedirect is for answers that point elsewhere. They are not followed, because the
// request carries a secret; and whoever answers so has not acted.
func errRedirect(from *url.URL, resp *http.Response, secrets []broker.Secret) error {
	to := "nowhere"
	if u, err := from.Parse(resp.Header.Get("Location")); err == nil && u.Host != "" {
		to = u.Scheme + "://" + u.Host // the rest may repeat the secret
	}
	return &broker.Error{
		Code: CodeRedirect, Class: broker.Misconfigured,
		Message: fmt.Sprintf("the platform answered with a redirect (HTTP %d) to %s, which is not followed", resp.StatusCode, Clean(to, secrets...)),
		Hint:    "set the app's base_url to the platform's own https URL",
	}
}

func errServer(status int, retry time.Duration) *broker.Error {
	return &broker.Error{
		Code: CodeHTTP5xx, Class: broker.Transient, Unknown: true, RetryAfter: retry,
		Message: fmt.Sprintf("the platform answered with HTTP %d", status),
		Hint:    "nothing to do if it passes: the call is repeated",
	}
}

// Settled is the error of a call that is no issue, so that none is of unknown outcome.
func Settled(err error) *broker.Error {
	e := *broker.AsError(err)
	e.Unknown = false
	return &e
}

// StatusError returns the error that the HTTP status stands for, nil below 400. It is
// for answers in which a platform's own error code is not found. Those of the 4xx range
// come from something in front of it, which did not let the request through.
func (a Answer) StatusError() error {
	switch {
	case a.Status < 400:
		return nil
	case a.Status >= 500:
		return errServer(a.Status, a.retryAfter)
	}
	e := &broker.Error{
		Code: CodeHTTP4xx, Class: broker.Misconfigured,
		Message: fmt.Sprintf("something in the place of the platform answered with HTTP %d", a.Status),
		Hint:    "check the app's base_url and what lies between this server and the platform",
	}
	switch a.Status {
	case http.StatusTooManyRequests:
		e.Code, e.Class, e.RetryAfter = CodeHTTP429, broker.Throttled, a.retryAfter
		e.Hint = "find out what else calls the platform from this address"
	case http.StatusRequestTimeout:
		// Whoever gave up waiting may have passed the request on.
		e.Class, e.Unknown = broker.Transient, true
	}
	return e
}

// retryAfter reads the seconds of a Retry-After, up to an hour. Dates are not taken:
// they need the platform's clock.
func retryAfter(resp *http.Response) time.Duration {
	return seconds(resp.Header.Get("Retry-After"))
}

func seconds(s string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 3600)) * time.Second
}

// describe says what came in the place of an answer, without quoting it.
func describe(resp *http.Response, raw []byte) string {
	if len(raw) == 0 {
		return fmt.Sprintf("an empty answer with HTTP %d", resp.StatusCode)
	}
	return fmt.Sprintf("%d bytes of %q with HTTP %d that are no JSON object",
		len(raw), Clean(resp.Header.Get("Content-Type")), resp.StatusCode)
}
