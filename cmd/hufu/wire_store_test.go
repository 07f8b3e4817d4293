package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/config"
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
	s, err := openStore(t.Context(), &config.Config{DataDir: dir})
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
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	if _, err := adminClient(t.Context(), dir, log); err != nil {
		t.Fatal(err)
	}
	if _, err := adminClient(t.Context(), dir, log); err != nil {
		t.Fatalf("our own: %v", err)
	}
	if err := os.Chown(filepath.Join(dir, adminKeyFile), somebodyElse, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := adminClient(t.Context(), dir, log); err == nil || !strings.Contains(err.Error(), "it belongs to user 65534") {
		t.Errorf("%v, want that it belongs to somebody else", err)
	}
}
