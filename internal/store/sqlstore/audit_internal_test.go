package sqlstore

import (
	"context"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Neither queries of the audit nor anything else that reads can hold up the other.
func TestQueriesOfTheAuditAndReadsOfRecordsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	s := openForTest(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	k := broker.Key{App: "shop", Kind: broker.AccessToken}
	if _, err := s.Put(ctx, broker.Record{Key: k}); err != nil {
		t.Fatal(err)
	}
	t.Run("all readers are busy", func(t *testing.T) {
		for range max(4, runtime.GOMAXPROCS(0)) {
			next, stop := iter.Pull2(s.All(ctx))
			defer stop()
			if _, err, ok := next(); err != nil || !ok {
				t.Fatal(err, ok)
			}
		}
		if _, err := s.Audit().Query(ctx, broker.AuditFilter{}); err != nil {
			t.Errorf("query: %v", err)
		}
	})
	t.Run("all readers of the audit are busy", func(t *testing.T) {
		for range auditReaders {
			c, err := s.auditReaders.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}()
		}
		if _, err := s.Get(ctx, k); err != nil {
			t.Errorf("get: %v", err)
		}
	})
}

// What an administrator searches for is found without reading the entries of reads.
func TestSearchesOfTheAuditUseAnIndex(t *testing.T) {
	t.Parallel()
	s := openForTest(t)
	for _, f := range []broker.AuditFilter{
		{Action: "report"},
		{Action: "report", Limit: 100},
		{Action: "report", Before: 7, Limit: 100},
		{App: "shop", Action: "put_app", Limit: 100},
		{App: "shop", Limit: 100},
		{Client: "orders", Limit: 100},
	} {
		plan := planOf(t, s, f)
		got := strings.Join(plan, "; ")
		if len(plan) != 1 || !strings.HasPrefix(got, "SEARCH audit USING INDEX") || strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("%+v: %s", f, got)
		}
		if f.App != "" && f.Action != "" && !strings.Contains(got, "app=? AND action=?") {
			t.Errorf("%+v: only a part of it is searched for: %s", f, got)
		}
	}
}

// planOf says how the database answers a query.
func planOf(t *testing.T, s *Store, f broker.AuditFilter) []string {
	t.Helper()
	query, args := s.auditQuery(f)
	rows, err := s.auditReaders.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}
