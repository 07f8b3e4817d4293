package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
)

// importChunk is how many records PutMany writes in one transaction: enough that
// the commit does not count, and few enough that other writes do not wait long.
const importChunk = 1000

// PutMany stores records that are not there yet, all at version 0, in transactions
// of many: for imports. It returns how many are stored, which after an error are
// the first n. Other writes go on in between. A record that is there already ends
// it with [broker.ErrConflict].
func (s *Store) PutMany(ctx context.Context, records iter.Seq[broker.Record]) (n int, err error) {
	chunk := make([]broker.Record, 0, importChunk)
	for r := range records {
		if r.Version != 0 {
			return n, fmt.Errorf("import record %q at version %d: %w", r.Key, r.Version, broker.ErrConflict)
		}
		chunk = append(chunk, r.Clone())
		if len(chunk) < importChunk {
			continue
		}
		if err := s.putChunk(ctx, chunk); err != nil {
			return n, err
		}
		n += len(chunk)
		// Not used again: a write that was given up may still be reading it.
		chunk = make([]broker.Record, 0, importChunk)
	}
	if err := s.putChunk(ctx, chunk); err != nil {
		return n, err
	}
	return n + len(chunk), nil
}

func (s *Store) putChunk(ctx context.Context, chunk []broker.Record) error {
	if len(chunk) == 0 {
		return nil
	}
	err := s.writeTogether(ctx, func(ctx context.Context, r runner) error {
		for some := range slices.Chunk(chunk, s.dialect.rows) {
			added, err := s.add(ctx, r, some)
			// Others of the chunk are written already, so that a refusal must become an
			// error, for which the transaction is given up.
			if no, ok := errors.AsType[refusal](err); ok {
				err = no.reason
			}
			if err == nil && added != int64(len(some)) {
				err = broker.ErrConflict
			}
			if err != nil {
				return fmt.Errorf("import record %q and what follows: %w", some[0].Key, err)
			}
		}
		return nil
	})
	if err == nil {
		s.wrote()
	}
	return err
}
