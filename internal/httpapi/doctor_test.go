package httpapi_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// examinerFunc is an examiner.
type examinerFunc func(context.Context, *broker.App, broker.Secret) []broker.Finding

func (f examinerFunc) Examine(ctx context.Context, a *broker.App, tok broker.Secret) []broker.Finding {
	return f(ctx, a, tok)
}

func TestADiagnosisIsWhatThePlatformSaysAndWhatTheServerKnows(t *testing.T) {
	t.Parallel()
	said := []broker.Finding{
		{Name: "reachability", State: broker.FindingOK, Detail: "it answers", Took: 40 * time.Millisecond},
		{Name: "whitelist", State: broker.FindingFault, Took: time.Microsecond, Err: &broker.Error{
			Code: "ip_not_whitelisted", Class: broker.Misconfigured, Message: "the address is not on the list", Hint: "add it",
			PlatformCode: "40164", PlatformMessage: "invalid ip",
		}},
		{Name: "token", State: broker.FindingUnknown, Detail: "not asked"},
	}
	examiner := examinerFunc(func(context.Context, *broker.App, broker.Secret) []broker.Finding { return said })
	inWard(t, stacktest.Config{}, examiner, func(t *testing.T, s *ward) {
		token := s.token()
		got := decode[api.Diagnosis](t, s.get("/v1/apps/shop/doctor", adminKey), http.StatusOK)
		if got.App != "shop" || got.Healthy || !got.At.Equal(time.Now()) {
			t.Errorf("%+v", got)
		}
		want := []api.Finding{
			{Name: "reachability", State: api.FindingOK, Detail: "it answers", TookMS: 40},
			{
				Name: "whitelist", State: api.FindingFault, Detail: "the address is not on the list", TookMS: 1, Hint: "add it",
				Code: "ip_not_whitelisted", Platform: &api.PlatformError{Code: "40164", Message: "invalid ip"},
			},
			{Name: "token", State: api.FindingUnknown, Detail: "not asked"},
		}
		if d := cmp.Diff(want, got.Findings[:3]); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
		for i, name := range []string{"renewal", "budget", "foreign_rotation", "quota"} {
			f := got.Findings[3+i]
			kind := "access_token"
			if name == "quota" {
				kind = ""
			}
			if f.Name != name || f.Kind != kind || f.State != api.FindingOK || f.Detail == "" || f.TookMS != 0 {
				t.Errorf("finding %d: %+v, want %s to be ok", 3+i, f, name)
			}
		}
		if s.token().Version != token.Version || s.Issues() != 1 {
			t.Error("a token was replaced")
		}
	})
}
