package redisstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

// memberKept is how long a server that beats no more is remembered. One that has been away
// for longer has not just lost touch.
const memberKept = 24 * time.Hour

// Beat implements [broker.Roll].
func (s *Store) Beat(ctx context.Context, name string, n int64, within time.Duration) ([]string, error) {
	alive, err := run(ctx, s, s.scripts.beat, rueidis.RedisResult.AsStrSlice, []string{s.names.members},
		name, text(n), text(n-1), text(micros(within)), text(micros(max(within, memberKept))))
	if rueidis.IsRedisNil(err) {
		err = broker.ErrForgotten
	}
	if err != nil {
		return nil, fmt.Errorf("note the server %q: %w", name, err)
	}
	slices.Sort(alive)
	return alive, nil
}

// Leave implements [broker.Roll].
func (s *Store) Leave(ctx context.Context, name string) error {
	_, err := call(ctx, s, func(ctx context.Context) (int64, error) {
		return s.client.Do(ctx, s.client.B().Hdel().Key(s.names.members).Field(name).Build()).AsInt64()
	})
	if err != nil {
		return fmt.Errorf("strike off the server %q: %w", name, err)
	}
	return nil
}
