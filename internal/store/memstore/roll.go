package memstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// beat is a server's last one.
type beat struct {
	n  int64
	at time.Time
}

// Beat implements [broker.Roll].
func (s *Store) Beat(ctx context.Context, name string, n int64, within time.Duration) ([]string, error) {
	if err := s.enter(ctx, "note the server", name); err != nil {
		return nil, err
	}
	d := s.data
	d.mu.Lock()
	defer d.mu.Unlock()
	if n != 1 && d.roll[name].n < n-1 {
		return nil, fmt.Errorf("note the server %q: %w", name, broker.ErrForgotten)
	}
	now := utc(d.now())
	d.roll[name] = beat{n, now}
	var alive []string
	for _, other := range slices.Sorted(maps.Keys(d.roll)) {
		if now.Sub(d.roll[other].at) < within || other == name {
			alive = append(alive, other)
		}
	}
	return alive, nil
}

// Leave implements [broker.Roll].
func (s *Store) Leave(ctx context.Context, name string) error {
	if err := s.enter(ctx, "strike off the server", name); err != nil {
		return err
	}
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	delete(s.data.roll, name)
	return nil
}
