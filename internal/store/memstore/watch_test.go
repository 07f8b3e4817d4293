package memstore_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

var key = broker.Key{App: "shop", Kind: broker.AccessToken}

func TestWatchKeepsWhatIsPublishedBeforeItIsRangedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := memstore.New(memstore.Config{})
		changes := s.Handle().Watch(ctx)
		for v := range broker.Version(3) {
			if err := s.Publish(ctx, key, v+1); err != nil {
				t.Fatal(err)
			}
		}
		var got []broker.Version
		for c, err := range changes {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, c.Version)
			if len(got) == 3 {
				cancel()
			}
		}
		if diff := cmp.Diff([]broker.Version{1, 2, 3}, got); diff != "" {
			t.Errorf("versions seen (-want +got):\n%s", diff)
		}
	})
}

func TestWatchWakesForEveryHandle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(memstore.Config{})
		seen := make(chan broker.Change, 2)
		for _, h := range []*memstore.Store{s, s.Handle()} {
			changes := h.Watch(t.Context())
			go func() {
				c, _ := first(changes)
				seen <- c
			}()
		}
		synctest.Wait()
		if err := s.Publish(t.Context(), key, 7); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if c := <-seen; c != (broker.Change{Key: key, Version: 7}) {
				t.Errorf("got %v", c)
			}
		}
	})
}

func TestWatchEndsWithTheFaultOfItsHandleOnly(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	s := memstore.New(memstore.Config{})
	other := s.Handle()
	failing, healthy := s.Watch(t.Context()), other.Watch(t.Context())
	s.Fail(gone)
	if _, err := first(failing); !errors.Is(err, gone) {
		t.Errorf("watch of the failing handle: %v", err)
	}
	if _, err := first(s.Watch(t.Context())); !errors.Is(err, gone) {
		t.Errorf("new watch of the failing handle: %v", err)
	}
	if err := s.Publish(t.Context(), key, 1); !errors.Is(err, gone) {
		t.Errorf("publish by the failing handle: %v", err)
	}
	if err := other.Publish(t.Context(), key, 2); err != nil {
		t.Fatal(err)
	}
	if c, err := first(healthy); err != nil || c.Version != 2 {
		t.Errorf("watch of the healthy handle: %v, %v", c, err)
	}
	s.Fail(nil)
	if err := s.Publish(t.Context(), key, 3); err != nil {
		t.Errorf("publish after the fault: %v", err)
	}
}

func TestWatchEndsWhenItsReaderIsTooSlow(t *testing.T) {
	t.Parallel()
	s := memstore.New(memstore.Config{})
	changes := s.Watch(t.Context())
	for v := range broker.Version(1<<16 + 10) {
		if err := s.Publish(t.Context(), key, v); err != nil {
			t.Fatal(err)
		}
	}
	n, last := 0, error(nil)
	for _, err := range changes {
		if err != nil {
			last = err
			break
		}
		n++
	}
	if n != 1<<16 || !errors.Is(last, memstore.ErrSlowWatcher) {
		t.Errorf("saw %d changes, then %v", n, last)
	}
}

func TestFailMakesEveryCallFailAndChangesNothing(t *testing.T) {
	t.Parallel()
	ctx, gone := t.Context(), errors.New("gone")
	s := memstore.New(memstore.Config{})
	s.Fail(gone)
	_, get := s.Get(ctx, key)
	_, put := s.Put(ctx, broker.Record{Key: key})
	_, all := first(s.All(ctx))
	_, acquire := s.Acquire(ctx, "l", "h", 1)
	_, clock := s.Clock(ctx)
	_, app := s.Apps().Put(ctx, broker.Definition{Name: "a"})
	_, clients := first(s.Clients().All(ctx))
	_, query := s.Audit().Query(ctx, broker.AuditFilter{})
	_, setting := s.Setting(ctx, "x")
	for name, err := range map[string]error{
		"get": get, "put": put, "all": all, "acquire": acquire, "clock": clock, "app": app, "clients": clients,
		"query": query, "setting": setting, "delete": s.Delete(ctx, key, 1),
		"append": s.Audit().Append(ctx, broker.AuditEntry{}), "put setting": s.PutSetting(ctx, "x", nil),
		"release": s.Release(ctx, broker.Lease{}), "extend": s.Extend(ctx, broker.Lease{}, 1),
	} {
		if !errors.Is(err, gone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Fail(nil)
	if _, err := s.Get(ctx, key); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("get after the fault: %v", err)
	}
}

func first[T any](seq iter.Seq2[T, error]) (T, error) {
	for v, err := range seq {
		return v, err
	}
	var zero T
	return zero, errors.New("the sequence ended")
}
