package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s *Store) records() rows { return rows{s, &s.names.records, "record"} }

// Get implements [broker.TokenStore].
func (s *Store) Get(ctx context.Context, k broker.Key) (broker.Record, error) {
	v, rest, err := s.records().get(ctx, k.String())
	var r broker.Record
	if err == nil {
		r, err = decodeRecord(k, v, rest)
	}
	if err != nil {
		return broker.Record{}, fmt.Errorf("read record %q: %w", k, err)
	}
	return r, nil
}

// Put implements [broker.TokenStore].
func (s *Store) Put(ctx context.Context, r broker.Record) (broker.Version, error) {
	if r.Key.App == "" || r.Key.Kind == "" {
		return 0, fmt.Errorf("write record %q: the key names no app or no kind", r.Key)
	}
	rest, err := json.Marshal(storedRecordOf(&r)) //nolint:gosec // Its "secret" is a fingerprint, and what is secret is sealed.
	if err == nil {
		err = s.records().put(ctx, r.Key.String(), r.Version, rest)
	}
	if err != nil {
		return 0, fmt.Errorf("write record %q: %w", r.Key, err)
	}
	return r.Version + 1, nil
}

// Delete implements [broker.TokenStore].
func (s *Store) Delete(ctx context.Context, k broker.Key, v broker.Version) error {
	if err := s.records().delete(ctx, k.String(), v); err != nil {
		return fmt.Errorf("delete record %q: %w", k, err)
	}
	return nil
}

// All implements [broker.TokenStore]. Writes go on meanwhile: records come as they are
// when their turn comes, and new ones may be missed.
func (s *Store) All(ctx context.Context) iter.Seq2[broker.Record, error] {
	return func(yield func(broker.Record, error) bool) {
		err := s.records().each(ctx, func(field, value string) (bool, error) {
			r, err := parseRecord(field, value)
			if err != nil {
				err = fmt.Errorf("read all records: %w", err) // and go on
			}
			return yield(r, err), nil
		})
		if err != nil {
			yield(broker.Record{}, fmt.Errorf("read all records: %w", err))
		}
	}
}

// parseRecord decodes the record in a field. Of what it cannot decode it returns the key,
// and an error that is [broker.ErrUndecodable].
func parseRecord(field, value string) (broker.Record, error) {
	k, err := broker.ParseKey(field)
	if err != nil {
		return broker.Record{}, fmt.Errorf("record %q: %w: %w", field, broker.ErrUndecodable, err)
	}
	v, rest, err := split(value)
	var r broker.Record
	if err == nil {
		r, err = decodeRecord(k, v, rest)
	}
	if err != nil {
		return broker.Record{Key: k}, fmt.Errorf("record %q: %w", k, err)
	}
	return r, nil
}

func decodeRecord(k broker.Key, v broker.Version, rest string) (broker.Record, error) {
	var stored storedRecord
	if err := json.Unmarshal([]byte(rest), &stored); err != nil {
		return broker.Record{}, fmt.Errorf("%w: %w", broker.ErrUndecodable, err)
	}
	r := stored.record()
	r.Key, r.Version = k, v
	return r, nil
}
