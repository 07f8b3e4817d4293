package audit

import (
	"context"
	"time"
)

// minPause is the least time between two prunings of a part.
const minPause = 10 * time.Millisecond

// keepPruning removes, once in a window, what is older than it is kept, until ctx ends.
func (r *Recorder) keepPruning(ctx context.Context) {
	tick := time.NewTicker(r.cfg.Window)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.prune(ctx, r.cfg.Now().Add(-r.cfg.Retain))
		case <-ctx.Done():
			return
		}
	}
}

// prune removes all entries from before the given time, a part at a time. After each
// it stands back for as long as that took: an audit that was kept for long, or flooded,
// is not to hold up the store's other writes.
func (r *Recorder) prune(ctx context.Context, before time.Time) {
	for {
		begun := time.Now()
		n, err := r.pruneSome(ctx, before)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			r.cfg.Logger.WarnContext(ctx, "old audit entries were not removed", "error", err)
			return
		case n < appendAtOnce:
			return
		}
		select {
		case <-time.After(max(time.Since(begun), minPause)):
		case <-ctx.Done():
			return
		}
	}
}

func (r *Recorder) pruneSome(ctx context.Context, before time.Time) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	return r.cfg.Log.Prune(ctx, before, appendAtOnce)
}
