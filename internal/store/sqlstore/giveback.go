package sqlstore

import (
	"context"
	"time"
)

const (
	// maxUnsure bounds how many leases are being given back at a time.
	maxUnsure = 64
	// giveBackEvery is the time between two tries.
	giveBackEvery = time.Second
	// giveBackTries is how often there may be nothing to give back: what was sent and not
	// answered may come late.
	giveBackTries = 3
)

// unsureLease is one that may have been taken for a caller who went before the answer came.
// When it ran out, it would look as if its holder had died in mid-issue.
type unsureLease struct {
	name, holder string
	term, expiry int64
	ttl          time.Duration
}

// giveBack releases a lease if it was taken after all, and no other: the same holder may
// have taken the same term meanwhile, and its lease expires at another time. It ends with
// ctx, and when the lease does.
func (s *Shared) giveBack(ctx context.Context, l unsureLease) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl)
	defer cancel()
	tick := time.NewTicker(giveBackEvery)
	defer tick.Stop()
	for tries := 0; tries < giveBackTries; {
		asking, cancel := context.WithTimeout(ctx, pollPatience)
		r, err := s.readers.ExecContext(asking, s.queries.giveBackLease, int64(0), l.name, l.term, l.holder, l.expiry)
		cancel()
		if err == nil {
			if n, err := r.RowsAffected(); err != nil || n > 0 {
				return
			}
			tries++
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
