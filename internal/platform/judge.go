package platform

import (
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
)

// ReadCall reads the answer of a call that was passed on, for platforms that refuse by a code
// in an object. Where no code of theirs can stand in it, it is judged by the status already.
func ReadCall(resp *http.Response, body []byte) (a Answer, j broker.Judgement, judged bool) {
	a, ok := ReadAnswer(resp, body)
	switch {
	case resp.StatusCode >= http.StatusInternalServerError || !ok && resp.StatusCode >= http.StatusBadRequest:
		// This comes from something in front of the platform, or instead of it.
		return a, broker.Judgement{Err: Settled(a.StatusError())}, true
	case !ok && resp.StatusCode >= http.StatusMultipleChoices:
		return a, broker.Judgement{}, true // a redirect
	case !ok:
		return a, broker.Judgement{Verdict: broker.VerdictOK}, true // media, or more than an error ever has
	}
	return a, broker.Judgement{}, false
}
