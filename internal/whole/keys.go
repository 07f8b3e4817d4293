package whole

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleetkey"
	"github.com/hufu-io/hufu/internal/oidc"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// Keys are what servers over one store have in common. To make them takes a while, so that
// tests make them once.
type Keys struct {
	// Sealer stands for the keyset.
	Sealer broker.Sealer
	openID []byte // the keys of OpenID Connect as they lie in the store; nil: they are made
}

// NewKeys makes keys.
func NewKeys(ctx context.Context) (*Keys, error) {
	key, err := fleetkey.NewSIV()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	sealer, err := fleetkey.SIVOf(key)
	if err != nil {
		return nil, fmt.Errorf("make a sealer: %w", err)
	}
	k := &Keys{Sealer: sealer}
	store := memstore.New(memstore.Config{})
	s, err := New(ctx, Config{Holder: "keys", Store: store, Keys: k, Platforms: nowhere{}})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	k.openID, err = store.Setting(ctx, oidc.Key.Setting)
	return k, errors.Join(err, s.Close(ctx), store.Close())
}

// put puts the keys into a store that has none.
func (k *Keys) put(ctx context.Context, settings broker.SettingStore) error {
	if k.openID == nil {
		return nil
	}
	if err := settings.AddSetting(ctx, oidc.Key.Setting, k.openID); err != nil && !errors.Is(err, broker.ErrConflict) {
		return fmt.Errorf("store the keys of OpenID Connect: %w", err)
	}
	return nil
}

// nowhere reaches no platform.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("there is no platform")
}
