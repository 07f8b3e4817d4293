package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/bulk"
	"github.com/hufu-io/hufu/internal/store/nanos"
)

// importBatch is how much is imported in one transaction: enough that the commit does not
// count, and few enough that other writes do not wait long.
const importBatch = 1000

var (
	_ broker.Movable = (*Store)(nil)
	_ broker.Movable = (*Shared)(nil)
)

// Tables implements [broker.Movable].
func (s *Store) Tables() broker.Tables {
	apps, clients := definitions{s, appSort, s.queries.apps}, definitions{s, clientSort, s.queries.clients}
	grants := grants{s, s.queries.grants}
	return broker.Tables{
		Records:  bulk.Table(s.All, importBatch, s.importRecords),
		Apps:     bulk.Table(apps.All, importBatch, apps.importAll),
		Clients:  bulk.Table(clients.All, importBatch, clients.importAll),
		Settings: bulk.Table(s.settings, importBatch, s.importSettings),
		Grants:   bulk.Table(grants.All, importBatch, grants.importAll),
		Audit:    bulk.Table(s.entries, importBatch, s.importEntries),
		Doubts:   bulk.Table(s.doubts, importBatch, s.importDoubts),
	}
}

// importTogether has rows written in one transaction, by statements of as many rows as the
// database takes. Each call of write says how many it has added: fewer than it was given
// are a conflict.
func importTogether[T any](ctx context.Context, s *Store, what string, batch []T, write func(context.Context, runner, []T) (added int64, err error)) error {
	err := s.writeTogether(ctx, func(ctx context.Context, r runner) error {
		for some := range slices.Chunk(batch, s.dialect.rows) {
			added, err := write(ctx, r, some)
			// Others of the batch are written already, so that a refusal must become an
			// error, for which the transaction is given up.
			if no, ok := errors.AsType[refusal](err); ok {
				err = no.reason
			}
			if err == nil && added != int64(len(some)) {
				err = broker.ErrConflict
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("import %s: %w", what, err)
	}
	return nil
}

func (s *Store) importRecords(ctx context.Context, batch []broker.Record) error {
	return importTogether(ctx, s, "records", batch, func(ctx context.Context, r runner, some []broker.Record) (int64, error) {
		return s.add(ctx, r, s.queries.importRecord, some)
	})
}

func (d definitions) importAll(ctx context.Context, batch []broker.Definition) error {
	return importTogether(ctx, d.s, d.sort+"s", batch, func(ctx context.Context, r runner, some []broker.Definition) (int64, error) {
		args := d.s.once(len(some))
		for _, def := range some {
			args = append(args, int64(def.Version), string(def.Spec), def.Sealed, def.Name)
		}
		return d.s.insert(ctx, r, d.q.insert.of(len(some)), args...)
	})
}

func (s *Store) importSettings(ctx context.Context, batch []broker.Setting) error {
	return importTogether(ctx, s, "settings", batch, func(ctx context.Context, r runner, some []broker.Setting) (added int64, err error) {
		for _, set := range some {
			n, err := s.insert(ctx, r, s.queries.addSetting, set.Name, append([]byte{}, set.Value...)) // never nil, which would be NULL
			if err != nil {
				return added, err
			}
			added += n
		}
		return added, nil
	})
}

func (s *Store) importEntries(ctx context.Context, batch []broker.AuditEntry) error {
	return importTogether(ctx, s, "the audit", batch, func(ctx context.Context, r runner, some []broker.AuditEntry) (int64, error) {
		return int64(len(some)), auditLog{s}.append(ctx, r, some)
	})
}

// importDoubts stores leases that have run out.
func (s *Store) importDoubts(ctx context.Context, batch []broker.Lease) error {
	return importTogether(ctx, s, "leases", batch, func(ctx context.Context, r runner, some []broker.Lease) (added int64, err error) {
		for _, l := range some {
			since := nanos.Of(l.Acquired)
			n, err := s.insert(ctx, r, s.queries.insertLease, l.Name, l.Holder, l.Term, since, since)
			if err != nil {
				return added, err
			}
			added += n
		}
		return added, nil
	})
}

// once is what goes before the arguments of a statement of n rows.
func (s *Store) once(n int) []any {
	if n == 1 {
		return nil
	}
	return slices.Clone(s.dialect.once)
}

// settings yields all settings.
func (s *Store) settings(ctx context.Context) iter.Seq2[broker.Setting, error] {
	return list(ctx, s, "settings", s.queries.allSettings, func(scan func(...any) error) (set broker.Setting, err error) {
		err = scan(&set.Name, &set.Value)
		return set, err
	})
}

// entries yields the whole audit, oldest first.
func (s *Store) entries(ctx context.Context) iter.Seq2[broker.AuditEntry, error] {
	return list(ctx, s, "the audit", s.queries.queryAudit+" ORDER BY id", scanEntry)
}

// doubts yields the leases that were not released.
func (s *Store) doubts(ctx context.Context) iter.Seq2[broker.Lease, error] {
	return list(ctx, s, "leases", s.queries.openLeases, func(scan func(...any) error) (l broker.Lease, err error) {
		var acquired, expiry int64
		err = scan(&l.Name, &l.Holder, &l.Term, &acquired, &expiry)
		l.Acquired, l.Expiry = nanos.Time(acquired), nanos.Time(expiry)
		return l, err
	})
}

// list yields all rows of a query.
func list[T any](ctx context.Context, s *Store, what, query string, read func(scan func(...any) error) (T, error)) iter.Seq2[T, error] {
	each := func(yield func(T, error) bool) error {
		rows, err := s.auditReaders.QueryContext(ctx, query)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // what went wrong, Err tells
		for rows.Next() {
			v, err := read(rows.Scan)
			switch {
			case err != nil:
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			case !yield(v, nil):
				return nil
			}
		}
		return rows.Err()
	}
	return func(yield func(T, error) bool) {
		if err := each(yield); err != nil {
			var none T
			yield(none, fmt.Errorf("read %s: %w", what, s.readFault(ctx, err)))
		}
	}
}

// DeleteSetting implements [broker.Movable].
func (s *Store) DeleteSetting(ctx context.Context, name string) error {
	err := s.write(ctx, func(ctx context.Context, r runner) error {
		_, err := r.exec(ctx, s.queries.deleteSetting, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete setting %q: %w", name, err)
	}
	return nil
}
