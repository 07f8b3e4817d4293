package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

var orders = broker.Caller{Client: &broker.Client{Name: "orders"}, Remote: "10.0.0.1:4711", RequestID: "r-1"}

type fixture struct {
	*audit.Recorder
	t     *testing.T
	store *memstore.Store
	log   *bytes.Buffer
	reg   *prometheus.Registry
	stop  func()
}

// start runs a recorder over a store in memory.
func start(t *testing.T, cfg audit.Config) *fixture {
	t.Helper()
	f := &fixture{t: t, store: memstore.New(memstore.Config{}), log: &bytes.Buffer{}, reg: prometheus.NewRegistry()}
	if cfg.Log == nil {
		cfg.Log = f.store.Audit()
	}
	cfg.Logger, cfg.Registerer = slog.New(slog.NewTextHandler(f.log, nil)), f.reg
	f.Recorder = audit.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { f.Run(ctx) })
	f.stop = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(f.stop)
	return f
}

func (f *fixture) entries() []broker.AuditEntry {
	f.t.Helper()
	es, err := f.Query(context.Background(), broker.AuditFilter{})
	if err != nil {
		f.t.Fatal(err)
	}
	return es
}

// reads sums up what the audit has of reads.
func (f *fixture) reads() (entries, count int) {
	for _, e := range f.entries() {
		if e.Action == "read" {
			entries++
			count += e.Count
		}
	}
	return entries, count
}

// I10: reads are coalesced, but none is lost: who read which version is there within a
// second, and how often once the window has ended.
func TestReadsAreCoalescedPerClientKeyAndVersion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, audit.Config{})
		begun := time.Now()
		for range 1000 {
			f.Read(orders, "shop", broker.AccessToken, 7)
		}
		time.Sleep(1100 * time.Millisecond)
		if entries, count := f.reads(); entries != 1 || count != 1000 {
			t.Errorf("after a second: %d entries for %d reads, want 1 for 1000", entries, count)
		}
		e := f.entries()[0]
		if e.Client != "orders" || e.App != "shop" || e.Kind != broker.AccessToken || e.Version != 7 || e.Remote != orders.Remote || e.RequestID != "r-1" || e.Result != "ok" || !e.At.Equal(begun) {
			t.Errorf("%+v", e)
		}
		for range 500 {
			f.Read(orders, "shop", broker.AccessToken, 7)
			time.Sleep(time.Second)
		}
		if entries, _ := f.reads(); entries != 1 {
			t.Errorf("before the window ends: %d entries, want 1", entries)
		}
		time.Sleep(2 * time.Minute)
		if entries, count := f.reads(); entries != 2 || count != 1500 {
			t.Errorf("after the window: %d entries for %d reads, want 2 for 1500", entries, count)
		}
		// Another version, kind, app or client is another entry.
		f.Read(orders, "shop", broker.AccessToken, 8)
		f.Read(orders, "shop", broker.JSAPITicket, 8)
		f.Read(orders, "blog", broker.AccessToken, 8)
		f.Read(broker.Caller{Client: &broker.Client{Name: "other"}}, "shop", broker.AccessToken, 8)
		f.Read(broker.Caller{}, "shop", broker.AccessToken, 8)
		time.Sleep(1100 * time.Millisecond)
		if entries, count := f.reads(); entries != 7 || count != 1505 {
			t.Errorf("in the end: %d entries for %d reads, want 7 for 1505", entries, count)
		}
		// A window without reads writes nothing.
		time.Sleep(time.Hour)
		if entries, _ := f.reads(); entries != 7 {
			t.Errorf("after a quiet hour: %d entries", entries)
		}
	})
}

func TestNoReadIsLostWhileWindowsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, audit.Config{Window: time.Second})
		var n atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 400 {
					for v := range broker.Version(20) {
						f.Read(orders, fmt.Sprint("app-", j%7), broker.AccessToken, v)
						n.Add(1)
					}
					time.Sleep(time.Duration(3+i) * time.Millisecond)
				}
			})
		}
		wg.Wait()
		f.stop()
		if _, count := f.reads(); count != int(n.Load()) {
			t.Errorf("I10: %d reads in the audit, want %d", count, n.Load())
		}
	})
}

// What is left is written when the server stops.
func TestAStopWritesWhatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, audit.Config{})
		f.Read(orders, "shop", broker.AccessToken, 7)
		f.Later(broker.AuditEntry{Action: "renew", App: "shop", Result: "ok"})
		f.stop()
		if es := f.entries(); len(es) != 2 {
			t.Errorf("%+v", es)
		}
	})
}

// More different reads than are counted at a time end the window early, and none of
// them is lost while the store takes them.
func TestManyDifferentReadsAreAllWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, audit.Config{Keep: 10})
		const many = 230_000
		for v := range broker.Version(many) {
			f.Read(orders, "shop", broker.AccessToken, v)
		}
		time.Sleep(3 * time.Second)
		if entries, count := f.reads(); entries != many || count != many {
			t.Errorf("%d entries for %d reads, want %d", entries, count, many)
		}
		if n := f.dropped(); n != 0 {
			t.Errorf("%v entries were dropped", n)
		}
	})
}

// dropped is how many entries were lost, by the metric.
func (f *fixture) dropped() float64 {
	f.t.Helper()
	families, err := f.reg.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "hufu_audit_dropped_total" {
		f.t.Fatal(families, err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

// What changes something is in the store when it is answered.
func TestRecordWritesBeforeItReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, audit.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // the caller has hung up; the change was made nevertheless
		if err := f.Record(ctx, broker.AuditEntry{Client: "admin", Action: "put_app", App: "shop", Result: "ok"}); err != nil {
			t.Fatal(err)
		}
		if es := f.entries(); len(es) != 1 || es[0].At.IsZero() {
			t.Errorf("%+v", es)
		}
	})
}

// While the store is away, entries wait, in their order, and are written when it is
// back; the caller of a change is told.
func TestEntriesWaitForTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, audit.Config{})
		f.store.Fail(errors.New("the store is away"))
		for i := range 5 {
			if err := f.Record(t.Context(), broker.AuditEntry{Action: "put_app", App: fmt.Sprint("app-", i), Result: "ok"}); err == nil {
				t.Error("a change without an audit entry is told as well done")
			}
		}
		f.Read(orders, "shop", broker.AccessToken, 7)
		time.Sleep(time.Minute)
		f.store.Fail(nil)
		time.Sleep(2 * time.Second)
		es := f.entries()
		if len(es) != 6 {
			t.Fatalf("%d entries, want 6: %+v", len(es), es)
		}
		for i := range 5 {
			if e := es[5-i]; e.App != fmt.Sprint("app-", i) {
				t.Errorf("entry %d is about %s", i, e.App)
			}
		}
		if n := f.dropped(); n != 0 {
			t.Errorf("%v entries were dropped", n)
		}
	})
}

// Memory is bounded while the store is away, and what is lost is counted.
func TestWhatWaitsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, audit.Config{Keep: 100})
		f.store.Fail(errors.New("the store is away"))
		for i := range 1000 {
			f.Later(broker.AuditEntry{Action: "renew", App: fmt.Sprint("app-", i), Result: "ok"})
			time.Sleep(10 * time.Millisecond)
		}
		f.store.Fail(nil)
		time.Sleep(2 * time.Second)
		es := f.entries()
		if len(es) != 100 || es[0].App != "app-999" {
			t.Errorf("%d entries, the newest about %s, want the newest 100", len(es), es[0].App)
		}
		if n := f.dropped(); n != 900 {
			t.Errorf("%v dropped entries are counted, want 900", n)
		}
	})
}

// slowLog is a store that does not answer.
type slowLog struct{ broker.AuditLog }

func (slowLog) Append(ctx context.Context, _ ...broker.AuditEntry) error {
	<-ctx.Done()
	return ctx.Err()
}

// A store that hangs delays a change by two seconds, and a read not at all.
func TestAHangingStoreIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, audit.Config{Log: slowLog{}})
		time.Sleep(1500 * time.Millisecond)
		begun := time.Now()
		for v := range broker.Version(100) {
			f.Read(orders, "shop", broker.AccessToken, v)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("I3: 100 reads took %v", took)
		}
		if err := f.Record(t.Context(), broker.AuditEntry{Action: "put_app"}); err == nil || time.Since(begun) != 2*time.Second {
			t.Errorf("%v after %v, want an error after 2s", err, time.Since(begun))
		}
		begun = time.Now()
		f.stop()
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("a stop takes %v", took)
		}
	})
}

func TestARepeatedReadAllocatesNothing(t *testing.T) {
	r := audit.New(audit.Config{Log: memstore.New(memstore.Config{}).Audit()})
	r.Read(orders, "shop", broker.AccessToken, 7)
	if n := testing.AllocsPerRun(100, func() { r.Read(orders, "shop", broker.AccessToken, 7) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRead(b *testing.B) {
	r := audit.New(audit.Config{Log: memstore.New(memstore.Config{}).Audit()})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Read(orders, "shop", broker.AccessToken, 7)
		}
	})
}
