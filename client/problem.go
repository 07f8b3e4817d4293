package client

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/hufu-io/hufu/api"
)

// ErrNotModified is returned where a caller named the version that it has and there is
// no newer one.
var ErrNotModified = errors.New("the token is the one that the caller has")

// CodeUnexpected is the code of an [api.Problem] that this package made, because the
// answer did not come from a Hufu server: from a proxy on the way, or from something
// else at that address.
const CodeUnexpected = "unexpected_answer"

// maxRetryAfter is a day in seconds, longer than anybody waits.
const maxRetryAfter = 86_400

// problem makes an error of an answer that is none of success.
func problem(resp *http.Response, data []byte) error {
	if mt, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && mt == "application/problem+json" {
		var p api.Problem
		if json.Unmarshal(data, &p) == nil && p.Code != "" {
			p.RetryAfter = retryAfter(resp)
			return &p
		}
	}
	return unexpected(resp)
}

// unexpected is for answers that a Hufu server does not give. What they say is not
// repeated: it could be anything.
func unexpected(resp *http.Response) error {
	p := &api.Problem{
		Title: http.StatusText(resp.StatusCode), Status: resp.StatusCode, Code: CodeUnexpected, Class: api.ClassMisconfigured,
		Detail: "the answer is not a Hufu server's: " + resp.Status,
		Hint:   "check the server's address, and the proxies on the way to it", RetryAfter: retryAfter(resp),
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		p.Class = api.ClassTransient
	}
	return p
}

// retryAfter reads the header's form in seconds, which is the one that a Hufu server
// sends.
func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || n <= 0 {
		return 0
	}
	return time.Duration(min(n, maxRetryAfter)) * time.Second
}
