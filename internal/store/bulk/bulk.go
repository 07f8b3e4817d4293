// Package bulk is what stores have in common where they take over what another store
// kept: that there must be nothing yet, and that it comes in batches. It does no I/O of
// its own.
package bulk

import (
	"context"
	"iter"

	"github.com/hufu-io/hufu/internal/broker"
)

// Table makes a table of what reads all of it, and what writes one batch of at most size,
// which then belongs to it.
func Table[T any](all func(context.Context) iter.Seq2[T, error], size int, write func(context.Context, []T) error) broker.Table[T] {
	return broker.Table[T]{
		All: all,
		Import: func(ctx context.Context, coming iter.Seq2[T, error]) (int, error) {
			for _, err := range all(ctx) {
				if err == nil {
					err = broker.ErrNotEmpty
				}
				return 0, err
			}
			return inBatches(ctx, coming, size, write)
		},
	}
}

func inBatches[T any](ctx context.Context, coming iter.Seq2[T, error], size int, write func(context.Context, []T) error) (n int, err error) {
	var batch []T
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := write(ctx, batch); err != nil {
			return err
		}
		n += len(batch)
		batch = nil
		return nil
	}
	for v, err := range coming {
		if err != nil {
			return n, err
		}
		if batch == nil {
			// Never used again: a write that was given up may still be reading it.
			batch = make([]T, 0, size)
		}
		if batch = append(batch, v); len(batch) < size {
			continue
		}
		if err := flush(); err != nil {
			return n, err
		}
	}
	return n, flush()
}
