package storecopy_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/store/memstore"
	"github.com/hufu-io/hufu/internal/store/storecopy"
)

func TestAStoreInUseIsRefusedWithTheNamesOfItsServers(t *testing.T) {
	t.Parallel()
	for which := range 2 {
		stores := [2]*memstore.Store{filled(t, 3), empty(t)}
		for _, name := range []string{"host-1", "host-2"} {
			if _, err := stores[which].Beat(t.Context(), name, 1, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		got, err := run(t, stores[0], stores[1], storecopy.Options{})
		used, is := errors.AsType[*storecopy.InUseError](err)
		if !is || got.Begun || !slices.Equal(used.Names, []string{"host-1", "host-2"}) || used.End != []string{"FROM", "TO"}[which] {
			t.Errorf("%+v, %v", got, err)
		}
		if alive, err := stores[which].Beat(t.Context(), "host-1", 2, time.Minute); err != nil || len(alive) != 2 {
			t.Errorf("the copier is still on the list: %v, %v", alive, err)
		}
	}
}

func TestAServerThatHasDiedIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := filled(t, 3)
		if _, err := from.Beat(t.Context(), "died", 1, time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		if _, err := run(t, from, empty(t), storecopy.Options{}); err != nil {
			t.Error(err)
		}
	})
}

func TestAServerThatComesMeanwhileEndsTheCopy_I5(t *testing.T) {
	t.Parallel()
	for which := range 2 {
		for _, when := range []string{"copy", "compare"} {
			synctest.Test(t, func(t *testing.T) {
				stores := [2]*memstore.Store{filled(t, 2000), empty(t)}
				_, err := run(t, stores[0], stores[1], storecopy.Options{Progress: func(doing, table string, n int) {
					if doing == when && table == "audit" && n == 1000 {
						if _, err := stores[which].Handle().Beat(t.Context(), "late", 1, time.Minute); err != nil {
							t.Error(err)
						}
						time.Sleep(5 * time.Second) // there is much to be copied
					}
				}})
				if used, is := errors.AsType[*storecopy.InUseError](err); !is || !slices.Equal(used.Names, []string{"late"}) {
					t.Errorf("%v", err)
				}
				if err := storecopy.Check(t.Context(), stores[1]); !errors.Is(err, storecopy.ErrUnfinished) {
					t.Errorf("a server would start on it: %v", err)
				}
			})
		}
	}
}

func TestTwoCopiesToOneStoreDoNotMix_I8(t *testing.T) {
	t.Parallel()
	to := empty(t)
	var second error
	_, err := run(t, filled(t, 1500), to, storecopy.Options{Progress: func(doing, _ string, _ int) {
		if doing == "copy" && second == nil {
			_, second = storecopy.Copy(t.Context(), storecopy.End{Store: filled(t, 3), Name: "other"},
				storecopy.End{Store: to.Handle(), Name: "TO"}, storecopy.Options{Self: "second"})
		}
	}})
	if err != nil {
		t.Errorf("the first: %v", err)
	}
	if _, is := errors.AsType[*storecopy.InUseError](second); !is {
		t.Errorf("the second: %v", second)
	}
}

func TestAStoreIsNotCopiedToItself_I5(t *testing.T) {
	t.Parallel()
	s := filled(t, 3)
	if _, err := run(t, s, s.Handle(), storecopy.Options{}); err == nil || err.Error() != "TO: it is in use by copier-from" {
		t.Error(err)
	}
}
