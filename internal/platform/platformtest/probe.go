package platformtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

// probe is a call of a platform, held to what all of them have in common: an outcome
// that is told apart, one request, an end in time, and no secret in an error.
type probe struct {
	// whole is a body in which the platform says yes.
	whole string
	// odd are further bodies that make no sense.
	odd map[string]string
	// settled says that the call issues nothing, so that no outcome of it is unknown.
	settled bool
	// refuses says no in the platform's form.
	refuses func(code, message string) answer
	// secrets are what goes into the call, or into its answers, and into no error.
	secrets []string
	// ask makes the call. given says that something came of it.
	ask func(ctx context.Context, rt http.RoundTripper, baseURL string) (given bool, err error)
}

func (p probe) askScript(t *testing.T, s *script) (given bool, err error) {
	t.Helper()
	given, err = p.ask(t.Context(), s, host)
	keepsSecrets(t, err, p.secrets)
	return given, err
}

// unknown is an outcome, as far as the call has such outcomes.
func (p probe) unknown(code string) broker.Error {
	return broker.Error{Code: code, Class: broker.Transient, Unknown: !p.settled}
}

// keepsSecrets formats an error in every way in which it may end up in a log or an
// answer, and looks for the secrets (I6).
func keepsSecrets(t *testing.T, err error, secrets []string) {
	t.Helper()
	if err == nil {
		return
	}
	e, ok := errors.AsType[*broker.Error](err)
	if !ok {
		t.Errorf("error %v is no *broker.Error", err)
		return
	}
	texts := []string{fmt.Sprintf("%v\n%+v\n%#v\n%s\n%q\n%v %+v", err, err, err, err, err, *e, *e)}
	for err := err; err != nil; err = errors.Unwrap(err) {
		b, jsonErr := json.Marshal(err)
		texts = append(texts, fmt.Sprintf("%v\n%+v\n%#v\n%s\n%v", err, err, err, b, jsonErr))
	}
	all := strings.Join(texts, "\n")
	for _, s := range secrets {
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s)} {
			if strings.Contains(all, form) {
				t.Errorf("I6: an error says a secret:\n%s", all)
				return
			}
		}
	}
}

// refusedBy has the platform say no with every code, and say again what it was asked.
// requests is how many it may take.
func (p probe) refusedBy(t *testing.T, refusals []Refusal, requests func(code string) int) {
	t.Helper()
	const rid = "rid: 6aac005a-01bfdbee-79769285"
	for _, r := range refusals {
		s := &script{}
		s.answers = []answer{func(req *http.Request) (*http.Response, error) {
			said := s.requests()
			return p.refuses(r.Code, said[len(said)-1]+" \x1b[31m\n"+strings.Repeat("很", 400)+rid)(req)
		}}
		given, err := p.askScript(t, s)
		if err == nil || given {
			t.Errorf("code %s: gave something: %v, %v", r.Code, given, err)
			continue
		}
		expect(t, err, r.Want)
		e := broker.AsError(err)
		if e.PlatformCode != r.Code || !strings.HasSuffix(e.PlatformMessage, rid) {
			t.Errorf("code %s: the platform's words are kept as %q, %q", r.Code, e.PlatformCode, e.PlatformMessage)
		}
		if e.Message == "" || e.Hint == "" {
			t.Errorf("code %s: message %q, hint %q", r.Code, e.Message, e.Hint)
		}
		if len(e.PlatformMessage) > 600 || strings.ContainsAny(e.PlatformMessage, "\x1b\n") {
			t.Errorf("code %s: the platform's message is not made fit: %q", r.Code, e.PlatformMessage)
		}
		if n := len(s.requests()); n != requests(r.Code) {
			t.Errorf("code %s: one call made %d requests", r.Code, n)
		}
	}
}

// expect compares what decides something of an error.
func expect(t *testing.T, err error, want broker.Error) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %s", want.Code)
		return
	}
	e := broker.AsError(err)
	if e.Code != want.Code || e.Class != want.Class || e.Reset != want.Reset || e.Unknown != want.Unknown {
		t.Errorf("%s: class %s, reset %d, unknown %v; want %s: class %s, reset %d, unknown %v\n%v",
			e.Code, e.Class, e.Reset, e.Unknown, want.Code, want.Class, want.Reset, want.Unknown, err)
	}
}
