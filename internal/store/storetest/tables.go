package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) tables() []test {
	return []test{
		{"EverythingIsImportedAsItIs", s.importAll},
		{"ManyAreImported", s.importMany},
		{"NothingIsImportedBesideSomething", s.importBeside},
		{"AnImportThatBreaksOffSaysHowMuchIsStored", s.importPart},
		{"AnImportStopsAtWhatComesTwice", s.importTwice},
		{"AnIssueInDoubtIsImportedAsOne_I2", s.importDoubts},
		{"AnImportIsNoNews", s.importNews},
		{"SettingsAreDeleted", s.deleteSetting},
	}
}

func movable(t testing.TB, st broker.Store) broker.Movable {
	t.Helper()
	m, is := st.(broker.Movable)
	if !is {
		t.Fatalf("%T is no broker.Movable", st)
	}
	return m
}

// sequence yields values, and then an error if there is one.
func sequence[T any](err error, values ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range values {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

// load imports values and wants all of them stored.
func load[T any](t testing.TB, what string, table broker.Table[T], values ...T) {
	t.Helper()
	n, err := table.Import(t.Context(), sequence(nil, values...))
	ok(t, "import "+what, err)
	check(t, "number of imported "+what, len(values), n)
}

// tableOf reads a table to its end.
func tableOf[T any](t testing.TB, table broker.Table[T]) (found []T) {
	t.Helper()
	for v, err := range table.All(t.Context()) {
		ok(t, "read a table", err)
		found = append(found, v)
	}
	return found
}

// atVersions gives records versions that no write here has led to.
func atVersions(rs []broker.Record) []broker.Record {
	for i := range rs {
		rs[i].Version = broker.Version(i*i*1_000_000_007 + 1)
	}
	rs[len(rs)-1].Version = 1<<62 + 1
	return rs
}

func (s suite) importAll(t *testing.T) {
	f := s.Open(t)
	m := movable(t, f.Store)
	records := []broker.Record{full("full"), {Key: keyOf("bare")}}
	for i, k := range hostileKeys() {
		records = append(records, broker.Record{Key: k, Current: broker.SealedToken{Version: 1, Box: fmt.Append(nil, i)}})
	}
	records = atVersions(records)
	var defs []broker.Definition
	for i, name := range []string{"shop", "Shop", "shop'; --", "商店", "a/b", "%", `"`, `\`} {
		d := definition(name)
		d.Version = broker.Version(i*i*7 + 3)
		defs = append(defs, d)
	}
	defs = append(defs, broker.Definition{Name: "bare", Version: 1 << 40, Spec: []byte("{}")})
	es := entries(25)
	odd := es[3]
	odd.At = es[20].At // their order is that in which they were written, not that of their times
	es = append(es, odd, broker.AuditEntry{Action: "without a time"})
	var grants []broker.Grant
	for i, k := range hostileGrantKeys() {
		grants = append(grants, broker.Grant{Key: k, Version: broker.Version(i*i*1_000_000_007 + 1), Box: fmt.Append(nil, i)})
	}
	whole := fullGrant("full")
	whole.Version = 1<<62 + 1
	grants = append(grants, whole)
	settings := []broker.Setting{{Name: "Proof'; --", Value: []byte{0, 1, 0xff}}, {Name: "empty"}, {Name: "proof", Value: []byte("text")}}
	tables := m.Tables()
	load(t, "records", tables.Records, records...)
	load(t, "apps", tables.Apps, defs...)
	load(t, "clients", tables.Clients, defs[:3]...)
	load(t, "entries", tables.Audit, es...)
	load(t, "settings", tables.Settings, settings...)
	load(t, "grants", tables.Grants, grants...)

	same := func(what string, st broker.Store) {
		t.Helper()
		tables := movable(t, st).Tables()
		want := map[broker.Key]broker.Record{}
		for _, r := range records {
			want[r.Key] = r
			check(t, what+": get", r, get(t, st, r.Key))
		}
		check(t, what+": records", want, all(t, st))
		check(t, what+": apps", byName(defs), allDefinitions(t, st.Apps()))
		check(t, what+": clients", byName(defs[:3]), allDefinitions(t, st.Clients()))
		checkEntries(t, what+": audit", es, query(t, st, broker.AuditFilter{}))
		forward := tableOf(t, tables.Audit)
		slices.Reverse(forward)
		check(t, what+": the audit, oldest first", query(t, st, broker.AuditFilter{}), forward)
		check(t, what+": settings", settings, tableOf(t, tables.Settings))
		wantGrants := map[broker.Key]broker.Grant{}
		for _, g := range grants {
			wantGrants[g.Key] = g
			check(t, what+": get", g, getGrant(t, st, g.Key))
		}
		check(t, what+": grants", wantGrants, collect(t, tables.Grants.All(t.Context()), func(g broker.Grant) broker.Key { return g.Key }))
		check(t, what+": page", []broker.Grant{whole}, page(t, st, whole.Key.App, broker.Key{}, 10))
		check(t, what+": leases", nil, tableOf(t, tables.Doubts))
	}
	same("another handle", f.Handle())
	if s.Skip.Reopen == "" {
		same("after a restart", f.Reopen())
	}
}

func byName(defs []broker.Definition) map[string]broker.Definition {
	named := map[string]broker.Definition{}
	for _, d := range defs {
		named[d.Name] = d
	}
	return named
}

// importMany takes several batches, and goes on from the versions that came.
func (s suite) importMany(t *testing.T) {
	f := s.Open(t)
	tables := movable(t, f.Store).Tables()
	records := make([]broker.Record, 2500)
	defs := make([]broker.Definition, len(records))
	for i := range records {
		records[i] = numbered(i)
		defs[i] = broker.Definition{Name: fmt.Sprintf("app-%04d", i), Version: broker.Version(i + 1), Spec: fmt.Append(nil, i)}
	}
	records = atVersions(records)
	grants := make([]broker.Grant, len(records))
	for i := range grants {
		grants[i] = grantOf(fmt.Sprintf("user-%04d", i))
		grants[i].Version = broker.Version(i + 1)
	}
	es := entries(len(records))
	load(t, "records", tables.Records, records...)
	load(t, "apps", tables.Apps, defs...)
	load(t, "entries", tables.Audit, es...)
	load(t, "grants", tables.Grants, grants...)
	load[broker.Record](t, "records beside nothing more", movable(t, s.Open(t).Store).Tables().Records)
	check(t, "records", len(records), len(all(t, f.Store)))
	check(t, "apps", byName(defs), allDefinitions(t, f.Store.Apps()))
	checkEntries(t, "audit", es, query(t, f.Store, broker.AuditFilter{}))
	for _, i := range []int{0, 1, 999, 1000, 2499} {
		r := put(t, f.Store, records[i]) // compares with the version that was imported
		check(t, "get", r, get(t, f.Handle(), r.Key))
		_, err := f.Store.Put(t.Context(), numbered(i))
		wantErr(t, "put as if it were not there", err, broker.ErrConflict)
		putDefinition(t, f.Store.Apps(), defs[i])
		putGrant(t, f.Store, grants[i])
	}
	ok(t, "append", f.Store.Audit().Append(t.Context(), es[0]))
	checkEntries(t, "audit", append(es, es[0]), query(t, f.Store, broker.AuditFilter{}))
	check(t, "grants", len(grants), len(walk(t, f.Store, "shop", 1000)))
}

func (s suite) importBeside(t *testing.T) {
	f := s.Open(t)
	put(t, f.Store, numbered(1))
	putDefinition(t, f.Store.Apps(), definition("a"))
	putDefinition(t, f.Store.Clients(), definition("c"))
	ok(t, "put setting", f.Store.PutSetting(t.Context(), "s", nil))
	ok(t, "append", f.Store.Audit().Append(t.Context(), entries(1)...))
	hold(t, f.Store, "held", "holder")
	g := putGrant(t, f.Store, grantOf("user"))
	tables := movable(t, f.Handle()).Tables()
	refused := func(what string, n int, err error) {
		t.Helper()
		wantErr(t, what, err, broker.ErrNotEmpty)
		check(t, what, 0, n)
	}
	r := numbered(2)
	r.Version = 1
	n, err := tables.Records.Import(t.Context(), sequence(nil, r))
	refused("records", n, err)
	n, err = tables.Apps.Import(t.Context(), sequence(nil, definition("b")))
	refused("apps", n, err)
	n, err = tables.Clients.Import(t.Context(), sequence(nil, definition("b")))
	refused("clients", n, err)
	n, err = tables.Settings.Import(t.Context(), sequence(nil, broker.Setting{Name: "t"}))
	refused("settings", n, err)
	n, err = tables.Audit.Import(t.Context(), sequence(nil, entries(1)...))
	refused("audit", n, err)
	n, err = tables.Grants.Import(t.Context(), sequence(nil, fullGrant("another")))
	refused("grants", n, err)
	n, err = tables.Doubts.Import(t.Context(), sequence(nil, broker.Lease{Name: "l", Term: 1}))
	refused("leases", n, err)
	check(t, "records", 1, len(all(t, f.Store)))
	check(t, "apps", 1, len(allDefinitions(t, f.Store.Apps())))
	check(t, "entries", 1, len(query(t, f.Store, broker.AuditFilter{})))
	check(t, "grants", map[broker.Key]broker.Grant{g.Key: g}, allGrants(t, f.Store))
}

func (s suite) importPart(t *testing.T) {
	f := s.Open(t)
	tables := movable(t, f.Store).Tables()
	records := make([]broker.Record, 2200)
	for i := range records {
		records[i] = numbered(i)
	}
	records = atVersions(records)
	broken := errors.New("the other store has gone")
	n, err := tables.Records.Import(t.Context(), sequence(broken, records...))
	wantErr(t, "import", err, broken)
	stored := all(t, f.Handle())
	if n > len(stored) || n < 1000 {
		t.Errorf("%d records are said to be stored, and %d are", n, len(stored))
	}
	for _, r := range records[:n] {
		check(t, "get", r, stored[r.Key])
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m, err := tables.Audit.Import(ctx, sequence(nil, entries(3)...))
	wantErr(t, "import under an ended context", err, context.Canceled)
	check(t, "imported", 0, m)
	check(t, "entries", 0, len(query(t, f.Store, broker.AuditFilter{})))
}

func (s suite) importTwice(t *testing.T) {
	f := s.Open(t)
	tables := movable(t, f.Store).Tables()
	r := numbered(1)
	r.Version = 5
	n, err := tables.Records.Import(t.Context(), sequence(nil, numbered(0), r, numbered(2), r))
	wantErr(t, "records", err, broker.ErrConflict)
	check(t, "records", 0, n)
	n, err = tables.Apps.Import(t.Context(), sequence(nil, definition("a"), definition("a")))
	wantErr(t, "apps", err, broker.ErrConflict)
	check(t, "apps", 0, n)
	n, err = tables.Settings.Import(t.Context(), sequence(nil, broker.Setting{Name: "s"}, broker.Setting{Name: "s"}))
	wantErr(t, "settings", err, broker.ErrConflict)
	check(t, "settings", 0, n)
	g := grantOf("user")
	g.Version = 1
	n, err = tables.Grants.Import(t.Context(), sequence(nil, g, g))
	wantErr(t, "grants", err, broker.ErrConflict)
	check(t, "grants", 0, n)
}

// A lease that ran out without being released says that its holder may have died in
// mid-issue. That is known nowhere else.
func (s suite) importDoubts(t *testing.T) {
	from := s.Open(t)
	for _, name := range []string{"died", "hostile 1 2 0\n' --"} {
		s.abandon(t, from.Store, name, "the holder")
	}
	ok(t, "release", from.Store.Release(t.Context(), hold(t, from.Store, "released", "the holder")))
	from.Advance(s.TTL)
	second := s.abandon(t, from.Store, "died", "the next")
	doubts := tableOf(t, movable(t, from.Store).Tables().Doubts)
	check(t, "doubts", 2, len(doubts))

	to := s.Open(t)
	tables := movable(t, to.Store).Tables()
	load(t, "leases", tables.Doubts, doubts...)
	for i, l := range tableOf(t, tables.Doubts) {
		check(t, "name", doubts[i].Name, l.Name)
		check(t, "holder", doubts[i].Holder, l.Holder)
		check(t, "term", doubts[i].Term, l.Term)
		check(t, "since", doubts[i].Acquired.Truncate(time.Microsecond), l.Acquired.Truncate(time.Microsecond))
	}
	next := hold(t, to.Handle(), "died", "a new one")
	check(t, "term", second.Term+1, next.Term)
	check(t, "in doubt since", second.Abandoned.Truncate(time.Microsecond), next.Abandoned.Truncate(time.Microsecond))
}

func (s suite) importNews(t *testing.T) {
	f := s.Open(t)
	if s.Skip.Fleet != "" {
		t.Skip(s.Skip.Fleet)
	}
	other := f.Handle()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes := other.(broker.Notifier).Watch(ctx)
	tables := movable(t, f.Store).Tables()
	load(t, "records", tables.Records, atVersions([]broker.Record{numbered(1), numbered(2)})...)
	load(t, "apps", tables.Apps, definition("a"))
	put(t, f.Store, numbered(3))
	for c, err := range changes {
		ok(t, "watch", err)
		if c.Record == nil || !strings.HasSuffix(c.Record.Key.App, "-3") {
			t.Errorf("the first change that was told of is %+v", c)
		}
		break
	}
}

func (s suite) deleteSetting(t *testing.T) {
	f := s.Open(t)
	m := movable(t, f.Store)
	ok(t, "delete of none", m.DeleteSetting(t.Context(), "s"))
	ok(t, "put", m.PutSetting(t.Context(), "s", []byte("value")))
	ok(t, "put", m.PutSetting(t.Context(), "S", []byte("other")))
	ok(t, "delete", m.DeleteSetting(t.Context(), "s"))
	_, err := f.Handle().Setting(t.Context(), "s")
	wantErr(t, "get", err, broker.ErrNotFound)
	check(t, "settings", []broker.Setting{{Name: "S", Value: []byte("other")}}, tableOf(t, m.Tables().Settings))
	ok(t, "add", m.AddSetting(t.Context(), "s", nil))
}
