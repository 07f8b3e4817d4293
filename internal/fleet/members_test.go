package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleet"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// server is one of those that share the store.
type server struct {
	*fleet.Members
	store     *memstore.Store
	stop      func()
	log       *log
	forgotten atomic.Int64
	failing   atomic.Bool // what Forgotten does
}

type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// join adds a server, in a bubble. It ends with the test, or when it is stopped.
func join(t *testing.T, store *memstore.Store, name string) *server {
	t.Helper()
	s := &server{store: store.Handle(), log: &log{}}
	var err error
	s.Members, err = fleet.New(fleet.Config{
		Roll: s.store, Name: name, Logger: slog.New(slog.NewTextHandler(s.log, nil)),
		Forgotten: func(context.Context) error {
			s.forgotten.Add(1)
			if s.failing.Load() {
				return errors.New("it cannot be read")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	s.stop = func() { cancel(); <-done }
	t.Cleanup(s.stop)
	return s
}

func (s *server) want(t *testing.T, when string, names ...string) {
	t.Helper()
	if got := s.Names(); !slices.Equal(got, names) {
		t.Errorf("%s: knows of %v, want %v", when, got, names)
	}
}

func keys(n int) []broker.Key {
	ks := make([]broker.Key, n)
	for i := range ks {
		ks[i] = broker.Key{App: fmt.Sprintf("app-%d", i), Kind: broker.AccessToken}
	}
	return ks
}

func TestServersFindEachOtherAndNoticeWhoHasGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		a, b := join(t, store, "a"), join(t, store, "b")
		b.want(t, "at once", "a", "b")
		time.Sleep(4 * time.Second)
		a.want(t, "after a beat", "a", "b")
		b.stop()
		time.Sleep(4 * time.Second)
		a.want(t, "after one has left", "a")
		c := join(t, store, "c")
		time.Sleep(4 * time.Second)
		a.want(t, "after another came", "a", "c")
		c.store.Fail(errors.New("crashed"))
		time.Sleep(14 * time.Second)
		a.want(t, "after one has crashed", "a")
		c.want(t, "the one that is cut off", "a", "c") // what it knew last
		c.store.Fail(nil)
		time.Sleep(7 * time.Second) // a beat of each
		a.want(t, "after it is back", "a", "c")
		if c.forgotten.Load() != 0 {
			t.Error("a server that was cut off takes the store for one that has lost something")
		}
		if n := c.log.count("does not answer"); n != 1 {
			t.Errorf("that the store is away was logged %d times", n)
		}
	})
}

// Every server has the same order for a key, each is first for its share, and when one
// goes, only its keys move.
func TestServersStandInLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, size = 4000, 5
		store := memstore.New(memstore.Config{})
		var servers []*server
		for i := range size {
			servers = append(servers, join(t, store, fmt.Sprintf("host-%d-%d", i, 1000+i)))
		}
		time.Sleep(4 * time.Second)
		first := map[broker.Key]int{}
		share := make([]int, size)
		for _, k := range keys(n) {
			var ranks []int
			for i, s := range servers {
				r := s.Rank(k, 0)
				ranks = append(ranks, r)
				if r == 0 {
					first[k] = i
					share[i]++
				}
			}
			slices.Sort(ranks)
			if !slices.Equal(ranks, []int{0, 1, 2, 3, 4}) {
				t.Fatalf("%v: the ranks are %v", k, ranks)
			}
		}
		for i, got := range share {
			if got < n/size*4/5 || got > n/size*6/5 {
				t.Errorf("server %d is first for %d of %d keys, want about %d", i, got, n, n/size)
			}
		}
		// Whoever was first is the last one after a failure, and first again once all have failed.
		for _, k := range keys(10) {
			for failed := range 2 * size {
				var ranks []int
				for _, s := range servers {
					ranks = append(ranks, s.Rank(k, failed))
				}
				if ranks[first[k]] != failed%size || !slices.Contains(ranks, 0) {
					t.Errorf("after %d failures the ranks are %v, and server %d was first", failed, ranks, first[k])
				}
			}
		}
		servers[2].stop()
		time.Sleep(4 * time.Second)
		for _, k := range keys(n) {
			if was := first[k]; was != 2 && servers[was].Rank(k, 0) != 0 {
				t.Fatalf("%v moved away from a server that stayed", k)
			}
		}
	})
}

func TestAStoreThatForgotIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		empty := store.Backup()
		s := join(t, store, "a")
		time.Sleep(10 * time.Second)
		restore := store.Backup()
		time.Sleep(10 * time.Second)
		restore()
		time.Sleep(4 * time.Second)
		if n := s.forgotten.Load(); n != 1 {
			t.Errorf("a store that went back was noticed %d times, want once", n)
		}
		time.Sleep(10 * time.Second)
		// Restored while nobody could see it, too.
		s.store.Fail(errors.New("down"))
		time.Sleep(time.Minute)
		empty()
		s.store.Fail(nil)
		time.Sleep(10 * time.Second)
		if n := s.forgotten.Load(); n != 2 {
			t.Errorf("an empty store was noticed %d times, want once", n-1)
		}
		s.want(t, "afterwards", "a")
		// What was not found out is found out later.
		s.failing.Store(true)
		empty()
		time.Sleep(10 * time.Second)
		s.failing.Store(false)
		time.Sleep(10 * time.Second)
		if n := s.forgotten.Load() - 2; n < 3 {
			t.Errorf("Forgotten was called %d times, want until it succeeds", n)
		}
		told := s.forgotten.Load()
		time.Sleep(10 * time.Second)
		if s.forgotten.Load() != told {
			t.Error("Forgotten is called although it has succeeded")
		}
	})
}

func TestASingleServerIsFirstForEverything(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m, err := fleet.New(fleet.Config{Roll: memstore.New(memstore.Config{}), Name: "a", Logger: slog.New(slog.DiscardHandler), Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys(100) {
		if r := m.Rank(k, 0); r != 0 {
			t.Fatalf("%v: rank %d", k, r)
		}
	}
	if n, err := testutil.GatherAndCount(reg, "hufu_members"); n != 1 || err != nil {
		t.Errorf("%d metrics, %v", n, err)
	}
	if _, err := fleet.New(fleet.Config{}); err == nil {
		t.Error("members of nothing were made")
	}
}

func BenchmarkRank(b *testing.B) {
	store := memstore.New(memstore.Config{})
	var m *fleet.Members
	for i := range 10 {
		var err error
		m, err = fleet.New(fleet.Config{Roll: store, Name: fmt.Sprint("host-", i), Logger: slog.New(slog.DiscardHandler)})
		if err == nil {
			err = m.Join(b.Context())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	k := keys(1)[0]
	for b.Loop() {
		m.Rank(k, 0)
	}
}
