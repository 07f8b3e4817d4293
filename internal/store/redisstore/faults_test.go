package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/redisstore"
)

// busy is how long a machine may be busy with other things than a call that has to end. It
// is less than what ends calls that do not listen to their contexts.
const busy = 25 * time.Second

func TestEveryCallEndsWithItsContextWhileRedisIsFrozen(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	s := open(t, server.URL)
	v, err := s.Put(t.Context(), broker.Record{Key: key(1)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Acquire(t.Context(), "held", "me", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	server.Pause()
	defer server.Resume()
	calls := map[string]func(context.Context) error{
		"get":         func(ctx context.Context) error { _, err := s.Get(ctx, key(1)); return err },
		"put":         func(ctx context.Context) error { _, err := s.Put(ctx, broker.Record{Key: key(2)}); return err },
		"delete":      func(ctx context.Context) error { return s.Delete(ctx, key(1), v) },
		"all":         func(ctx context.Context) error { return first(s.All(ctx)) },
		"acquire":     func(ctx context.Context) error { _, err := s.Acquire(ctx, "free", "me", time.Minute); return err },
		"extend":      func(ctx context.Context) error { return s.Extend(ctx, l, time.Minute) },
		"release":     func(ctx context.Context) error { return s.Release(ctx, l) },
		"clock":       func(ctx context.Context) error { _, err := s.Clock(ctx); return err },
		"get app":     func(ctx context.Context) error { _, err := s.Apps().Get(ctx, "a"); return err },
		"put app":     func(ctx context.Context) error { _, err := s.Apps().Put(ctx, broker.Definition{Name: "a"}); return err },
		"all clients": func(ctx context.Context) error { return first(s.Clients().All(ctx)) },
		"append":      func(ctx context.Context) error { return s.Audit().Append(ctx, broker.AuditEntry{}) },
		"query":       func(ctx context.Context) error { _, err := s.Audit().Query(ctx, broker.AuditFilter{}); return err },
		"prune":       func(ctx context.Context) error { _, err := s.Audit().Prune(ctx, time.Now(), 1); return err },
		"setting":     func(ctx context.Context) error { _, err := s.Setting(ctx, "s"); return err },
		"put setting": func(ctx context.Context) error { return s.PutSetting(ctx, "s", nil) },
		"add setting": func(ctx context.Context) error { return s.AddSetting(ctx, "s", nil) },
		"beat":        func(ctx context.Context) error { _, err := s.Beat(ctx, "x", 1, time.Minute); return err },
		"leave":       func(ctx context.Context) error { return s.Leave(ctx, "x") },
		"open": func(ctx context.Context) error {
			_, err := redisstore.Open(ctx, redisstore.Config{URL: broker.NewSecret(server.URL)})
			return err
		},
	}
	const given = 500 * time.Millisecond
	start := time.Now()
	// One for all: what the machine comes to late is late, and does not begin anew.
	ctx, cancel := context.WithTimeout(t.Context(), given)
	defer cancel()
	var wg sync.WaitGroup
	// More at once than the client holds for one connection.
	for range 150 {
		for name, do := range calls {
			wg.Go(func() {
				if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	// A context that ends early is listened to as well as a deadline.
	wg.Go(func() {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(given, cancel)
		if _, err := s.Get(ctx, key(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("get: %v", err)
		}
	})
	wg.Wait()
	if took := time.Since(start); took > given+busy {
		t.Errorf("calls with %v to go took %v", given, took)
	}
	server.Resume()
	servertest.Await(t, func() bool { _, err := s.Clock(t.Context()); return err == nil })
	// A lease that came too late for who wanted it is not held, and was not abandoned.
	servertest.Await(t, func() bool {
		l, err := s.Acquire(t.Context(), "free", "other", time.Minute)
		if err == nil && !l.Abandoned.IsZero() {
			t.Errorf("a lease that nobody got is abandoned: %+v", l)
		}
		return err == nil
	})
}

func TestARedisThatSaysNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	s := open(t, with(server.URL, "dial_timeout", "5s"))
	server.Pause()
	defer server.Resume()
	start := time.Now()
	_, err := s.Get(t.Context(), key(1)) // without a deadline
	if took := time.Since(start); err == nil || took > busy {
		t.Errorf("after %v: %v", took, err)
	}
	start = time.Now()
	shut(t, s)
	if took := time.Since(start); took > busy {
		t.Errorf("it took %v to close", took)
	}
}

func TestAcknowledgedWritesSurviveAKill_I5(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{Durable: true})
	s := open(t, server.URL)
	if !s.Durable() {
		t.Error("it is not durable")
	}
	var mu sync.Mutex
	acknowledged := map[broker.Key]broker.Version{}
	n := 0
	for range 3 {
		killed := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				r, err := s.Get(t.Context(), key(i))
				if err != nil {
					r = broker.Record{Key: key(i)}
				}
				for {
					r.Current.Box = fmt.Appendf(nil, "box at %d", r.Version+1)
					v, err := s.Put(t.Context(), r)
					if err != nil {
						return
					}
					r.Version = v
					mu.Lock()
					acknowledged[r.Key] = v
					if n++; n%200 == 0 {
						close(killed)
					}
					mu.Unlock()
				}
			})
		}
		<-killed
		server.Kill()
		wg.Wait()
		server.Restart()
		for k, v := range acknowledged {
			r, err := s.Get(t.Context(), k)
			if err != nil || r.Version < v || string(r.Current.Box) != fmt.Sprintf("box at %d", r.Version) {
				t.Errorf("%q was acknowledged at version %d and is at %d with %q: %v", k, v, r.Version, r.Current.Box, err)
			}
		}
		n += 200 - n%200 // the next round ends at a number of its own
	}
}

func TestWhatWasLostIsForgotten(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	s := open(t, server.URL)
	for n := range int64(3) {
		if _, err := s.Beat(t.Context(), "me", n+1, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	server.Restart() // it keeps nothing
	if _, err := s.Beat(t.Context(), "me", 4, time.Minute); !errors.Is(err, broker.ErrForgotten) {
		t.Errorf("a beat after everything was lost: %v", err)
	}
	if _, err := s.Beat(t.Context(), "me", 1, time.Minute); err != nil {
		t.Errorf("the first beat after that: %v", err)
	}
}

func TestCloseEndsReadsAndWatches(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	s := open(t, server.URL)
	for i := range 20 {
		if _, err := s.Put(t.Context(), broker.Record{Key: key(i)}); err != nil {
			t.Fatal(err)
		}
	}
	w := follow(t, s)
	seen, last := 0, error(nil)
	for _, err := range s.All(t.Context()) {
		if last = err; err == nil {
			seen++
		}
		if seen == 5 {
			shut(t, s)
		}
	}
	if !errors.Is(last, redisstore.ErrClosed) || seen != 5 {
		t.Errorf("after %d records: %v", seen, last)
	}
	if err := w.end(t); !errors.Is(err, redisstore.ErrClosed) {
		t.Errorf("the watch ended with %v", err)
	}
	if _, err := s.Setting(t.Context(), "x"); !errors.Is(err, redisstore.ErrClosed) {
		t.Errorf("a setting: %v", err)
	}
	if err := first(s.Watch(t.Context())); !errors.Is(err, redisstore.ErrClosed) {
		t.Errorf("a watch: %v", err)
	}
}

func TestPruneIsExactWhereClocksDisagree(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	s := open(t, server.URL)
	at := func(i int) time.Time { return time.Unix(int64(1000+i), 0) }
	var entries []broker.AuditEntry
	for _, i := range []int{0, 5, 1, 9, 2, 8} {
		entries = append(entries, broker.AuditEntry{At: at(i), Count: i})
	}
	if err := s.Audit().Append(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Audit().Prune(t.Context(), at(5), 2); n != 2 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	if n, err := s.Audit().Prune(t.Context(), at(5), 2); n != 1 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	left, err := s.Audit().Query(t.Context(), broker.AuditFilter{})
	if err != nil || len(left) != 3 {
		t.Errorf("%d are left, %v", len(left), err)
	}
}

// first is the error of a sequence's first element.
func first[T any](seq func(func(T, error) bool)) error {
	for _, err := range seq {
		return err
	}
	return errors.New("the sequence is empty")
}
