package renew

import (
	"fmt"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestOneEntryForAKeyHoweverManyAskForItFirst(t *testing.T) {
	t.Parallel()
	x := newIndex()
	kinds := map[broker.Kind]broker.Source{broker.AccessToken: {}, broker.JSAPITicket: {Derived: true}}
	const apps, askers = 200, 8
	var wg sync.WaitGroup
	found := make([][]*entry, askers)
	for i := range askers {
		wg.Go(func() {
			for n := range apps {
				id := fmt.Sprint(n)
				a := x.getOrAdd(&definition{app: &broker.App{ID: id}, kinds: kinds})
				found[i] = append(found[i], a.findOrAdd(broker.AccessToken, ""), a.findOrAdd(broker.JSAPITicket, "sub"))
				if a.findOrAdd("no such", "") != nil {
					t.Error("there is an entry for a kind that the platform does not have")
				}
				x.each(func(a *app) { _ = a.def.Load().app.ID })
			}
		})
	}
	wg.Wait()
	for i := range askers {
		for n, e := range found[i] {
			if e == nil || e != found[0][n] {
				t.Fatalf("asker %d got another entry %d", i, n)
			}
		}
	}
	for n := range apps {
		a := x.get(fmt.Sprint(n))
		if len(a.entries()) != 2 || a.find(broker.JSAPITicket, "") != nil {
			t.Errorf("app %d has %d entries, want 2", n, len(a.entries()))
		}
		if k := a.entries()[0].key(); k.App != fmt.Sprint(n) {
			t.Errorf("app %d has the key %v", n, k)
		}
	}
	if x.remove("7") == nil || x.remove("7") != nil || x.get("7") != nil {
		t.Error("an app was not removed once")
	}
}
