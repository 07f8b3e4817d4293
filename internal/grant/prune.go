package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// pruneEvery is how often all grants are looked at for those that are of no use any
	// more, and pruneFirst how long after the start at the earliest: each up to as much
	// later, so that the servers of a fleet do not do it at once.
	pruneEvery = 6 * time.Hour
	pruneFirst = 10 * time.Minute
)

// KeepPruning deletes what has been of no use for as long as keep, now and then, until
// ctx ends. Whose app was removed runs out like all others.
func (k *Keeper) KeepPruning(ctx context.Context, keep time.Duration) {
	pause := pruneFirst
	for {
		if sleep(ctx, pause+time.Duration(k.cfg.Rand()*float64(pause))) != nil {
			return
		}
		// Of the store's clock and the server's own the one that is behind counts: what a clock that
		// went wrong would delete, nobody brings back.
		switch n, err := k.Prune(ctx, broker.Earlier(k.cfg.Now(), time.Now()).Add(-keep)); {
		case ctx.Err() != nil:
			return
		case err != nil:
			k.log.WarnContext(ctx, "grants that are of no use any more were not deleted", "error", err)
		case n > 0:
			k.log.InfoContext(ctx, "grants that were of no use any more were deleted", "grants", n)
		}
		pause = pruneEvery
	}
}

// Prune deletes the grants that have been of no use since before the given time, and
// returns how many there were. One that is written meanwhile stays: its user is back.
func (k *Keeper) Prune(ctx context.Context, before time.Time) (int, error) {
	n := 0
	for g, err := range k.cfg.Store.All(ctx) {
		if err != nil {
			return n, fmt.Errorf("read stored grants: %w", err)
		}
		if since := g.UselessSince(); since.IsZero() || !since.Before(before) {
			continue
		}
		switch err := k.remove(ctx, g); {
		case err == nil:
			k.memory.drop(g.Key.App, g.Key.Subject)
			n++
		case errors.Is(err, broker.ErrConflict), errors.Is(err, broker.ErrNotFound):
		default:
			return n, fmt.Errorf("delete a grant of app %q: %w", g.Key.App, err)
		}
	}
	return n, nil
}
