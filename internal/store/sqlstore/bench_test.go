package sqlstore_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"iter"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

// sample returns a record as it looks after some renewals: two boxes of the size of
// sealed WeChat tokens.
func sample(i int) broker.Record {
	now := time.Now()
	box := make([]byte, 170)
	rand.Read(box)
	return broker.Record{
		Key: broker.Key{App: fmt.Sprintf("app-%07d", i), Kind: broker.AccessToken},
		Current: broker.SealedToken{
			Version: 2, Box: box, Issued: now, Expiry: now.Add(2 * time.Hour), Until: now.Add(time.Hour),
		},
		Previous: broker.SealedToken{
			Version: 1, Box: box, Issued: now, Expiry: now.Add(2 * time.Hour), Until: now.Add(time.Hour),
		},
		Due: now.Add(time.Hour), Budget: broker.Budget{Day: 20000, Issues: 12}, Secret: "deadbeef", Source: "0123456789abcdef",
	}
}

// samples are new records at version 1.
func samples(n int) iter.Seq2[broker.Record, error] {
	return func(yield func(broker.Record, error) bool) {
		for i := range n {
			r := sample(i)
			r.Version = 1
			if !yield(r, nil) {
				return
			}
		}
	}
}

func filled(b *testing.B, n int) *sqlstore.Store {
	b.Helper()
	s := open(b, filepath.Join(b.TempDir(), "hufu.db"), nil)
	if got, err := s.Tables().Records.Import(b.Context(), samples(n)); err != nil || got != n {
		b.Fatalf("imported %d of %d: %v", got, n, err)
	}
	return s
}

func BenchmarkGet(b *testing.B) {
	s := filled(b, 10_000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Get(b.Context(), sample(i%10_000).Key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	s := filled(b, 10_000)
	versions := make([]broker.Version, 10_000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		put(b, s, i%10_000, &versions[i%10_000])
	}
}

func BenchmarkPut64Callers(b *testing.B) {
	const callers, each = 64, 150
	s := filled(b, callers*each)
	versions := make([]broker.Version, callers*each)
	var next atomic.Int64
	b.ReportAllocs()
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

// put changes the bytes too, as SQLite does not write what is the same.
func put(b *testing.B, s broker.TokenStore, i int, v *broker.Version) {
	r := sample(i)
	r.Version = *v + 1
	binary.BigEndian.PutUint64(r.Current.Box, uint64(*v))
	if _, err := s.Put(context.Background(), r); err != nil {
		b.Error(err)
	}
	*v++
}

func BenchmarkAll(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 100_000 && testing.Short() {
				b.Skip("takes a minute")
			}
			s := filled(b, n)
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
		})
	}
}

func BenchmarkImport(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "hufu.db"), nil)
	b.ResetTimer()
	n, err := s.Tables().Records.Import(b.Context(), samples(b.N))
	if err != nil || n != b.N {
		b.Fatal(n, err)
	}
}

func BenchmarkAcquireRelease(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "hufu.db"), nil)
	for b.Loop() {
		l, err := s.Acquire(b.Context(), "shop", "me", time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Release(b.Context(), l); err != nil {
			b.Fatal(err)
		}
	}
}
