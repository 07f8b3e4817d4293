package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// Reseal seals every stored definition with the keyset's newest key, those that the
// file hides included, and returns how many there were. One that cannot be opened
// stays as it is. Where it fails half way, what was written is in use, and it can be
// repeated.
func (r *Registry) Reseal(ctx context.Context) (int, error) {
	r.writes.Lock()
	defer r.writes.Unlock()
	apps, err := reseal(ctx, r.cfg.Apps, func(d broker.Definition) (broker.Definition, error) {
		a, err := r.openApp(d)
		if err != nil {
			return d, err
		}
		return r.sealApp(a)
	}, func(d broker.Definition, old broker.Version) error {
		a := r.App(d.Name)
		if a == nil || a.Origin != broker.FromAPI || a.Version != old {
			return nil
		}
		next := *a
		next.Version, next.Stamp = d.Version, stampOf(d)
		return r.register(ctx, &next)
	})
	if err != nil {
		return apps, err
	}
	clients, err := reseal(ctx, r.cfg.Clients, func(d broker.Definition) (broker.Definition, error) {
		c, err := r.openClient(d)
		if err != nil {
			return d, err
		}
		return r.sealClient(c)
	}, func(d broker.Definition, old broker.Version) error {
		t := r.clients.Load()
		c := t.byName[d.Name]
		if c == nil || c.Origin != broker.FromAPI || c.Version != old {
			return nil
		}
		next := *c
		next.Version, next.Stamp = d.Version, stampOf(d)
		t = t.clone()
		t.add(&next)
		r.clients.Store(t)
		return nil
	})
	return apps + clients, err
}

// reseal writes the definitions of one store anew. seal makes the new form of one; used
// is told of each that was written, with the version it had.
func reseal(ctx context.Context, s broker.DefinitionStore, seal func(broker.Definition) (broker.Definition, error), used func(broker.Definition, broker.Version) error) (n int, err error) {
	for d, err := range s.All(ctx) {
		if err != nil {
			return n, fmt.Errorf("read stored definitions: %w", err)
		}
		next, err := seal(d)
		if err != nil {
			continue // it cannot be used either, which was said when it was loaded
		}
		v, err := s.Put(ctx, next)
		if errors.Is(err, broker.ErrConflict) {
			continue // whoever wrote it meanwhile sealed it with the newest key
		}
		if err != nil {
			return n, fmt.Errorf("store the definition of %q: %w", d.Name, err)
		}
		next.Version = v
		n++
		if err := used(next, d.Version); err != nil {
			return n, err
		}
	}
	return n, nil
}
