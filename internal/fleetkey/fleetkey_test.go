package fleetkey_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleetkey"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

var key = fleetkey.Key{Setting: "test_key", SealedFor: "hufu/test/key", What: "the key of tests"}

// create makes a key that is like no other.
func create() ([]byte, error) { return []byte(rand.Text()), nil }

func newStore(t *testing.T) *memstore.Store {
	t.Helper()
	s := memstore.New(memstore.Config{})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// newKeyset makes a keyset and returns its keyring and its file.
func newKeyset(t *testing.T) (*seal.Keyring, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyset.json")
	k, err := seal.Start(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

func open(t *testing.T, s broker.SettingStore, k broker.Sealer) []byte {
	t.Helper()
	plain, err := key.Open(t.Context(), s, k, create)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// The key outlasts restarts, and is stored sealed.
func TestTheKeyIsMadeOnceAndKeptSealedI6(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	k, _ := newKeyset(t)
	first := open(t, s, k)
	box, err := s.Setting(t.Context(), key.Setting)
	if err != nil || seal.SealedWith(box) != k.Primary() || bytes.Contains(box, first) {
		t.Errorf("I6: the key is not sealed with the keyset: %v", err)
	}
	if again := open(t, s, k); !bytes.Equal(again, first) {
		t.Error("after a restart there is another key")
	}
}

// slowToAdd lets all replicas look before the first one writes.
type slowToAdd struct {
	broker.SettingStore
	looked *sync.WaitGroup
}

func (s slowToAdd) AddSetting(ctx context.Context, name string, value []byte) error {
	s.looked.Done()
	s.looked.Wait()
	return s.SettingStore.AddSetting(ctx, name, value)
}

// Replicas that start at once on an empty store come to one key, each with a handle of
// its own.
func TestReplicasThatStartAtOnceAgree(t *testing.T) {
	t.Parallel()
	const replicas = 8
	s := newStore(t)
	k, _ := newKeyset(t)
	var looked, started sync.WaitGroup
	looked.Add(replicas)
	got := make([]string, replicas)
	for i := range got {
		handle := s.Handle()
		t.Cleanup(func() { _ = handle.Close() })
		started.Go(func() {
			plain, err := key.Open(t.Context(), slowToAdd{handle, &looked}, k, create)
			if err != nil {
				t.Error(err)
			}
			got[i] = string(plain)
		})
	}
	started.Wait()
	for _, plain := range got {
		if plain != got[0] || plain == "" {
			t.Errorf("replicas differ: %q", got)
		}
	}
}

// A rotation of the keyset seals the key anew and does not change it, and afterwards the
// old key of the keyset is not needed.
func TestTheKeyOutlastsARotationOfTheKeyset(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	k, path := newKeyset(t)
	before, first := k.Primary(), open(t, s, k)
	if _, err := seal.Rotate(path); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(k.Reload(), key.Reseal(t.Context(), s, k)); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Prune(path, []uint32{before}); err != nil {
		t.Fatal(err)
	}
	k, err := seal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if again := open(t, s, k); !bytes.Equal(again, first) {
		t.Error("there is another key")
	}
}

// A rotation makes no key: whoever needs one makes it.
func TestWhereThereIsNoKeyARotationMakesNone(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	k, _ := newKeyset(t)
	if err := key.Reseal(t.Context(), s, k); err != nil {
		t.Error(err)
	}
	if _, err := s.Setting(t.Context(), key.Setting); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("there is one: %v", err)
	}
}

// A key that cannot be opened is said, with what to do, and never replaced: that would end
// all that was made with it.
func TestAKeyThatCannotBeOpenedIsNotReplaced(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	k, _ := newKeyset(t)
	open(t, s, k)
	whole, err := s.Setting(t.Context(), key.Setting)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := k.Seal([]byte("a key"), []byte("elsewhere"))
	if err != nil {
		t.Fatal(err)
	}
	wrong, _ := newKeyset(t)
	for what, tt := range map[string]struct {
		box    []byte
		sealer broker.Sealer
		is     error
	}{
		"a wrong keyset":         {whole, wrong, seal.ErrUnknownKey},
		"a damaged key":          {whole[:len(whole)-1], k, seal.ErrAltered},
		"a box of another place": {elsewhere, k, seal.ErrAltered},
		"nothing":                {nil, k, seal.ErrAltered},
	} {
		if err := s.PutSetting(t.Context(), key.Setting, tt.box); err != nil {
			t.Fatal(err)
		}
		_, err := key.Open(t.Context(), s, tt.sealer, create)
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), key.What) || !strings.Contains(err.Error(), "restore") || !strings.Contains(err.Error(), key.Setting) {
			t.Errorf("%s: %v", what, err)
		}
		if err := key.Reseal(t.Context(), s, tt.sealer); !errors.Is(err, tt.is) {
			t.Errorf("%s is sealed again: %v", what, err)
		}
		if got, _ := s.Setting(t.Context(), key.Setting); !bytes.Equal(got, tt.box) {
			t.Errorf("%s: the stored key was changed", what)
		}
	}
}

// Without a store nothing is made, so that no server has a key of its own.
func TestWhatFailsIsSaid(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	k, _ := newKeyset(t)
	noRandom := errors.New("no random numbers")
	if _, err := key.Open(t.Context(), s, k, func() ([]byte, error) { return nil, noRandom }); !errors.Is(err, noRandom) {
		t.Errorf("a key that cannot be made: %v", err)
	}
	away := errors.New("connection refused")
	s.Fail(away)
	if _, err := key.Open(t.Context(), s, k, create); !errors.Is(err, away) {
		t.Errorf("a store that is away: %v", err)
	}
	if err := key.Reseal(t.Context(), s, k); !errors.Is(err, away) {
		t.Errorf("a rotation without a store: %v", err)
	}
}
