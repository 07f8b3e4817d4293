package sqlstore_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

func TestCloseWaitsForTheWritesUnderWay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hufu.db")
	s := open(t, path, nil)
	var mu sync.Mutex
	acknowledged := map[broker.Key]bool{}
	var wg sync.WaitGroup
	started := make(chan struct{}, 1)
	for c := range 16 {
		wg.Go(func() {
			for i := c * 10_000; ; i++ {
				r := sample(i)
				_, err := s.Put(t.Context(), r)
				if err != nil {
					if !errors.Is(err, sqlstore.ErrClosed) {
						t.Errorf("put: %v", err)
					}
					return
				}
				mu.Lock()
				acknowledged[r.Key] = true
				if len(acknowledged) == 200 {
					started <- struct{}{}
				}
				mu.Unlock()
			}
		})
	}
	<-started
	closeStore(t, s)
	wg.Wait()
	s = open(t, path, nil)
	for k := range acknowledged {
		if _, err := s.Get(t.Context(), k); err != nil {
			t.Error(err)
		}
	}
}

func TestCloseEndsReads(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hufu.db")
	s := open(t, path, nil)
	if _, err := s.Tables().Records.Import(t.Context(), samples(3000)); err != nil {
		t.Fatal(err)
	}
	var last error
	seen := 0
	for _, err := range s.All(t.Context()) {
		if last = err; err == nil {
			seen++
		}
		if seen == 5 {
			closeStore(t, s)
		}
	}
	if !errors.Is(last, sqlstore.ErrClosed) || seen > 6 {
		t.Errorf("after %d records: %v", seen, last)
	}
	_, setting := s.Setting(t.Context(), "x")
	_, query := s.Audit().Query(t.Context(), broker.AuditFilter{})
	_, clock := s.Clock(t.Context())
	_, app := s.Apps().Get(t.Context(), "x")
	for what, err := range map[string]error{"setting": setting, "query": query, "clock": clock, "app": app} {
		if !errors.Is(err, sqlstore.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
