package dropin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/dropin"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

const (
	appID    = "wx0123456789abcdef"
	otherID  = "wxfedcba9876543210"
	secret   = "0123456789abcdef0123456789abcdef"
	ordersID = "orders-key-0123456789abcdef0123456789"
)

// plainSealer stands for the keyset.
type plainSealer struct{}

func (plainSealer) Seal(p, ad []byte) ([]byte, error) {
	return fmt.Appendf(nil, "%d|%s%s", len(ad), ad, p), nil
}

func (plainSealer) Open(box, ad []byte) ([]byte, error) {
	prefix := fmt.Sprintf("%d|%s", len(ad), ad)
	if !bytes.HasPrefix(box, []byte(prefix)) {
		return nil, errors.New("sealed for something else")
	}
	return box[len(prefix):], nil
}

// lines collects log lines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// stack is a server over a memory store and the sandbox, all in one bubble.
type stack struct {
	tb       testing.TB
	sandbox  *sandbox.Sandbox
	store    *memstore.Store
	manager  *renew.Manager
	service  *access.Service
	log      *lines
	registry *prometheus.Registry
	http.Handler
}

type stackConfig struct {
	mode    string
	sandbox sandbox.Config
	policy  broker.Policy
	apps    []*broker.App
	clients []*broker.Client
}

func client(name, key string, apps ...string) *broker.Client {
	return &broker.Client{
		Name: name, Key: registry.HashKey(key), Apps: apps, Rights: broker.Rights(broker.Read | broker.Renew),
		Handout: broker.HandoutReal, Origin: broker.FromFile,
	}
}

func newStack(tb testing.TB, c stackConfig) *stack {
	tb.Helper()
	c.sandbox.Apps = append(c.sandbox.Apps, sandbox.App{ID: appID, Secret: secret}, sandbox.App{ID: otherID, Secret: secret})
	s := &stack{
		tb: tb, sandbox: sandbox.New(c.sandbox), store: memstore.New(memstore.Config{}), log: &lines{}, registry: prometheus.NewRegistry(),
	}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	s.manager, err = renew.New(renew.Config{
		Store: s.store, Leaser: s.store, Sealer: plainSealer{}, Holder: "test", Logger: log,
		Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(s.sandbox.Transport()))},
	})
	if err != nil {
		tb.Fatal(err)
	}
	reg := registry.New(registry.Config{Apps: s.store.Apps(), Clients: s.store.Clients(), Sealer: plainSealer{}, Keeper: s.manager, Logger: log})
	c.apps = append(c.apps, &broker.App{
		ID: "shop", Platform: wechat.Name, AppID: appID, Mode: c.mode, BaseURL: "http://sandbox",
		Secrets: []broker.Secret{broker.NewSecret(secret)}, Policy: &c.policy, Origin: broker.FromFile,
	})
	c.clients = append(c.clients, client("orders", ordersID, "shop"))
	ctx, cancel := context.WithCancel(context.Background())
	if err := reg.Load(ctx, c.apps, c.clients); err != nil {
		tb.Fatal(err)
	}
	if err := s.manager.Start(ctx); err != nil {
		tb.Fatal(err)
	}
	rec := audit.New(audit.Config{Log: s.store.Audit(), Logger: log})
	var wg sync.WaitGroup
	wg.Go(func() { rec.Run(ctx) })
	tb.Cleanup(func() {
		if err := s.manager.Close(context.Background()); err != nil {
			tb.Error(err)
		}
		cancel()
		wg.Wait()
	})
	s.service = access.New(access.Config{Manager: s.manager, Registry: reg, Audit: rec})
	s.Handler, err = dropin.New(dropin.Config{Service: s.service, Logger: log, Errcode: wechat.Errcode, Registerer: s.registry})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// inBubble runs a test on a stack whose tokens are there already.
func inBubble(t *testing.T, c stackConfig, f func(*testing.T, *stack)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, c)
		s.settle()
		f(t, s)
	})
}

// settle waits until planned work has been done.
func (s *stack) settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func (s *stack) do(method, target, body string) *httptest.ResponseRecorder {
	s.tb.Helper()
	var r *http.Request
	if body == "" {
		r = httptest.NewRequest(method, target, nil)
	} else {
		r = httptest.NewRequest(method, target, strings.NewReader(body))
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

type answer struct {
	AccessToken string `json:"access_token"`
	Ticket      string `json:"ticket"`
	ExpiresIn   int64  `json:"expires_in"`
	Errcode     int    `json:"errcode"`
	Errmsg      string `json:"errmsg"`
}

func decode(tb testing.TB, w *httptest.ResponseRecorder) answer {
	tb.Helper()
	if w.Code != http.StatusOK {
		tb.Errorf("status %d, want 200: the platform's errors are answers too", w.Code)
	}
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		tb.Fatalf("answer %q: %v", w.Body, err)
	}
	return a
}

func tokenPath(appID, key string) string {
	return "/cgi-bin/token?" + url.Values{"grant_type": {"client_credential"}, "appid": {appID}, "secret": {key}}.Encode()
}

// token asks like an SDK does.
func (s *stack) token(key string) answer {
	s.tb.Helper()
	return decode(s.tb, s.do("GET", tokenPath(appID, key), ""))
}

func (s *stack) stable(key string, force bool) answer {
	s.tb.Helper()
	body := fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":%q,"force_refresh":%v}`, appID, key, force)
	return decode(s.tb, s.do("POST", "/cgi-bin/stable_token", body))
}

// checks counts what the suspicions have cost at the platform.
func (s *stack) checks() int { return s.sandbox.Counts(appID).Calls }

func (s *stack) issues() int { return len(s.sandbox.Issues(appID)) }
