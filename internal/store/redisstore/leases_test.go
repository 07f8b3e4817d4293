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
)

// A lease that ran out is told of until somebody who knew of it has released the next one.
func TestGivingBackForgetsNoAbandonedLease_I2(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	s, other := open(t, server.URL), open(t, server.URL)
	died, err := s.Acquire(t.Context(), "shop", "one that dies in mid-issue", time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	servertest.Await(t, func() bool {
		now, err := s.Clock(t.Context())
		return err == nil && now.After(died.Expiry)
	})
	server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := s.Acquire(ctx, "shop", "gone", time.Second); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("acquire from a server that stands still: %v", err)
	}
	server.Resume()
	var next broker.Lease
	servertest.Await(t, func() bool { // until the one that nobody got has run out
		next, err = other.Acquire(t.Context(), "shop", "you", time.Hour)
		return err == nil
	})
	if !next.Abandoned.Equal(died.Acquired) {
		t.Errorf("a lease was abandoned at %v, but the holder of term %d is told %v", died.Acquired, next.Term, next.Abandoned)
	}
}

// However a caller's end and the answer meet, somebody has the lease or nobody has.
func TestNoLeaseIsLeftBehind_I2(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	s, other := open(t, server.URL), open(t, server.URL)
	var mu sync.Mutex
	var left []string // by their callers
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 500 {
				name := fmt.Sprintf("%d-%d", i, n)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(100+n%50*20)*time.Microsecond)
				_, err := s.Acquire(ctx, name, "me", time.Hour)
				cancel()
				if err != nil {
					mu.Lock()
					left = append(left, name)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for _, name := range left {
		servertest.Await(t, func() bool {
			l, err := other.Acquire(t.Context(), name, "you", time.Hour)
			if err == nil && !l.Abandoned.IsZero() {
				t.Errorf("a lease that nobody got is abandoned: %+v", l)
			}
			return err == nil
		})
	}
}
