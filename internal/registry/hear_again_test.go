package registry_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// A key is rotated by revoking a client and adding it again. Other servers hear of both
// at once.
func TestAClientThatIsRevokedAndAddedAgainHasOnlyItsNewKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		a, b := open(t, store, "k", nil, nil), open(t, store.Handle(), "k", nil, nil)
		go b.Follow(t.Context())
		old := addClient(t, a, "orders")
		b.Heard(broker.Change{Client: "orders"})
		synctest.Wait()
		if err := a.DeleteClient(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		next := addClient(t, a, "orders")
		b.Heard(broker.Change{Client: "orders"}) // as a store that is polled tells of both
		b.Heard(broker.Change{})                 // and after a gap
		synctest.Wait()
		if b.Authenticate(old) != nil {
			t.Error("the key that was revoked is still good on the other server")
		}
		if b.Authenticate(next) == nil {
			t.Error("the new key is not known on the other server")
		}
	})
}

func TestAnAppThatIsRemovedAndAddedAgainIsTheNewOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		a, b := open(t, store, "k", nil, nil), open(t, store.Handle(), "k", nil, nil)
		go b.Follow(t.Context())
		putApp(t, a, newApp("shop", "wx1", "old"))
		b.Heard(broker.Change{App: "shop"})
		synctest.Wait()
		if err := a.DeleteApp(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		putApp(t, a, newApp("shop", "wx1", "new"))
		b.Heard(broker.Change{App: "shop"})
		b.Heard(broker.Change{})
		synctest.Wait()
		if got := b.App("shop").Secrets[0].Reveal(); got != "new" {
			t.Errorf("the other server has secret %q", got)
		}
		// And a change without a secret through b writes the old secret over the new one.
		if _, err := b.PutApp(t.Context(), newApp("shop", "wx1")); err != nil {
			t.Fatal(err)
		}
		if got := open(t, store.Handle(), "k", nil, nil).App("shop").Secrets[0].Reveal(); got != "new" {
			t.Errorf("stored is secret %q again", got)
		}
	})
}

// flakyKeeper registers an app and cannot read its tokens, as the manager does when the
// store fails in between.
type flakyKeeper struct {
	*keeper
	err error
}

func (k *flakyKeeper) HearOfApp(ctx context.Context, a *broker.App) error {
	return errors.Join(k.keeper.HearOfApp(ctx, a), k.err)
}

func TestAnAppWhoseTokensCouldNotBeReadIsFoundByItsPlatformID_I1(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		a := open(t, store, "k", nil, nil)
		k := &flakyKeeper{&keeper{apps: map[string]*broker.App{}}, errors.New("the store is gone")}
		b := registry.New(registry.Config{Apps: store.Handle().Apps(), Clients: store.Handle().Clients(), Sealer: sealer{"k"}, Keeper: k, Logger: slog.New(slog.DiscardHandler)})
		if err := b.Load(t.Context(), nil, nil); err != nil {
			t.Fatal(err)
		}
		_ = b.AppIDs()
		go b.Follow(t.Context())
		putApp(t, a, newApp("shop", "wx1", "s"))
		b.Heard(broker.Change{App: "shop"})
		synctest.Wait()
		k.err = nil
		b.Heard(broker.Change{App: "shop"})
		b.Heard(broker.Change{})
		time.Sleep(time.Minute)
		if b.App("shop") == nil {
			t.Fatal("not registered at all")
		}
		if len(b.AppIDs()) != 1 {
			t.Errorf("listed are %v", b.AppIDs())
		}
		if len(b.ByPlatformID(nil, "wechat", "wx1")) != 1 {
			t.Error("not found by its platform's id")
		}
		if _, err := b.PutApp(t.Context(), newApp("shop-2", "wx1", "s")); !errors.Is(err, registry.ErrTwice) {
			t.Errorf("I1: the same registration was added once more: %v", err)
		}
	})
}

// An app that becomes a twin of another one is that on every server.
func TestI1AnAppThatBecomesATwinIsDroppedEverywhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, nil, nil)
		putApp(t, a, newApp("b-shop", "wx1", "s"))
		synctest.Wait()
		// At once: a makes b-shop wx2, b adds a-shop as wx2.
		putApp(t, a, newApp("b-shop", "wx2", "s"))
		putApp(t, b, newApp("a-shop", "wx2", "s"))
		synctest.Wait()
		late := open(t, a.store.Handle(), "k", nil, nil)
		t.Log(a.AppIDs(), b.AppIDs(), late.AppIDs())
		if x, y, z := strings.Join(a.AppIDs(), ","), strings.Join(b.AppIDs(), ","), strings.Join(late.AppIDs(), ","); x != y || x != z {
			t.Errorf("a has %s, b has %s, a late one has %s", x, y, z)
		}
	})
}

// After the one that won is removed, all servers agree again.
func TestTwinsAfterTheWinnerIsRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, nil, nil)
		putApp(t, a, newApp("a-shop", "wx1", "s"))
		putApp(t, b, newApp("b-shop", "wx1", "s"))
		synctest.Wait()
		if err := a.DeleteApp(t.Context(), "a-shop"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		late := open(t, a.store.Handle(), "k", nil, nil)
		if x, y, z := strings.Join(a.AppIDs(), ","), strings.Join(b.AppIDs(), ","), strings.Join(late.AppIDs(), ","); x != y || x != z {
			t.Errorf("a has %q, b has %q, a late one has %q", x, y, z)
		}
	})
}
