package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
)

// pollRecords tells of what has been written since the last look. Nearly all of it is news.
func (s *Shared) pollRecords(ctx context.Context, w *watch, since int64, tell func(broker.Change) bool, moved func()) error {
	return s.tellRecords(ctx, w, tell, moved, s.queries.changedRecords, since)
}

// tellRecords tells of the records of a query, as far as they are news.
func (s *Shared) tellRecords(ctx context.Context, w *watch, tell func(broker.Change) bool, moved func(), query string, args ...any) error {
	rows, err := s.polls.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read what has changed: %w", s.dialect.explain(err))
	}
	defer func() { _ = rows.Close() }() // what went wrong, Err tells
	sc := s.scanners.Get().(*scanner)
	defer s.scanners.Put(sc)
	for rows.Next() {
		moved()
		var r broker.Record
		err := sc.scanChanged(rows, &r)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			// It must not keep others from being told of. Whoever reads it is told.
			s.log.ErrorContext(ctx, "a record that has changed cannot be read", "error", err)
			continue
		}
		if !news(w.records, sc.key, mark{int64(r.Version), sc.changed}) {
			continue
		}
		if !tell(broker.Change{Record: &r}) {
			return errStopped
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read what has changed: %w", s.dialect.explain(err))
	}
	return nil
}

// lateBatch is how many records that were seen late are read by one statement.
const lateBatch = 100

// pollLate tells of what was written before the last look and has not been seen by it.
// Nearly everything that was is known, so that records are read only where they are not:
// after 30 000 writes at once, whole rows would take longer than I9 allows.
func (s *Shared) pollLate(ctx context.Context, w *watch, from, to int64, tell func(broker.Change) bool, moved func()) error {
	late, err := s.unknown(ctx, w, from, to, moved)
	if err != nil {
		return fmt.Errorf("read what may have changed: %w", s.dialect.explain(err))
	}
	keys := make([]any, 0, len(late))
	for key := range late {
		keys = append(keys, key)
	}
	for some := range slices.Chunk(keys, lateBatch) {
		args := append(s.once(len(some)), some...)
		if err := s.tellRecords(ctx, w, tell, moved, s.queries.someRecords.of(len(some)), args...); err != nil {
			return err
		}
	}
	// What could not be decoded is named in the log once, and not by every look.
	for key, m := range late {
		if w.records[key].changed < m.changed {
			w.records[key] = m
		}
	}
	return nil
}

// unknown lists the writes of a time that have not been told of.
func (s *Shared) unknown(ctx context.Context, w *watch, from, to int64, moved func()) (map[string]mark, error) {
	rows, err := s.polls.QueryContext(ctx, s.queries.knownRecords, from, to)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what went wrong, Err tells
	late := map[string]mark{}
	var key sql.RawBytes // a key that is known is not copied
	var m mark
	for rows.Next() {
		moved()
		if err := rows.Scan(&m.changed, &key, &m.version); err != nil {
			return nil, err
		}
		if w.records[string(key)] != m {
			late[string(key)] = m
		}
	}
	return late, rows.Err()
}
