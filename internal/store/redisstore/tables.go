package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/bulk"
)

// importBatch is how much one script writes: while it runs, Redis does nothing else.
const importBatch = 500

var _ broker.Movable = (*Store)(nil)

// Tables implements [broker.Movable].
func (s *Store) Tables() broker.Tables {
	apps, clients := definitions{rows{s, &s.names.apps, "app"}}, definitions{rows{s, &s.names.clients, "client"}}
	return broker.Tables{
		Records:  bulk.Table(s.All, importBatch, s.importRecords),
		Apps:     bulk.Table(apps.All, importBatch, apps.importAll),
		Clients:  bulk.Table(clients.All, importBatch, clients.importAll),
		Settings: bulk.Table(s.settings, importBatch, s.importSettings),
		Grants:   bulk.Table(s.Grants().All, importBatch, s.importGrants),
		Audit:    bulk.Table(s.entries, importBatch, s.importEntries),
		Doubts:   bulk.Table(s.doubts, importBatch, s.importDoubts),
	}
}

// fields are values to be written where there are none.
type fields struct{ keys, args []string }

func (f *fields) add(key, field, value string) {
	f.keys, f.args = append(f.keys, key), append(f.args, field, value)
}

// addVersioned adds a value that has a version.
func (f *fields) addVersioned(t *table, field string, v broker.Version, stored any) error {
	rest, err := json.Marshal(stored)
	if err != nil {
		return fmt.Errorf("encode %q: %w", field, err)
	}
	f.add(t.of(field), field, text(v)+":"+string(rest))
	return nil
}

// importFields writes fields, if each was added.
func (s *Store) importFields(ctx context.Context, what string, f fields, err error) error {
	var done int64
	if err == nil {
		done, err = runInt(ctx, s, s.scripts.load, f.keys, f.args...)
	}
	if err == nil && done == 0 {
		err = broker.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("import %s: %w", what, err)
	}
	return nil
}

func (s *Store) importRecords(ctx context.Context, batch []broker.Record) error {
	var f fields
	var err error
	for i := range batch {
		if err == nil {
			err = f.addVersioned(&s.names.records, batch[i].Key.String(), batch[i].Version, storedRecordOf(&batch[i]))
		}
	}
	return s.importFields(ctx, "records", f, err)
}

func (d definitions) importAll(ctx context.Context, batch []broker.Definition) error {
	var f fields
	var err error
	for _, def := range batch {
		if err == nil {
			err = f.addVersioned(d.rows.t, def.Name, def.Version, storedDefinition{string(def.Spec), def.Sealed})
		}
	}
	return d.rows.s.importFields(ctx, d.rows.sort+"s", f, err)
}

func (s *Store) importSettings(ctx context.Context, batch []broker.Setting) error {
	var f fields
	for _, set := range batch {
		f.add(s.names.settings, set.Name, string(set.Value))
	}
	return s.importFields(ctx, "settings", f, nil)
}

func (s *Store) importEntries(ctx context.Context, batch []broker.AuditEntry) error {
	if err := (auditLog{s}).append(ctx, batch); err != nil {
		return fmt.Errorf("import the audit: %w", err)
	}
	return nil
}

// importDoubts stores leases that have run out.
func (s *Store) importDoubts(ctx context.Context, batch []broker.Lease) error {
	var f fields
	for _, l := range batch {
		since := text(l.Acquired.UnixMicro())
		f.add(s.names.leases.of(l.Name), l.Name, fmt.Sprintf("%d %s %s 0 %s", l.Term, since, since, l.Holder))
	}
	return s.importFields(ctx, "leases", f, nil)
}

// settings yields all settings.
func (s *Store) settings(ctx context.Context) iter.Seq2[broker.Setting, error] {
	return func(yield func(broker.Setting, error) bool) {
		all, err := call(ctx, s, func(ctx context.Context) (map[string]string, error) {
			return s.client.Do(ctx, s.client.B().Hgetall().Key(s.names.settings).Build()).AsStrMap()
		})
		if err != nil {
			yield(broker.Setting{}, fmt.Errorf("read settings: %w", err))
			return
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if !yield(broker.Setting{Name: name, Value: []byte(all[name])}, nil) {
				return
			}
		}
	}
}

// entries yields the whole audit, oldest first.
func (s *Store) entries(ctx context.Context) iter.Seq2[broker.AuditEntry, error] {
	return func(yield func(broker.AuditEntry, error) bool) {
		for after := int64(0); ; {
			page, err := auditLog{s}.page(ctx, func(b rueidis.Builder) rueidis.Completed {
				return b.Xrange().Key(s.names.audit).Start(text(after + 1)).End("+").Count(auditPage).Build()
			})
			if err != nil {
				yield(broker.AuditEntry{}, fmt.Errorf("read the audit: %w", err))
				return
			}
			for _, e := range page {
				if after = e.ID; !yield(e, nil) {
					return
				}
			}
			if len(page) < auditPage {
				return
			}
		}
	}
}

// doubts yields the leases that were not released.
func (s *Store) doubts(ctx context.Context) iter.Seq2[broker.Lease, error] {
	form := regexp.MustCompile(`(?s)^(\d+) (\d+) (\d+) (\d) (.*)$`) // see acquireScript
	return func(yield func(broker.Lease, error) bool) {
		err := rows{s, &s.names.leases, "lease"}.each(ctx, func(name, value string) (bool, error) {
			m := form.FindStringSubmatch(value)
			if m == nil {
				return false, fmt.Errorf("lease %q is not what is stored of one", name)
			}
			if m[4] != "0" {
				return true, nil
			}
			var n [3]int64
			for i := range n {
				var err error
				if n[i], err = strconv.ParseInt(m[i+1], 10, 64); err != nil {
					return false, fmt.Errorf("lease %q: %w", name, err)
				}
			}
			return yield(broker.Lease{Name: name, Holder: m[5], Term: n[0], Acquired: instant(n[1]), Expiry: instant(n[2])}, nil), nil
		})
		if err != nil {
			yield(broker.Lease{}, fmt.Errorf("read leases: %w", err))
		}
	}
}

// DeleteSetting implements [broker.Movable].
func (s *Store) DeleteSetting(ctx context.Context, name string) error {
	_, err := call(ctx, s, func(ctx context.Context) (int64, error) {
		return s.client.Do(ctx, s.client.B().Hdel().Key(s.names.settings).Field(name).Build()).AsInt64()
	})
	if err != nil {
		return fmt.Errorf("delete setting %q: %w", name, err)
	}
	return nil
}
