package login

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestGatesAreForgotten: apps come and go, and nothing is left of them.
func TestGatesAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gates{apps: map[string]*gate{}}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		var leaves []func()
		for range atOnce {
			leave, ok := g.enter(t.Context(), "shop")
			if !ok {
				t.Fatal("there is no place")
			}
			leaves = append(leaves, leave)
		}
		for _, ctx := range []context.Context{ended, t.Context()} {
			if _, ok := g.enter(ctx, "shop"); ok {
				t.Error("there was a place for one more")
			}
		}
		for _, leave := range leaves {
			leave()
		}
		if len(g.apps) != 0 {
			t.Errorf("%d gates are left", len(g.apps))
		}
	})
}
