package seal_test

import (
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hufu-io/hufu/internal/seal"
)

func TestReloadTakesUpARotation(t *testing.T) {
	t.Parallel()
	path := create(t)
	here, there := open(t, path), open(t, path)
	old, err := here.Seal([]byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	id := rotate(t, path)
	if here.Primary() == id {
		t.Fatal("a running keyring changed by itself")
	}
	if err := here.Reload(); err != nil {
		t.Fatal(err)
	}
	box, err := here.Seal([]byte("y"), nil)
	if err != nil || here.Primary() != id {
		t.Fatalf("key %d seals, want %d; %v", here.Primary(), id, err)
	}
	if _, err := here.Open(old, nil); err != nil {
		t.Errorf("the old box no longer opens: %v", err)
	}

	// A replica that is behind learns so from the box, and catches up.
	if got, err := there.Open(box, nil); err != nil || string(got) != "y" || there.Primary() != id {
		t.Errorf("the box gives %q, %v, and key %d seals, want %d", got, err, there.Primary(), id)
	}
}

func TestReloadKeepsPrunedKeysAndGoesOnRotating(t *testing.T) {
	t.Parallel()
	path := create(t)
	k := open(t, path)
	first := k.Primary()
	forgotten, err := k.Seal([]byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	rotate(t, path)
	if err := k.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Prune(path, []uint32{first}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		id := rotate(t, path)
		if err := k.Reload(); err != nil || k.Primary() != id {
			t.Fatalf("key %d seals, want %d; %v", k.Primary(), id, err)
		}
		if _, err := k.Open(forgotten, nil); err != nil {
			t.Errorf("a box that Prune overlooked is lost to the running server: %v", err)
		}
	}
	if _, err := open(t, path).Open(forgotten, nil); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("after a start: %v, want ErrUnknownKey", err)
	}
}

func TestReloadRefusesWhatDoesNotFollow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, path string, early []byte)
		want   error
	}{
		"another keyset": {func(t *testing.T, path string, _ []byte) { write(t, path, read(t, create(t))) }, seal.ErrWrongKeyset},
		"an early state": {func(t *testing.T, path string, early []byte) { write(t, path, early) }, seal.ErrWrongKeyset},
		"an early state rotated": {func(t *testing.T, path string, early []byte) {
			write(t, path, early)
			rotate(t, path)
		}, seal.ErrWrongKeyset},
		"another key of the same id": {func(t *testing.T, path string, _ []byte) {
			ks := parse(t, path)
			ks.Key[0].KeyData.Value[20] ^= 1
			write(t, path, ks.bytes(t))
		}, seal.ErrWrongKeyset},
		"no keyset":       {func(_ *testing.T, path string, _ []byte) { _ = os.Remove(path) }, seal.ErrNoKeyset},
		"half a keyset":   {func(t *testing.T, path string, _ []byte) { write(t, path, read(t, path)[:100]) }, seal.ErrCorrupt},
		"an open keyset":  {func(_ *testing.T, path string, _ []byte) { _ = os.Chmod(path, 0o644) }, seal.ErrUnsafe},
		"an empty keyset": {func(t *testing.T, path string, _ []byte) { write(t, path, nil) }, seal.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := create(t)
			early := read(t, path)
			rotate(t, path)
			k := open(t, path)
			keys, primary := k.Keys(), k.Primary()
			box, err := k.Seal([]byte("x"), nil)
			if err != nil {
				t.Fatal(err)
			}

			c.change(t, path, early)
			wantKeysetError(t, k.Reload(), c.want, path)
			if !slices.Equal(k.Keys(), keys) || k.Primary() != primary {
				t.Errorf("keys %v, primary %d after a refused reload; had %v, %d", k.Keys(), k.Primary(), keys, primary)
			}
			if _, err := k.Open(box, nil); err != nil {
				t.Errorf("a box no longer opens: %v", err)
			}
		})
	}
}

func TestNobodyIsDisturbedByRotationAndReload(t *testing.T) {
	t.Parallel()
	path := create(t)
	k := open(t, path)
	done := make(chan struct{})
	var users, keepers sync.WaitGroup
	for range 4 {
		users.Go(func() {
			ad := []byte("shop/access_token/")
			var boxes [][]byte
			for {
				select {
				case <-done:
					return
				default:
				}
				box, err := k.Seal([]byte("83_token"), ad)
				if err != nil {
					t.Error(err)
					return
				}
				if len(boxes) < 64 {
					boxes = append(boxes, box)
				}
				for _, b := range [][]byte{box, boxes[0], boxes[len(boxes)/2]} {
					if got, err := k.Open(b, ad); err != nil || string(got) != "83_token" {
						t.Errorf("opened %q, %v", got, err)
						return
					}
				}
			}
		})
	}
	var pruned atomic.Int32
	for range 2 {
		keepers.Go(func() {
			var own []uint32
			for range 20 {
				id, err := seal.Rotate(path)
				if err != nil {
					t.Error(err)
				}
				if err := k.Reload(); err != nil {
					t.Error(err)
				}
				// Reload moves on from every key of this keeper but the last.
				if len(own) > 0 {
					removed, err := seal.Prune(path, own)
					if err != nil {
						t.Error(err)
					}
					pruned.Add(int32(len(removed)))
				}
				own = []uint32{id}
			}
		})
	}
	keepers.Wait()
	close(done)
	users.Wait()
	// The latest state wins, whichever reload read it.
	if got, want := k.Primary(), open(t, path).Primary(); got != want {
		t.Errorf("key %d seals, the file says %d", got, want)
	}
	if got := len(open(t, path).Keys()); pruned.Load() != 38 || got != 3 {
		t.Errorf("%d keys were pruned and %d are left, want 38 and 3", pruned.Load(), got)
	}
}
