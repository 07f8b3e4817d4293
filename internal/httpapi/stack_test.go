package httpapi_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

const (
	appID     = "wx0123456789abcdef"
	otherID   = "wxfedcba9876543210"
	secret    = "0123456789abcdef0123456789abcdef"
	ordersKey = "orders-key-0123456789abcdef0123456789"
	readerKey = "reader-key-0123456789abcdef0123456789"
	adminKey  = "admin-key-0123456789abcdef0123456789x"
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
	registry *registry.Registry
	log      *lines
	*httpapi.API
}

type stackConfig struct {
	mode    string
	sandbox sandbox.Config
	policy  broker.Policy
	rand    func() float64
	api     httpapi.Config
	waits   int // of one client
	apps    []*broker.App
	clients []*broker.Client
}

func client(name, key string, rights broker.Right, apps ...string) *broker.Client {
	return &broker.Client{
		Name: name, Key: registry.HashKey(key), Apps: apps, Rights: broker.Rights(rights),
		Handout: broker.HandoutReal, Origin: broker.FromFile,
	}
}

func newStack(tb testing.TB, c stackConfig) *stack {
	tb.Helper()
	c.sandbox.Apps = append(c.sandbox.Apps, sandbox.App{ID: appID, Secret: secret}, sandbox.App{ID: otherID, Secret: secret})
	s := &stack{
		tb: tb, sandbox: sandbox.New(c.sandbox), store: memstore.New(memstore.Config{}), log: &lines{},
	}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	s.manager, err = renew.New(renew.Config{
		Store: s.store, Leaser: s.store, Sealer: plainSealer{}, Holder: "test", Logger: log,
		Rand: c.rand, Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(s.sandbox.Transport()))},
	})
	if err != nil {
		tb.Fatal(err)
	}
	s.registry = registry.New(registry.Config{Apps: s.store.Apps(), Clients: s.store.Clients(), Sealer: plainSealer{}, Keeper: s.manager, Logger: log})
	c.apps = append(c.apps, &broker.App{
		ID: "shop", Platform: wechat.Name, AppID: appID, Mode: c.mode, BaseURL: "http://sandbox",
		Secrets: []broker.Secret{broker.NewSecret(secret)}, Policy: &c.policy, Origin: broker.FromFile,
	})
	c.clients = append(c.clients,
		client("orders", ordersKey, broker.Read|broker.Renew, "shop", "api-*"),
		client("reader", readerKey, broker.Read, "shop"),
		client("admin", adminKey, broker.Admin, "*"))
	ctx, cancel := context.WithCancel(context.Background())
	if err := s.registry.Load(ctx, c.apps, c.clients); err != nil {
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
	s.service = access.New(access.Config{Manager: s.manager, Registry: s.registry, Audit: rec, MaxWaits: c.waits, Logger: log})
	c.api.Service, c.api.Logger = s.service, log
	s.API, err = httpapi.New(c.api)
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

// call is one request and what is special about it.
type call struct {
	method, target, key, body string
	header                    map[string]string
}

func (c call) request(ctx context.Context) *http.Request {
	r := httptest.NewRequestWithContext(ctx, cmp.Or(c.method, "GET"), c.target, strings.NewReader(c.body))
	if c.body == "" {
		r.Body = http.NoBody
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	return r
}

func (s *stack) do(c call) *httptest.ResponseRecorder {
	s.tb.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, c.request(context.Background()))
	return w
}

func (s *stack) get(target, key string) *httptest.ResponseRecorder {
	s.tb.Helper()
	return s.do(call{target: target, key: key})
}

const tokenPath = "/v1/apps/shop/tokens/access_token"

// token reads the token of the app shop.
func (s *stack) token() api.Token {
	s.tb.Helper()
	return tokenIn(s.tb, s.get(tokenPath, ordersKey))
}

func (s *stack) renew(body string) *httptest.ResponseRecorder {
	s.tb.Helper()
	return s.do(call{method: "POST", target: tokenPath + "/renew", key: ordersKey, body: body})
}

func tokenIn(tb testing.TB, w *httptest.ResponseRecorder) api.Token {
	tb.Helper()
	return decode[api.Token](tb, w, http.StatusOK)
}

func problemIn(tb testing.TB, w *httptest.ResponseRecorder, status int) api.Problem {
	tb.Helper()
	p := decode[api.Problem](tb, w, status)
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		tb.Errorf("content type %q", got)
	}
	if p.Status != status || p.RequestID == "" || p.RequestID != w.Header().Get("X-Request-Id") {
		tb.Errorf("problem %+v, X-Request-Id %q", p, w.Header().Get("X-Request-Id"))
	}
	return p
}

func decode[T any](tb testing.TB, w *httptest.ResponseRecorder, status int) T {
	tb.Helper()
	var v T
	if w.Code != status {
		tb.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		tb.Fatalf("answer %q: %v", w.Body, err)
	}
	return v
}

func (s *stack) issues() int { return len(s.sandbox.Issues(appID)) }

func (s *stack) checks() int { return s.sandbox.Counts(appID).Calls }

func (s *stack) audit() []broker.AuditEntry {
	s.tb.Helper()
	es, err := s.store.Audit().Query(context.Background(), broker.AuditFilter{})
	if err != nil {
		s.tb.Fatal(err)
	}
	return es
}
