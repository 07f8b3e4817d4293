package virtual

import (
	"context"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleetkey"
)

// KeySize is the length of a key.
const KeySize = fleetkey.SIVSize

// Key is the key of virtual tokens, as all servers over one store have it.
var Key = fleetkey.Key{Setting: "virtual_key", SealedFor: "hufu/virtual/key", What: "the key of virtual tokens"}

// Open returns the codec of all servers over one store.
func Open(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) (*Codec, error) {
	key, err := Key.Open(ctx, settings, sealer, fleetkey.NewSIV)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says which key it is
	}
	if len(key) != KeySize {
		return nil, Key.Faulty(fmt.Errorf("it has %d bytes, want %d", len(key), KeySize)) //nolint:wrapcheck // as above
	}
	return New(key)
}
