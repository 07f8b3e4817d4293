package registry_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// slowKeeper takes its time, as the manager does that reads records of a slow store or
// waits for a flight to end.
type slowKeeper struct{ *keeper }

func (k slowKeeper) HearOfApp(ctx context.Context, a *broker.App) error {
	time.Sleep(time.Second)
	return k.keeper.HearOfApp(ctx, a)
}

// A revocation is taken in at once, whatever else is being taken in.
func TestARevocationDoesNotWaitForApps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		a := open(t, store, "k", nil, nil)
		key := addClient(t, a, "orders")
		h := store.Handle()
		b := registry.New(registry.Config{Apps: h.Apps(), Clients: h.Clients(), Sealer: sealer{"k"}, Keeper: slowKeeper{&keeper{apps: map[string]*broker.App{}}}, Logger: slog.New(slog.DiscardHandler)})
		if err := b.Load(t.Context(), nil, nil); err != nil {
			t.Fatal(err)
		}
		go b.Follow(t.Context())
		for i := range 60 {
			id := fmt.Sprintf("app-%d", i)
			putApp(t, a, newApp(id, "wx-"+id, "s"))
			b.Heard(broker.Change{App: id})
		}
		time.Sleep(1500 * time.Millisecond)
		if err := a.DeleteClient(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		b.Heard(broker.Change{Client: "orders"})
		begun := time.Now()
		for b.Authenticate(key) != nil {
			time.Sleep(100 * time.Millisecond)
		}
		if d := time.Since(begun); d > 2*time.Second {
			t.Errorf("a key that was revoked was good for %v more", d)
		}
		time.Sleep(2 * time.Minute)
	})
}

// Who is let in again because a store was restored is said.
func TestAClientThatComesBackWithABackupIsLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		f := open(t, store, "k", nil, nil)
		go f.Follow(t.Context())
		key := addClient(t, f, "orders")
		restore := store.Backup()
		if err := f.DeleteClient(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		restore()
		f.Heard(broker.Change{}) // as Resync does
		synctest.Wait()
		if f.Authenticate(key) != nil && !strings.Contains(f.log.String(), "orders") {
			t.Errorf("a revoked client is let in again, and the log says: %q", f.log.String())
		}
	})
}
