package virtual_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/memstore"
	"github.com/hufu-io/hufu/internal/virtual"
)

// keyset makes a keyset and returns its keyring and its file.
func keyset(t *testing.T) (*seal.Keyring, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyset.json")
	k, err := seal.Start(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

func newStore(t *testing.T) *memstore.Store {
	t.Helper()
	s := memstore.New(memstore.Config{})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func open(t *testing.T, s broker.SettingStore, k broker.Sealer) *virtual.Codec {
	t.Helper()
	c, err := virtual.Open(t.Context(), s, k)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The key outlasts restarts, and is stored sealed.
func TestTheKeyIsMadeOnceAndKeptSealedI6(t *testing.T) {
	t.Parallel()
	s, k, _ := newStoreAndKeyset(t)
	first := mustMake(t, open(t, s, k), claim())
	box, err := s.Setting(t.Context(), virtual.Key.Setting)
	if err != nil || seal.SealedWith(box) != k.Primary() {
		t.Fatalf("I6: the key is not sealed with the keyset: %v", err)
	}
	if again := mustMake(t, open(t, s, k), claim()); again != first {
		t.Error("after a restart there are other tokens")
	}
	other, otherKeys, _ := newStoreAndKeyset(t)
	if mustMake(t, open(t, other, otherKeys), claim()) == first {
		t.Error("another fleet has the same key")
	}
}

func newStoreAndKeyset(t *testing.T) (*memstore.Store, *seal.Keyring, string) {
	t.Helper()
	k, path := keyset(t)
	return newStore(t), k, path
}

// A rotation of the keyset seals the key anew and changes no token, and afterwards the
// old key of the keyset is not needed.
func TestTokensOutlastARotationOfTheKeyset(t *testing.T) {
	t.Parallel()
	s, k, path := newStoreAndKeyset(t)
	before, tok := k.Primary(), mustMake(t, open(t, s, k), claim())
	if _, err := seal.Rotate(path); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(k.Reload(), virtual.Key.Reseal(t.Context(), s, k)); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Prune(path, []uint32{before}); err != nil {
		t.Fatal(err)
	}
	k, err := seal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := open(t, s, k).Read(broker.NewSecret(tok)); !ok {
		t.Error("the token is dead")
	}
}

// What is sealed as the key and is none is said, and never replaced: that would end all
// tokens.
func TestWhatIsNoKeyIsAnErrorAtStart(t *testing.T) {
	t.Parallel()
	s, k, _ := newStoreAndKeyset(t)
	short, err := k.Seal([]byte("short"), []byte(virtual.Key.SealedFor))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutSetting(t.Context(), virtual.Key.Setting, short); err != nil {
		t.Fatal(err)
	}
	if _, err := virtual.Open(t.Context(), s, k); err == nil || !strings.Contains(err.Error(), "restore") {
		t.Errorf("%v", err)
	}
	if got, _ := s.Setting(t.Context(), virtual.Key.Setting); !bytes.Equal(got, short) {
		t.Error("the stored key was changed")
	}
}
