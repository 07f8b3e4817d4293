package seal_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/seal"
)

func boxOf(t testing.TB, k *seal.Keyring, text string) []byte {
	t.Helper()
	box, err := k.Seal([]byte(text), []byte("ad"))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// Two servers share a keyset file, and the keys are rotated at one of them.
func TestAServerTakesUpTheRotationOfAnother_I3_I9(t *testing.T) {
	t.Parallel()
	path := create(t)
	here, there := open(t, path), open(t, path)
	old := boxOf(t, there, "old")
	for range 3 {
		id := rotate(t, path)
		if err := here.Reload(); err != nil {
			t.Fatal(err)
		}
		box := boxOf(t, here, "new")
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				if got, err := there.Open(box, []byte("ad")); err != nil || string(got) != "new" {
					t.Errorf("the other server opened %q, %v", got, err)
				}
			})
		}
		wg.Wait()
		if there.Primary() != id {
			t.Errorf("the other server seals with key %d, want %d", there.Primary(), id)
		}
		if _, err := there.Open(old, []byte("ad")); err != nil {
			t.Errorf("an old box does not open any more: %v", err)
		}
	}
}

func TestABoxThatWasUnknownAMomentAgoOpensWhenTheFileHasIt_I3(t *testing.T) {
	t.Parallel()
	path := create(t)
	k := open(t, path)
	stranger := boxOf(t, open(t, create(t)), "x")
	for range 5 {
		if _, err := k.Open(stranger, []byte("ad")); !errors.Is(err, seal.ErrUnknownKey) {
			t.Fatalf("error is %v, want ErrUnknownKey", err)
		}
		rotate(t, path)
		if got, err := k.Open(boxOf(t, open(t, path), "y"), []byte("ad")); err != nil || string(got) != "y" {
			t.Fatalf("the box gives %q, %v", got, err)
		}
	}
}

func TestABoxOfAnUnknownKeyChangesNothingWhereTheFileIsNotGood(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, path string){
		"gone":           func(_ *testing.T, path string) { _ = os.Remove(path) },
		"another":        func(t *testing.T, path string) { write(t, path, read(t, create(t))) },
		"open to others": func(_ *testing.T, path string) { _ = os.Chmod(path, 0o644) },
	} {
		path := create(t)
		k := open(t, path)
		own, primary := boxOf(t, k, "x"), k.Primary()
		stranger := boxOf(t, open(t, create(t)), "y")
		spoil(t, path)
		if _, err := k.Open(stranger, []byte("ad")); !errors.Is(err, seal.ErrUnknownKey) {
			t.Errorf("%s: error is %v, want ErrUnknownKey", name, err)
		}
		if got, err := k.Open(own, []byte("ad")); err != nil || string(got) != "x" || k.Primary() != primary {
			t.Errorf("%s: our own box gives %q, %v", name, got, err)
		}
	}
}

// Servers that seal for each other while keys are rotated, with nobody to tell them.
func TestServersThatShareAFileOpenEachOthersBoxesThroughRotations_I3(t *testing.T) {
	t.Parallel()
	path := create(t)
	rings := []*seal.Keyring{open(t, path), open(t, path), open(t, path)}
	for round := range 10 {
		rotate(t, path)
		if err := rings[round%3].Reload(); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i, from := range rings {
			text := fmt.Sprint(round, i)
			box := boxOf(t, from, text)
			for _, to := range rings {
				wg.Go(func() {
					if got, err := to.Open(box, []byte("ad")); err != nil || string(got) != text {
						t.Errorf("round %d: opened %q, %v", round, got, err)
					}
				})
			}
		}
		wg.Wait()
	}
}
