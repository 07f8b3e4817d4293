package virtual

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// KeySize is the length of a key: one half is for the cipher, the other one for what
	// authenticates.
	KeySize = 64
	// Setting is the name under which the sealed key is stored.
	Setting = "virtual_key"
	// sealedFor binds the sealed key to its place.
	sealedFor = "hufu/virtual/key"
)

// Open returns the codec of all replicas over one store: with the key that is stored,
// or with a new one that is stored first. Of replicas that start at once on an empty
// store one makes the key, and the others take it.
func Open(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) (*Codec, error) {
	key, err := stored(ctx, settings, sealer)
	if errors.Is(err, broker.ErrNotFound) {
		if err := add(ctx, settings, sealer); err != nil {
			return nil, err
		}
		key, err = stored(ctx, settings, sealer)
	}
	if err != nil {
		return nil, err
	}
	return New(key)
}

// Reseal seals the stored key with the keyset's newest key. The key itself stays what
// it is, and with it all tokens.
func Reseal(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) error {
	key, err := stored(ctx, settings, sealer)
	if err != nil {
		return err
	}
	box, err := sealer.Seal(key, []byte(sealedFor))
	if err != nil {
		return fmt.Errorf("seal the key of virtual tokens: %w", err)
	}
	if err := settings.PutSetting(ctx, Setting, box); err != nil {
		return fmt.Errorf("store the key of virtual tokens: %w", err)
	}
	return nil
}

// add stores a new key, unless another replica has stored one.
func add(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) error {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	box, err := sealer.Seal(key, []byte(sealedFor))
	if err != nil {
		return fmt.Errorf("seal the key of virtual tokens: %w", err)
	}
	if err := settings.AddSetting(ctx, Setting, box); err != nil && !errors.Is(err, broker.ErrConflict) {
		return fmt.Errorf("store the key of virtual tokens: %w", err)
	}
	return nil
}

func stored(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) ([]byte, error) {
	box, err := settings.Setting(ctx, Setting)
	if err != nil {
		return nil, fmt.Errorf("read the key of virtual tokens: %w", err)
	}
	key, err := sealer.Open(box, []byte(sealedFor))
	if err != nil {
		return nil, fmt.Errorf("the key of virtual tokens cannot be opened: %w; restore the keyset that has this key, or the store's setting %q, from a backup", err, Setting)
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("the key of virtual tokens has %d bytes, want %d; restore the store's setting %q from a backup", len(key), KeySize, Setting)
	}
	return key, nil
}
