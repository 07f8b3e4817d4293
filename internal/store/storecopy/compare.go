package storecopy

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/hufu-io/hufu/internal/broker"
)

// compare reads everything again from both stores.
func (c *copying) compare(ctx context.Context) error {
	n := &c.done.Counts
	return first(
		func() error {
			return same(ctx, c, "settings", c.source.Settings, c.target.Settings, settingForm, n.Settings)
		},
		func() error {
			return same(ctx, c, "clients", c.source.Clients, c.target.Clients, definitionForm, n.Clients)
		},
		func() error { return same(ctx, c, "apps", c.source.Apps, c.target.Apps, definitionForm, n.Apps) },
		func() error {
			return same(ctx, c, "records", c.source.Records, c.target.Records, recordForm, n.Records)
		},
		func() error { return same(ctx, c, "grants", c.source.Grants, c.target.Grants, grantForm, n.Grants) },
		func() error { return same(ctx, c, "leases", c.source.Doubts, c.target.Doubts, doubtForm, n.Doubts) },
		func() error {
			if c.o.NoAudit {
				return nil
			}
			return same(ctx, c, "audit", c.source.Audit, c.target.Audit, inOrder(entryForm), n.Audit)
		},
	)
}

// same compares one table, of which so many were copied.
func same[T any](ctx context.Context, c *copying, name string, from, to broker.Table[T], form func() former[T], n int) error {
	var sums [2]sum
	var errs [2]error
	var wg sync.WaitGroup
	for i, t := range []broker.Table[T]{from, to} {
		tell := func(int) {}
		if i == 0 { // both are about as far
			tell = func(n int) { c.o.Progress("compare", name, n) }
		}
		wg.Go(func() { sums[i], errs[i] = digest(counted(t.All(ctx), tell), form()) })
	}
	wg.Wait()
	if err := cmp.Or(errs[0], errs[1]); err != nil {
		return fmt.Errorf("compare %s: %w", name, err)
	}
	switch {
	case sums[0].n != n || sums[1].n != n:
		return fmt.Errorf("%w: %d %s were copied, and there are %d in %s and %d in %s",
			ErrDiffers, n, name, sums[0].n, c.from.Name, sums[1].n, c.to.Name)
	case sums[0] != sums[1]:
		return fmt.Errorf("%w: there are as many %s, but not the same", ErrDiffers, name)
	}
	return nil
}
