package registry_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// Keys are rotated at one server, and the file is shared.
func TestClientsOfOtherServersOutliveARotationOfTheKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	ringA, err := seal.Start(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	ringB, err := seal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		server := func(s *memstore.Store, ring *seal.Keyring) *fixture {
			changes := s.Watch(t.Context())
			f := &fixture{store: s, keeper: &keeper{apps: map[string]*broker.App{}}}
			f.Registry = registry.New(registry.Config{Apps: s.Apps(), Clients: s.Clients(), Sealer: ring, Keeper: f.keeper, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
			if err := f.Load(t.Context(), nil, nil); err != nil {
				t.Fatal(err)
			}
			go f.Follow(t.Context())
			go func() {
				for c, err := range changes {
					if err == nil && c.Record == nil {
						f.Heard(c)
					}
				}
			}()
			return f
		}
		a, b := server(store, ringA), server(store.Handle(), ringB)
		key := addClient(t, a, "orders")
		synctest.Wait()
		if b.Authenticate(key) == nil {
			t.Fatal("not known")
		}
		// As keyRotation.steps does.
		if _, err := seal.Rotate(path); err != nil {
			t.Fatal(err)
		}
		if err := ringA.Reload(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Reseal(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if b.Authenticate(key) == nil {
			t.Error("the other server does not let the client in any more")
		}
	})
}
