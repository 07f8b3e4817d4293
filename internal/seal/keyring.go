package seal

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
)

// tinkPrefix starts every box: this byte, then the key's id, big-endian.
const (
	tinkPrefix     = 0x01
	tinkPrefixSize = 5
)

// Keyring seals and opens with the keys of one keyset file. It is safe for
// concurrent use; [Keyring.Reload] never makes a user wait.
type Keyring struct {
	path string
	keys atomic.Pointer[keys]
	look lookout
}

// Open reads the keyset at path. A missing, unsafe or unusable file is a
// [*KeysetError] of kind [ErrNoKeyset], [ErrUnsafe] or [ErrCorrupt].
//
// A server calls [Start] instead, which also checks that the keyset is the one
// that its data was sealed with.
func Open(path string) (*Keyring, error) {
	f, err := readKeyset("open", path)
	if err != nil {
		return nil, err
	}
	k := &Keyring{path: path}
	k.keys.Store(f.keys)
	return k, nil
}

// Seal encrypts plaintext with the primary key and binds it to ad, which is not
// kept in the box and has to be named again to open it.
func (k *Keyring) Seal(plaintext, ad []byte) ([]byte, error) {
	ks := k.keys.Load()
	box, err := ks.byID[ks.primary].aead.Encrypt(plaintext, ad)
	if err != nil {
		return nil, fmt.Errorf("seal with key %d: %w", ks.primary, err)
	}
	return box, nil
}

// Open returns what was sealed in box with ad. It fails with [ErrUnknownKey] or
// [ErrAltered].
//
// A box of a key that is not known may be of another server that shares the file, after a
// rotation there. So the file is then taken up as [Keyring.Reload] does, if it has changed
// since the last such box or that was a second ago, before the box is given up.
func (k *Keyring) Open(box, ad []byte) ([]byte, error) {
	id := SealedWith(box)
	if id == 0 {
		return nil, fmt.Errorf("open box of %d bytes: not sealed by a keyset: %w", len(box), ErrAltered)
	}
	ks := k.keys.Load()
	key, ok := ks.byID[id]
	if !ok {
		k.catchUp()
		ks = k.keys.Load()
		if key, ok = ks.byID[id]; !ok {
			return nil, fmt.Errorf("open box: %w: key %d, the keyset has %v", ErrUnknownKey, id, ks.ids())
		}
	}
	plaintext, err := key.aead.Decrypt(box, ad)
	if err != nil {
		// Tink's own words add nothing: authentication fails for one reason only.
		return nil, fmt.Errorf("open box sealed with key %d: %w", id, ErrAltered)
	}
	return plaintext, nil
}

// Primary returns the id of the key that Seal uses.
func (k *Keyring) Primary() uint32 { return k.keys.Load().primary }

// Keys returns the ids of all keys that can open, in ascending order.
func (k *Keyring) Keys() []uint32 { return k.keys.Load().ids() }

// SealedWith returns the id of the key that box says it was sealed with, or 0 if
// it is no box. It looks at the box's first bytes only and proves nothing.
func SealedWith(box []byte) uint32 {
	if len(box) < tinkPrefixSize || box[0] != tinkPrefix {
		return 0
	}
	return binary.BigEndian.Uint32(box[1:tinkPrefixSize])
}
