package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/hufu-io/hufu/internal/broker"
)

// Apps implements [broker.Store].
func (s *Store) Apps() broker.DefinitionStore {
	return definitions{rows{s, &s.names.apps, "app"}}
}

// Clients implements [broker.Store].
func (s *Store) Clients() broker.DefinitionStore {
	return definitions{rows{s, &s.names.clients, "client"}}
}

// definitions keeps the definitions of one sort.
type definitions struct{ rows rows }

func (d definitions) Get(ctx context.Context, name string) (broker.Definition, error) {
	v, rest, err := d.rows.get(ctx, name)
	var def broker.Definition
	if err == nil {
		def, err = decodeDefinition(name, v, rest)
	}
	if err != nil {
		return broker.Definition{}, fmt.Errorf("read definition of %s %q: %w", d.rows.sort, name, err)
	}
	return def, nil
}

func (d definitions) Put(ctx context.Context, def broker.Definition) (broker.Version, error) {
	rest, err := json.Marshal(storedDefinition{string(def.Spec), def.Sealed})
	if err == nil {
		err = d.rows.put(ctx, def.Name, def.Version, rest)
	}
	if err != nil {
		return 0, fmt.Errorf("write definition of %s %q: %w", d.rows.sort, def.Name, err)
	}
	return def.Version + 1, nil
}

func (d definitions) Delete(ctx context.Context, name string, v broker.Version) error {
	if err := d.rows.delete(ctx, name, v); err != nil {
		return fmt.Errorf("delete definition of %s %q: %w", d.rows.sort, name, err)
	}
	return nil
}

func (d definitions) All(ctx context.Context) iter.Seq2[broker.Definition, error] {
	return func(yield func(broker.Definition, error) bool) {
		err := d.rows.all(ctx, func(name string, v broker.Version, rest string) (bool, error) {
			def, err := decodeDefinition(name, v, rest)
			if err != nil {
				return false, fmt.Errorf("%s %q: %w", d.rows.sort, name, err)
			}
			return yield(def, nil), nil
		})
		if err != nil {
			yield(broker.Definition{}, fmt.Errorf("read all definitions of %ss: %w", d.rows.sort, err))
		}
	}
}

func decodeDefinition(name string, v broker.Version, rest string) (broker.Definition, error) {
	var stored storedDefinition
	if err := json.Unmarshal([]byte(rest), &stored); err != nil {
		return broker.Definition{}, fmt.Errorf("decode: %w", err)
	}
	return broker.Definition{Name: name, Version: v, Spec: []byte(stored.Spec), Sealed: stored.Sealed}, nil
}
