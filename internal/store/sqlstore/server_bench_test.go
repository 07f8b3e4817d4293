package sqlstore_test

import (
	"sync"
	"sync/atomic"
	"testing"

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
