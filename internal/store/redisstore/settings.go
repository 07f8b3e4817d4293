package redisstore

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

// Setting implements [broker.SettingStore].
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	value, err := call(ctx, s, func(ctx context.Context) (string, error) {
		return s.client.Do(ctx, s.client.B().Hget().Key(s.names.settings).Field(name).Build()).ToString()
	})
	if rueidis.IsRedisNil(err) {
		err = broker.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read setting %q: %w", name, err)
	}
	return []byte(value), nil
}

// PutSetting implements [broker.SettingStore].
func (s *Store) PutSetting(ctx context.Context, name string, value []byte) error {
	text := string(value) // a copy, because the write may outlast this call
	_, err := call(ctx, s, func(ctx context.Context) (int64, error) {
		return s.client.Do(ctx, s.client.B().Hset().Key(s.names.settings).FieldValue().FieldValue(name, text).Build()).AsInt64()
	})
	if err != nil {
		return fmt.Errorf("write setting %q: %w", name, err)
	}
	return nil
}

// AddSetting implements [broker.SettingStore].
func (s *Store) AddSetting(ctx context.Context, name string, value []byte) error {
	text := string(value) // as in PutSetting
	added, err := call(ctx, s, func(ctx context.Context) (bool, error) {
		return s.client.Do(ctx, s.client.B().Hsetnx().Key(s.names.settings).Field(name).Value(text).Build()).AsBool()
	})
	if err == nil && !added {
		err = broker.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("add setting %q: %w", name, err)
	}
	return nil
}
