package sqlstore_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

// durable are the settings with which a commit is on the disk when it is acknowledged.
func durable() map[string][]string {
	return map[string][]string{
		"PostgreSQL": {"fsync=on", "full_page_writes=on", "shared_buffers=256MB"},
		"MariaDB":    {"--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=O_DIRECT", "--innodb-buffer-pool-size=256M"},
	}
}

func BenchmarkServer(b *testing.B) {
	for kind, start := range servers() {
		b.Run(kind, func(b *testing.B) {
			d := start(b, durable()[kind]...)
			b.Run("Get", func(b *testing.B) { benchServerGet(b, filledServer(b, d, 10_000)) })
			b.Run("Put64Callers", func(b *testing.B) { benchServerPut(b, filledServer(b, d, 9600)) })
			b.Run("Burst", func(b *testing.B) { benchServerBurst(b, d) })
			b.Run("All", func(b *testing.B) { benchServerAll(b, d) })
		})
	}
}

func filledServer(b *testing.B, d *servertest.Database, n int) *sqlstore.Shared {
	b.Helper()
	s := openServer(b, with(d.New(b), "max_open_conns", "64"))
	if got, err := s.Tables().Records.Import(b.Context(), samples(n)); err != nil || got != n {
		b.Fatalf("imported %d of %d: %v", got, n, err)
	}
	return s
}

func benchServerGet(b *testing.B, s *sqlstore.Shared) {
	for i := 0; b.Loop(); i++ {
		if _, err := s.Get(b.Context(), sample(i%10_000).Key); err != nil {
			b.Fatal(err)
		}
	}
}

func benchServerPut(b *testing.B, s *sqlstore.Shared) {
	const callers, each = 64, 150
	versions := make([]broker.Version, callers*each)
	var next atomic.Int64
	b.ResetTimer()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := 0; next.Add(1) <= int64(b.N); i++ {
				n := c*each + i%each
				put(b, s, n, &versions[n])
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}

// benchServerBurst writes 30 000 records as fast as it can, as when so many are due at
// once, by three servers, and says how long after a write another one is told of it.
func benchServerBurst(b *testing.B, d *servertest.Database) {
	const n, servers, callers = 30_000, 3, 16
	u := with(d.New(b), "max_open_conns", "16")
	stores := make([]*sqlstore.Shared, servers)
	for i := range stores {
		stores[i] = openServer(b, u)
	}
	if got, err := stores[0].Tables().Records.Import(b.Context(), samples(n)); err != nil || got != n {
		b.Fatalf("imported %d of %d: %v", got, n, err)
	}
	versions := make([]broker.Version, n)
	for i := range versions {
		versions[i] = 1
	}
	var lags []time.Duration
	for b.Loop() {
		lags = append(lags, burst(b, stores, versions, callers)...)
	}
	slices.Sort(lags)
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "puts/s")
	for name, q := range map[string]float64{"p50": .5, "p99": .99, "max": 1} {
		b.ReportMetric(float64(lags[int(q*float64(len(lags)-1))])/float64(time.Millisecond), "ms-"+name)
	}
}

// burst writes each record once, and returns how long after it each server was told.
func burst(b *testing.B, stores []*sqlstore.Shared, versions []broker.Version, callers int) []time.Duration {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	keys := make(map[broker.Key]int, len(versions))
	for i := range versions {
		keys[sample(i).Key] = i
	}
	written := make([]atomic.Int64, len(versions))
	heard := make([][]int64, len(stores))
	var watches, writers sync.WaitGroup
	for i, s := range stores {
		changes := s.Watch(ctx)
		heard[i] = make([]int64, len(versions))
		watches.Go(func() {
			missing := len(versions)
			for c, err := range changes {
				if err != nil {
					b.Error(err)
					return
				}
				k := keys[c.Record.Key]
				if heard[i][k] != 0 || c.Record.Version <= versions[k] {
					continue
				}
				heard[i][k] = time.Now().UnixNano()
				if missing--; missing == 0 {
					return
				}
			}
		})
	}
	var next atomic.Int64
	for _, s := range stores {
		for range callers {
			writers.Go(func() {
				for k := next.Add(1) - 1; k < int64(len(versions)); k = next.Add(1) - 1 {
					r := sample(int(k))
					r.Version = versions[k]
					if _, err := s.Put(ctx, r); err != nil {
						b.Error(err)
					}
					written[k].Store(time.Now().UnixNano())
				}
			})
		}
	}
	writers.Wait()
	watches.Wait()
	var lags []time.Duration
	for k := range versions {
		versions[k]++
		for i := range stores {
			lags = append(lags, time.Duration(heard[i][k]-written[k].Load()))
		}
	}
	return lags
}

func benchServerAll(b *testing.B, d *servertest.Database) {
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	s := filledServer(b, d, n)
	b.ReportAllocs()
	for b.Loop() {
		seen := 0
		for _, err := range s.All(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			seen++
		}
		if seen != n {
			b.Fatalf("saw %d records", seen)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
