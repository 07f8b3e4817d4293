package httpapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/sandbox"
)

type readiness struct {
	Status  string
	Apps    int
	Usable  int
	Missing int
	Failing int
	Reasons []struct{ App, Kind, State, Code, Class, Hint string }
}

func (s *stack) ready(status int) readiness {
	s.tb.Helper()
	w := s.get("/readyz", "")
	if w.Code != status {
		s.tb.Errorf("/readyz: %d, want %d: %s", w.Code, status, w.Body)
	}
	var r readiness
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		s.tb.Fatal(err)
	}
	return r
}

func TestReadinessHasReasons(t *testing.T) {
	t.Parallel()
	blog := &broker.App{
		ID: "blog", Platform: "wechat", AppID: otherID, BaseURL: "http://sandbox",
		Secrets: []broker.Secret{broker.NewSecret("wrong")}, Origin: broker.FromFile, Policy: &broker.Policy{InitialDelay: time.Minute},
	}
	inBubble(t, stackConfig{apps: []*broker.App{blog}, policy: broker.Policy{InitialDelay: 30 * time.Second}}, func(t *testing.T, s *stack) {
		if r := s.ready(http.StatusServiceUnavailable); r.Status != "not_ready" || r.Missing != 2 {
			t.Errorf("before any token: %+v", r)
		}
		if w := s.get("/healthz", ""); w.Code != http.StatusOK {
			t.Errorf("alive it is, though: %d", w.Code)
		}
		time.Sleep(2 * time.Minute)
		// One app in trouble takes no other app's tokens away.
		r := s.ready(http.StatusOK)
		if r.Status != "degraded" || r.Usable != 1 || r.Missing != 1 || len(r.Reasons) != 1 {
			t.Fatalf("with one app in trouble: %+v", r)
		}
		if x := r.Reasons[0]; x.App != "blog" || x.State != "missing" || x.Class != "bad_credential" || x.Hint == "" {
			t.Errorf("%+v", x)
		}
		if err := s.sandbox.SetSecret(otherID, "wrong"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		if r := s.ready(http.StatusOK); r.Status != "ready" || r.Usable != 2 || len(r.Reasons) != 0 {
			t.Errorf("when all is well: %+v", r)
		}
		s.sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultStatus})
		time.Sleep(96 * time.Minute)
		if r := s.ready(http.StatusOK); r.Status != "degraded" || r.Failing == 0 {
			t.Errorf("while the platform fails and the tokens live: %+v", r)
		}
		s.Stop()
		if r := s.ready(http.StatusServiceUnavailable); r.Status != "not_ready" {
			t.Errorf("while it stops: %+v", r)
		}
	})
}

func TestPathsWithoutAKey(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hufu_up 1\n") })
	dropIn := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "drop-in "+r.URL.Path) })
	inBubble(t, stackConfig{api: httpapi.Config{Metrics: metrics, DropIn: dropIn}}, func(t *testing.T, s *stack) {
		for target, want := range map[string]string{
			"/healthz": `{"status":"ok"}` + "\n", "/metrics": "hufu_up 1\n", "/": "drop-in /", "//": "drop-in //",
			// The mux would answer these with a redirect, which SDKs do not follow.
			"/cgi-bin/token": "drop-in /cgi-bin/token", "//cgi-bin/token": "drop-in //cgi-bin/token", "/a//b/../c": "drop-in /a//b/../c",
			"/v1": "drop-in /v1", "/v10/x": "drop-in /v10/x",
		} {
			w := s.get("http://host"+target, "")
			if w.Code != http.StatusOK || w.Body.String() != want {
				t.Errorf("%s: %d %q, want %q", target, w.Code, w.Body, want)
			}
		}
	})
}

func TestWithoutDropInAndMetricsTheirPathsDoNotExist(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		for _, target := range []string{"/metrics", "/cgi-bin/token", "/x"} {
			problemIn(t, s.get(target, ordersKey), http.StatusNotFound)
			problemIn(t, s.get(target, ""), http.StatusUnauthorized)
		}
	})
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := httpapi.New(httpapi.Config{}); err == nil {
		t.Error("no error")
	}
}
