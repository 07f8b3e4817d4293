package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
	"github.com/hufu-io/hufu/internal/seal"
)

func TestARotationOfAKeysetThatCannotBeReplacedSaysWhereToDoIt(t *testing.T) {
	t.Parallel()
	err := explainRotation(&seal.KeysetError{Op: "rotate", Path: "keyset.json", Err: fmt.Errorf("%w: %w", seal.ErrUnwritable, syscall.EROFS)})
	e := broker.AsError(fmt.Errorf("rotate the keys: %w", err))
	if !errors.Is(err, syscall.EROFS) || e.Code != "keyset_read_only" || e.Class != broker.Misconfigured || !strings.Contains(e.Hint, "rotate at a server that can write") {
		t.Errorf("%+v", e)
	}
	if other := errors.New("another"); !errors.Is(explainRotation(other), other) || broker.AsError(explainRotation(other)).Code != "internal" {
		t.Error("another error is explained like that too")
	}
}

// A server that missed two rotations seals with a key that nobody else has, which is told
// until the file is put right.
func TestAKeysetThatCannotBeFollowedIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, keysetIsFollowed)
}

func keysetIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	if err := seal.Create(path); err != nil {
		t.Fatal(err)
	}
	keyring, err := seal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{cfg: &config.Config{KeysetFile: path}, log: slog.New(slog.DiscardHandler), keyring: keyring}
	go s.followKeyset(t.Context())
	wantCode := func(when, want string) {
		t.Helper()
		time.Sleep(keysetLook + time.Second)
		got := ""
		if e := s.behind.Load(); e != nil {
			got = e.Code
			if e.Class != broker.Misconfigured {
				t.Errorf("%s: the class is %s", when, e.Class)
			}
		}
		if got != want {
			t.Errorf("%s: the code is %q, want %q", when, got, want)
		}
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wantCode("in order", "")
	if _, err := seal.Rotate(path); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Prune(path, keyring.Keys()); err != nil {
		t.Fatal(err)
	}
	wantCode("left behind", "keyset_behind")
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantCode("damaged", "keyset_unreadable")
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	wantCode("put right", "")
}
