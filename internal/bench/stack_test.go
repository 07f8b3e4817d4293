package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/dropin"
	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/grant"
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

// stack is a whole server, with a simulated platform.
type stack struct {
	store    leasing
	keys     *seal.Keyring
	table    []broker.Platform
	manager  *renew.Manager
	grants   *grant.Keeper
	registry *registry.Registry
	handler  http.Handler
	ahead    atomic.Int64  // how far the clock of users' grants is, in nanoseconds
	started  time.Duration // from opening the store until every token can be read
}

// leasing is a store that leases too, embedded or shared.
type leasing interface {
	broker.Store
	broker.Leaser
}

// openStack opens a stack over the embedded store in dir.
func openStack(ctx context.Context, dir string, rt http.RoundTripper) (*stack, error) {
	return openStackAt(ctx, place{keyset: filepath.Join(dir, "keyset.json"), store: filepath.Join(dir, "hufu.db")}, rt)
}

// place is where a stack finds what an earlier one has left: its keyset's path, and the
// store's path or URL.
type place struct{ keyset, store string }

// open opens the store as a server would.
func (p place) open(ctx context.Context) (leasing, error) {
	if strings.Contains(p.store, "://") {
		return openShared(ctx, p.store)
	}
	return sqlstore.Open(ctx, sqlstore.Config{Path: p.store})
}

func openStackAt(ctx context.Context, at place, rt http.RoundTripper) (*stack, error) {
	begun := time.Now()
	log := slog.New(slog.DiscardHandler)
	reg := prometheus.NewRegistry()
	store, err := at.open(ctx)
	if err != nil {
		return nil, err
	}
	proof, _ := store.Setting(ctx, "keyset_proof")
	keys, err := seal.Start(at.keyset, proof)
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
	s := &stack{store: store, keys: keys, table: []broker.Platform{wechat.Platform(platform.NewCaller(rt))}}
	m, err := renew.New(renew.Config{Store: store, Leaser: store, Sealer: keys, Holder: "bench", Logger: log, Registerer: reg, Platforms: s.table})
	if err != nil {
		return nil, err
	}
	s.grants, err = grant.New(grant.Config{
		Store: store.Grants(), Sealer: keys, Holder: "bench", Logger: log, Registerer: reg, Platforms: s.table,
		Now: func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) },
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
	s.manager, s.registry, s.started = m, r, time.Since(begun)
	s.handler, err = s.serve(ctx, log, reg)
	return s, err
}

// serve puts the parts that face callers on top.
func (s *stack) serve(ctx context.Context, log *slog.Logger, reg *prometheus.Registry) (http.Handler, error) {
	codec, err := virtual.Open(ctx, s.store, s.keys)
	if err != nil {
		return nil, err
	}
	users := gateway.NewUsers()
	svc := access.New(access.Config{
		Manager: s.manager, Registry: s.registry, Virtual: codec, Registerer: reg, Platforms: s.table, Grants: s.grants, UserTokens: users,
		Audit: audit.New(audit.Config{Log: s.store.Audit(), Logger: log, Registerer: reg}),
	})
	gate, err := gateway.New(gateway.Config{
		Service: svc, Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(nil))}, Transport: gateway.Tune(platform.NewTransport()),
		Meter: quota.New(quota.Config{Registerer: reg}), Users: users, Logger: log, Registerer: reg,
	})
	if err != nil {
		return nil, err
	}
	drop, err := dropin.New(dropin.Config{
		Service: svc, Forward: gate, Logger: log, Registerer: reg, Platforms: []broker.Platform{wechat.Platform(nil)},
	})
	if err != nil {
		return nil, err
	}
	return httpapi.New(httpapi.Config{Service: svc, Logger: log, Registerer: reg, Gateway: gate, DropIn: drop})
}

// benchClients may do everything; one of them gets virtual tokens.
func benchClients() []*broker.Client {
	plain := &broker.Client{
		Name: "bench", Key: registry.HashKey(clientKey), Apps: []string{"*"}, Rights: broker.Rights(broker.Read | broker.Renew | broker.Call | broker.Users),
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
