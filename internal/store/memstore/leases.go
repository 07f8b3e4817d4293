package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// lease is the last lease taken of a name. It stays when it has ended, for its term
// and for how it ended.
type lease struct {
	broker.Lease
	released bool
	since    time.Time // there has been no clean release
}

func (l lease) held(now time.Time) bool { return !l.released && now.Before(l.Expiry) }

// is reports whether l is what its holder was given as o.
func (l lease) is(o broker.Lease) bool { return l.Term == o.Term && l.Holder == o.Holder }

// Acquire implements [broker.Leaser].
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (broker.Lease, error) {
	if err := s.enter(ctx, "acquire lease", name); err != nil {
		return broker.Lease{}, err
	}
	if ttl <= 0 {
		return broker.Lease{}, fmt.Errorf("acquire lease %q: ttl %v is not positive", name, ttl)
	}
	d := s.data
	d.mu.Lock()
	defer d.mu.Unlock()
	now := utc(d.now())
	last, ok := d.leases[name]
	if last.held(now) {
		return broker.Lease{}, fmt.Errorf("acquire lease %q: %w", name, broker.ErrLeaseHeld)
	}
	l := broker.Lease{Name: name, Holder: holder, Term: last.Term + 1, Acquired: now, Expiry: now.Add(ttl)}
	since := now
	if ok && !last.released {
		l.Abandoned, since = last.since, last.since
	}
	d.leases[name] = lease{Lease: l, since: since}
	return l, nil
}

// Extend implements [broker.Leaser].
func (s *Store) Extend(ctx context.Context, l broker.Lease, ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("extend lease %q: ttl %v is not positive", l.Name, ttl)
	}
	return s.changeLease(ctx, "extend lease", l, func(now time.Time, last *lease) { last.Expiry = now.Add(ttl) })
}

// Release implements [broker.Leaser].
func (s *Store) Release(ctx context.Context, l broker.Lease) error {
	return s.changeLease(ctx, "release lease", l, func(_ time.Time, last *lease) { last.released = true })
}

// changeLease changes a lease that is held in the caller's term.
func (s *Store) changeLease(ctx context.Context, doing string, l broker.Lease, change func(time.Time, *lease)) error {
	if err := s.enter(ctx, doing, l.Name); err != nil {
		return err
	}
	d := s.data
	d.mu.Lock()
	defer d.mu.Unlock()
	now := utc(d.now())
	last := d.leases[l.Name]
	if !last.held(now) || !last.is(l) {
		return fmt.Errorf("%s %q: %w", doing, l.Name, broker.ErrLeaseLost)
	}
	change(now, &last)
	d.leases[l.Name] = last
	return nil
}

// Clock implements [broker.Leaser].
func (s *Store) Clock(ctx context.Context) (time.Time, error) {
	if err := s.usable(ctx); err != nil {
		return time.Time{}, fmt.Errorf("read the store's clock: %w", err)
	}
	return utc(s.data.now()), nil
}
