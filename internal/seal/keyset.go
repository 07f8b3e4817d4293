package seal

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

const (
	// maxKeysetBytes bounds what is read from a path that may not be a keyset at
	// all. It has room for some four thousand keys.
	maxKeysetBytes = 1 << 20
	keyBytes       = 32
)

// sealingKey is one key of a keyset, ready to use.
type sealingKey struct {
	key  *aesgcm.Key
	aead tink.AEAD
}

// keys is one state of a keyset. It is never changed once built, so that any
// number of goroutines may use it.
//
// The primitive that Tink makes of a whole keyset is not used: it tries keys by
// prefix and answers every failure alike, and callers need to know whether the
// key or the box is at fault.
type keys struct {
	primary uint32
	byID    map[uint32]sealingKey
}

// ids returns the key ids in order.
func (ks *keys) ids() []uint32 { return slices.Sorted(maps.Keys(ks.byID)) }

// equal reports whether two states of one keyset are the same. Equal ids mean
// equal keys there.
func (ks *keys) equal(other *keys) bool {
	return ks.primary == other.primary && slices.Equal(ks.ids(), other.ids())
}

// newHandle makes a keyset of one fresh key.
func newHandle() (*keyset.Handle, error) {
	m := keyset.NewManager()
	if _, err := addPrimary(m); err != nil {
		return nil, err
	}
	return m.Handle()
}

// addPrimary adds a fresh key and makes it the one that seals.
func addPrimary(m *keyset.Manager) (uint32, error) {
	params, err := aesgcm.NewParameters(aesgcm.ParametersOpts{
		KeySizeInBytes: keyBytes,
		IVSizeInBytes:  12,
		TagSizeInBytes: 16,
		Variant:        aesgcm.VariantTink,
	})
	if err != nil {
		return 0, err
	}
	id, err := m.AddNewKeyFromParameters(params)
	if err != nil {
		return 0, err
	}
	if id == 0 {
		// Zero says "no box" in SealedWith. Tink may draw it, once in 2³² times.
		if id, err = m.AddNewKeyFromParameters(params); err != nil {
			return 0, err
		}
		if err := m.Delete(0); err != nil {
			return 0, err
		}
	}
	return id, m.SetPrimary(id)
}

// encode writes a keyset as Tink's JSON, which operators can inspect with Tink's
// own tools. It refuses to write what decode would not read.
func encode(h *keyset.Handle) ([]byte, error) {
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&buf)); err != nil {
		return nil, errors.New("keyset does not encode")
	}
	if buf.Len() > maxKeysetBytes {
		return nil, errors.New("keyset holds too many keys: prune it first")
	}
	if _, _, err := decode(buf.Bytes()); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// decode parses a keyset and makes its keys ready for use. Its errors are fixed
// words: those of the parsers quote their input, and the input is key bytes.
func decode(data []byte) (*keyset.Handle, *keys, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(data)))
	if err != nil {
		return nil, nil, errors.New("no Tink keyset in JSON, or cut short")
	}
	ks := &keys{byID: make(map[uint32]sealingKey, h.Len())}
	for i := range h.Len() {
		entry, err := h.Entry(i)
		if err != nil {
			return nil, nil, err
		}
		k, ok := entry.Key().(*aesgcm.Key)
		if !ok || entry.KeyID() == 0 || !supported(k) {
			return nil, nil, errors.New("a key is not AES-256-GCM with a Tink prefix")
		}
		if entry.KeyStatus() != keyset.Enabled {
			continue
		}
		aead, err := aesgcm.NewAEAD(k)
		if err != nil {
			return nil, nil, errors.New("a key cannot be used")
		}
		ks.byID[entry.KeyID()] = sealingKey{key: k, aead: aead}
		if entry.IsPrimary() {
			ks.primary = entry.KeyID()
		}
	}
	return h, ks, nil
}

func supported(k *aesgcm.Key) bool {
	p, ok := k.Parameters().(*aesgcm.Parameters)
	return ok && p.KeySizeInBytes() == keyBytes && p.Variant() == aesgcm.VariantTink
}
