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

// write stores the key's record n times in a row.
func write(t *testing.T, s *memstore.Store, n int) {
	t.Helper()
	r, err := s.Get(t.Context(), key)
	if errors.Is(err, broker.ErrNotFound) {
		r, err = broker.Record{Key: key}, nil
	}
	for range n {
		if err == nil {
			r.Version, err = s.Put(t.Context(), r)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchKeepsWhatIsWrittenBeforeItIsRangedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := memstore.New(memstore.Config{})
		changes := s.Handle().Watch(ctx)
		write(t, s, 3)
		var got []broker.Version
		for c, err := range changes {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, c.Record.Version)
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
		write(t, s, 1)
		for range 2 {
			if c := <-seen; c.Record == nil || c.Record.Key != key || c.Record.Version != 1 {
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
	write(t, other, 1)
	if c, err := first(healthy); err != nil || c.Record == nil || c.Record.Version != 1 {
		t.Errorf("watch of the healthy handle: %v, %v", c, err)
	}
	s.Fail(nil)
	again := s.Watch(t.Context())
	write(t, other, 1)
	if c, err := first(again); err != nil || c.Record == nil || c.Record.Version != 2 {
		t.Errorf("watch after the fault: %v, %v", c, err)
	}
}

func TestWatchEndsWhenItsReaderIsTooSlow(t *testing.T) {
	t.Parallel()
	s := memstore.New(memstore.Config{})
	changes := s.Watch(t.Context())
	write(t, s, 1<<16+10)
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
	_, beat := s.Beat(ctx, "x", 1, 1)
	for name, err := range map[string]error{
		"get": get, "put": put, "all": all, "acquire": acquire, "clock": clock, "app": app, "clients": clients,
		"query": query, "setting": setting, "delete": s.Delete(ctx, key, 1),
		"append": s.Audit().Append(ctx, broker.AuditEntry{}), "put setting": s.PutSetting(ctx, "x", nil),
		"release": s.Release(ctx, broker.Lease{}), "extend": s.Extend(ctx, broker.Lease{}, 1),
		"beat": beat, "leave": s.Leave(ctx, "x"),
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
