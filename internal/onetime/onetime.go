// Package onetime keeps things in the store behind codes that are good once. A code is
// random; the store has its hash and, sealed, what it stands for, so that nobody who reads the
// store can use one, and nobody who writes there can put something behind another code.
package onetime

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Codes makes and takes codes. All fields are required.
type Codes struct {
	Store  broker.OneTimeStore
	Sealer broker.Sealer
	Now    func() time.Time
	// Lifetime is how long a code is good, by the store's clock, and Skew how far the clocks
	// of servers may be apart from it: what is there for longer, somebody has put back.
	Lifetime, Skew time.Duration
}

// Place is where codes of one sort are kept.
type Place struct {
	Name  string // what their names in the store begin with
	Bound string // what their boxes are sealed for, beside the code: they open at no other place
}

// ErrNotOpened is of a code whose box does not open: it is of another place, or was sealed
// with a key that is gone.
var ErrNotOpened = errors.New("what the code stands for does not open here")

const (
	codeSize = 32
	endSize  = 8 // of the end that stands before what is kept
)

// encoding refuses bits that stand for nothing: each code is written in one way only.
var encoding = base64.RawURLEncoding.Strict()

// Digest names something secret in the store without giving it away.
func Digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// Make keeps something and returns the code for it. After an error it is not known to be
// kept, and there is no code.
func (c Codes) Make(ctx context.Context, at Place, value []byte) (string, error) {
	var b [codeSize]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	code := encoding.EncodeToString(b[:])
	until := c.Now().Add(c.Lifetime)
	plain := binary.BigEndian.AppendUint64(make([]byte, 0, endSize+len(value)), uint64(until.Unix())) //nolint:gosec // it is not negative
	box, err := c.Sealer.Seal(append(plain, value...), at.boundTo(code))
	if err != nil {
		return "", fmt.Errorf("seal what a code stands for: %w", err)
	}
	if err := c.Store.Add(ctx, at.name(code), box, c.Lifetime); err != nil {
		return "", fmt.Errorf("store a code: %w", err)
	}
	return code, nil
}

// Take returns what a code stands for, once on all servers. It is [broker.ErrNotFound] for a
// code that was never made here, was taken or is too old, and [ErrNotOpened] for one that is
// used up all the same. Other errors are the store's.
func (c Codes) Take(ctx context.Context, at Place, code string) ([]byte, error) {
	if b, err := encoding.DecodeString(code); err != nil || len(b) != codeSize || len(code) != encoding.EncodedLen(codeSize) {
		return nil, fmt.Errorf("take a code: it is none: %w", broker.ErrNotFound) // no need to ask the store
	}
	box, err := c.Store.Take(ctx, at.name(code))
	if err != nil {
		return nil, fmt.Errorf("take a code: %w", err)
	}
	plain, err := c.Sealer.Open(box, at.boundTo(code))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotOpened, err)
	case len(plain) < endSize:
		return nil, ErrNotOpened
	}
	until := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0) //nolint:gosec // as it was sealed
	if c.Now().Sub(until) > c.Skew {
		return nil, fmt.Errorf("take a code: it is too old: %w", broker.ErrNotFound)
	}
	return plain[endSize:], nil
}

func (p Place) name(code string) string { return p.Name + Digest(code) }

func (p Place) boundTo(code string) []byte { return []byte(p.Bound + "/" + Digest(code)) }
