package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// Setting implements [broker.Store].
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := s.readers.QueryRowContext(ctx, s.queries.getSetting, name).Scan(&value)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("read setting %q: %w", name, broker.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("read setting %q: %w", name, s.readFault(ctx, err))
	}
	return value, nil
}

// PutSetting implements [broker.Store].
func (s *Store) PutSetting(ctx context.Context, name string, value []byte) error {
	// A copy, because the write may outlast this call; never nil, which would be NULL.
	value = append([]byte{}, value...)
	err := s.write(ctx, func(ctx context.Context, r runner) error {
		_, err := r.exec(ctx, s.queries.putSetting, name, value)
		return err
	})
	if err != nil {
		return fmt.Errorf("write setting %q: %w", name, err)
	}
	return nil
}

// AddSetting implements [broker.Store].
func (s *Store) AddSetting(ctx context.Context, name string, value []byte) error {
	value = append([]byte{}, value...) // as in PutSetting
	err := s.write(ctx, func(ctx context.Context, r runner) error {
		changed, err := s.insert(ctx, r, s.queries.addSetting, name, value)
		if err == nil && changed == 0 {
			return refusal{broker.ErrConflict}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("add setting %q: %w", name, err)
	}
	return nil
}
