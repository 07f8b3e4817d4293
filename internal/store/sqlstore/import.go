package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"iter"

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
	return s.write(ctx, func(ctx context.Context, c *conn) error {
		for _, r := range chunk {
			if err := s.put(ctx, c, r); err != nil {
				// Others of the chunk are written already, so that a refusal must become
				// an error, for which the transaction is given up.
				if no, ok := errors.AsType[refusal](err); ok {
					err = no.reason
				}
				return fmt.Errorf("import record %q: %w", r.Key, err)
			}
		}
		return nil
	})
}
