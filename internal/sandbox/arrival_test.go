package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestEveryCallThatArrivesIsCounted(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		const path = "/cgi-bin/get_api_domain_ip"
		first := c.stable().AccessToken
		at := time.Now()
		c.use(first)
		second := c.forced().AccessToken
		c.use(second)
		c.use("83_nowhere")
		sb.Kill(second)
		c.use(second)
		sb.Inject(sandbox.Fault{Path: path, Kind: sandbox.FaultErrcode, Times: 1})
		c.use(first)
		c.do("GET", "/cgi-bin/nothing?access_token="+first, "")

		for _, tc := range []struct {
			app, path string
			want      int
		}{
			{appID, path, 4},
			{"", path, 1},
			{other, path, 0},
			{"wxunknown", path, 0},
			{appID, "/cgi-bin/stable_token", 2},
			{appID, "/cgi-bin/nothing", 1},
		} {
			if got := sb.Calls(tc.app, tc.path); got != tc.want {
				t.Errorf("Calls(%q, %q) = %d, want %d", tc.app, tc.path, got, tc.want)
			}
		}
		call := func(generation int) sandbox.Arrival {
			return sandbox.Arrival{At: at, Method: "GET", Path: path, Mode: sandbox.Stable, Generation: generation}
		}
		want := []sandbox.Arrival{call(1), call(2), call(2), call(1)}
		if diff := cmp.Diff(want, sb.Arrivals(appID, path)); diff != "" {
			t.Errorf("arrivals (-want +got):\n%s", diff)
		}
	})
}

func TestObserveSeesEveryRequestAsItArrived(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	sb := sandbox.New(sandbox.Config{
		Apps: []sandbox.App{{ID: appID, Secret: secret}},
		Observe: func(r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, r.URL.Path+" "+r.Header.Get("X-Forwarded-For"))
		},
	})
	sb.Inject(sandbox.Fault{Path: "/cgi-bin/user/get", Kind: sandbox.FaultStatus})
	for _, path := range []string{"/cgi-bin/token", "/cgi-bin/user/get", "/cgi-bin/media/upload", "/nothing", "/_sandbox/state"} {
		req := httptest.NewRequestWithContext(t.Context(), "POST", base+path, nil)
		req.Header.Set("X-Forwarded-For", "10.0.0.1")
		resp, err := sb.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	want := []string{"/cgi-bin/token 10.0.0.1", "/cgi-bin/user/get 10.0.0.1", "/cgi-bin/media/upload 10.0.0.1", "/nothing 10.0.0.1"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
}
