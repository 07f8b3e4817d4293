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

// Apps implements [broker.Store].
func (s *Store) Apps() broker.DefinitionStore { return definitions{s, "app", s.queries.apps} }

// Clients implements [broker.Store].
func (s *Store) Clients() broker.DefinitionStore { return definitions{s, "client", s.queries.clients} }

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
	err := d.s.write(ctx, func(ctx context.Context, c *conn) error {
		query := d.q.insert
		args := []any{int64(def.Version) + 1, spec, sealed, def.Name}
		if def.Version != 0 {
			query = d.q.update
			args = append(args, int64(def.Version))
		}
		changed, err := c.exec(ctx, query, args...)
		if err == nil && changed == 0 {
			return refusal{broker.ErrConflict}
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("write definition of %s %q: %w", d.sort, def.Name, err)
	}
	return def.Version + 1, nil
}

func (d definitions) Delete(ctx context.Context, name string, v broker.Version) error {
	if err := d.s.write(ctx, deleteOp(d.q.delete, d.q.has, name, v)); err != nil {
		return fmt.Errorf("delete definition of %s %q: %w", d.sort, name, err)
	}
	return nil
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
