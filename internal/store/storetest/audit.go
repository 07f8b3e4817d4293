package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) audit() []test {
	return []test{
		{"EntriesComeBackNewestFirst_I10", s.auditOrder},
		{"FiltersSelect", s.auditFilters},
		{"PagesDoNotOverlapWhileEntriesAreAdded", s.auditPages},
		{"EntriesAreNotLostAmongMany_I10", s.auditCrowd},
		{"EntriesOutlastARestart_I10", s.auditRestart},
		{"OldEntriesArePrunedAndTheirIDsNotUsedAgain", s.auditPrune},
	}
}

var auditStart = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.FixedZone("UTC+8", 8*60*60))

// entries makes n entries a second apart, oldest first.
func entries(n int) []broker.AuditEntry {
	es := make([]broker.AuditEntry, n)
	for i := range es {
		es[i] = broker.AuditEntry{
			At: auditStart.Add(time.Duration(i) * time.Second), Client: fmt.Sprintf("client-%d", i%3),
			Action: []string{"read", "renew"}[i%2], App: fmt.Sprintf("app-%d", i%5), Kind: broker.AccessToken,
			Target: "target", Version: broker.Version(i), Remote: "[::1]:1234", RequestID: fmt.Sprintf("req-%d", i),
			Result: "ok", Count: i,
		}
	}
	return es
}

func query(t testing.TB, st broker.Store, f broker.AuditFilter) []broker.AuditEntry {
	t.Helper()
	es, err := st.Audit().Query(t.Context(), f)
	ok(t, "query", err)
	for i, e := range es {
		if e.ID <= 0 || i > 0 && e.ID >= es[i-1].ID {
			t.Errorf("entry %d has id %d, the one before it %d", i, e.ID, es[max(i-1, 0)].ID)
		}
	}
	return es
}

// checkEntries compares entries but for their ids, with want oldest first.
func checkEntries(t testing.TB, what string, want, got []broker.AuditEntry) {
	t.Helper()
	want = slices.Clone(want)
	slices.Reverse(want)
	if diff := cmp.Diff(want, got, same(), cmpopts.IgnoreFields(broker.AuditEntry{}, "ID")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (s suite) auditOrder(t *testing.T) {
	f := s.Open(t)
	checkEntries(t, "query of nothing", nil, query(t, f.Store, broker.AuditFilter{}))
	ok(t, "append nothing", f.Store.Audit().Append(t.Context()))
	es := entries(20)
	ok(t, "append one", f.Store.Audit().Append(t.Context(), es[0]))
	ok(t, "append many", f.Handle().Audit().Append(t.Context(), es[1:]...))
	zero := broker.AuditEntry{Action: "without a time"}
	ok(t, "append an entry without a time", f.Store.Audit().Append(t.Context(), zero))
	checkEntries(t, "query", append(es, zero), query(t, f.Store, broker.AuditFilter{}))
}

func (s suite) auditPrune(t *testing.T) {
	f := s.Open(t)
	es := entries(10)
	ok(t, "append", f.Store.Audit().Append(t.Context(), es...))
	newest := query(t, f.Store, broker.AuditFilter{Limit: 1})[0].ID
	prune := func(before time.Time, limit, want int) {
		t.Helper()
		n, err := f.Store.Audit().Prune(t.Context(), before, limit)
		ok(t, "prune", err)
		if n != want {
			t.Errorf("pruned %d entries, want %d", n, want)
		}
	}
	prune(es[0].At, 100, 0)
	prune(es[8].At, 3, 3)
	checkEntries(t, "after a bounded prune", es[3:], query(t, f.Store, broker.AuditFilter{}))
	prune(es[8].At, 100, 5)
	checkEntries(t, "after a prune", es[8:], query(t, f.Store, broker.AuditFilter{}))
	prune(es[9].At.Add(time.Hour), 100, 2)
	checkEntries(t, "after all were pruned", nil, query(t, f.Store, broker.AuditFilter{}))
	ok(t, "append", f.Store.Audit().Append(t.Context(), es[0]))
	if id := query(t, f.Store, broker.AuditFilter{})[0].ID; id <= newest {
		t.Errorf("an entry got the id %d, which was used before", id)
	}
}

func (s suite) auditFilters(t *testing.T) {
	st := s.Open(t).Store
	es := entries(60)
	ok(t, "append", st.Audit().Append(t.Context(), es...))
	ids := map[string]int64{}
	for _, e := range query(t, st, broker.AuditFilter{}) {
		ids[e.RequestID] = e.ID
	}
	for _, f := range []broker.AuditFilter{
		{Client: "client-1"},
		{Action: "renew"},
		{App: "app-4"},
		{Client: "nobody"},
		{Client: "' OR 1=1 --"},
		{Client: "client-2", Action: "read", App: "app-3"},
		{From: es[10].At},
		{To: es[10].At},
		{From: es[10].At, To: es[11].At},
		{From: es[11].At, To: es[10].At},
		{From: es[10].At.UTC(), To: es[30].At.UTC(), Client: "client-0"},
		{From: es[10].At.Add(time.Microsecond), To: es[12].At.Add(time.Microsecond)},
		{Limit: 7},
		{Limit: 1000},
		{Limit: 4, App: "app-1"},
		{Before: ids["req-30"]},
		{Before: ids["req-30"], Limit: 3},
		{Before: ids["req-0"]},
		{Before: ids["req-30"], Limit: 3, Client: "client-1", To: es[20].At},
	} {
		var want []broker.AuditEntry
		for i, e := range es {
			if (f.Client == "" || f.Client == e.Client) && (f.Action == "" || f.Action == e.Action) &&
				(f.App == "" || f.App == e.App) && (f.From.IsZero() || !e.At.Before(f.From)) &&
				(f.To.IsZero() || e.At.Before(f.To)) && (f.Before == 0 || ids[fmt.Sprintf("req-%d", i)] < f.Before) {
				want = append(want, e)
			}
		}
		if f.Limit > 0 && len(want) > f.Limit {
			want = want[len(want)-f.Limit:]
		}
		checkEntries(t, fmt.Sprintf("%+v", f), want, query(t, st, f))
	}
}

func (s suite) auditPages(t *testing.T) {
	st := s.Open(t).Store
	es := entries(50)
	ok(t, "append", st.Audit().Append(t.Context(), es...))
	var got []broker.AuditEntry
	f := broker.AuditFilter{Limit: 7}
	for {
		page := query(t, st, f)
		if len(page) == 0 {
			break
		}
		if len(got) > len(es) {
			t.Fatalf("saw %d entries, of %d that were there", len(got), len(es))
		}
		got = append(got, page...)
		f.Before = page[len(page)-1].ID
		ok(t, "append", st.Audit().Append(t.Context(), broker.AuditEntry{At: auditStart, Action: "later"}))
	}
	checkEntries(t, "all pages", es, got)
}

func (s suite) auditCrowd(t *testing.T) {
	f := s.Open(t)
	handles := []broker.Store{f.Store, f.Handle()}
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			for n := range 4 {
				e := broker.AuditEntry{At: auditStart, Client: fmt.Sprint(i), Count: n}
				if err := handles[i%2].Audit().Append(t.Context(), e); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	check(t, "entries", crowd*4, len(query(t, f.Store, broker.AuditFilter{})))
	for i := range crowd {
		var counts []int
		for _, e := range query(t, f.Store, broker.AuditFilter{Client: fmt.Sprint(i)}) {
			counts = append(counts, e.Count)
		}
		check(t, "entries of one client", []int{3, 2, 1, 0}, counts)
	}
}

func (s suite) auditRestart(t *testing.T) {
	f := s.Open(t)
	es := entries(4)
	ok(t, "append", f.Store.Audit().Append(t.Context(), es[:3]...))
	st := s.reopened(t, f)
	ok(t, "append", st.Audit().Append(t.Context(), es[3]))
	checkEntries(t, "query", es, query(t, st, broker.AuditFilter{}))
}
