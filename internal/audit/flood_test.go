package audit_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// I10: what changed nothing is counted, by who did it, what, to what, and what came of it.
func TestWhatChangesNothingIsCoalesced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, audit.Config{})
		e := broker.AuditEntry{Client: "orders", Action: "suspect", App: "shop", Kind: broker.AccessToken, Version: 7, Result: "ok"}
		for i := range 1000 {
			e.RequestID = fmt.Sprint("r-", i)
			f.Count(e)
		}
		for _, other := range []func(*broker.AuditEntry){
			func(e *broker.AuditEntry) { e.Client = "other" },
			func(e *broker.AuditEntry) { e.Action = "report" },
			func(e *broker.AuditEntry) { e.App = "blog" },
			func(e *broker.AuditEntry) { e.Kind = broker.JSAPITicket },
			func(e *broker.AuditEntry) { e.Version = 8 },
			func(e *broker.AuditEntry) { e.Result = "budget_spent" },
			func(e *broker.AuditEntry) { e.Target = "till" },
		} {
			x := e
			other(&x)
			f.Count(x)
			f.Count(x)
		}
		f.Read(orders, "shop", broker.AccessToken, 7) // is no suspicion
		time.Sleep(1100 * time.Millisecond)
		count := map[int]int{}
		for _, e := range f.entries() {
			count[e.Count]++
			if e.Count == 1000 && e.RequestID != "r-0" {
				t.Errorf("%+v", e)
			}
		}
		if len(f.entries()) != 9 || count[1000] != 1 || count[2] != 7 || count[1] != 1 {
			t.Errorf("entries by their count: %v", count)
		}
	})
}

func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, audit.Config{})
		long := strings.Repeat("x", 127) + strings.Repeat("\u864e", 3000)
		e := broker.AuditEntry{
			Client: long, Action: long, App: long, Kind: broker.Kind(long), Target: long, Remote: long, RequestID: long, Result: long,
		}
		if err := f.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		f.Later(e)
		f.Count(e)
		f.Read(broker.Caller{Client: &broker.Client{Name: long}, Remote: long, RequestID: long}, long, broker.Kind(long), 1)
		time.Sleep(1100 * time.Millisecond)
		es := f.entries()
		if len(es) != 4 {
			t.Fatalf("%d entries", len(es))
		}
		for _, e := range es {
			for _, s := range []string{e.Client, e.Action, e.App, string(e.Kind), e.Target, e.Remote, e.RequestID, e.Result} {
				if len(s) > 128 || !utf8.ValidString(s) {
					t.Errorf("%d bytes: %q", len(s), s)
				}
			}
		}
	})
}

// oldLog has many old entries, and takes a while to prune some of them.
type oldLog struct {
	broker.AuditLog
	left  atomic.Int64
	takes time.Duration
}

func (l *oldLog) Prune(_ context.Context, _ time.Time, limit int) (int, error) {
	time.Sleep(l.takes)
	n := min(l.left.Load(), int64(limit))
	l.left.Add(-n)
	return int(n), nil
}

// However many entries are old, they are gone before the next time; and what is done
// meanwhile is written as ever.
func TestPruningKeepsUpWithAFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		l := &oldLog{AuditLog: store.Audit(), takes: 20 * time.Millisecond}
		l.left.Store(3_000_000)
		f := start(t, audit.Config{Log: l, Retain: time.Hour})
		time.Sleep(10*time.Minute + 10*time.Second)
		if left := l.left.Load(); left == 0 || left == 3_000_000 {
			t.Fatalf("%d are left after 10 s of pruning", left)
		}
		f.Read(orders, "shop", broker.AccessToken, 7)
		time.Sleep(1100 * time.Millisecond)
		if n, _ := f.reads(); n != 1 {
			t.Errorf("I10: %d entries while old ones are pruned, want 1", n)
		}
		time.Sleep(5 * time.Minute)
		if left := l.left.Load(); left != 0 {
			t.Errorf("%d old entries are left", left)
		}
		// Half of the time is for others.
		l.left.Store(10_000_000)
		time.Sleep(10 * time.Minute)
		before := l.left.Load()
		time.Sleep(10 * time.Second)
		if n := before - l.left.Load(); n > 260_000 {
			t.Errorf("%d entries in 10 s, where 500 000 leave no time for others", n)
		}
	})
}

// queryLog is a store whose queries end with their context only.
type queryLog struct{ broker.AuditLog }

func (queryLog) Query(ctx context.Context, _ broker.AuditFilter) ([]broker.AuditEntry, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("query: %w", ctx.Err())
}

func TestQueriesAreFewAndEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, audit.Config{Log: queryLog{}})
		ask := func(ctx context.Context) (time.Duration, error) {
			begun := time.Now()
			_, err := f.Query(ctx, broker.AuditFilter{})
			return time.Since(begun), err
		}
		const many = 24
		type end struct {
			took time.Duration
			err  *broker.Error
		}
		ends := make(chan end, many)
		for range many {
			go func() {
				took, err := ask(t.Context())
				ends <- end{took, broker.AsError(err)}
			}()
		}
		took := map[time.Duration]int{}
		for range many {
			e := <-ends
			if e.err.Code != "not_ready" || e.err.RetryAfter <= 0 || e.err.Hint == "" {
				t.Errorf("%+v", e.err)
			}
			took[e.took]++
		}
		if took[0] != many-2 || took[5*time.Second] != 2 {
			t.Errorf("queries by what they took: %v, want 2 that run and the others refused", took)
		}
		// A caller that leaves is no slow query, and its place is free again.
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if took, err := ask(ctx); took != time.Second || broker.AsError(err).Code != "internal" {
				t.Errorf("%v after %v", err, took)
			}
			cancel()
		}
	})
}
