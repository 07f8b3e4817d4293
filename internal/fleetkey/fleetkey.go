// Package fleetkey keeps the keys that all servers over one store have in common beside the
// keyset: each is made once, by whichever server needs it first, and lies sealed in the
// store's settings.
//
// They are for what strangers can have made as often as they like, such as the state of a login. The
// keyset's own cipher, which guards what is kept at rest, bears a limited number of boxes.
package fleetkey

import (
	"context"
	"errors"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// Key names one of them. Its values are constants of the packages that use them.
type Key struct {
	// Setting is the name under which it is stored.
	Setting string
	// SealedFor binds it to its place: it is the associated data of its box.
	SealedFor string
	// What names it in errors, such as "the key of virtual tokens".
	What string
}

// Open returns the key that is stored, or a new one that is stored first. Of servers that
// start at once on an empty store one makes it, and the others take it.
func (k Key) Open(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer, create func() ([]byte, error)) ([]byte, error) {
	plain, err := k.Stored(ctx, settings, sealer)
	if !errors.Is(err, broker.ErrNotFound) {
		return plain, err
	}
	if plain, err = create(); err != nil {
		return nil, fmt.Errorf("make %s: %w", k.What, err)
	}
	box, err := k.seal(sealer, plain)
	if err != nil {
		return nil, err
	}
	if err := settings.AddSetting(ctx, k.Setting, box); err != nil && !errors.Is(err, broker.ErrConflict) {
		return nil, fmt.Errorf("store %s: %w", k.What, err)
	}
	return k.Stored(ctx, settings, sealer)
}

// Reseal seals the stored key with the keyset's newest key. The key itself stays what it
// is, and with it all that was made with it. Where there is none, nothing is done.
func (k Key) Reseal(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) error {
	return k.Change(ctx, settings, sealer, func(plain []byte) ([]byte, error) { return plain, nil })
}

// Change stores what is made of the stored key, sealed with the keyset's newest key. Where
// there is none, nothing is done. Whoever calls it sees to it that nobody else does at the
// same time.
func (k Key) Change(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer, change func([]byte) ([]byte, error)) error {
	plain, err := k.Stored(ctx, settings, sealer)
	switch {
	case errors.Is(err, broker.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	if plain, err = change(plain); err != nil {
		return fmt.Errorf("change %s: %w", k.What, err)
	}
	box, err := k.seal(sealer, plain)
	if err != nil {
		return err
	}
	if err := settings.PutSetting(ctx, k.Setting, box); err != nil {
		return fmt.Errorf("store %s: %w", k.What, err)
	}
	return nil
}

// Faulty says of a stored key that it is not one, and what to do.
func (k Key) Faulty(why error) error {
	return fmt.Errorf("%s is not what was stored: %w; restore the store's setting %q from a backup", k.What, why, k.Setting)
}

func (k Key) seal(sealer broker.Sealer, plain []byte) ([]byte, error) {
	box, err := sealer.Seal(plain, []byte(k.SealedFor))
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", k.What, err)
	}
	return box, nil
}

// Stored returns the key that is stored, or an error that is [broker.ErrNotFound].
func (k Key) Stored(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) ([]byte, error) {
	box, err := settings.Setting(ctx, k.Setting)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", k.What, err)
	}
	plain, err := sealer.Open(box, []byte(k.SealedFor))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w; restore the keyset that has its key, or the store's setting %q, from a backup", k.What, err, k.Setting)
	}
	return plain, nil
}
