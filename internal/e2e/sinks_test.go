package e2e_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hufu-io/hufu/internal/servertest"
)

// A renewed token is in the Redis and its receiver is told, and nothing that opens either
// is left in any log, answer, file or crash dump (I6).
func TestSinksOfOtherServersAreFilledAndLeaveNoSecret(t *testing.T) {
	t.Parallel()
	const password = "redis-password-0123456789abcdef"
	const inPath = "path-of-the-webhook-0123456789abcdef"
	hookSecret := base64.StdEncoding.EncodeToString([]byte("hook-secret-0123456789abcdef0123"))
	redis := servertest.StartRedis(t, servertest.RedisConfig{Password: password})
	var told, calls atomic.Int32
	hooks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.HasPrefix(r.Header.Get("webhook-id"), "classic/access_token/") || !bytes.Contains(body, []byte(`"app":"classic"`)) {
			t.Errorf("webhook %s: %s", r.Header.Get("webhook-id"), body)
		}
		if calls.Add(1) == 1 { // The first attempt fails, and is in the log.
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		told.Add(1)
	}))
	t.Cleanup(hooks.Close)

	sandbox := startSandbox(t, "2h", "5m")
	dir := t.TempDir()
	dead := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: "127.0.0.1:1"}
	text := fmt.Sprintf(`listen: 127.0.0.1:0
log: {level: debug}
apps:
  - id: classic
    platform: wechat
    app_id: wxclassic0000001
    secret: %q
    mode: classic
    base_url: %q
    sinks:
      - {type: redis, url: %q, format: silenceper}
      - {type: redis, url: %q}
      - {type: webhook, url: %q, secret: %q}
clients:
  - {name: boss, key: %q, allow: [admin, read], apps: ["*"]}
`, secret, sandbox.url, redis.URL, dead.String(), hooks.URL+"/"+inPath, "whsec_"+hookSecret, key)
	if err := os.WriteFile(filepath.Join(dir, "hufu.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, dir, "serve")
	marks := map[string]string{"password": password, "webhook's secret": hookSecret, "webhook's path": inPath}
	inRedis := func(want string) bool {
		got, err := redis.Command(t.Context(), "GET", "gowechat_officialaccount__access_token_wxclassic0000001")
		return err == nil && got == want
	}
	for i := range 2 {
		var tok string
		waitFor(t, "a token", func() bool {
			_, answer, err := server.token("classic")
			tok = answer.Token
			return err == nil && tok != ""
		})
		marks[fmt.Sprintf("token %d", i)] = tok
		waitFor(t, "the token in Redis", func() bool { return inRedis(tok) })
		waitFor(t, "the webhook", func() bool { return int(told.Load()) > i })
		if i == 0 {
			if status, _, err := server.call(http.MethodPost, "/v1/apps/classic/tokens/access_token/renew", `{"leaked":true}`); err != nil || status != http.StatusOK {
				t.Fatalf("renew: %d, %v", status, err)
			}
		}
	}
	var answers bytes.Buffer
	for _, path := range []string{"/v1/apps/classic", "/v1/apps", "/metrics", "/readyz"} {
		req, err := http.NewRequest(http.MethodGet, server.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		answers.Write(b)
	}
	for _, want := range []string{
		redis.Addr(), hooks.URL, `hufu_sink_lag_seconds{type="redis"}`, `hufu_sink_writes_total{result="error",type="webhook"} 1`,
	} {
		if !bytes.Contains(answers.Bytes(), []byte(want)) {
			t.Errorf("no answer tells of %s", want)
		}
	}
	search(t, crash(t, server, dir, answers.Bytes()), marks)
}
