package client_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

func TestQuotasAndDiagnosesAreReadAsTheyAreSent(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := map[string]string{
			"GET /v1/apps/shop/quota": `{"app":"shop","day":"2026-11-21","resets":"2026-11-21T16:00:00Z","since":"2026-11-21T04:00:00Z",` +
				`"paths":[{"path":"/x","today":7,"this_minute":1,"throttled":{"code":"45009","message":"no","until":"2026-11-21T16:00:00Z"}}]}`,
			"GET /v1/apps/shop/doctor": `{"app":"shop","healthy":false,"at":"2026-11-21T04:00:00Z","later":1,` +
				`"findings":[{"name":"secret","state":"fault","detail":"wrong","hint":"h","code":"wrong_secret","platform":{"code":"40125","message":"m"},"took_ms":38}]}`,
		}[r.Method+" "+r.URL.Path]
		if body == "" || r.Header.Get("Authorization") != "Bearer key" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(body))
	}))
	defer srv.Close()
	c, err := client.New(client.Config{Addr: srv.URL, Key: "key"})
	if err != nil {
		t.Fatal(err)
	}
	noon, end := time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC), time.Date(2026, 11, 21, 16, 0, 0, 0, time.UTC)
	q, err := c.Quota(t.Context(), "shop")
	if d := cmp.Diff(api.Quota{App: "shop", Day: "2026-11-21", Resets: end, Since: noon, Paths: []api.QuotaPath{
		{Path: "/x", Today: 7, ThisMinute: 1, Throttled: &api.QuotaThrottled{Code: "45009", Message: "no", Until: end}},
	}}, q); err != nil || d != "" {
		t.Errorf("%v: -want +got\n%s", err, d)
	}
	got, err := c.Doctor(t.Context(), "shop")
	if d := cmp.Diff(api.Diagnosis{App: "shop", At: noon, Findings: []api.Finding{{
		Name: "secret", State: api.FindingFault, Detail: "wrong", Hint: "h", Code: "wrong_secret",
		Platform: &api.PlatformError{Code: "40125", Message: "m"}, TookMS: 38,
	}}}, got); err != nil || d != "" {
		t.Errorf("%v: -want +got\n%s", err, d)
	}
	if _, err := c.Doctor(t.Context(), "a/b"); err == nil {
		t.Error("an app that is not there was examined")
	}
}
