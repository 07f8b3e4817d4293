package sqlstore

import (
	"context"
	"sync"
)

// PageQuery reads a page of grants, and SweepQuery removes one-time values.
func (s *Store) PageQuery() string { return s.queries.grants.page }

func (s *Store) SweepQuery() string { return s.queries.oneTime.sweep }

// HoldUnsure keeps the leases that may have been taken for nobody, until the function that
// it returns gives them back. That returns when it is done, and how many there were.
func (s *Shared) HoldUnsure() (giveBack func(context.Context) int) {
	var mu sync.Mutex
	var held []unsureLease
	s.unsure = func(l unsureLease) {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, l)
	}
	return func(ctx context.Context) int {
		mu.Lock()
		defer mu.Unlock()
		for _, l := range held {
			s.giveBack(ctx, l)
		}
		return len(held)
	}
}
