package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

// OneTime implements [broker.Store].
func (s *Store) OneTime() broker.OneTimeStore { return oneTime{s} }

// oneTime keeps each value under a key of its own, which Redis removes by itself, to the
// millisecond.
type oneTime struct{ s *Store }

func (o oneTime) keyOf(name string) string { return o.s.names.once + name }

func (o oneTime) Add(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	if err := o.add(ctx, name, string(value), ttl); err != nil {
		return fmt.Errorf("add one-time value %q: %w", name, err)
	}
	return nil
}

func (o oneTime) add(ctx context.Context, name, value string, ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("ttl %v is not positive", ttl)
	}
	_, err := call(ctx, o.s, func(ctx context.Context) (struct{}, error) {
		c := o.s.client
		return struct{}{}, c.Do(ctx, c.B().Set().Key(o.keyOf(name)).Value(value).Nx().PxMilliseconds(millis(ttl)).Build()).Error()
	})
	if rueidis.IsRedisNil(err) {
		return broker.ErrConflict
	}
	return err
}

func (o oneTime) Look(ctx context.Context, name string) ([]byte, error) {
	return o.read(ctx, "read", name, o.s.client.B().Get().Key(o.keyOf(name)).Build())
}

func (o oneTime) Take(ctx context.Context, name string) ([]byte, error) {
	return o.read(ctx, "take", name, o.s.client.B().Getdel().Key(o.keyOf(name)).Build())
}

func (o oneTime) read(ctx context.Context, doing, name string, command rueidis.Completed) ([]byte, error) {
	value, err := call(ctx, o.s, func(ctx context.Context) (string, error) {
		return o.s.client.Do(ctx, command).ToString()
	})
	if rueidis.IsRedisNil(err) {
		err = broker.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("%s one-time value %q: %w", doing, name, err)
	}
	return []byte(value), nil
}

// Sweep has nothing to do.
func (o oneTime) Sweep(ctx context.Context, _ int) (int, error) {
	if err := o.s.usable(ctx); err != nil {
		return 0, fmt.Errorf("sweep one-time values: %w", err)
	}
	return 0, nil
}

// millis rounds up, as micros does.
func millis(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }
