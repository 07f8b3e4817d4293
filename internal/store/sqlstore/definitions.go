package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	appSort    = "app"
	clientSort = "client"
)

// Apps implements [broker.Store].
func (s *Store) Apps() broker.DefinitionStore { return definitions{s, appSort, s.queries.apps} }

// Clients implements [broker.Store].
func (s *Store) Clients() broker.DefinitionStore {
	return definitions{s, clientSort, s.queries.clients}
}

// definitions keeps the definitions of one sort.
type definitions struct {
	s    *Store
	sort string
	q    definitionQueries
}

func (d definitions) Get(ctx context.Context, name string) (broker.Definition, error) {
	def := broker.Definition{Name: name}
	err := d.s.readers.QueryRowContext(ctx, d.q.get, name).Scan(&def.Version, &def.Spec, &def.Sealed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = broker.ErrNotFound
	case err != nil:
		err = d.s.readFault(ctx, err)
	default:
		return def, nil
	}
	return broker.Definition{}, fmt.Errorf("read definition of %s %q: %w", d.sort, name, err)
}

func (d definitions) Put(ctx context.Context, def broker.Definition) (broker.Version, error) {
	spec, sealed := string(def.Spec), bytes.Clone(def.Sealed) // the write may outlast this call
	err := d.s.writeTogether(ctx, func(ctx context.Context, r runner) error {
		args := []any{int64(def.Version) + 1, spec, sealed, def.Name}
		var changed int64
		var err error
		if def.Version == 0 {
			changed, err = d.s.insert(ctx, r, d.q.insert.one, args...)
		} else {
			changed, err = r.exec(ctx, d.q.update, append(args, int64(def.Version))...)
		}
		switch {
		case err != nil:
			return err
		case changed == 0:
			return refusal{broker.ErrConflict}
		}
		return d.mark(ctx, r, def.Name)
	})
	if err != nil {
		return 0, fmt.Errorf("write definition of %s %q: %w", d.sort, def.Name, err)
	}
	d.s.wrote()
	return def.Version + 1, nil
}

func (d definitions) Delete(ctx context.Context, name string, v broker.Version) error {
	remove := deleteOp(d.q.delete, d.q.has, v, name)
	err := d.s.writeTogether(ctx, func(ctx context.Context, r runner) error {
		if err := remove(ctx, r); err != nil {
			return err
		}
		return d.mark(ctx, r, name)
	})
	if err != nil {
		return fmt.Errorf("delete definition of %s %q: %w", d.sort, name, err)
	}
	d.s.wrote()
	return nil
}

// mark notes that a definition was put or deleted, where other servers want to know. The
// note stays when the definition has gone.
func (d definitions) mark(ctx context.Context, r runner, name string) error {
	if !d.s.dialect.shared {
		return nil
	}
	_, err := r.exec(ctx, d.s.queries.markDefinition, d.sort, name)
	return err
}

func (d definitions) All(ctx context.Context) iter.Seq2[broker.Definition, error] {
	return func(yield func(broker.Definition, error) bool) {
		if err := d.all(ctx, yield); err != nil {
			err = d.s.readFault(ctx, err)
			yield(broker.Definition{}, fmt.Errorf("read all definitions of %ss: %w", d.sort, err))
		}
	}
}

// all returns the error that ended it early, unless yield did.
func (d definitions) all(ctx context.Context, yield func(broker.Definition, error) bool) error {
	rows, err := d.s.readers.QueryContext(ctx, d.q.all)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what went wrong, Err tells
	for rows.Next() {
		var def broker.Definition
		if err := rows.Scan(&def.Name, &def.Version, &def.Spec, &def.Sealed); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !yield(def, nil) {
			return nil
		}
	}
	return rows.Err()
}
