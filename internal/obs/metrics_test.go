package obs_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/obs"
)

func TestMetricsShowRuntimeProcessAndBuild(t *testing.T) {
	t.Parallel()
	h := obs.MetricsHandler(obs.NewRegistry(obs.Build{Version: "v1.2.3", Revision: "abc", Go: "go1.26"}))
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	req.Header.Set("Accept-Encoding", "gzip")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("status %d, encoding %q", rec.Code, rec.Header().Get("Content-Encoding"))
	}
	zr, err := gzip.NewReader(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go_goroutines ", "process_start_time_seconds ", `hufu_build_info{goversion="go1.26",revision="abc",version="v1.2.3"} 1`} {
		if !strings.Contains(string(body), name) {
			t.Errorf("no %s", name)
		}
	}
}
