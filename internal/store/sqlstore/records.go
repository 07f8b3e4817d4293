package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// Get implements [broker.TokenStore].
func (s *Store) Get(ctx context.Context, k broker.Key) (broker.Record, error) {
	var r broker.Record
	if err := s.get(ctx, k, &r); err != nil {
		return broker.Record{}, fmt.Errorf("read record %q: %w", k, err)
	}
	return r, nil
}

func (s *Store) get(ctx context.Context, k broker.Key, r *broker.Record) error {
	rows, err := s.query(ctx, s.queries.getRecord, k.String())
	if err != nil {
		return s.readFault(ctx, err)
	}
	defer func() { _ = rows.Close() }() // what went wrong, Err tells
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return s.readFault(ctx, err)
		}
		return broker.ErrNotFound
	}
	sc := s.scanners.Get().(*scanner)
	defer s.scanners.Put(sc)
	if err := sc.scan(rows, r); err != nil {
		return s.readFault(ctx, err)
	}
	return nil
}

// Put implements [broker.TokenStore].
func (s *Store) Put(ctx context.Context, r broker.Record) (broker.Version, error) {
	r = r.Clone() // the write may outlast this call, if ctx ends
	err := s.write(ctx, func(ctx context.Context, c runner) error { return s.put(ctx, c, r) })
	if err != nil {
		return 0, fmt.Errorf("write record %q: %w", r.Key, err)
	}
	s.wrote()
	return r.Version + 1, nil
}

// put writes one record at the version after r's.
func (s *Store) put(ctx context.Context, c runner, r broker.Record) error {
	var changed int64
	var err error
	old := int64(r.Version)
	r.Version++
	if old == 0 {
		changed, err = s.add(ctx, c, s.queries.insertRecord, []broker.Record{r})
	} else {
		key := r.Key.String()
		args := s.columns.args(make([]any, 0, s.columns.count()+2), &r)
		changed, err = c.exec(ctx, s.queries.updateRecord, append(args, key, old)...)
	}
	if err == nil && changed == 0 {
		return refusal{broker.ErrConflict}
	}
	return err
}

// add writes records that are not there yet, at the versions they have, in one statement,
// and returns how many it wrote.
func (s *Store) add(ctx context.Context, c runner, insert rows, records []broker.Record) (added int64, err error) {
	args := s.once(len(records))
	for _, r := range records {
		if r.Key.App == "" || r.Key.Kind == "" {
			return 0, refusal{errors.New("the key names no app or no kind")}
		}
		key := r.Key.String()
		parts := strings.SplitN(key+"/", "/", 4) // the subject may be missing
		args = s.columns.args(append(args, key, parts[0], parts[1], parts[2]), &r)
	}
	return s.insert(ctx, c, insert.of(len(records)), args...)
}

// Delete implements [broker.TokenStore].
func (s *Store) Delete(ctx context.Context, k broker.Key, v broker.Version) error {
	q := s.queries
	err := s.write(ctx, deleteOp(q.deleteRecord, q.hasRecord, v, k.String()))
	if err != nil {
		return fmt.Errorf("delete record %q: %w", k, err)
	}
	return nil
}

// deleteOp deletes the row of a key or a name if it is at version v.
func deleteOp(remove, has string, v broker.Version, key ...any) op {
	return func(ctx context.Context, r runner) error {
		changed, err := r.exec(ctx, remove, append(slices.Clone(key), int64(v))...)
		if err != nil || changed > 0 {
			return err
		}
		found, err := exists(ctx, r, has, key...)
		switch {
		case err != nil:
			return err
		case found:
			return refusal{broker.ErrConflict}
		default:
			return refusal{broker.ErrNotFound}
		}
	}
}

// All implements [broker.TokenStore]. It yields the records as they were when it
// began, and holds up no writes.
func (s *Store) All(ctx context.Context) iter.Seq2[broker.Record, error] {
	return func(yield func(broker.Record, error) bool) {
		if err := s.all(ctx, yield); err != nil {
			yield(broker.Record{}, fmt.Errorf("read all records: %w", s.readFault(ctx, err)))
		}
	}
}

// all returns the error that ended it early, unless yield did.
func (s *Store) all(ctx context.Context, yield func(broker.Record, error) bool) error {
	rows, err := s.readers.QueryContext(ctx, s.queries.allRecords)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what went wrong, Err tells
	sc := s.scanners.Get().(*scanner)
	defer s.scanners.Put(sc)
	var r broker.Record
	for rows.Next() {
		select {
		case <-s.closing:
			return ErrClosed
		default:
		}
		err := sc.scan(rows, &r)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, broker.ErrUndecodable):
			err = fmt.Errorf("read all records: %w", err) // and go on
		case err != nil:
			return err
		}
		if !yield(r, err) {
			return nil
		}
	}
	return rows.Err()
}
