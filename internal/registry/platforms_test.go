package registry_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

func TestAppsOfAPlatformFollowEveryChange(t *testing.T) {
	t.Parallel()
	of := func(platform string, a *broker.App) *broker.App {
		a.Platform = platform
		return a
	}
	f := open(t, memstore.New(memstore.Config{}), "k", []*broker.App{newApp("m", "wx0001", "s")}, nil)
	check := func(wechat, wecom []string) {
		t.Helper()
		if x, y := f.AppsOf("wechat"), f.AppsOf("wecom"); !slices.Equal(x, wechat) || !slices.Equal(y, wecom) {
			t.Errorf("got %v and %v, want %v and %v", x, y, wechat, wecom)
		}
	}
	put := func(a *broker.App) {
		t.Helper()
		if _, err := f.PutApp(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	check([]string{"m"}, nil)
	put(of("wecom", newApp("hr", "ww0001", "s")))
	put(newApp("a", "wx0002", "s"))
	check([]string{"a", "m"}, []string{"hr"})
	put(of("wecom", newApp("a", "ww0002", "s")))
	check([]string{"m"}, []string{"a", "hr"})
	if err := f.DeleteApp(t.Context(), "hr"); err != nil {
		t.Fatal(err)
	}
	check([]string{"m"}, []string{"a"})
}

// The apps of a platform with few are found however many others come before them.
func TestAppsOfASmallPlatformAreFoundBehindThoseOfALargeOne(t *testing.T) {
	t.Parallel()
	k := &keeper{apps: map[string]*broker.App{"z-hr": {ID: "z-hr", Platform: "wecom"}}}
	for i := range 5000 {
		id := fmt.Sprintf("a-%04d", i)
		k.apps[id] = &broker.App{ID: id, Platform: "wechat"}
	}
	r := registry.New(registry.Config{Keeper: k})
	if got := r.AppsOf("wecom"); !slices.Equal(got, []string{"z-hr"}) {
		t.Errorf("of the small one: %v", got)
	}
	if got := r.AppsOf("wechat"); len(got) != 1000 || got[0] != "a-0000" || !slices.IsSorted(got) {
		t.Errorf("of the large one: %d apps", len(got))
	}
	if got := r.AppsOf("qq"); len(got) != 0 {
		t.Errorf("of one without apps: %v", got)
	}
}
