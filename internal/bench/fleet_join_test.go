package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleet"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/seal"
)

// joinRow is how one more server starts over a store.
type joinRow struct {
	b *backend
	sized
}

func joining(t *testing.T, b *backend, f *filled) joinRow {
	t.Helper()
	row := joinRow{b, sizeOf(t, "join:"+f.keyset+" "+f.url)}
	if row.Apps != f.tokens {
		t.Errorf("%d apps were loaded of %d", row.Apps, f.tokens)
	}
	return row
}

// measureJoin is what a child says about a server that joins those over a store. at is its
// keyset's path and its URL.
func measureJoin(ctx context.Context, at string) error {
	keyset, url, _ := strings.Cut(at, " ")
	return measureStart("join", func(s *sized) (m *renew.Manager, err error) {
		begun := time.Now()
		defer func() { s.Start = time.Since(begun) }()
		store, err := openShared(ctx, url)
		if err != nil {
			return nil, err
		}
		proof, err := store.Setting(ctx, "keyset_proof")
		if err != nil {
			return nil, err
		}
		keys, err := seal.Start(keyset, proof)
		if err != nil {
			return nil, err
		}
		log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
		members, err := fleet.New(fleet.Config{Roll: store, Name: "bench-join", Logger: log, Registerer: reg})
		if err != nil {
			return nil, err
		}
		m, err = renew.New(renew.Config{
			Store: store, Leaser: store, Notifier: store, Sealer: keys, Holder: "bench-join", Rank: members.Rank, Logger: log, Registerer: reg,
			Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(&atOnce{}))},
		})
		if err != nil {
			return nil, err
		}
		m.Listen(ctx)
		r := registry.New(registry.Config{Apps: store.Apps(), Clients: store.Clients(), Sealer: keys, Keeper: m, Logger: log})
		if err := r.Load(ctx, nil, benchClients()); err != nil {
			return nil, fmt.Errorf("load apps: %w", err)
		}
		if err := members.Join(ctx); err != nil {
			return nil, err
		}
		return m, m.Start(ctx)
	})
}
