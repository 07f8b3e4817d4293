package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/seal"
)

func TestRotateSealsWithANewKeyAndOpensWithTheOld(t *testing.T) {
	t.Parallel()
	path := create(t)
	before := open(t, path)
	box, err := before.Seal([]byte("83_token"), []byte("ad"))
	if err != nil {
		t.Fatal(err)
	}
	id := rotate(t, path)
	wantMode(t, path)
	onlyFile(t, path)

	after := open(t, path)
	if after.Primary() != id || id == before.Primary() {
		t.Errorf("key %d seals after the rotation, %d before; want %d, then another", after.Primary(), before.Primary(), id)
	}
	if got, err := after.Open(box, []byte("ad")); err != nil || string(got) != "83_token" {
		t.Errorf("the old box gave %q, %v", got, err)
	}
	again, err := after.Seal([]byte("83_token"), []byte("ad"))
	if err != nil {
		t.Fatal(err)
	}
	if seal.SealedWith(box) == after.Primary() || seal.SealedWith(again) != after.Primary() {
		t.Error("a job that seals again cannot tell old boxes from new ones")
	}
}

func TestConcurrentRotationsLoseNoKey(t *testing.T) {
	t.Parallel()
	path := create(t)
	want := open(t, path).Keys()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 4 {
				id, err := seal.Rotate(path)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				want = append(want, id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(want)
	if diff := cmp.Diff(want, open(t, path).Keys()); diff != "" {
		t.Errorf("keys (-rotated +in the file):\n%s", diff)
	}
	onlyFile(t, path)
}

func TestRotateFollowsASymbolicLink(t *testing.T) {
	t.Parallel()
	path := create(t)
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	id := rotate(t, link)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	if got := open(t, path).Primary(); got != id {
		t.Errorf("key %d seals in the file behind the link, want %d", got, id)
	}
	onlyFile(t, path)
	onlyFile(t, link)
}

func TestARelativePathWorks(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := seal.Create("keyset.json"); err != nil {
		t.Fatal(err)
	}
	id := rotate(t, "keyset.json")
	if got := open(t, "keyset.json").Primary(); got != id {
		t.Errorf("key %d seals, want %d", got, id)
	}
	onlyFile(t, "keyset.json")
}

func TestPruneRemovesTheKeysThatAreNamedAndNoOthers(t *testing.T) {
	t.Parallel()
	path := create(t)
	first := open(t, path).Primary()
	second, third, fourth := rotate(t, path), rotate(t, path), rotate(t, path)

	removed, err := seal.Prune(path, []uint32{third, first, third, 17})
	if err != nil {
		t.Fatal(err)
	}
	want := []uint32{first, third}
	slices.Sort(want)
	if diff := cmp.Diff(want, removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	want = []uint32{second, fourth}
	slices.Sort(want)
	if diff := cmp.Diff(want, open(t, path).Keys()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	wantMode(t, path)
	onlyFile(t, path)
}

func TestPruneSparesKeysMadeSinceTheBoxesWereCounted(t *testing.T) {
	t.Parallel()
	path := create(t)
	first := open(t, path).Primary()
	rotate(t, path)
	unused := []uint32{first}
	later := open(t, path)
	rotate(t, path)
	if err := later.Reload(); err != nil {
		t.Fatal(err)
	}
	box, err := later.Seal([]byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	rotate(t, path)
	if _, err := seal.Prune(path, unused); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, path).Open(box, nil); err != nil {
		t.Errorf("a box sealed after the count is lost: %v", err)
	}
}

func TestPruneRefusesThePrimary(t *testing.T) {
	t.Parallel()
	path := create(t)
	first := open(t, path).Primary()
	second := rotate(t, path)
	before := read(t, path)
	removed, err := seal.Prune(path, []uint32{first, second})
	if removed != nil || !errors.Is(err, seal.ErrPrimary) {
		t.Errorf("removed %v, %v; want ErrPrimary", removed, err)
	}
	if !bytes.Equal(before, read(t, path)) {
		t.Error("the file was changed")
	}
}

func TestPruneLeavesTheFileAloneIfThereIsNothingToRemove(t *testing.T) {
	t.Parallel()
	path := create(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, drop := range [][]uint32{nil, {open(t, create(t)).Primary()}} {
		if removed, err := seal.Prune(path, drop); err != nil || removed != nil {
			t.Errorf("removed %v, %v; want nothing", removed, err)
		}
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(info, after) {
		t.Error("the file was replaced")
	}
}
