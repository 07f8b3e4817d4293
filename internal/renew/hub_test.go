package renew

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestASlowSubscriberMissesNoKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const keys = 50
		h := newHub()
		s := h.subscribe("shop", "game")
		defer s.Close()
		var wg sync.WaitGroup
		want := map[broker.Key]bool{}
		for i := range keys {
			k := broker.Key{App: []string{"shop", "game"}[i%2], Kind: broker.Kind(fmt.Sprint(i))}
			want[k] = true
			wg.Go(func() {
				for range 20 {
					h.tell(k)
					h.tell(broker.Key{App: "other", Kind: k.Kind})
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		got := map[broker.Key]bool{}
		for len(got) < keys {
			k, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got[k] = true
			time.Sleep(time.Millisecond) // slower than they come
		}
		wg.Wait()
		if !maps.Equal(got, want) {
			t.Errorf("the subscriber heard of %d keys, want %d", len(got), len(want))
		}
	})
}

func TestEachKeyIsToldOnceHoweverOftenItChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		s := h.subscribe("shop")
		for range 100 {
			h.tell(broker.Key{App: "shop", Kind: broker.AccessToken})
			h.tell(broker.Key{App: "shop", Kind: broker.JSAPITicket})
		}
		for _, want := range []broker.Kind{broker.AccessToken, broker.JSAPITicket} {
			if k, err := s.Next(t.Context()); err != nil || k.Kind != want {
				t.Errorf("got %v and %v, want %s", k, err, want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if k, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v and %v, want nothing more", k, err)
		}
		// What comes after it was told is told again.
		h.tell(broker.Key{App: "shop", Kind: broker.AccessToken})
		if _, err := s.Next(t.Context()); err != nil {
			t.Error(err)
		}
		s.Close()
		s.Close()
		h.tell(broker.Key{App: "shop", Kind: broker.AccessToken})
		if len(h.subs) != 0 || len(s.pending) != 0 {
			t.Errorf("%d apps are still watched", len(h.subs))
		}
	})
}

func TestTwoSubscribersHearOfTheSameKey(t *testing.T) {
	t.Parallel()
	h := newHub()
	a, b := h.subscribe("shop"), h.subscribe("shop")
	k := broker.Key{App: "shop", Kind: broker.AccessToken}
	h.tell(k)
	a.Close()
	for _, s := range []*Subscription{a, b} {
		if got, err := s.Next(t.Context()); err != nil || got != k {
			t.Errorf("got %v and %v, want %v", got, err, k)
		}
	}
	if len(h.subs["shop"]) != 1 {
		t.Errorf("%d subscribers are left, want 1", len(h.subs["shop"]))
	}
}
