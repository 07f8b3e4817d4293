package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// at gives an app a mode and a host of its own.
func at(a *broker.App, mode, baseURL string) *broker.App {
	a.Mode, a.BaseURL = mode, baseURL
	return a
}

// I1: two apps that are the same registration would rotate each other's tokens.
func TestARegistrationIsAddedOnce(t *testing.T) {
	t.Parallel()
	file := newApp("file", "wx0001", "s")
	file.Origin = broker.FromFile
	f := open(t, memstore.New(memstore.Config{}), "k", []*broker.App{file}, nil)
	put := func(a *broker.App) error { return second(f.PutApp(t.Context(), a)) }
	if err := put(newApp("shop", "wx0002", "s")); err != nil {
		t.Fatal(err)
	}
	const itsOwn = "https://api.weixin.qq.com" // is the default
	for name, a := range map[string]*broker.App{
		"as that of the file":    newApp("again", "wx0001", "s"),
		"as the one from here":   newApp("again", "wx0002", "s"),
		"its id as the app id":   newApp("wx0002", "wx0002", "s"),
		"with its default named": at(newApp("again", "wx0002", "s"), "", itsOwn),
		"by another way in":      at(newApp("again", "wx0002", "s"), "", "https://api2.weixin.qq.com"),
	} {
		err := put(a)
		if !errors.Is(err, registry.ErrTwice) || broker.AsError(err).Hint == "" || f.App(a.ID) != nil {
			t.Errorf("I1: %s: %v, want a refusal", name, err)
		}
	}
	// It may be changed, and the same app id may be used elsewhere or in another way.
	for _, a := range []*broker.App{
		newApp("shop", "wx0002", "new"), at(newApp("classic", "wx0002", "s"), "classic", ""), at(newApp("test", "wx0002", "s"), "", "http://sandbox"),
	} {
		if err := put(a); err != nil {
			t.Errorf("%s: %v", a.ID, err)
		}
	}
	// A change is not to make it the same as another one.
	if err := put(newApp("test", "wx0002", "s")); !errors.Is(err, registry.ErrTwice) {
		t.Errorf("I1: %v, want a refusal", err)
	}
}

func TestManyWhoAddARegistrationAddItOnceI1(t *testing.T) {
	t.Parallel()
	f := open(t, memstore.New(memstore.Config{}), "k", nil, nil)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := f.PutApp(t.Context(), newApp(fmt.Sprint("app-", i), "wx0001", "s")); err != nil && !errors.Is(err, registry.ErrTwice) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(f.ByPlatformID(nil, "wechat", "wx0001")); n != 1 {
		t.Errorf("I1: it is there %d times", n)
	}
}

// I1: what the store has twice, or the file has as well, is used once; the other is
// logged, and can be deleted.
func TestAStoredRegistrationIsUsedOnce(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Config{})
	f := open(t, store, "k", nil, nil)
	for _, a := range []*broker.App{newApp("one", "wx0001", "s"), newApp("two", "wx0002", "s"), newApp("other", "wx0003", "s")} {
		if _, err := f.PutApp(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	// An earlier version took what is refused now.
	d, err := f.Seal(newApp("two-again", "wx0002", "s"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Apps().Put(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	file := newApp("file", "wx0001", "s")
	file.Origin = broker.FromFile
	g := open(t, store, "k", []*broker.App{file}, nil)
	if g.App("file") == nil || g.App("one") != nil {
		t.Error("I1: the stored one is used, or that of the file is not")
	}
	if n := len(g.ByPlatformID(nil, "wechat", "wx0002")); n != 1 {
		t.Errorf("I1: an app that is stored twice is used %d times", n)
	}
	if g.App("other") == nil {
		t.Error("another app is gone")
	}
	if n := strings.Count(g.log.String(), "level=ERROR"); n != 2 || !strings.Contains(g.log.String(), "app=one") {
		t.Errorf("the log:\n%s", g.log)
	}
	if err := g.DeleteApp(t.Context(), "one"); err != nil {
		t.Error(err)
	}
}

// The condition of a change sees the app as it would be.
func TestAChangeIsMadeOnACondition(t *testing.T) {
	t.Parallel()
	f := open(t, memstore.New(memstore.Config{}), "k", nil, nil)
	no := errors.New("no")
	_, err := f.PutAppIf(t.Context(), newApp("shop", "wx0001", "s"), func(a *broker.App) error {
		if a.BaseURL == "" {
			t.Error("the app is not completed")
		}
		return no
	}, func(*broker.App, func() error) error {
		t.Error("the app is being put although it may not be")
		return nil
	})
	if !errors.Is(err, no) || f.App("shop") != nil {
		t.Errorf("%v", err)
	}
}

// What has to be done before anybody knows of an app is done before, and the app is not put
// without it.
func TestAnAppIsPutByWhoeverHasSomethingToDoBefore(t *testing.T) {
	t.Parallel()
	f := open(t, memstore.New(memstore.Config{}), "k", nil, nil)
	all := func(*broker.App) error { return nil }
	no := errors.New("no")
	unknown := func() {
		t.Helper()
		if _, err := f.store.Apps().Get(t.Context(), "shop"); !errors.Is(err, broker.ErrNotFound) || f.App("shop") != nil {
			t.Errorf("the app is known: %v", err)
		}
	}
	created, err := f.PutAppIf(t.Context(), newApp("shop", "wx0001", "s"), all, func(next *broker.App, _ func() error) error {
		unknown()
		if next.BaseURL == "" || next.Origin != broker.FromAPI {
			t.Error("the app is not what it will be")
		}
		return no
	})
	unknown()
	if !errors.Is(err, no) || created {
		t.Errorf("%v, %v", created, err)
	}
	created, err = f.PutAppIf(t.Context(), newApp("shop", "wx0001", "s"), all, func(_ *broker.App, put func() error) error {
		unknown()
		return put()
	})
	if err != nil || !created || f.App("shop") == nil {
		t.Errorf("%v, %v", created, err)
	}
}

func TestIDsAreListedInOrderAfterEveryChange(t *testing.T) {
	t.Parallel()
	f := open(t, memstore.New(memstore.Config{}), "k", []*broker.App{newApp("m", "wx0001", "s")}, nil)
	want := []string{"m"}
	check := func(after string) {
		t.Helper()
		slices.Sort(want)
		if got := f.AppIDs(); !slices.Equal(got, want) {
			t.Errorf("after %s: %v, want %v", after, got, want)
		}
	}
	check("the start")
	put := func(ids ...string) {
		for _, id := range ids {
			if _, err := f.PutApp(t.Context(), newApp(id, "wx-"+id, "s")); err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(want, id) {
				want = append(want, id)
			}
		}
	}
	drop := func(ids ...string) {
		for _, id := range ids {
			if err := f.DeleteApp(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			want = slices.DeleteFunc(want, func(x string) bool { return x == id })
		}
	}
	put("z", "a")
	check("two were added")
	before := slices.Clone(f.AppIDs())
	held := f.AppIDs()
	put("a", "n", "b")
	drop("z", "b")
	check("several changes")
	if !slices.Equal(held, before) {
		t.Errorf("a list that was handed out has changed: %v", held)
	}
	drop("a", "n")
	check("all were removed")
	check("nothing")
}

// A page of a list of very many costs no more than a page of a short one.
func BenchmarkAppIDs(b *testing.B) {
	k := &keeper{apps: map[string]*broker.App{}}
	for i := range 1_000_000 {
		k.apps[fmt.Sprint("app-", i)] = &broker.App{}
	}
	r := registry.New(registry.Config{Keeper: k})
	r.AppIDs()
	for b.Loop() {
		r.AppIDs()
	}
}

// What has to be done before an app is put may take its time, because a platform is asked. No
// other change waits for it, such as that a client was revoked; and what has changed meanwhile
// is seen (I1, I9).
func TestWhatIsDoneBeforeAnAppIsPutKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	all := func(*broker.App) error { return nil }
	for name, tc := range map[string]struct {
		meanwhile *broker.App
		want      error
	}{
		"another app":           {newApp("other", "wx0009", "s"), nil},
		"the same app":          {newApp("shop", "wx0001", "new"), registry.ErrChanged},
		"the same registration": {newApp("twin", "wx0001", "s"), registry.ErrTwice},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, memstore.New(memstore.Config{}), "k", nil, nil)
			created, err := f.PutAppIf(t.Context(), newApp("shop", "wx0001", "s"), all, func(_ *broker.App, put func() error) error {
				done := make(chan error)
				go func() { done <- second(f.PutApp(t.Context(), tc.meanwhile)) }()
				select {
				case err := <-done:
					if err != nil {
						t.Error(err)
					}
				case <-time.After(10 * time.Second):
					t.Error("another change waits for it")
				}
				return put()
			})
			if !errors.Is(err, tc.want) || created != (tc.want == nil) {
				t.Errorf("%v, %v, want %v", created, err, tc.want)
			}
		})
	}
}
