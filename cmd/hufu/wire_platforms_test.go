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

	ask := func(method, path, body string) (answer struct {
		Token   string
		Version int
		Code    any
		Data    struct{ Path string }
	},
	) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, here.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+acmeKey)
		resp, err := here.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		raw, err := io.ReadAll(resp.Body)
		if err != nil || json.Unmarshal(raw, &answer) != nil {
			t.Errorf("%s %s: HTTP %d %s, %v", method, path, resp.StatusCode, raw, err)
		}
		return answer
	}
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
	for _, said := range platform.seen {
		if strings.Contains(said, acmeKey) {
			t.Errorf("I6: the client's key went to the platform: %s", said)
		}
	}
	servesDocumented(t, s)
}

// servesDocumented asks the token path as an SDK does.
func servesDocumented(t *testing.T, s *server) {
	t.Helper()
	paths := s.table[len(s.table)-1].TokenPaths
	if len(paths) != 1 || paths[0].Name != "token" || paths[0].Path != "/auth/token" {
		t.Fatalf("%d token paths", len(paths))
	}
	body := `{"app":"A1","key":"` + acmeKey + `","grant_type":"client"}`
	asked, err := paths[0].Ask(httptest.NewRequest(http.MethodPost, "/auth/token", nil), []byte(body))
	if err != nil || asked.Wrong != nil || asked.AppID != "A1" || asked.Key.Reveal() != acmeKey {
		t.Errorf("shown %+v, %v", asked, err)
	}
	if got, want := string(paths[0].Answer(nil, "T", 60)), `{"code":0,"msg":"ok","data":{"token":"T","ttl":60}}`; got != want {
		t.Errorf("answered %s, want %s", got, want)
	}
}
