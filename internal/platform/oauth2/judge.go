package oauth2

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// Judge implements [broker.Upstream].
//
// A token is rejected where a 401 says so by the code invalid_token, in its challenge or its
// body, and where it challenges for a Bearer token without a code: RFC 6750 has servers do
// that to calls without a token, but many do it to any that is not good. What else is 401
// says nothing: a server may want another login, or its proxy. Nor does any code in an
// answer of another status, as what stands in a success is the caller's business.
func (u upstream) Judge(path string, resp *http.Response, body []byte) broker.Judgement {
	switch {
	case resp.StatusCode < http.StatusMultipleChoices:
		return broker.Judgement{Verdict: broker.VerdictOK}
	case resp.StatusCode < http.StatusBadRequest:
		return broker.Judgement{}
	}
	a, _ := platform.ReadAnswer(resp, body)
	challenge := bearer(strings.Join(resp.Header.Values(authenticateHeader), ", "))
	code, words := refusal(a, challenge, carried(resp.Request))
	if resp.StatusCode == http.StatusUnauthorized && code == "" && challenge != nil {
		code = "invalid_token"
	}
	j := broker.Judgement{Err: meant(a, code, words)}
	if u.Route(path).Sort != broker.CallApp {
		return j
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized && code == "invalid_token":
		j.Verdict = broker.VerdictRejected
	case resp.StatusCode == http.StatusTooManyRequests:
		j.Verdict = broker.VerdictThrottled
	}
	return j
}

// meant is the error of an answer of a resource server. Most are about the call.
func meant(a platform.Answer, code, words string) *broker.Error {
	status := strconv.Itoa(a.Status)
	var e *broker.Error
	if code != "" {
		e = meaning(code).of(code, words)
	} else {
		e = &broker.Error{
			Code: "call_refused", Class: classOf(a.Status), Message: "the call was answered with HTTP " + status,
			Hint: "look into the answer: it is the API's own", PlatformCode: status, PlatformMessage: http.StatusText(a.Status),
		}
	}
	if a.Status == http.StatusTooManyRequests {
		e.Class = broker.Throttled
	}
	e.Unknown, e.RetryAfter = false, a.RetryAfter()
	return e
}

func classOf(status int) broker.Class {
	switch {
	case status == http.StatusTooManyRequests:
		return broker.Throttled
	case status >= http.StatusInternalServerError, status == http.StatusRequestTimeout:
		return broker.Transient
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return broker.Denied
	case status == http.StatusNotFound:
		return broker.NotFound
	default:
		return broker.Invalid
	}
}

// carried is the token that a request took along, which its answer may repeat.
func carried(r *http.Request) []broker.Secret {
	if r == nil {
		return nil
	}
	return []broker.Secret{upstream{}.Shown(r).Token}
}
