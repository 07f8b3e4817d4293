package grant

import (
	"context"
	"errors"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// Reseal seals every grant with the keyset's newest key, while everything goes on. It
// returns how many it wrote. One that cannot be opened stays as it is: nothing is lost by
// keeping it.
func (k *Keeper) Reseal(ctx context.Context) (int, error) {
	n := 0
	for g, err := range k.cfg.Store.All(ctx) {
		if err != nil {
			return n, fmt.Errorf("read stored grants: %w", err)
		}
		wrote, err := k.reseal(ctx, g)
		if err != nil {
			return n, err
		}
		if wrote {
			n++
		}
	}
	return n, nil
}

func (k *Keeper) reseal(ctx context.Context, g broker.Grant) (bool, error) {
	for {
		s, err := k.open(g)
		if err != nil || len(g.Box) == 0 {
			return false, nil //nolint:nilerr // it is counted and logged, and stays as it is
		}
		if err := k.seal(&g, s); err != nil {
			return false, err
		}
		_, err = k.put(ctx, g)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, broker.ErrConflict) {
			return false, err
		}
		g, err = k.cfg.Store.Get(ctx, g.Key)
		if errors.Is(err, broker.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read a grant of app %q: %w", g.Key.App, err)
		}
	}
}
