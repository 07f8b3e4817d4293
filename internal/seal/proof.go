package seal

import (
	"bytes"
	"errors"
	"fmt"
)

const (
	proofText = "hufu keyset proof 1"
	proofAD   = "hufu/seal/proof"
)

// Proof returns a box that a store keeps beside its data, so that a wrong keyset
// is noticed at start, before anything is written. It opens with every later
// state of this keyset until its key is pruned; the job that seals boxes again
// makes a new proof too.
func (k *Keyring) Proof() ([]byte, error) {
	return k.Seal([]byte(proofText), []byte(proofAD))
}

// Check reports whether the keyset is the one that proof was made with. It fails
// with [ErrWrongKeyset], and with [ErrUnknownKey] or [ErrAltered] to tell how.
func (k *Keyring) Check(proof []byte) error {
	text, err := k.Open(proof, []byte(proofAD))
	if err == nil && bytes.Equal(text, []byte(proofText)) {
		return nil
	}
	hint := "the stored proof is damaged or not a proof; restore the store, nothing was changed"
	if errors.Is(err, ErrUnknownKey) {
		hint = "point keyset_file at the keyset that this store was written with, or restore it from a backup; nothing was changed"
	}
	if err == nil {
		err = ErrAltered
	}
	return &KeysetError{Op: "check", Path: k.path, Err: fmt.Errorf("%w: proof: %w", ErrWrongKeyset, err), Hint: hint}
}

// Start is how a server gets its keyring. proof is what its store keeps from
// [Keyring.Proof], empty if the store holds nothing sealed yet.
//
// Only with an empty proof is a missing keyset made. Otherwise it is an error,
// because a fresh keyset would open nothing of what the store holds and would
// bury the mistake under new data. Start changes nothing in that case.
//
// The caller stores a proof before its first box. Where two servers start on a
// new store at once, each with a keyset of its own, one of them stores its proof
// first and the other's Check of it fails.
func Start(path string, proof []byte) (*Keyring, error) {
	k, err := Open(path)
	if len(proof) == 0 && errors.Is(err, ErrNoKeyset) {
		// Another replica that shares the file may be making it right now; then
		// its keyset is the one to use.
		if err := Create(path); err != nil && !errors.Is(err, ErrKeysetExists) {
			return nil, err
		}
		return Open(path)
	}
	if errors.Is(err, ErrNoKeyset) {
		return nil, &KeysetError{
			Op: "open", Path: path, Err: ErrNoKeyset,
			Why:  fmt.Sprintf("the store holds data sealed with key %d", SealedWith(proof)),
			Hint: "restore the keyset from a backup or point keyset_file at it; without it the sealed data cannot be read, and no new keyset is made over it",
		}
	}
	if err != nil {
		return nil, err
	}
	if len(proof) == 0 {
		return k, nil
	}
	if err := k.Check(proof); err != nil {
		return nil, err
	}
	return k, nil
}
