package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// two returns the registries of two servers that share a store and hear of each other's
// changes. It is called in a bubble.
func two(t *testing.T, apps []*broker.App, clients []*broker.Client) (a, b *fixture) {
	t.Helper()
	store := memstore.New(memstore.Config{})
	return sharing(t, store, apps, clients), sharing(t, store.Handle(), apps, clients)
}

func sharing(t *testing.T, store *memstore.Store, apps []*broker.App, clients []*broker.Client) *fixture {
	t.Helper()
	changes := store.Watch(t.Context())
	f := open(t, store, "k", apps, clients)
	go f.Follow(t.Context())
	go func() {
		for c, err := range changes {
			if err != nil {
				return
			}
			if c.App != "" || c.Client != "" {
				f.Heard(c)
			}
		}
	}()
	return f
}

func addClient(t *testing.T, f *fixture, name string) string {
	t.Helper()
	key, err := f.AddClient(t.Context(), &broker.Client{Name: name, Apps: []string{"*"}, Rights: broker.Rights(broker.Read)})
	if err != nil {
		t.Fatal(err)
	}
	return key.Reveal()
}

func putApp(t *testing.T, f *fixture, a *broker.App) {
	t.Helper()
	if _, err := f.PutApp(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

func TestServersHearOfEachOthersApps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, nil, nil)
		putApp(t, a, newApp("shop", "wx1", "first"))
		synctest.Wait()
		if got := b.App("shop"); got == nil || got.Secrets[0].Reveal() != "first" {
			t.Fatalf("an app that another server added: %v", got)
		}
		putApp(t, b, newApp("shop", "wx1", "second"))
		synctest.Wait()
		if got := a.App("shop"); got.Secrets[0].Reveal() != "second" || got.Version != b.App("shop").Version {
			t.Error("an app that another server changed is what it was")
		}
		if ids := a.AppIDs(); !slices.Equal(ids, []string{"shop"}) {
			t.Errorf("ids: %v", ids)
		}
		if err := a.DeleteApp(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if b.App("shop") != nil || len(b.AppIDs()) != 0 || len(b.ByPlatformID(nil, "wechat", "wx1")) != 0 {
			t.Error("an app that another server removed is still there")
		}
	})
}

func TestAClientThatIsRevokedIsRevokedOnEveryServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, nil, nil)
		key := addClient(t, a, "orders")
		synctest.Wait()
		c := b.Authenticate(key)
		if c == nil {
			t.Fatal("a key that another server made is not known")
		}
		epoch := b.ClientsEpoch()
		if err := a.DeleteClient(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if b.Authenticate(key) != nil || b.Valid(c) || b.ClientsEpoch() == epoch {
			t.Error("a key that another server revoked is still good")
		}
		next := addClient(t, b, "orders")
		synctest.Wait()
		if a.Authenticate(key) != nil || a.Authenticate(next) == nil {
			t.Error("a client of the same name has the key of the one before it")
		}
	})
}

// Changes are made on top of what is stored, also where a server has not heard of it yet.
func TestAServerChangesWhatIsStoredAndNotWhatItRemembers(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store := memstore.New(memstore.Config{})
	a, b := open(t, store, "k", nil, nil), open(t, store.Handle(), "k", nil, nil) // they hear nothing
	putApp(t, a, newApp("shop", "wx1", "first"))
	if created, err := b.PutApp(ctx, newApp("shop", "wx1")); err != nil || created {
		t.Errorf("an app that another server added was made anew: %v, %v", created, err)
	}
	if got := b.App("shop"); got == nil || got.Secrets[0].Reveal() != "first" {
		t.Error("its secret was lost")
	}
	putApp(t, a, newApp("shop", "wx1", "second"))
	if err := b.DeleteApp(ctx, "shop"); err != nil {
		t.Errorf("remove what another server has changed: %v", err)
	}
	if err := a.DeleteApp(ctx, "shop"); !errors.Is(err, broker.ErrUnknownApp) {
		t.Errorf("remove what another server has removed: %v", err)
	}
	addClient(t, a, "orders")
	if _, err := b.AddClient(ctx, &broker.Client{Name: "orders"}); !errors.Is(err, registry.ErrExists) {
		t.Errorf("add a client that another server has added: %v", err)
	}
	if err := b.DeleteClient(ctx, "orders"); err != nil {
		t.Errorf("revoke a client that another server has added: %v", err)
	}
	if err := a.DeleteClient(ctx, "orders"); !errors.Is(err, registry.ErrUnknownClient) {
		t.Errorf("revoke it once more: %v", err)
	}
}

func TestAGapIsMadeUpFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		store := memstore.New(memstore.Config{})
		file := newApp("file", "wxfile", "s")
		file.Origin = broker.FromFile
		fixed := &broker.Client{Name: "fixed", Key: registry.HashKey("x"), Origin: broker.FromFile}
		a := open(t, store, "k", nil, nil)
		putApp(t, a, newApp("stays", "wx1", "s"))
		putApp(t, a, newApp("changes", "wx2", "s"))
		putApp(t, a, newApp("goes", "wx3", "s"))
		addClient(t, a, "stays")
		gone := addClient(t, a, "goes")
		b := open(t, store.Handle(), "k", []*broker.App{file}, []*broker.Client{fixed})
		go b.Follow(ctx)
		putApp(t, a, newApp("changes", "wx2", "new"))
		putApp(t, a, newApp("comes", "wx4", "s"))
		if err := errors.Join(a.DeleteApp(ctx, "goes"), a.DeleteClient(ctx, "goes")); err != nil {
			t.Fatal(err)
		}
		came := addClient(t, a, "comes")
		b.Heard(broker.Change{})
		synctest.Wait()
		if ids, want := b.AppIDs(), []string{"changes", "comes", "file", "stays"}; !slices.Equal(ids, want) {
			t.Errorf("apps %v, want %v", ids, want)
		}
		if b.App("changes").Secrets[0].Reveal() != "new" {
			t.Error("a change was missed")
		}
		if b.Authenticate(gone) != nil || b.Authenticate(came) == nil || b.Client("fixed") == nil || len(b.Clients()) != 3 {
			t.Errorf("clients: %v", b.Clients())
		}
	})
}

// What the file defines is the file's, whatever others store under the same name.
func TestWhatIsHeardDoesNotHideTheFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		other := sharing(t, store, nil, nil)
		file := newApp("shop", "wxfile", "of the file")
		file.Origin = broker.FromFile
		f := sharing(t, store.Handle(), []*broker.App{file}, []*broker.Client{{Name: "orders", Key: registry.HashKey("x"), Origin: broker.FromFile}})
		putApp(t, other, newApp("shop", "wx1", "stored"))
		key := addClient(t, other, "orders")
		synctest.Wait()
		if f.App("shop").Secrets[0].Reveal() != "of the file" || f.Authenticate(key) != nil || f.Authenticate("x") == nil {
			t.Error("the file's was replaced")
		}
		if err := errors.Join(other.DeleteApp(t.Context(), "shop"), other.DeleteClient(t.Context(), "orders")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if f.App("shop") == nil || f.Authenticate("x") == nil {
			t.Error("the file's was removed")
		}
	})
}

// I1: two servers that add the same registration at once agree on one of the two.
func TestI1ServersAgreeOnOneOfTwoAppsThatAreTheSame(t *testing.T) {
	t.Parallel()
	for _, order := range [][2]string{{"a-shop", "b-shop"}, {"b-shop", "a-shop"}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := memstore.New(memstore.Config{})
				a, b := open(t, store, "k", nil, nil), open(t, store.Handle(), "k", nil, nil)
				// Neither has heard of the other's yet.
				putApp(t, a, newApp(order[0], "wx1", "s"))
				putApp(t, b, newApp(order[1], "wx1", "s"))
				for _, f := range []*fixture{a, b} {
					go f.Follow(t.Context())
					f.Heard(broker.Change{App: order[0]})
					f.Heard(broker.Change{App: order[1]})
				}
				synctest.Wait()
				late := open(t, a.store.Handle(), "k", nil, nil)
				for name, f := range map[string]*fixture{"the first": a, "the second": b, "a late one": late} {
					if f.App("a-shop") == nil || f.App("b-shop") != nil {
						t.Errorf("%s server has the apps %v, want a-shop", name, f.AppIDs())
					}
				}
			})
		})
	}
}

func TestADefinitionThatCannotBeReadIsReadLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		a := open(t, store, "k", nil, nil)
		away := store.Handle()
		b := open(t, away, "k", nil, nil)
		go b.Follow(t.Context())
		key := addClient(t, a, "orders")
		putApp(t, a, newApp("shop", "wx1", "s"))
		away.Fail(errors.New("the store is gone"))
		b.Heard(broker.Change{Client: "orders"})
		b.Heard(broker.Change{App: "shop"})
		b.Heard(broker.Change{})
		time.Sleep(10 * time.Second)
		away.Fail(nil)
		time.Sleep(2 * time.Second)
		if b.Authenticate(key) == nil || b.App("shop") == nil {
			t.Error("what could not be read was forgotten")
		}
	})
}

// A client that somebody without the keyset has changed is nobody.
func TestAClientThatCannotBeOpenedIsNotWhoItWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, nil, nil)
		key := addClient(t, a, "orders")
		synctest.Wait()
		d, err := a.store.Clients().Get(t.Context(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		d.Spec = []byte(strings.Replace(string(d.Spec), `["read"]`, `["admin"]`, 1))
		if _, err := a.store.Clients().Put(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if b.Authenticate(key) != nil {
			t.Error("it is still let in")
		}
		if !strings.Contains(b.log.String(), "a stored client cannot be used") {
			t.Error("nothing was said of it")
		}
	})
}

func TestManyChangesOnManyServersConverge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		var servers []*fixture
		for range 3 {
			servers = append(servers, sharing(t, store.Handle(), nil, nil))
		}
		var wg sync.WaitGroup
		for i, f := range servers {
			wg.Go(func() {
				ctx := context.WithoutCancel(t.Context())
				for n := range 60 {
					id := fmt.Sprintf("app-%d", (n*7+i)%10)
					if n%3 == 2 {
						_ = f.DeleteApp(ctx, id) // another may have been faster
					} else {
						_, _ = f.PutApp(ctx, newApp(id, "wx-"+id, fmt.Sprint("secret-", i, n)))
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		wg.Wait()
		time.Sleep(5 * time.Second)
		late := open(t, store.Handle(), "k", nil, nil)
		for i, f := range servers {
			if got, want := f.AppIDs(), late.AppIDs(); !slices.Equal(got, want) {
				t.Fatalf("server %d has %v, stored are %v", i, got, want)
			}
			for _, id := range late.AppIDs() {
				if a, b := f.App(id), late.App(id); a.Version != b.Version || !a.Secrets[0].Equal(b.Secrets[0]) {
					t.Errorf("server %d has another %s than is stored", i, id)
				}
			}
		}
	})
}
