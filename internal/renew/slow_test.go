package renew_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// slowStore takes its time, half before it acts and half after.
type slowStore struct {
	*memstore.Store
	delay func() time.Duration
}

func slowly[T any](ctx context.Context, s slowStore, act func() (T, error)) (T, error) {
	d := s.delay()
	if err := pause(ctx, d/2); err != nil {
		var zero T
		return zero, err
	}
	v, err := act()
	if err == nil {
		err = pause(ctx, d-d/2)
	}
	return v, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slowStore) Get(ctx context.Context, k broker.Key) (broker.Record, error) {
	return slowly(ctx, s, func() (broker.Record, error) { return s.Store.Get(ctx, k) })
}

func (s slowStore) Put(ctx context.Context, r broker.Record) (broker.Version, error) {
	return slowly(ctx, s, func() (broker.Version, error) { return s.Store.Put(ctx, r) })
}

func (s slowStore) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (broker.Lease, error) {
	return slowly(ctx, s, func() (broker.Lease, error) { return s.Store.Acquire(ctx, name, holder, ttl) })
}

func (s slowStore) Release(ctx context.Context, l broker.Lease) error {
	_, err := slowly(ctx, s, func() (struct{}, error) { return struct{}{}, s.Store.Release(ctx, l) })
	return err
}

func (s slowStore) Clock(ctx context.Context) (time.Time, error) {
	return slowly(ctx, s, func() (time.Time, error) { return s.Store.Clock(ctx) })
}

func TestI2I3ASlowStoreBreaksNoPromise(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for _, most := range []time.Duration{100 * time.Millisecond, 600 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s/up to %v", mode, most), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					const minutes = 10
					rnd := seeded(5, "store")
					f := newFleet(t, fleetConfig{replicas: 3, mode: mode, quiet: true, wrap: func(s *memstore.Store) storage {
						return slowStore{s, func() time.Duration { return time.Duration(rnd() * float64(most)) }}
					}})
					defer f.close()
					f.inject(sandbox.Fault{Kind: sandbox.FaultLost, Probability: 0.03})
					f.inject(sandbox.Fault{Kind: sandbox.FaultLate, Delay: 400 * time.Millisecond})
					var wg sync.WaitGroup
					for _, r := range f.replicas {
						f.follow(&wg, r, minutes*time.Minute)
					}
					f.hold(minutes * time.Minute)
					wg.Wait()
					c := f.sandbox.Counts(appID)
					t.Logf("%d issues, %d lost", c.Issues, c.Lost)
					if high := minutes*60/10 + 2 + c.Lost; c.Issues > high {
						t.Errorf("I1: %d issues, want at most %d", c.Issues, high)
					}
				})
			})
		}
	}
}

// brokenPort fails one call of a store.
type brokenPort struct {
	*memstore.Store
	get, all func() error
}

// fault is an error that comes and goes.
type fault struct{ p atomic.Pointer[error] }

func (f *fault) set(err error) { f.p.Store(&err) }

func (f *fault) err() error {
	if p := f.p.Load(); p != nil {
		return *p
	}
	return nil
}

func (s brokenPort) Get(ctx context.Context, k broker.Key) (broker.Record, error) {
	if err := s.get(); err != nil {
		return broker.Record{}, err
	}
	return s.Store.Get(ctx, k)
}

func (s brokenPort) All(ctx context.Context) iter.Seq2[broker.Record, error] {
	if err := s.all(); err != nil {
		return func(yield func(broker.Record, error) bool) { yield(broker.Record{}, err) }
	}
	return s.Store.All(ctx)
}

func TestReplicasThatAreNotToldFindOutByThemselves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, wrap: func(s *memstore.Store) storage { return deaf{s} }})
		defer f.close()
		f.hold(2 * time.Minute)
		if n := f.issues(); n > 14 {
			t.Errorf("I1: %d issues in two minutes", n)
		}
		f.wantNoMisuse()
	})
}

func TestReportsWithoutAReadableStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var none, get fault
		f := newFleet(t, fleetConfig{mode: wechat.Classic, wrap: func(s *memstore.Store) storage {
			return brokenPort{s, get.err, none.err}
		}})
		defer f.close()
		r := f.replicas[0]
		tok := f.token(r)
		get.set(errStoreGone)
		// What is in memory is the answer to those who know of something newer.
		for name, call := range map[string]func() (broker.Token, error){
			"report": func() (broker.Token, error) { return r.Report(t.Context(), accessToken, tok.Version+1) },
			"renew":  func() (broker.Token, error) { return r.Renew(t.Context(), accessToken, tok.Version+1) },
			"value":  func() (broker.Token, error) { return r.ReportToken(t.Context(), accessToken, broker.NewSecret("x")) },
		} {
			if got, err := call(); err != nil || got.Version != tok.Version {
				t.Errorf("%s: got version %d and %v, want the one in memory", name, got.Version, err)
			}
			// Where there is nothing in memory, it is an error.
			fresh := f.app
			fresh.ID = "fresh-" + name
			_ = r.SetApp(t.Context(), &fresh)
			k := broker.Key{App: fresh.ID, Kind: broker.AccessToken}
			if _, err := r.Report(t.Context(), k, 1); err == nil {
				t.Errorf("a report without a token and a store gave a token")
			}
			if _, err := r.Renew(t.Context(), k, 1); err == nil {
				t.Errorf("a renewal without a token and a store gave a token")
			}
		}
		if f.issues() != 1 {
			t.Errorf("%d issues, want 1", f.issues())
		}
		get.set(nil)
	})
}

func TestARemovalWithoutAStoreIsAnErrorAndEndsRenewalsAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: wechat.Classic})
		defer f.close()
		r := f.replicas[0]
		f.token(r)
		r.store.Fail(errStoreGone)
		if err := r.RemoveApp(t.Context(), "shop"); !errors.Is(err, errStoreGone) {
			t.Errorf("got %v, want %v", err, errStoreGone)
		}
		r.store.Fail(nil)
		issues := f.issues()
		time.Sleep(time.Minute)
		if f.issues() != issues {
			t.Errorf("%d issues for a removed app", f.issues()-issues)
		}
	})
}

func TestAPromiseThatRanOutIsOverdue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: wechat.Classic})
		defer f.close()
		tok := f.token(f.replicas[0])
		f.inject(sandbox.Fault{Kind: sandbox.FaultHang})
		time.Sleep(time.Until(tok.Until) + time.Second)
		h := f.replicas[0].Health()
		if h.Tokens != 1 || h.Overdue != 1 || h.Failing != 1 || h.Troubles[0].State != "overdue" || h.Troubles[0].Err == nil {
			t.Errorf("health %+v, want a usable token that is overdue", h)
		}
		f.sandbox.ClearFaults()
	})
}

func TestAChangeOfTheAppWhoseBackOffCannotBeEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stores []*flakyStore
		f := newFleet(t, fleetConfig{secrets: []string{wrongSecret}, wrap: flaky(&stores)})
		defer f.close()
		time.Sleep(5 * time.Second)
		stores[0].spoil(times(1, errStoreGone), nil)
		right := f.app
		right.Secrets = []broker.Secret{broker.NewSecret(secret)}
		if err := f.replicas[0].SetApp(t.Context(), &right); err != nil {
			t.Errorf("got %v: the app is changed all the same", err)
		}
		time.Sleep(15 * time.Second)
		if tok := f.token(f.replicas[0]); !f.live(tok) {
			t.Error("no live token after the back-off")
		}
	})
}

// lateStore answers a read only when it is let, with what was there when it was asked.
type lateStore struct {
	*memstore.Store
	gate *atomic.Pointer[chan struct{}]
}

func (s lateStore) Get(ctx context.Context, k broker.Key) (broker.Record, error) {
	r, err := s.Store.Get(ctx, k)
	if gate := s.gate.Load(); gate != nil {
		<-*gate
	}
	return r, err
}

func TestARecordThatWasReadTooLateHidesNoNewerOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var gate atomic.Pointer[chan struct{}]
		f := newFleet(t, fleetConfig{mode: wechat.Classic, wrap: func(s *memstore.Store) storage { return lateStore{s, &gate} }})
		defer f.close()
		r := f.replicas[0]
		old := f.token(r)
		time.Sleep(time.Second)
		shut := make(chan struct{})
		gate.Store(&shut)
		done := make(chan struct{})
		go func() {
			defer close(done)
			// Somebody who knows of something newer has the record read again.
			_, _ = r.Report(t.Context(), accessToken, old.Version+1000)
		}()
		synctest.Wait()
		gate.Store(nil)
		now, err := r.Replace(t.Context(), accessToken)
		if err != nil || now.Version == old.Version {
			t.Fatalf("got version %d and %v, want a new one", now.Version, err)
		}
		close(shut)
		<-done
		if got := f.token(r); got.Version != now.Version {
			t.Errorf("version %d is served again after %d", got.Version, now.Version)
		}
	})
}
