package onetime_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleetkey"
	"github.com/hufu-io/hufu/internal/onetime"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// counting counts what the store is asked for.
type counting struct {
	broker.OneTimeStore
	takes int
}

func (c *counting) Take(ctx context.Context, name string) ([]byte, error) {
	c.takes++
	return c.OneTimeStore.Take(ctx, name)
}

func newCodes(t *testing.T) (onetime.Codes, *counting) {
	t.Helper()
	key, err := fleetkey.NewSIV()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := fleetkey.SIVOf(key)
	if err != nil {
		t.Fatal(err)
	}
	store := &counting{OneTimeStore: memstore.New(memstore.Config{}).OneTime()}
	return onetime.Codes{Store: store, Sealer: sealer, Now: time.Now, Lifetime: 2 * time.Minute, Skew: time.Minute}, store
}

var (
	here  = onetime.Place{Name: "here/", Bound: "test/here"}
	there = onetime.Place{Name: "here/", Bound: "test/there"}
)

func mustMake(t *testing.T, c onetime.Codes, value string) string {
	t.Helper()
	code, err := c.Make(t.Context(), here, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestACodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	c, _ := newCodes(t)
	code := mustMake(t, c, "ada")
	if got, err := c.Take(t.Context(), here, code); err != nil || string(got) != "ada" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := c.Take(t.Context(), here, code); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("the second time: %v", err)
	}
}

func TestACodeOfAnotherPlaceOpensNothingI8(t *testing.T) {
	t.Parallel()
	c, _ := newCodes(t)
	code := mustMake(t, c, "ada")
	if got, err := c.Take(t.Context(), there, code); !errors.Is(err, onetime.ErrNotOpened) || got != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := c.Take(t.Context(), here, code); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("it is not used up: %v", err)
	}
}

// What cannot be a code costs the store nothing (I7).
func TestWhatIsNoCodeIsNotLookedForI7(t *testing.T) {
	t.Parallel()
	c, store := newCodes(t)
	code := mustMake(t, c, "ada")
	for _, odd := range []string{"", "x", code[:len(code)-1], code + "A", code + "\n", code[:len(code)-1] + "="} {
		if _, err := c.Take(t.Context(), here, odd); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("%q: %v", odd, err)
		}
	}
	if store.takes != 0 {
		t.Errorf("the store was asked %d times", store.takes)
	}
}

// Who can write to the store can neither put something behind another code, nor put back
// what has run out.
func TestWhatIsPutIntoTheStoreOpensNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, store := newCodes(t)
		mine, hers := mustMake(t, c, "eve"), mustMake(t, c, "ada")
		box, err := store.Look(t.Context(), here.Name+onetime.Digest(hers))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Take(t.Context(), here.Name+onetime.Digest(mine)); err != nil {
			t.Fatal(err)
		}
		put := func(code string) {
			t.Helper()
			if err := store.Add(t.Context(), here.Name+onetime.Digest(code), box, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		put(mine)
		if got, err := c.Take(t.Context(), here, mine); !errors.Is(err, onetime.ErrNotOpened) {
			t.Errorf("behind another code there is %q, %v", got, err)
		}
		time.Sleep(c.Lifetime + c.Skew + time.Second)
		put(hers)
		if got, err := c.Take(t.Context(), here, hers); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("what had run out is back: %q, %v", got, err)
		}
	})
}
