package grant

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hufu-io/hufu/internal/broker"
)

// resealing is how many grants are sealed again at a time: many, because what one costs is
// that its write is waited for, and fewer than fill the connections to a store.
const resealing = 8

// Reseal seals every grant with the keyset's newest key, while everything goes on. It
// returns how many it wrote. One that cannot be opened stays as it is: nothing is lost by
// keeping it.
func (k *Keeper) Reseal(ctx context.Context) (int, error) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	var n atomic.Int64
	var workers sync.WaitGroup
	next := make(chan broker.Grant)
	for range resealing {
		workers.Go(func() {
			for g := range next {
				wrote, err := k.reseal(ctx, g)
				if err != nil {
					giveUp(err)
				}
				if wrote {
					n.Add(1)
				}
			}
		})
	}
	err := k.each(ctx, next)
	close(next)
	workers.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return int(n.Load()), err
}

// each hands out every stored grant, until ctx ends.
func (k *Keeper) each(ctx context.Context, next chan<- broker.Grant) error {
	for g, err := range k.cfg.Store.All(ctx) {
		if err != nil {
			return fmt.Errorf("read stored grants: %w", err)
		}
		select {
		case next <- g:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
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
