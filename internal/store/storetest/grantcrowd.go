package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) firstGrants(t *testing.T) {
	f := s.Open(t)
	for round := range 5 {
		g := grantOf(fmt.Sprintf("round-%d", round))
		winners := race(t, f, broker.ErrConflict, func(st broker.Store, i int) error {
			g := g.Clone()
			g.Claim.Holder = fmt.Sprint(i)
			_, err := st.Grants().Put(t.Context(), g)
			return err
		})
		requireOne(t, winners)
		g.Version, g.Claim.Holder = 1, fmt.Sprint(winners[0])
		check(t, "get", g, getGrant(t, f.Store, g.Key))
		check(t, "page", []broker.Grant{g}, page(t, f.Store, "shop", broker.Key{Subject: g.Key.Subject}, 1))
	}
}

// Whoever claims a grant asks the platform.
func (s suite) grantsAtOneVersion(t *testing.T) {
	f := s.Open(t)
	g := putGrant(t, f.Store, fullGrant("user"))
	for range 10 {
		winners := race(t, f, broker.ErrConflict, func(st broker.Store, i int) error {
			g := g.Clone()
			g.Claim.Holder = fmt.Sprint(i)
			_, err := st.Grants().Put(t.Context(), g)
			return err
		})
		requireOne(t, winners)
		g.Version++
		g.Claim.Holder = fmt.Sprint(winners[0])
		check(t, "get", g, getGrant(t, f.Store, g.Key))
	}
}

func (s suite) putAndDeleteGrant(t *testing.T) {
	f := s.Open(t)
	for round := range 5 {
		g := putGrant(t, f.Store, grantOf(fmt.Sprintf("round-%d", round)))
		winners := race(t, f, broker.ErrConflict, func(st broker.Store, i int) error {
			if i%2 == 0 {
				_, err := st.Grants().Put(t.Context(), g)
				return err
			}
			err := st.Grants().Delete(t.Context(), g.Key, g.Version)
			if errors.Is(err, broker.ErrNotFound) {
				return broker.ErrConflict // another delete won
			}
			return err
		})
		requireOne(t, winners)
		left := 1 - winners[0]%2
		found := page(t, f.Store, "shop", broker.Key{Subject: g.Key.Subject}, 1)
		if len(found) != left {
			t.Errorf("%d won, and there are %d grants", winners[0], len(found))
		}
		for _, g := range found {
			ok(t, "delete", f.Store.Grants().Delete(t.Context(), g.Key, g.Version))
		}
	}
}

func (s suite) grantsCutShort(t *testing.T) {
	st := s.Open(t).Store
	var wg sync.WaitGroup
	for i := range 8 {
		g := grantOf(fmt.Sprintf("user-%d", i))
		wg.Go(func() {
			stored := broker.Version(0)
			for n := range 25 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n*n)*time.Microsecond)
				box := fmt.Appendf(nil, "%d", n)
				v, err := st.Grants().Put(ctx, broker.Grant{Key: g.Key, Version: stored, Box: box, Scope: string(box)})
				cancel()
				clear(box) // the store must not look at it any more
				got, getErr := st.Grants().Get(t.Context(), g.Key)
				if getErr != nil && !errors.Is(getErr, broker.ErrNotFound) {
					t.Errorf("get: %v", getErr)
					return
				}
				if err == nil && (got.Version != v || got.Scope != fmt.Sprint(n)) {
					t.Errorf("put gave version %d, but %d %q is stored", v, got.Version, got.Scope)
				}
				if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, broker.ErrConflict) {
					t.Errorf("put: %v", err)
				}
				if string(got.Box) != got.Scope {
					t.Errorf("box %q of %q", got.Box, got.Scope)
				}
				stored = got.Version
			}
		})
	}
	wg.Wait()
	keys := walk(t, st, "shop", 100)
	if len(keys) != len(allGrants(t, st)) {
		t.Errorf("the pages show %q, and there are %d grants", keys, len(allGrants(t, st)))
	}
}
