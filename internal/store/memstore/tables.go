package memstore

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/bulk"
)

// importBatch is how much is imported under one lock.
const importBatch = 1000

var _ broker.Movable = (*Store)(nil)

// Tables implements [broker.Movable].
func (s *Store) Tables() broker.Tables {
	d := s.data
	return broker.Tables{
		Records: bulk.Table(s.All, importBatch, importing(s, "record", d.records, func(r broker.Record) (broker.Key, broker.Record) {
			return r.Key, normal(r)
		})),
		Apps:    bulk.Table(s.Apps().All, importBatch, importing(s, "definition of app", d.apps, named)),
		Clients: bulk.Table(s.Clients().All, importBatch, importing(s, "definition of client", d.clients, named)),
		Settings: bulk.Table(s.allSettings, importBatch, importing(s, "setting", d.settings, func(set broker.Setting) (string, []byte) {
			return set.Name, bytes.Clone(set.Value)
		})),
		Grants: bulk.Table(s.Grants().All, importBatch, importing(s, "grant", d.grants, func(x broker.Grant) (broker.Key, broker.Grant) {
			return x.Key, normalGrant(x)
		})),
		Audit: bulk.Table(s.entries, importBatch, func(ctx context.Context, batch []broker.AuditEntry) error {
			return s.Audit().Append(ctx, batch...)
		}),
		Doubts: bulk.Table(s.doubts, importBatch, importing(s, "lease", d.leases, func(l broker.Lease) (string, lease) {
			l.Acquired, l.Abandoned = utc(l.Acquired), time.Time{}
			l.Expiry = l.Acquired
			return l.Name, lease{Lease: l, since: l.Acquired}
		})),
	}
}

func named(d broker.Definition) (string, broker.Definition) { return d.Name, cloneDefinition(d) }

// importing makes what puts a batch into a table, as rows that are not there yet.
func importing[T any, K comparable, V any](s *Store, what string, table map[K]V, row func(T) (K, V)) func(context.Context, []T) error {
	return func(ctx context.Context, batch []T) error {
		if err := s.usable(ctx); err != nil {
			return fmt.Errorf("import %ss: %w", what, err)
		}
		s.data.mu.Lock()
		defer s.data.mu.Unlock()
		for _, x := range batch {
			k, v := row(x)
			if _, there := table[k]; there {
				return fmt.Errorf("import %s %q: %w", what, fmt.Sprint(k), broker.ErrConflict)
			}
			table[k] = v
		}
		return nil
	}
}

// allSettings yields all settings.
func (s *Store) allSettings(ctx context.Context) iter.Seq2[broker.Setting, error] {
	return each(ctx, s, "settings", func() (all []broker.Setting) {
		for _, name := range slices.Sorted(maps.Keys(s.data.settings)) {
			all = append(all, broker.Setting{Name: name, Value: bytes.Clone(s.data.settings[name])})
		}
		return all
	})
}

// entries yields the whole audit, oldest first.
func (s *Store) entries(ctx context.Context) iter.Seq2[broker.AuditEntry, error] {
	return each(ctx, s, "the audit", func() []broker.AuditEntry { return slices.Clone(s.data.audit) })
}

// doubts yields the leases that were not released.
func (s *Store) doubts(ctx context.Context) iter.Seq2[broker.Lease, error] {
	return each(ctx, s, "leases", func() (all []broker.Lease) {
		for _, name := range slices.Sorted(maps.Keys(s.data.leases)) {
			if l := s.data.leases[name]; !l.released {
				all = append(all, broker.Lease{Name: name, Holder: l.Holder, Term: l.Term, Acquired: l.since, Expiry: l.Expiry})
			}
		}
		return all
	})
}

// each yields what a look under the lock has found.
func each[T any](ctx context.Context, s *Store, what string, look func() []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		s.data.mu.Lock()
		found := look()
		s.data.mu.Unlock()
		for i := 0; ; i++ {
			var v T
			if err := s.usable(ctx); err != nil {
				yield(v, fmt.Errorf("read %s: %w", what, err))
				return
			}
			if i == len(found) || !yield(found[i], nil) {
				return
			}
		}
	}
}

// DeleteSetting implements [broker.Movable].
func (s *Store) DeleteSetting(ctx context.Context, name string) error {
	if err := s.enter(ctx, "delete setting", name); err != nil {
		return err
	}
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	delete(s.data.settings, name)
	return nil
}
