package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/nanos"
)

// leaseRow is the last lease taken of a name.
type leaseRow struct {
	holder                     string
	term                       int64
	acquired, expiry, released int64
}

func (l leaseRow) held(now int64) bool { return l.released == 0 && now < l.expiry }

// Acquire implements [broker.Leaser]. It looks at the lease, decides, and takes it only if
// it is still as it was seen: nothing is locked in between.
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (broker.Lease, error) {
	if ttl <= 0 {
		return broker.Lease{}, fmt.Errorf("acquire lease %q: ttl %v is not positive", name, ttl)
	}
	var l broker.Lease
	err := s.write(ctx, func(ctx context.Context, r runner) (err error) {
		l, err = s.acquire(ctx, r, name, holder, ttl)
		return err
	})
	if err != nil {
		return broker.Lease{}, fmt.Errorf("acquire lease %q: %w", name, err)
	}
	return l, nil
}

func (s *Store) acquire(ctx context.Context, r runner, name, holder string, ttl time.Duration) (broker.Lease, error) {
	q := s.queries
	now, last, err := s.lastLease(ctx, r, name)
	if err != nil {
		return broker.Lease{}, err
	}
	if last.held(now) {
		return broker.Lease{}, refusal{broker.ErrLeaseHeld}
	}
	// What is kept is since when there has been no clean release: of several leases that
	// ran out one after the other, the first is the one to be careful about.
	next := leaseRow{holder: holder, term: last.term + 1, acquired: now, expiry: now + int64(ttl)}
	abandoned := last.term != 0 && last.released == 0
	if abandoned {
		next.acquired = last.acquired
	}
	var changed int64
	if last.term == 0 {
		changed, err = s.insert(ctx, r, q.insertLease, name, next.holder, next.term, next.acquired, next.expiry)
	} else {
		changed, err = r.exec(ctx, q.takeLease, next.holder, next.term, next.acquired, next.expiry,
			name, last.term, last.expiry, last.released)
	}
	if err != nil {
		// Whatever went wrong, it may have been taken; not where the database has undone it.
		// One that would be told of an abandoned lease is not given back: what comes after
		// would not be told of it any more. It runs out, and leaves that to the next.
		if s.unsure != nil && !abandoned && !s.dialect.undone(err) {
			s.unsure(unsureLease{name, holder, next.term, next.expiry, ttl})
		}
		return broker.Lease{}, err
	}
	if changed == 0 {
		return broker.Lease{}, refusal{broker.ErrLeaseHeld} // another was faster
	}
	l := broker.Lease{
		Name: name, Holder: holder, Term: next.term,
		Acquired: nanos.Time(now), Expiry: nanos.Time(next.expiry),
	}
	if abandoned {
		l.Abandoned = nanos.Time(last.acquired)
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
	err := s.write(ctx, func(ctx context.Context, r runner) error {
		args := []any{int64(fromNow), l.Name, l.Term, l.Holder}
		if s.dialect.now == "" {
			now := nanos.Of(s.now())
			args = append(append([]any{now}, args...), now)
		}
		changed, err := r.exec(ctx, query, args...)
		if err == nil && changed == 0 {
			return refusal{broker.ErrLeaseLost}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s lease %q: %w", doing, l.Name, err)
	}
	return nil
}

// lastLease returns the lease that was taken last, a zero row for a name that never was,
// and the time at which that is so.
func (s *Store) lastLease(ctx context.Context, r runner, name string) (now int64, l leaseRow, err error) {
	err = r.get(ctx, s.queries.getLease, []any{name}, &now, &l.holder, &l.term, &l.acquired, &l.expiry, &l.released)
	if s.dialect.now == "" {
		now = nanos.Of(s.now())
	}
	return now, l, err
}

// endLeases ends all leases that are not released, as running out does.
func (s *Store) endLeases(ctx context.Context) error {
	err := s.write(ctx, func(ctx context.Context, r runner) error {
		now := nanos.Of(s.now())
		_, err := r.exec(ctx, s.queries.endLeases, now, now)
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
		return nanos.Time(nanos.Of(s.now())), nil
	}
	var n int64
	if err := s.readers.QueryRowContext(ctx, s.queries.now).Scan(&n); err != nil {
		return time.Time{}, fmt.Errorf("read the store's clock: %w", s.readFault(ctx, err))
	}
	return nanos.Time(n), nil
}
