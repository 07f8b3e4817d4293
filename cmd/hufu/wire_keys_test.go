package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
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
