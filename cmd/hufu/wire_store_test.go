package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

const somebodyElse = 65534

func TestADataFolderOfSomebodyElseIsNotUsed(t *testing.T) {
	t.Parallel()
	dir := "/" // It is root's.
	if os.Geteuid() == 0 {
		dir = t.TempDir()
		if err := os.Chown(dir, somebodyElse, -1); err != nil {
			t.Fatal(err)
		}
	}
	s, err := openStore(t.Context(), &config.Config{DataDir: dir, Store: config.Store{Engine: config.Embedded}}, slog.New(slog.DiscardHandler))
	if err == nil {
		_ = s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "it belongs to user") {
		t.Errorf("%v, want that it belongs to somebody else", err)
	}
	if _, err := os.Stat(filepath.Join(dir, storeFile)); err == nil {
		t.Error("a store was made in it")
	}
}

func TestAnAdminKeyOfSomebodyElseIsNotUsed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	key := filepath.Join(t.TempDir(), "admin.key")
	log := slog.New(slog.DiscardHandler)
	if _, err := adminClient(t.Context(), key, log); err != nil {
		t.Fatal(err)
	}
	if _, err := adminClient(t.Context(), key, log); err != nil {
		t.Fatalf("our own: %v", err)
	}
	if err := os.Chown(key, somebodyElse, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := adminClient(t.Context(), key, log); err == nil || !strings.Contains(err.Error(), "it belongs to user 65534") {
		t.Errorf("%v, want that it belongs to somebody else", err)
	}
}

// readEarlier is a store that was looked at before another server wrote to it.
type readEarlier struct {
	broker.Store
	looked bool
}

func (s *readEarlier) Setting(ctx context.Context, name string) ([]byte, error) {
	if !s.looked {
		s.looked = true
		return nil, broker.ErrNotFound
	}
	return s.Store.Setting(ctx, name)
}

// Of two servers that start at once on a new store, the keyset of one is used by both,
// or the other one does not start.
func TestANewStoreHasOneKeyset(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), memstore.New(memstore.Config{})
	t.Cleanup(func() { _ = store.Close() })
	first := filepath.Join(dir, "first.json")
	if _, err := openKeyset(t.Context(), first, store); err != nil {
		t.Fatal(err)
	}
	if _, err := openKeyset(t.Context(), first, &readEarlier{Store: store}); err != nil {
		t.Errorf("with the same keyset: %v", err)
	}
	k, err := openKeyset(t.Context(), filepath.Join(dir, "second.json"), &readEarlier{Store: store})
	if k != nil || !errors.Is(err, seal.ErrWrongKeyset) {
		t.Errorf("with another keyset: %v, want %v", err, seal.ErrWrongKeyset)
	}
	if _, err := openKeyset(t.Context(), first, store); err != nil {
		t.Errorf("the proof was replaced: %v", err)
	}
}
