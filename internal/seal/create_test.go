package seal_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hufu-io/hufu/internal/seal"
)

// The umask belongs to the whole process, so this test runs alone.
func TestAKeysetIsReadableByItsOwnerOnlyUnderAnyUmask(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o027, 0o077, 0o177, 0o277, 0o477, 0o777} {
		path := filepath.Join(t.TempDir(), "keyset.json")
		before := syscall.Umask(umask)
		createErr := seal.Create(path)
		_, rotateErr := seal.Rotate(path)
		syscall.Umask(before)
		if createErr != nil || rotateErr != nil {
			t.Fatalf("umask %#o: create: %v, rotate: %v", umask, createErr, rotateErr)
		}
		wantMode(t, path)
		onlyFile(t, path)
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty, folder, dangling := filepath.Join(dir, "empty"), filepath.Join(dir, "folder"), filepath.Join(dir, "dangling")
	write(t, empty, nil)
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Symlink("nowhere", dangling)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{create(t), empty, folder, dangling} {
		wantKeysetError(t, seal.Create(path), seal.ErrKeysetExists, path)
	}
	if info, err := os.Stat(empty); err != nil || info.Size() != 0 {
		t.Errorf("the empty file was written to: %v, %v", info, err)
	}
}

func TestCreateNeedsItsFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "none", "keyset.json")
	wantKeysetError(t, seal.Create(path), os.ErrNotExist, path)
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made, with whatever mode: %v", err)
	}
	if os.Geteuid() == 0 {
		return // root may write anywhere
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "keyset.json")
	wantKeysetError(t, seal.Create(path), os.ErrPermission, path)
}

func TestOfManyCreatorsOneWins(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			switch err := seal.Create(path); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, seal.ErrKeysetExists):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 15 {
		t.Errorf("%d won and %d lost, want 1 and 15", won.Load(), lost.Load())
	}
	open(t, path)
	onlyFile(t, path)
}

func TestTwoKeysetsShareNoKey(t *testing.T) {
	t.Parallel()
	a, b := parse(t, create(t)), parse(t, create(t))
	if string(a.Key[0].KeyData.Value) == string(b.Key[0].KeyData.Value) {
		t.Error("two keysets have the same key")
	}
}

func TestLeftoversOfACrashDoNoHarm(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	leftover := filepath.Join(filepath.Dir(path), ".keyset.json123456")
	neighbour := filepath.Join(filepath.Dir(path), ".keyset.json.orig")
	write(t, leftover, []byte(`{"primaryKeyId":1`))
	write(t, neighbour, []byte("kept by the operator"))
	if err := seal.Create(path); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	rotate(t, path)
	if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the leftover, which may hold keys, is still there: %v", err)
	}
	read(t, neighbour)
}
