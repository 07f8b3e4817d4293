package seal

import (
	"errors"
	"strconv"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// What can be wrong with a keyset file. Every error about a file is a
// [*KeysetError] that wraps one of these or the system's own error.
var (
	// ErrNoKeyset means that there is no file at the path.
	ErrNoKeyset = errors.New("no keyset")
	// ErrKeysetExists means that a keyset would have to be overwritten to make one.
	ErrKeysetExists = errors.New("a keyset exists already")
	// ErrUnsafe means that others than this process's user may read or replace the keys.
	ErrUnsafe = errors.New("keyset is not safe from others")
	// ErrCorrupt means that the file is not a keyset that this package can use.
	ErrCorrupt = errors.New("not a usable keyset")
	// ErrWrongKeyset means that the keyset is sound but not the one that the data
	// was sealed with, or not a later state of the one in use.
	ErrWrongKeyset = errors.New("wrong keyset")
	// ErrUnwritable means that the file, or its folder, does not let it be replaced.
	ErrUnwritable = errors.New("the keyset cannot be replaced where it is")
	// ErrPrimary means that a key cannot be pruned because it seals new boxes.
	ErrPrimary = errors.New("the key seals new boxes")
)

// Why a box does not open.
var (
	// ErrUnknownKey means that the box names a key that the keyset does not have:
	// the keyset is another one, is older than the box, or was pruned too early.
	ErrUnknownKey = broker.ErrUnknownKey
	// ErrAltered means that the key is known, but the box or its associated data
	// is not what was sealed, or that the bytes are no box at all.
	ErrAltered = errors.New("box or its associated data was altered")
)

// KeysetError tells an operator what is wrong with which keyset file and what to
// do about it. It never holds key bytes: causes that quote the file are left out.
type KeysetError struct {
	Op   string // what was being done: open, create, rotate, …
	Path string
	Err  error  // one of the errors above, or the system's
	Why  string // what was found, if Err alone does not say it
	Hint string // the operator's next step
}

// Error returns one line: what, which file, why, and the next step.
func (e *KeysetError) Error() string {
	var b strings.Builder
	b.WriteString(e.Op + " keyset " + strconv.Quote(e.Path) + ": " + e.Err.Error())
	if e.Why != "" {
		b.WriteString(": " + e.Why)
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns the kind of the error.
func (e *KeysetError) Unwrap() error { return e.Err }
