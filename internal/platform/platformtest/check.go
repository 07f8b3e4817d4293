package platformtest

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

func (k contract) checks(t *testing.T) {
	t.Parallel()
	check := func(a answer) (broker.Verdict, error) {
		src := k.h.New(platform.NewCaller(&script{answers: []answer{a}})).Kinds(k.c.Mode)[k.c.Kind]
		checker, ok := src.Issuer.(broker.Checker)
		if !ok {
			t.Fatal("no checker")
		}
		v, err := checker.Check(t.Context(), k.app(host), broker.NewSecret(accessToken))
		keepsSecrets(t, err, k.secrets())
		return v, err
	}
	expectVerdict := func(name string, a answer, want broker.Verdict) {
		t.Helper()
		v, err := check(a)
		if v != want || (err != nil) != (want == broker.VerdictUnknown) {
			t.Errorf("%s: verdict %d, %v; want %d", name, v, err, want)
		}
		if err != nil && broker.AsError(err).Unknown {
			t.Errorf("%s: a check is taken for an issue of unknown outcome", name)
		}
	}
	expectVerdict("the platform's answer", says(http.StatusOK, k.c.CheckOK), broker.VerdictOK)
	for _, code := range k.c.Rejected {
		expectVerdict(code, k.refusesCheck(code, "no"), broker.VerdictRejected)
	}
	for _, code := range k.c.Throttled {
		expectVerdict(code, k.refusesCheck(code, "slower"), broker.VerdictThrottled)
	}
	for _, code := range k.c.Lives {
		expectVerdict(code, k.refusesCheck(code, "no"), broker.VerdictOK)
	}
	for _, r := range k.c.Refusals {
		if slices.Contains(slices.Concat(k.c.Rejected, k.c.Throttled, k.c.Lives), r.Code) {
			continue
		}
		expectVerdict(r.Code, k.refusesCheck(r.Code, accessToken), broker.VerdictUnknown)
	}
	for name, a := range map[string]answer{
		"an empty object": says(200, "{}"), "a web page": says(200, "<html>"), "a 502": says(502, ""), "a 429": says(429, ""),
		"a 404": says(404, "{}"), "a redirect": redirects, "no answer": fails(io.EOF), "nobody": fails(errors.New("x")),
	} {
		expectVerdict(name, a, broker.VerdictUnknown)
	}
}
