package turns

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestNamesAreForgotten: names come and go, and nothing is left of them.
func TestNamesAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 64
		all := New(most)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		waiting, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		var leaves []func()
		for range most {
			leave, ok := all.Take(t.Context(), "shop")
			if !ok {
				t.Fatal("there is no place")
			}
			leaves = append(leaves, leave)
		}
		for _, ctx := range []context.Context{ended, waiting} {
			if _, ok := all.Take(ctx, "shop"); ok {
				t.Error("there was a place for one more")
			}
		}
		other, ok := all.Take(t.Context(), "blog")
		if !ok {
			t.Fatal("one name keeps another waiting")
		}
		other()
		for _, leave := range leaves {
			leave()
		}
		if len(all.places) != 0 {
			t.Errorf("%d names are left", len(all.places))
		}
	})
}

// TestAPlaceThatIsLeftGoesToWhoWaits.
func TestAPlaceThatIsLeftGoesToWhoWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := New(1)
		leave, _ := all.Take(t.Context(), "shop")
		got := make(chan bool)
		go func() {
			next, ok := all.Take(t.Context(), "shop")
			got <- ok
			next()
		}()
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("two have one place")
		default:
		}
		leave()
		if !<-got {
			t.Error("the place is lost")
		}
	})
}
