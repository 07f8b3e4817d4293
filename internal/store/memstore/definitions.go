package memstore

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
)

// Apps implements [broker.Store].
func (s *Store) Apps() broker.DefinitionStore {
	return definitions{s, "app", s.data.apps, func(name string) broker.Change { return broker.Change{App: name} }}
}

// Clients implements [broker.Store].
func (s *Store) Clients() broker.DefinitionStore {
	return definitions{s, "client", s.data.clients, func(name string) broker.Change { return broker.Change{Client: name} }}
}

// definitions keeps the definitions of one sort.
type definitions struct {
	s    *Store
	sort string
	m    map[string]broker.Definition // guarded by s.data.mu
	// change says of a name that its definition was put or deleted.
	change func(name string) broker.Change
}

func (d definitions) enter(ctx context.Context, doing, name string) error {
	return d.s.enter(ctx, doing+" definition of "+d.sort, name)
}

func (d definitions) Get(ctx context.Context, name string) (broker.Definition, error) {
	if err := d.enter(ctx, "read", name); err != nil {
		return broker.Definition{}, err
	}
	def, ok := d.get(name)
	if !ok {
		return broker.Definition{}, fmt.Errorf("read definition of %s %q: %w", d.sort, name, broker.ErrNotFound)
	}
	return def, nil
}

func (d definitions) Put(ctx context.Context, def broker.Definition) (broker.Version, error) {
	if err := d.enter(ctx, "write", def.Name); err != nil {
		return 0, err
	}
	d.s.data.mu.Lock()
	defer d.s.data.mu.Unlock()
	if d.m[def.Name].Version != def.Version {
		return 0, fmt.Errorf("write definition of %s %q: %w", d.sort, def.Name, broker.ErrConflict)
	}
	def = cloneDefinition(def)
	def.Version++
	d.m[def.Name] = def
	d.s.data.tell(d.change(def.Name))
	return def.Version, nil
}

func (d definitions) Delete(ctx context.Context, name string, v broker.Version) error {
	if err := d.enter(ctx, "delete", name); err != nil {
		return err
	}
	d.s.data.mu.Lock()
	defer d.s.data.mu.Unlock()
	def, ok := d.m[name]
	switch {
	case !ok:
		return fmt.Errorf("delete definition of %s %q: %w", d.sort, name, broker.ErrNotFound)
	case def.Version != v:
		return fmt.Errorf("delete definition of %s %q: %w", d.sort, name, broker.ErrConflict)
	}
	delete(d.m, name)
	d.s.data.tell(d.change(name))
	return nil
}

func (d definitions) All(ctx context.Context) iter.Seq2[broker.Definition, error] {
	return func(yield func(broker.Definition, error) bool) {
		d.s.data.mu.Lock()
		names := slices.Sorted(maps.Keys(d.m))
		d.s.data.mu.Unlock()
		if err := d.s.usable(ctx); err != nil {
			yield(broker.Definition{}, fmt.Errorf("read all definitions of %ss: %w", d.sort, err))
			return
		}
		for _, name := range names {
			if err := d.s.usable(ctx); err != nil {
				yield(broker.Definition{}, fmt.Errorf("read all definitions of %ss: %w", d.sort, err))
				return
			}
			if def, ok := d.get(name); ok && !yield(def, nil) {
				return
			}
		}
	}
}

func (d definitions) get(name string) (broker.Definition, bool) {
	d.s.data.mu.Lock()
	def, ok := d.m[name]
	d.s.data.mu.Unlock()
	return cloneDefinition(def), ok
}

func cloneDefinition(d broker.Definition) broker.Definition {
	d.Spec, d.Sealed = bytes.Clone(d.Spec), bytes.Clone(d.Sealed)
	return d
}
