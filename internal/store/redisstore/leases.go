package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

// Acquire implements [broker.Leaser].
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (broker.Lease, error) {
	l, err := s.acquire(ctx, name, holder, ttl)
	if err != nil {
		return broker.Lease{}, fmt.Errorf("acquire lease %q: %w", name, err)
	}
	return l, nil
}

func (s *Store) acquire(ctx context.Context, name, holder string, ttl time.Duration) (broker.Lease, error) {
	if ttl <= 0 {
		return broker.Lease{}, fmt.Errorf("ttl %v is not positive", ttl)
	}
	return callOr(ctx, s, func(ctx context.Context) (broker.Lease, error) {
		n, err := s.scripts.acquire.Exec(ctx, s.client,
			[]string{s.names.leases.of(name)}, []string{name, holder, text(micros(ttl))}).AsIntSlice()
		switch {
		case rueidis.IsRedisNil(err):
			return broker.Lease{}, broker.ErrLeaseHeld
		case err != nil:
			return broker.Lease{}, err
		case len(n) != 4:
			return broker.Lease{}, fmt.Errorf("the script gave %d numbers", len(n))
		}
		l := broker.Lease{Name: name, Holder: holder, Term: n[0], Acquired: instant(n[1]), Expiry: instant(n[2])}
		if n[3] != 0 {
			l.Abandoned = instant(n[3])
		}
		return l, nil
	}, s.giveBack)
}

// giveBack releases a lease that nobody waits for any more: when it ran out, it would look
// as if its holder had died in mid-issue. One that would have been told of such a holder is
// left to run out, so that the next one is told.
func (s *Store) giveBack(ctx context.Context, l broker.Lease) {
	if l.Abandoned.IsZero() {
		_ = s.changeLease(ctx, "give back", l, 0) // then it runs out
	}
}

// Extend implements [broker.Leaser].
func (s *Store) Extend(ctx context.Context, l broker.Lease, ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("extend lease %q: ttl %v is not positive", l.Name, ttl)
	}
	return s.changeLease(ctx, "extend", l, micros(ttl))
}

// Release implements [broker.Leaser].
func (s *Store) Release(ctx context.Context, l broker.Lease) error {
	return s.changeLease(ctx, "release", l, 0)
}

func (s *Store) changeLease(ctx context.Context, doing string, l broker.Lease, ttl int64) error {
	done, err := runInt(ctx, s, s.scripts.changeLease,
		[]string{s.names.leases.of(l.Name)}, l.Name, l.Holder, text(l.Term), text(ttl))
	if err == nil && done == 0 {
		err = broker.ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("%s lease %q: %w", doing, l.Name, err)
	}
	return nil
}

// Clock implements [broker.Leaser].
func (s *Store) Clock(ctx context.Context) (time.Time, error) {
	// TIME names no key, and a Cluster's nodes have clocks of their own.
	n, err := run(ctx, s, s.scripts.clock, rueidis.RedisResult.AsInt64, []string{s.names.schema})
	if err != nil {
		return time.Time{}, fmt.Errorf("read the store's clock: %w", err)
	}
	return instant(n), nil
}

// micros rounds up: a lease is never for nothing.
func micros(d time.Duration) int64 { return int64((d + time.Microsecond - 1) / time.Microsecond) }

func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
