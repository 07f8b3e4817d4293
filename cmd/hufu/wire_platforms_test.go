package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/config"
)

const (
	acmeSecret = "acme-5ec0e7a1b2c3d4e5f60718293a4b"
	acmeKey    = "orders-0123456789abcdef0123456789"
)

// acme is the platform of docs/declared.md.
type acme struct {
	mu    sync.Mutex
	n     int
	alive string
	seen  []string // everything that was asked
}

func (a *acme) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, fmt.Sprint(r.Method, r.URL, r.Header, string(body)))
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/auth/token":
		var in struct{ App, Key string }
		if json.Unmarshal(body, &in) != nil || in.App != "A1" || in.Key != acmeSecret {
			_, _ = io.WriteString(w, `{"code":4002,"msg":"wrong key"}`)
			return
		}
		a.n++
		a.alive = fmt.Sprintf("acme-token-%d", a.n)
		_, _ = fmt.Fprintf(w, `{"code":0,"msg":"ok","data":{"token":%q,"ttl":7200}}`, a.alive)
	case token == "" || token != a.alive:
		_, _ = io.WriteString(w, `{"code":"4001","msg":"bad token"}`)
	case r.URL.Path == "/pages/ticket":
		_, _ = io.WriteString(w, `{"code":0,"data":{"ticket":"acme-ticket","ttl":"3600"}}`)
	default:
		_, _ = fmt.Fprintf(w, `{"code":0,"data":{"path":%q}}`, r.URL.Path)
	}
}

// kill ends the token that lives.
func (a *acme) kill() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.alive = ""
}

// documented writes the documented configuration for a platform at a URL.
func documented(t *testing.T, url string) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/declared.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```yaml\n")
	text, _, found := strings.Cut(rest, "```")
	if !found || strings.Count(text, "https://api.acme.example") != 1 {
		t.Fatal("docs/declared.md has no example, or another one")
	}
	text = strings.NewReplacer("https://api.acme.example", url, "${CRM_SECRET}", acmeSecret).Replace(text)
	path := filepath.Join(t.TempDir(), configFile)
	text += "clients:\n  - {name: orders, key: " + acmeKey + ", apps: [crm], allow: [read, renew, call]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The documented platform is one like the others: its tokens are issued, renewed when they
// are dead, and attached to calls, and its tickets come of them.
func TestTheDocumentedPlatformWorks(t *testing.T) {
	t.Parallel()
	platform := &acme{}
	there := httptest.NewServer(platform)
	t.Cleanup(there.Close)
	cfg, err := loadConfig(documented(t, there.URL), config.Options{Platforms: platforms()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	here := httptest.NewServer(s.api)
	t.Cleanup(here.Close)
	t.Cleanup(s.api.Stop)

	ask := func(method, path, body string) said { return asked(t, method, here.URL+path, acmeKey, body) }
	first := ask(http.MethodGet, "/v1/apps/crm/tokens/access_token", "")
	if first.Token != "acme-token-1" {
		t.Errorf("issued %+v", first)
	}
	platform.kill()
	if next := ask(http.MethodPost, "/v1/apps/crm/tokens/access_token/renew", fmt.Sprintf(`{"version":%d}`, first.Version)); next.Token != "acme-token-2" {
		t.Errorf("a token that is dead was replaced by %+v", next)
	}
	for _, when := range []string{"with a token that lives", "that met a dead token"} {
		if got := ask(http.MethodGet, "/gateway/crm/things", ""); got.Data.Path != "/things" || got.Code != 0.0 {
			t.Errorf("a call %s got %+v", when, got)
		}
		platform.kill()
	}
	if got := ask(http.MethodGet, "/v1/apps/crm/tokens/page_ticket", ""); got.Token != "acme-ticket" {
		t.Errorf("issued %+v", got)
	}
	if platform.n != 4 {
		t.Errorf("the platform issued %d tokens, want 4", platform.n)
	}
	const sdk = `{"app":"A1","key":"%s","grant_type":"client"}`
	if got := asked(t, http.MethodPost, here.URL+"/auth/token", "", fmt.Sprintf(sdk, acmeKey)); got.Code != 0.0 || got.Data.Token != platform.alive || got.Data.TTL <= 0 {
		t.Errorf("an SDK got %+v, want %s", got, platform.alive)
	}
	if got := asked(t, http.MethodGet, here.URL+"/things", platform.alive, ""); got.Code != 0.0 || got.Data.Path != "/things" {
		t.Errorf("an SDK's call got %+v", got)
	}
	for name, tt := range map[string]struct {
		token, path, body string
		want              float64
	}{
		"a wrong key":     {"", "/auth/token", fmt.Sprintf(sdk, "somebodys-key"), 4002},
		"another app":     {"", "/auth/token", `{"app":"A2","key":"` + acmeKey + `","grant_type":"client"}`, 4004},
		"another grant":   {"", "/auth/token", `{"app":"A1","key":"` + acmeKey + `","grant_type":"x"}`, 5000},
		"nothing":         {"", "/auth/token", "", 5000},
		"a foreign token": {platform.alive, "/partner/things", "", 5000},
	} {
		if got := asked(t, http.MethodPost, here.URL+tt.path, tt.token, tt.body); got.Code != tt.want || got.Msg == "" {
			t.Errorf("%s: answered %+v, want %v", name, got, tt.want)
		}
	}
	for _, said := range platform.seen {
		if strings.Contains(said, acmeKey) {
			t.Errorf("I6: the client's key went to the platform: %s", said)
		}
	}
}

// said is what this server and the platform say.
type said struct {
	Token   string
	Version int
	Code    any
	Msg     string
	Data    struct {
		Path, Token string
		TTL         int
	}
}

func asked(t *testing.T, method, url, bearer, body string) (answer said) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || json.Unmarshal(raw, &answer) != nil {
		t.Errorf("%s %s: HTTP %d %s, %v", method, url, resp.StatusCode, raw, err)
	}
	return answer
}
