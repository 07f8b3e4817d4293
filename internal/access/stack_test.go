package access_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

const (
	appID   = "wx0123456789abcdef"
	otherID = "wxfedcba9876543210"
	secret  = "0123456789abcdef0123456789abcdef"
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
	registry *registry.Registry
	log      *lines
	*access.Service
}

type stackConfig struct {
	maxWaits int
	mode     string
	sandbox  sandbox.Config
	policy   broker.Policy
	rand     func() float64
	apps     []*broker.App
	clients  []*broker.Client
}

// client has its name for its key.
func client(name string, rights broker.Right, apps ...string) *broker.Client {
	return &broker.Client{
		Name: name, Key: registry.HashKey(name), Apps: apps, Rights: broker.Rights(rights),
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
		client("orders", broker.Read|broker.Renew, "shop", "api-*"),
		client("reader", broker.Read, "shop"),
		client("admin", broker.Admin, "*"))
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
	s.Service = access.New(access.Config{Manager: s.manager, Registry: s.registry, Audit: rec, MaxWaits: c.maxWaits})
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

// caller is a request of a client.
func (s *stack) caller(name string) broker.Caller {
	return broker.Caller{Client: s.Authenticate(name), Remote: "10.0.0.1:4711", RequestID: "r-" + name}
}

func (s *stack) issues() int { return len(s.sandbox.Issues(appID)) }

func (s *stack) entries() []broker.AuditEntry {
	s.tb.Helper()
	time.Sleep(1100 * time.Millisecond) // reads are written within a second
	es, err := s.store.Audit().Query(context.Background(), broker.AuditFilter{})
	if err != nil {
		s.tb.Fatal(err)
	}
	return es
}
