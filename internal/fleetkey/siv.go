package fleetkey

import (
	"crypto/rand"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"github.com/hufu-io/hufu/internal/broker"
)

// SIVSize is the length of a key for AES-SIV: one half is for the cipher, the other one for
// what authenticates.
const SIVSize = 64

// NewSIV makes a key for AES-SIV.
func NewSIV() ([]byte, error) {
	key := make([]byte, SIVSize)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	return key, nil
}

// SIV seals with AES-SIV, which bears any number of boxes: equal ones for equal contents,
// so that what goes in has something random in it where that matters. It implements
// [broker.Sealer].
type SIV struct{ cipher *subtle.AESSIV }

// SIVOf returns the sealer of a key of [SIVSize] bytes.
func SIVOf(key []byte) (SIV, error) {
	cipher, err := subtle.NewAESSIV(key)
	if err != nil {
		return SIV{}, fmt.Errorf("a key for sealing of %d bytes: want %d", len(key), SIVSize)
	}
	return SIV{cipher}, nil
}

var _ broker.Sealer = SIV{}

// Seal implements [broker.Sealer].
func (s SIV) Seal(plaintext, associated []byte) ([]byte, error) {
	box, err := s.cipher.EncryptDeterministically(plaintext, associated)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return box, nil
}

// Open implements [broker.Sealer].
func (s SIV) Open(box, associated []byte) ([]byte, error) {
	plain, err := s.cipher.DecryptDeterministically(box, associated)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return plain, nil
}
