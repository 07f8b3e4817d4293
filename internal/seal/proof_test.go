package seal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/seal"
)

func prove(t testing.TB, k *seal.Keyring) []byte {
	t.Helper()
	proof, err := k.Proof()
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func TestAProofHoldsForEveryLaterStateOfItsKeyset(t *testing.T) {
	t.Parallel()
	path := create(t)
	proof := prove(t, open(t, path))
	others := []uint32{}
	for range 3 {
		if err := open(t, path).Check(proof); err != nil {
			t.Fatal(err)
		}
		others = append(others, rotate(t, path))
	}
	if _, err := seal.Prune(path, others[:2]); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Check(proof); err != nil {
		t.Error(err)
	}
	if _, err := seal.Prune(path, []uint32{seal.SealedWith(proof)}); err != nil {
		t.Fatal(err)
	}
	wantKeysetError(t, open(t, path).Check(proof), seal.ErrUnknownKey, path)
}

func TestAProofIsRefusedUnderAnotherKeyset(t *testing.T) {
	t.Parallel()
	path := create(t)
	k := open(t, path)
	proof := prove(t, k)

	otherPath := create(t)
	err := open(t, otherPath).Check(proof)
	wantKeysetError(t, err, seal.ErrWrongKeyset, otherPath)
	if !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("%v does not say that the key is unknown", err)
	}

	record, sealErr := k.Seal([]byte("hufu keyset proof 1"), []byte("shop/access_token/"))
	if sealErr != nil {
		t.Fatal(sealErr)
	}
	older, sealErr := k.Seal([]byte("hufu keyset proof 0"), []byte("hufu/seal/proof"))
	if sealErr != nil {
		t.Fatal(sealErr)
	}
	proof[len(proof)-1] ^= 1
	for _, forged := range [][]byte{nil, []byte("proof"), proof, record, older} {
		err := k.Check(forged)
		wantKeysetError(t, err, seal.ErrWrongKeyset, path)
		if !errors.Is(err, seal.ErrAltered) {
			t.Errorf("%v does not say that the proof was altered", err)
		}
	}
}

func TestAFirstStartMakesTheKeyset(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	k, err := seal.Start(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantMode(t, path)
	proof := prove(t, k)
	for range 2 {
		again, err := seal.Start(path, proof)
		if err != nil || again.Primary() != k.Primary() {
			t.Fatalf("a later start: %v", err)
		}
		rotate(t, path)
		if err := k.Reload(); err != nil {
			t.Fatal(err)
		}
		k = open(t, path)
	}
}

func TestAFirstStartUsesTheKeysetThatIsThere(t *testing.T) {
	t.Parallel()
	path := create(t)
	k, err := seal.Start(path, nil)
	if err != nil || k.Primary() != open(t, path).Primary() {
		t.Errorf("start: %v", err)
	}
}

func TestReplicasThatStartAtOnceShareOneKeyset(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	rings := make([]*seal.Keyring, 8)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() {
			k, err := seal.Start(path, nil)
			if err != nil {
				t.Error(err)
				return
			}
			rings[i] = k
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	proof := prove(t, rings[0])
	for _, k := range rings {
		if err := k.Check(proof); err != nil {
			t.Error(err)
		}
	}
}

func TestALostKeysetIsAnErrorAndNothingIsMade(t *testing.T) {
	t.Parallel()
	path := create(t)
	proof := prove(t, open(t, path))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err := seal.Start(path, proof)
	wantKeysetError(t, err, seal.ErrNoKeyset, path)
	if id := fmt.Sprint(seal.SealedWith(proof)); !strings.Contains(err.Error(), id) {
		t.Errorf("%q does not name key %s, which the backup must have", err, id)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a keyset was made: %v", err)
	}
}

func TestAWrongKeysetIsAnErrorAndNothingIsChanged(t *testing.T) {
	t.Parallel()
	proof := prove(t, open(t, create(t)))
	path := create(t)
	before := read(t, path)
	k, err := seal.Start(path, proof)
	wantKeysetError(t, err, seal.ErrWrongKeyset, path)
	if k != nil || string(read(t, path)) != string(before) {
		t.Error("a keyring came back, or the file changed")
	}
}

func TestAnUnsafeKeysetStopsTheStart(t *testing.T) {
	t.Parallel()
	path := create(t)
	proof := prove(t, open(t, path))
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, p := range [][]byte{nil, proof} {
		_, err := seal.Start(path, p)
		wantKeysetError(t, err, seal.ErrUnsafe, path)
	}
}
