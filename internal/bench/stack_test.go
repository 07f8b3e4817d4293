package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/dropin"
	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
	"github.com/hufu-io/hufu/internal/virtual"
)

const (
	clientKey  = "hufu_bench_0123456789abcdef0123456789abcdef"
	virtualKey = "hufu_virtual_0123456789abcdef0123456789abcd"
	// tokenLength is that of WeChat's tokens today.
	tokenLength = 136
)

func appID(i int) string { return fmt.Sprintf("wx%016x", i) }

// stack is a whole server over the embedded store in dir, with a simulated platform.
type stack struct {
	store    *sqlstore.Store
	manager  *renew.Manager
	registry *registry.Registry
	handler  http.Handler
	started  time.Duration // from opening the store until every token can be read
}

func openStack(ctx context.Context, dir string, rt http.RoundTripper) (*stack, error) {
	begun := time.Now()
	log := slog.New(slog.DiscardHandler)
	reg := prometheus.NewRegistry()
	store, err := sqlstore.Open(ctx, sqlstore.Config{Path: filepath.Join(dir, "hufu.db")})
	if err != nil {
		return nil, err
	}
	proof, _ := store.Setting(ctx, "keyset_proof")
	keys, err := seal.Start(filepath.Join(dir, "keyset.json"), proof)
	if err != nil {
		return nil, err
	}
	if proof == nil {
		if proof, err = keys.Proof(); err != nil {
			return nil, err
		}
		if err := store.PutSetting(ctx, "keyset_proof", proof); err != nil {
			return nil, err
		}
	}
	m, err := renew.New(renew.Config{
		Store: store, Leaser: store, Sealer: keys, Holder: "bench", Logger: log, Registerer: reg,
		Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(rt))},
	})
	if err != nil {
		return nil, err
	}
	r := registry.New(registry.Config{Apps: store.Apps(), Clients: store.Clients(), Sealer: keys, Keeper: m, Logger: log})
	if err := r.Load(ctx, nil, benchClients()); err != nil {
		return nil, err
	}
	if err := m.Start(ctx); err != nil {
		return nil, err
	}
	s := &stack{store: store, manager: m, registry: r, started: time.Since(begun)}
	s.handler, err = s.serve(ctx, keys, log, reg)
	return s, err
}

// serve puts the parts that face callers on top.
func (s *stack) serve(ctx context.Context, keys *seal.Keyring, log *slog.Logger, reg *prometheus.Registry) (http.Handler, error) {
	codec, err := virtual.Open(ctx, s.store, keys)
	if err != nil {
		return nil, err
	}
	svc := access.New(access.Config{
		Manager: s.manager, Registry: s.registry, Virtual: codec, Registerer: reg,
		Audit: audit.New(audit.Config{Log: s.store.Audit(), Logger: log, Registerer: reg}),
	})
	gate, err := gateway.New(gateway.Config{
		Service: svc, Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(nil))}, Transport: gateway.Tune(platform.NewTransport()),
		Meter: quota.New(quota.Config{Registerer: reg}), Logger: log, Registerer: reg,
	})
	if err != nil {
		return nil, err
	}
	drop, err := dropin.New(dropin.Config{
		Service: svc, Forward: gate, Logger: log, Registerer: reg, Refuse: wechat.Platform(nil).Upstream.Refuse, Canonical: wechat.Canonical,
	})
	if err != nil {
		return nil, err
	}
	return httpapi.New(httpapi.Config{Service: svc, Logger: log, Registerer: reg, Gateway: gate, DropIn: drop})
}

// benchClients may do everything; one of them gets virtual tokens.
func benchClients() []*broker.Client {
	plain := &broker.Client{
		Name: "bench", Key: registry.HashKey(clientKey), Apps: []string{"*"}, Rights: broker.Rights(broker.Read | broker.Renew | broker.Call),
		Handout: broker.HandoutReal, Origin: broker.FromFile,
	}
	opaque := *plain
	opaque.Name, opaque.Key, opaque.Handout = "virtual", registry.HashKey(virtualKey), broker.HandoutVirtual
	return []*broker.Client{plain, &opaque}
}

func benchApp(i int) *broker.App {
	return &broker.App{
		ID: appID(i), Platform: wechat.Name, AppID: appID(i), Mode: wechat.Classic, BaseURL: "http://sandbox",
		Secrets: []broker.Secret{broker.NewSecret(fmt.Sprintf("%032x", i))}, Origin: broker.FromAPI,
	}
}

func sandboxFor(n int) *sandbox.Sandbox {
	c := sandbox.Config{Quotas: sandbox.Quotas{}}
	for i := range n {
		c.Apps = append(c.Apps, sandbox.App{ID: appID(i), Secret: fmt.Sprintf("%032x", i)})
	}
	return sandbox.New(c)
}

func mustStack(tb testing.TB, n int) *stack {
	tb.Helper()
	s, err := openStack(tb.Context(), tb.TempDir(), sandboxFor(n).Transport())
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		if err := s.manager.SetApp(tb.Context(), benchApp(i)); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}
