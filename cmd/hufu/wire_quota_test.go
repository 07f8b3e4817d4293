package main

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/stacktest"
)

func TestCountsEndWithTheRegistrationThatTheyAreOf(t *testing.T) {
	t.Parallel()
	s := stacktest.New(t, stacktest.Config{})
	k := keeper{s.Manager, quota.New(quota.Config{})}
	counted := func() bool { return len(k.meter.Of("shop")) > 0 }
	set := func(change func(*broker.App)) {
		t.Helper()
		k.meter.Passed("shop", "/x", nil)
		a := stacktest.NewApp("shop", stacktest.AppID)
		change(a)
		if err := k.SetApp(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if set(func(a *broker.App) { a.Mode = "classic" }); !counted() {
		t.Error("another mode has the same quotas")
	}
	if set(func(a *broker.App) { a.AppID = stacktest.OtherID }); counted() {
		t.Error("another app id has quotas of its own")
	}
	k.meter.Passed("shop", "/x", nil)
	if err := k.RemoveApp(t.Context(), "shop"); err != nil || counted() {
		t.Errorf("removed: counted %t, %v", counted(), err)
	}
}
