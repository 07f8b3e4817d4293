package memstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// passing is a value that runs out.
type passing struct {
	value []byte
	until time.Time
}

// OneTime implements [broker.Store].
func (s *Store) OneTime() broker.OneTimeStore { return oneTime{s} }

type oneTime struct{ s *Store }

func (o oneTime) Add(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	if err := o.s.enter(ctx, "add one-time value", name); err != nil {
		return err
	}
	if ttl <= 0 {
		return fmt.Errorf("add one-time value %q: ttl %v is not positive", name, ttl)
	}
	o.s.data.mu.Lock()
	defer o.s.data.mu.Unlock()
	now := o.s.data.now()
	if p, ok := o.s.data.passing[name]; ok && now.Before(p.until) {
		return fmt.Errorf("add one-time value %q: %w", name, broker.ErrConflict)
	}
	o.s.data.passing[name] = passing{bytes.Clone(value), now.Add(ttl)}
	return nil
}

func (o oneTime) Look(ctx context.Context, name string) ([]byte, error) {
	return o.get(ctx, name, false)
}

func (o oneTime) Take(ctx context.Context, name string) ([]byte, error) {
	return o.get(ctx, name, true)
}

func (o oneTime) get(ctx context.Context, name string, take bool) ([]byte, error) {
	if err := o.s.enter(ctx, "read one-time value", name); err != nil {
		return nil, err
	}
	o.s.data.mu.Lock()
	defer o.s.data.mu.Unlock()
	p, ok := o.s.data.passing[name]
	if !ok || !o.s.data.now().Before(p.until) {
		return nil, fmt.Errorf("read one-time value %q: %w", name, broker.ErrNotFound)
	}
	if take {
		delete(o.s.data.passing, name)
	}
	return bytes.Clone(p.value), nil
}

func (o oneTime) Sweep(ctx context.Context, limit int) (int, error) {
	if err := o.s.usable(ctx); err != nil {
		return 0, fmt.Errorf("sweep one-time values: %w", err)
	}
	o.s.data.mu.Lock()
	defer o.s.data.mu.Unlock()
	n := 0
	now := o.s.data.now()
	for name, p := range o.s.data.passing {
		if n >= limit {
			break
		}
		if !now.Before(p.until) {
			delete(o.s.data.passing, name)
			n++
		}
	}
	return n, nil
}
