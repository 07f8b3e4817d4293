package seal_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/seal"
)

func create(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyset.json")
	if err := seal.Create(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *seal.Keyring {
	t.Helper()
	k, err := seal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rotate(t testing.TB, path string) uint32 {
	t.Helper()
	id, err := seal.Rotate(path)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tinkKey and tinkKeyset are Tink's JSON form, for tests that damage it.
type tinkKey struct {
	KeyData struct {
		TypeURL         string `json:"typeUrl"`
		Value           []byte `json:"value"`
		KeyMaterialType string `json:"keyMaterialType"`
	} `json:"keyData"`
	Status           string `json:"status"`
	KeyID            uint32 `json:"keyId"`
	OutputPrefixType string `json:"outputPrefixType"`
}

type tinkKeyset struct {
	PrimaryKeyID uint32    `json:"primaryKeyId"`
	Key          []tinkKey `json:"key"`
}

func parse(t testing.TB, path string) tinkKeyset {
	t.Helper()
	var ks tinkKeyset
	if err := json.Unmarshal(read(t, path), &ks); err != nil {
		t.Fatal(err)
	}
	return ks
}

func (ks tinkKeyset) bytes(t testing.TB) []byte {
	t.Helper()
	data, err := json.Marshal(ks)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// wantKeysetError checks the kind of an error about a file, and that it tells
// the operator which file and what to do, and shows no key.
func wantKeysetError(t testing.TB, err, kind error, path string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, want %v", err, kind)
	}
	ke, ok := errors.AsType[*seal.KeysetError](err)
	if !ok {
		t.Fatalf("error is a %T, want a *KeysetError", err)
	}
	if ke.Path != path || ke.Hint == "" {
		t.Errorf("path %q and hint %q, want path %q and a hint", ke.Path, ke.Hint, path)
	}
	if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), ke.Hint) {
		t.Errorf("%q does not name the path and the hint", err)
	}
}

// onlyFile checks that nothing lies beside the keyset.
func onlyFile(t testing.TB, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func wantMode(t testing.TB, path string) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode of %s is %v, want -rw-------", path, info.Mode())
	}
}
