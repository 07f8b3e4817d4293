package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// A server that has been away for longer has not just lost touch.
	memberKept = 24 * time.Hour
	// sweepEvery is how many beats of a server there are to one look for old ones.
	sweepEvery = 256
)

// Beat implements [broker.Roll].
func (s *Shared) Beat(ctx context.Context, name string, n int64, within time.Duration) ([]string, error) {
	err := s.write(ctx, func(ctx context.Context, r runner) error { return s.beat(ctx, r, name, n, within) })
	if err != nil {
		return nil, fmt.Errorf("note the server %q: %w", name, err)
	}
	alive, err := s.members(ctx, name, within)
	if err != nil {
		return nil, fmt.Errorf("note the server %q: %w", name, s.readFault(ctx, err))
	}
	return alive, nil
}

func (s *Shared) beat(ctx context.Context, r runner, name string, n int64, within time.Duration) error {
	if n == 1 {
		_, err := r.exec(ctx, s.queries.firstBeat, name)
		return err
	}
	changed, err := r.exec(ctx, s.queries.nextBeat, n, name, n-1)
	switch {
	case err != nil:
		return err
	case changed == 0:
		return refusal{broker.ErrForgotten}
	case n%sweepEvery == 0:
		_, err = r.exec(ctx, s.queries.deleteOldMembers, int64(max(memberKept, within)))
	}
	return err
}

// members lists who was noted within the given time, and the server itself.
func (s *Shared) members(ctx context.Context, name string, within time.Duration) ([]string, error) {
	rows, err := s.readers.QueryContext(ctx, s.queries.listMembers, int64(within), name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what went wrong, Err tells
	var alive []string
	for rows.Next() {
		var member string
		if err := rows.Scan(&member); err != nil {
			return nil, err
		}
		alive = append(alive, member)
	}
	slices.Sort(alive)
	return alive, rows.Err()
}

// Leave implements [broker.Roll].
func (s *Shared) Leave(ctx context.Context, name string) error {
	err := s.write(ctx, func(ctx context.Context, r runner) error {
		_, err := r.exec(ctx, s.queries.deleteMember, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("strike off the server %q: %w", name, err)
	}
	return nil
}
