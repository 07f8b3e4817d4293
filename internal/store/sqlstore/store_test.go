package sqlstore_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
	"github.com/hufu-io/hufu/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	skip := storetest.Skip{Fleet: "one process owns the embedded database"}
	storetest.Run(t, storetest.Harness{Skip: skip, Open: func(t *testing.T) storetest.Fixture {
		clock := storetest.NewClock()
		path := filepath.Join(t.TempDir(), "hufu.db")
		s := open(t, path, clock.Now)
		return storetest.Fixture{
			Store: s, Advance: clock.Advance,
			// One process owns the database, and all its users share the store.
			Handle: func() broker.Store { return s },
			Reopen: func() broker.Store { closeStore(t, s); return open(t, path, clock.Now) },
		}
	}})
}

// open opens a store and closes it when the test ends.
func open(t testing.TB, path string, now func() time.Time) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *sqlstore.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
