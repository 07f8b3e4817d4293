package platformtest

import (
	"context"
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
	want := 2 * time.Hour
	if k.c.Silent {
		want = k.c.Default
	}
	if err != nil || got.Token.Reveal() != given || got.Lifetime != want {
		t.Errorf("issued %q for %v, %v", got.Token.Reveal(), got.Lifetime, err)
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("one issue made %d requests: %q", n, s.requests())
	}
}

func (k contract) readsLifetimes(t *testing.T) {
	t.Parallel()
	if k.c.Silent {
		return
	}
	lifetimes := map[string]time.Duration{
		"300": 5 * time.Minute, `"7200"`: 2 * time.Hour, "7200.0": 2 * time.Hour,
		"99999999999999999999": 30 * 24 * time.Hour, "31536000": 30 * 24 * time.Hour,
		"": k.c.Default, "0": 0, "-1": 0, "null": k.c.Default, `""`: 0, `"soon"`: 0, "[]": 0,
	}
	if rot := k.h.New(platform.NewCaller(nil)).Kinds(k.c.Mode)[k.c.Kind].Rotation; rot.Family == broker.Fixed && !rot.AgeUnknown {
		lifetimes["0"] = 500 * time.Millisecond // a token in its last second, which is too short for any promise
	}
	for lifetime, want := range lifetimes {
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
	k.probe().refusedBy(t, k.c.Refusals, func(code string) int {
		if slices.Contains(k.c.Rejected, code) && k.derived() {
			return 2
		}
		return 1
	})
}

// probe is the issue of a token.
func (k contract) probe() probe {
	return probe{
		whole: k.c.Success(given, "7200"),
		odd: map[string]string{
			"2 MiB":          k.c.Success(strings.Repeat("A", 2<<20), "7200"),
			"an empty token": k.c.Success("", "7200"),
			"no token":       k.c.Success("two words", "7200"),
		},
		refuses: k.refuses,
		secrets: k.secrets(),
		ask: func(ctx context.Context, rt http.RoundTripper, baseURL string) (bool, error) {
			got, err := k.ask(ctx, rt, baseURL, newFakeTokens())
			return !got.Token.IsZero(), err
		},
	}
}

func (k contract) secrets() []string { return []string{k.h.App.Secrets[0].Reveal(), accessToken} }

func (k contract) derived() bool {
	return k.h.New(platform.NewCaller(nil)).Kinds(k.c.Mode)[k.c.Kind].Derived
}
