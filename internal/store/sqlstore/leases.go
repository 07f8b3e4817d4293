package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// leaseRow is the last lease taken of a name.
type leaseRow struct {
	holder                     string
	term                       int64
	acquired, expiry, released int64
}

func (l leaseRow) held(now int64) bool { return l.released == 0 && now < l.expiry }

// Acquire implements [broker.Leaser].
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (broker.Lease, error) {
	if ttl <= 0 {
		return broker.Lease{}, fmt.Errorf("acquire lease %q: ttl %v is not positive", name, ttl)
	}
	var l broker.Lease
	err := s.write(ctx, func(ctx context.Context, c *conn) (err error) {
		l, err = s.acquire(ctx, c, name, holder, ttl)
		return err
	})
	if err != nil {
		return broker.Lease{}, fmt.Errorf("acquire lease %q: %w", name, err)
	}
	return l, nil
}

func (s *Store) acquire(ctx context.Context, c *conn, name, holder string, ttl time.Duration) (broker.Lease, error) {
	q := s.queries
	now, err := s.clock(ctx, c)
	if err != nil {
		return broker.Lease{}, err
	}
	last, err := s.lastLease(ctx, c, name)
	if err != nil {
		return broker.Lease{}, err
	}
	if last.held(now) {
		return broker.Lease{}, refusal{broker.ErrLeaseHeld}
	}
	// What is kept is since when there has been no clean release: of several leases that
	// ran out one after the other, the first is the one to be careful about.
	next := leaseRow{holder: holder, term: last.term + 1, acquired: now, expiry: now + int64(ttl)}
	if last.term != 0 && last.released == 0 {
		next.acquired = last.acquired
	}
	var changed int64
	if last.term == 0 {
		changed, err = c.exec(ctx, q.insertLease, name, next.holder, next.term, next.acquired, next.expiry)
	} else {
		changed, err = c.exec(ctx, q.takeLease, next.holder, next.term, next.acquired, next.expiry, name)
	}
	if err != nil {
		return broker.Lease{}, err
	}
	if changed == 0 {
		// Where transactions run beside each other, another took the first lease of
		// this name in between.
		return broker.Lease{}, refusal{broker.ErrLeaseHeld}
	}
	l := broker.Lease{
		Name: name, Holder: holder, Term: next.term,
		Acquired: fromNanos(now), Expiry: fromNanos(next.expiry),
	}
	if last.released == 0 {
		l.Abandoned = fromNanos(last.acquired)
	}
	return l, nil
}

// Extend implements [broker.Leaser].
func (s *Store) Extend(ctx context.Context, l broker.Lease, ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("extend lease %q: ttl %v is not positive", l.Name, ttl)
	}
	return s.changeLease(ctx, "extend", l, s.queries.extendLease, ttl)
}

// Release implements [broker.Leaser].
func (s *Store) Release(ctx context.Context, l broker.Lease) error {
	return s.changeLease(ctx, "release", l, s.queries.releaseLease, 0)
}

// changeLease sets a time, so much from now, in a lease that is held as l.
func (s *Store) changeLease(ctx context.Context, doing string, l broker.Lease, query string, fromNow time.Duration) error {
	err := s.write(ctx, func(ctx context.Context, c *conn) error {
		now, err := s.clock(ctx, c)
		if err != nil {
			return err
		}
		last, err := s.lastLease(ctx, c, l.Name)
		if err != nil {
			return err
		}
		if !last.held(now) || last.term != l.Term || last.holder != l.Holder {
			return refusal{broker.ErrLeaseLost}
		}
		_, err = c.exec(ctx, query, now+int64(fromNow), l.Name)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s lease %q: %w", doing, l.Name, err)
	}
	return nil
}

// lastLease returns a zero row for a name that was never taken.
func (s *Store) lastLease(ctx context.Context, c *conn, name string) (leaseRow, error) {
	var l leaseRow
	err := c.get(ctx, s.queries.getLease, []any{name}, &l.holder, &l.term, &l.acquired, &l.expiry, &l.released)
	if errors.Is(err, sql.ErrNoRows) {
		return leaseRow{}, nil
	}
	return l, err
}

// endLeases ends all leases that are not released, as running out does.
func (s *Store) endLeases(ctx context.Context) error {
	err := s.write(ctx, func(ctx context.Context, c *conn) error {
		now, err := s.clock(ctx, c)
		if err != nil {
			return err
		}
		_, err = c.exec(ctx, s.queries.endLeases, now, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("end the leases of earlier holders: %w", err)
	}
	return nil
}

// Clock implements [broker.Leaser].
func (s *Store) Clock(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, fmt.Errorf("read the store's clock: %w", err)
	}
	select {
	case <-s.closing:
		return time.Time{}, fmt.Errorf("read the store's clock: %w", ErrClosed)
	default:
	}
	if s.dialect.now == "" {
		return fromNanos(toNanos(s.now())), nil
	}
	var n int64
	if err := s.readers.QueryRowContext(ctx, s.queries.now).Scan(&n); err != nil {
		return time.Time{}, fmt.Errorf("read the store's clock: %w", s.readFault(ctx, err))
	}
	return fromNanos(n), nil
}

// clock is the store's time for use in a transaction.
func (s *Store) clock(ctx context.Context, c *conn) (int64, error) {
	if s.dialect.now == "" {
		return toNanos(s.now()), nil
	}
	var n int64
	err := c.get(ctx, s.queries.now, nil, &n)
	return n, err
}
