package memstore

import (
	"bytes"
	"context"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// Setting implements [broker.Store].
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	if err := s.enter(ctx, "read setting", name); err != nil {
		return nil, err
	}
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	v, ok := s.data.settings[name]
	if !ok {
		return nil, fmt.Errorf("read setting %q: %w", name, broker.ErrNotFound)
	}
	return bytes.Clone(v), nil
}

// PutSetting implements [broker.Store].
func (s *Store) PutSetting(ctx context.Context, name string, value []byte) error {
	if err := s.enter(ctx, "write setting", name); err != nil {
		return err
	}
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	s.data.settings[name] = bytes.Clone(value)
	return nil
}

// AddSetting implements [broker.Store].
func (s *Store) AddSetting(ctx context.Context, name string, value []byte) error {
	if err := s.enter(ctx, "add setting", name); err != nil {
		return err
	}
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	if _, ok := s.data.settings[name]; ok {
		return fmt.Errorf("add setting %q: %w", name, broker.ErrConflict)
	}
	s.data.settings[name] = bytes.Clone(value)
	return nil
}
