package login

import (
	"context"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleetkey"
)

// Key is the key that seals what browsers carry, as all servers over one store have it: it
// is not the keyset's, because strangers can begin as many logins as they like.
var Key = fleetkey.Key{Setting: "login_key", SealedFor: "hufu/login/key", What: "the key of logins"}

// OpenSealer returns the sealer for [Config] of all servers over one store.
func OpenSealer(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) (broker.Sealer, error) {
	key, err := Key.Open(ctx, settings, sealer, fleetkey.NewSIV)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says which key it is
	}
	siv, err := fleetkey.SIVOf(key)
	if err != nil {
		return nil, Key.Faulty(err) //nolint:wrapcheck // as above
	}
	return siv, nil
}
