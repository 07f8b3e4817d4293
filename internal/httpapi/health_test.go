package httpapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
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

// A keyset that is left behind is the server's own trouble, and no reason to take it out.
func TestReadinessTellsOfAKeysetThatCannotBeFollowed(t *testing.T) {
	t.Parallel()
	var fault atomic.Pointer[broker.Error]
	inBubbleWith(t, httpapi.Config{Keyset: fault.Load}, func(t *testing.T, s *stack) {
		time.Sleep(time.Minute)
		if r := s.ready(http.StatusOK); r.Status != "ready" || len(r.Reasons) != 0 {
			t.Errorf("in order: %+v", r)
		}
		fault.Store(&broker.Error{Code: "keyset_behind", Class: broker.Misconfigured, Message: "the path", Hint: "the path"})
		r := s.ready(http.StatusOK)
		if r.Status != "degraded" || len(r.Reasons) != 1 {
			t.Fatalf("left behind: %+v", r)
		}
		if x := r.Reasons[0]; x.App != "" || x.State != "keyset" || x.Code != "keyset_behind" || x.Class != "misconfigured" || x.Hint != "" {
			t.Errorf("%+v", x)
		}
		fault.Store(nil)
		if r := s.ready(http.StatusOK); r.Status != "ready" {
			t.Errorf("put right: %+v", r)
		}
	})
}

func TestReadinessHasReasons(t *testing.T) {
	t.Parallel()
	blog := stacktest.NewApp("blog", otherID)
	blog.Secrets, blog.Policy = []broker.Secret{broker.NewSecret("wrong")}, &broker.Policy{InitialDelay: time.Minute}
	inBubble(t, stacktest.Config{Apps: []*broker.App{blog}, Policy: broker.Policy{InitialDelay: 30 * time.Second}}, func(t *testing.T, s *stack) {
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
		if x := r.Reasons[0]; x.App != "blog" || x.State != "missing" || x.Class != "bad_credential" || x.Hint != "" {
			t.Errorf("%+v", x)
		}
		if err := s.Sandbox.SetSecret(otherID, "wrong"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		if r := s.ready(http.StatusOK); r.Status != "ready" || r.Usable != 2 || len(r.Reasons) != 0 {
			t.Errorf("when all is well: %+v", r)
		}
		s.Sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultStatus})
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
	inBubbleWith(t, httpapi.Config{Metrics: metrics, DropIn: dropIn}, func(t *testing.T, s *stack) {
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
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for _, target := range []string{"/metrics", "/cgi-bin/token", "/x"} {
			problemIn(t, s.get(target, ordersKey), http.StatusNotFound)
			if target != "/metrics" { // which needs no key anywhere
				problemIn(t, s.get(target, ""), http.StatusUnauthorized)
			}
		}
	})
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := httpapi.New(httpapi.Config{}); err == nil {
		t.Error("no error")
	}
}

// Whoever asks without end makes the server look at all keys once in a second.
func TestReadinessIsComputedOnceASecond(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		if r := s.ready(http.StatusOK); r.Apps != 1 {
			t.Fatalf("%+v", r)
		}
		decode[api.App](t, s.do(s.putApp("api-blog", newApp)), http.StatusCreated)
		time.Sleep(900 * time.Millisecond)
		if r := s.ready(http.StatusOK); r.Apps != 1 {
			t.Errorf("within the second: %+v, want what was computed before", r)
		}
		time.Sleep(100 * time.Millisecond)
		if r := s.ready(http.StatusOK); r.Apps != 2 {
			t.Errorf("after a second: %+v", r)
		}
	})
}

// The paths of the server itself never reach the drop-in, whatever the method.
func TestTheServersOwnPathsStayHere(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hufu_up 1\n") })
	dropIn := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the drop-in was asked") })
	for name, m := range map[string]http.Handler{"with metrics": metrics, "without metrics": nil} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, httpapi.Config{Metrics: m, DropIn: dropIn}, func(t *testing.T, s *stack) {
				for _, target := range []string{"/healthz", "/readyz", "/metrics"} {
					off := target == "/metrics" && m == nil
					for method, want := range map[string]int{"HEAD": 200, "OPTIONS": 405, "POST": 405, "DELETE": 405, "TRACE": 405} {
						w := s.do(call{method: method, target: target})
						if off {
							want = http.StatusNotFound
						}
						if w.Code != want || want == http.StatusMethodNotAllowed && w.Header().Get("Allow") != "GET, HEAD" {
							t.Errorf("%s %s: %d, Allow %q, want %d", method, target, w.Code, w.Header().Get("Allow"), want)
						}
					}
				}
			})
		})
	}
}

func TestAPathNamesTheMethodsThatItHas(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for _, c := range []struct{ method, target, allow string }{
			{"POST", tokenPath, "GET, HEAD, PUT"},
			{"GET", tokenPath + "/renew", "POST"},
			{"PATCH", "/v1/apps/shop", "GET, HEAD, PUT, DELETE"},
			{"OPTIONS", "/v1/apps/shop", "GET, HEAD, PUT, DELETE"},
			{"PUT", "/v1/clients", "GET, HEAD, POST"},
			{"GET", "/v1/clients/orders", "DELETE"},
			{"POST", "/v1/watch", "GET, HEAD"},
		} {
			w := s.do(call{method: c.method, target: c.target, key: readerKey})
			if got := w.Header().Get("Allow"); got != c.allow {
				t.Errorf("%s %s: Allow %q, want %q", c.method, c.target, got, c.allow)
			}
			if p := problemIn(t, w, http.StatusMethodNotAllowed); p.Code != api.CodeMethod {
				t.Errorf("%s %s: %+v", c.method, c.target, p)
			}
			problemIn(t, s.do(call{method: c.method, target: c.target}), http.StatusUnauthorized)
		}
		if w := s.do(call{method: "POST", target: "/v1/nothing", key: readerKey}); w.Code != http.StatusNotFound || w.Header().Get("Allow") != "" {
			t.Errorf("a path that does not exist: %d, Allow %q", w.Code, w.Header().Get("Allow"))
		}
	})
}
