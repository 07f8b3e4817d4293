package memstore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Get implements [broker.TokenStore].
func (s *Store) Get(ctx context.Context, k broker.Key) (broker.Record, error) {
	if err := s.enter(ctx, "read record", k.String()); err != nil {
		return broker.Record{}, err
	}
	r, ok := s.data.record(k)
	if !ok {
		return broker.Record{}, fmt.Errorf("read record %q: %w", k, broker.ErrNotFound)
	}
	return r, nil
}

// Put implements [broker.TokenStore].
func (s *Store) Put(ctx context.Context, r broker.Record) (broker.Version, error) {
	if err := s.enter(ctx, "write record", r.Key.String()); err != nil {
		return 0, err
	}
	if r.Key.App == "" || r.Key.Kind == "" {
		return 0, fmt.Errorf("write record %q: the key names no app or no kind", r.Key)
	}
	d := s.data
	d.mu.Lock()
	defer d.mu.Unlock()
	// A record that is not there is at version 0.
	if d.records[r.Key].Version != r.Version {
		return 0, fmt.Errorf("write record %q: %w", r.Key, broker.ErrConflict)
	}
	r = normal(r)
	r.Version++
	d.records[r.Key] = r
	told := r.Clone()
	d.tell(broker.Change{Record: &told})
	return r.Version, nil
}

// Delete implements [broker.TokenStore].
func (s *Store) Delete(ctx context.Context, k broker.Key, v broker.Version) error {
	if err := s.enter(ctx, "delete record", k.String()); err != nil {
		return err
	}
	d := s.data
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.records[k]
	switch {
	case !ok:
		return fmt.Errorf("delete record %q: %w", k, broker.ErrNotFound)
	case r.Version != v:
		return fmt.Errorf("delete record %q: %w", k, broker.ErrConflict)
	}
	delete(d.records, k)
	return nil
}

// All implements [broker.TokenStore]. Writes go on meanwhile: records come as they
// are when their turn comes, and new ones may be missed.
func (s *Store) All(ctx context.Context) iter.Seq2[broker.Record, error] {
	return func(yield func(broker.Record, error) bool) {
		s.data.mu.Lock()
		keys := slices.Collect(maps.Keys(s.data.records))
		s.data.mu.Unlock()
		if err := s.usable(ctx); err != nil {
			yield(broker.Record{}, fmt.Errorf("read all records: %w", err))
			return
		}
		for _, k := range keys {
			if err := s.usable(ctx); err != nil {
				yield(broker.Record{}, fmt.Errorf("read all records: %w", err))
				return
			}
			if r, ok := s.data.record(k); ok && !yield(r, nil) {
				return
			}
		}
	}
}

func (d *data) record(k broker.Key) (broker.Record, bool) {
	d.mu.Lock()
	r, ok := d.records[k]
	d.mu.Unlock()
	// What is kept is never changed in place, so it may be copied outside the lock.
	return r.Clone(), ok
}

// normal returns a copy of r as it is kept.
func normal(r broker.Record) broker.Record {
	r = r.Clone()
	for _, t := range []*time.Time{
		&r.Current.Issued, &r.Current.Expiry, &r.Current.Until,
		&r.Previous.Issued, &r.Previous.Expiry, &r.Previous.Until,
		&r.Due,
		&r.Failure.First, &r.Failure.Last, &r.Failure.NotBefore, &r.Failure.UnknownAt,
		&r.Budget.LastUnplanned, &r.Budget.LastForced,
		&r.Foreign.Last,
	} {
		*t = utc(*t)
	}
	return r
}
