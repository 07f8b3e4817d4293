package platformtest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

func (k contract) issues(t *testing.T) {
	t.Parallel()
	s := &script{answers: []answer{k.gives("7200")}}
	got, err := k.askScript(t, s)
	if err != nil || got.Token.Reveal() != given || got.Lifetime != 2*time.Hour {
		t.Errorf("issued %q for %v, %v", got.Token.Reveal(), got.Lifetime, err)
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("one issue made %d requests: %q", n, s.requests())
	}
}

func (k contract) readsLifetimes(t *testing.T) {
	t.Parallel()
	for lifetime, want := range map[string]time.Duration{
		"300": 5 * time.Minute, `"7200"`: 2 * time.Hour, "7200.0": 2 * time.Hour,
		"99999999999999999999": 30 * 24 * time.Hour, "31536000": 30 * 24 * time.Hour,
		"": 0, "0": 0, "-1": 0, "null": 0, `""`: 0, `"soon"`: 0, "[]": 0,
	} {
		got, err := k.askScript(t, &script{answers: []answer{k.gives(lifetime)}})
		if got.Lifetime != want || (err != nil) != (want == 0) {
			t.Errorf("a lifetime of %q is read as %v, %v; want %v", lifetime, got.Lifetime, err, want)
		}
		// The platform may have issued, and replaced the token before.
		if want == 0 {
			expect(t, err, broker.Error{Code: platform.CodeGarbage, Class: broker.Transient, Unknown: true})
		}
	}
}

func (k contract) refusesByCode(t *testing.T) {
	t.Parallel()
	const rid = "rid: 6aac005a-01bfdbee-79769285"
	for _, r := range k.c.Refusals {
		s := &script{}
		echo := func(req *http.Request) (*http.Response, error) {
			// The platform says again what it was asked.
			said := s.requests()
			return k.refuses(r.Code, said[len(said)-1]+" \x1b[31m\n"+strings.Repeat("很", 400)+rid)(req)
		}
		s.answers = []answer{echo}
		got, err := k.askScript(t, s)
		if err == nil || !got.Token.IsZero() {
			t.Errorf("code %s: issued %v, %v", r.Code, got, err)
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
		want := 1
		if slices.Contains(k.c.Rejected, r.Code) && k.derived() {
			want = 2
		}
		if n := len(s.requests()); n != want {
			t.Errorf("code %s: one issue made %d requests", r.Code, n)
		}
	}
}

func (k contract) derived() bool {
	return k.h.New(platform.NewCaller(nil)).Kinds(k.c.Mode)[k.c.Kind].Derived
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
