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
	"golang.org/x/sync/errgroup"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/dropin"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

const (
	clientKey = "hufu_bench_0123456789abcdef0123456789abcdef"
	// tokenLength is that of WeChat's tokens today.
	tokenLength = 136
)

func appID(i int) string { return fmt.Sprintf("wx%016x", i) }

// stack is a whole server over the embedded store in dir, with a simulated platform.
type stack struct {
	store   *sqlstore.Store
	manager *renew.Manager
	handler http.Handler
	started time.Duration // from opening the store until every token can be read
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
	client := &broker.Client{
		Name: "bench", Key: registry.HashKey(clientKey), Apps: []string{"*"}, Rights: broker.Rights(broker.Admin), Origin: broker.FromFile,
	}
	if err := r.Load(ctx, nil, []*broker.Client{client}); err != nil {
		return nil, err
	}
	if err := m.Start(ctx); err != nil {
		return nil, err
	}
	s := &stack{store: store, manager: m, started: time.Since(begun)}
	svc := access.New(access.Config{Manager: m, Registry: r, Audit: audit.New(audit.Config{Log: store.Audit(), Logger: log, Registerer: reg}), Registerer: reg})
	drop, err := dropin.New(dropin.Config{Service: svc, Logger: log, Registerer: reg, Errcode: wechat.Errcode, ErrorBody: wechat.ErrorBody})
	if err != nil {
		return nil, err
	}
	s.handler, err = httpapi.New(httpapi.Config{Service: svc, Logger: log, Registerer: reg, DropIn: drop})
	return s, err
}

// fill stores n apps with a token each, as an earlier run of the server would have
// left them, and ends with nothing open.
func fill(ctx context.Context, dir string, n int) error {
	store, err := sqlstore.Open(ctx, sqlstore.Config{Path: filepath.Join(dir, "hufu.db")})
	if err != nil {
		return err
	}
	defer store.Close()
	keys, err := seal.Start(filepath.Join(dir, "keyset.json"), nil)
	if err != nil {
		return err
	}
	proof, err := keys.Proof()
	if err != nil {
		return err
	}
	if err := store.PutSetting(ctx, "keyset_proof", proof); err != nil {
		return err
	}
	// The registry seals and stores an app as the API would; the keeper only completes.
	r := registry.New(registry.Config{Apps: store.Apps(), Clients: store.Clients(), Sealer: keys, Keeper: completer{}, Logger: slog.New(slog.DiscardHandler)})
	g, gctx := errgroup.WithContext(ctx)
	const writers = 64
	defs := make(chan int, writers)
	g.Go(func() error {
		defer close(defs)
		for i := range n {
			select {
			case defs <- i:
			case <-gctx.Done():
				return gctx.Err()
			}
		}
		return nil
	})
	for range writers {
		g.Go(func() error {
			for i := range defs {
				d, err := r.Seal(benchApp(i))
				if err != nil {
					return err
				}
				if _, err := store.Apps().Put(gctx, d); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	now := time.Now()
	_, err = store.PutMany(ctx, func(yield func(broker.Record) bool) {
		for i := range n {
			a := benchApp(i)
			k := broker.Key{App: a.ID, Kind: broker.AccessToken}
			box, err := keys.Seal(fmt.Appendf(nil, "83_%0*d", tokenLength-3, i), []byte(k.String()))
			if err != nil {
				return
			}
			// Spread over the hour, as renewals are after a while.
			due := now.Add(time.Hour + time.Duration(i)*time.Hour/time.Duration(n))
			rec := broker.Record{
				Key: k, Due: due, Source: a.Source(),
				Current: broker.SealedToken{Version: 1, Box: box, Issued: now, Expiry: now.Add(3 * time.Hour), Until: due.Add(4 * time.Minute)},
			}
			if !yield(rec) {
				return
			}
		}
	})
	return err
}

func benchApp(i int) *broker.App {
	return &broker.App{
		ID: appID(i), Platform: wechat.Name, AppID: appID(i), Mode: wechat.Classic, BaseURL: "http://sandbox",
		Secrets: []broker.Secret{broker.NewSecret(fmt.Sprintf("%032x", i))}, Origin: broker.FromAPI,
	}
}

// completer stands for the manager where only definitions are made.
type completer struct{ registry.Keeper }

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
