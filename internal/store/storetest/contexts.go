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

func (s suite) contexts() []test {
	return []test{
		{"ACallWithAnEndedContextDoesNothing", s.endedContext},
		{"AllEndsWithItsContext", s.endingAll},
		{"CallsThatAreCutShortLeaveWholeRecords", s.cutShort},
	}
}

func (s suite) endedContext(t *testing.T) {
	st := s.Open(t).Store
	r := put(t, st, full("stays"))
	l, err := st.Acquire(t.Context(), "held", "me", long)
	ok(t, "acquire", err)
	g := putGrant(t, st, fullGrant("stays"))
	addValue(t, st, "stays", "value", long)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, get := st.Get(ctx, r.Key)
	_, putErr := st.Put(ctx, r)
	_, putNew := st.Put(ctx, numbered(1))
	_, acquire := st.Acquire(ctx, "free", "me", s.TTL)
	_, clock := st.Clock(ctx)
	_, getApp := st.Apps().Get(ctx, "x")
	_, putApp := st.Apps().Put(ctx, broker.Definition{Name: "x", Spec: []byte("{}")})
	_, query := st.Audit().Query(ctx, broker.AuditFilter{})
	_, setting := st.Setting(ctx, "x")
	_, getGrant := st.Grants().Get(ctx, g.Key)
	_, putGrant := st.Grants().Put(ctx, g)
	_, pageErr := st.Grants().Page(ctx, "shop", broker.Key{}, 10)
	_, look := st.OneTime().Look(ctx, "stays")
	_, take := st.OneTime().Take(ctx, "stays")
	_, sweep := st.OneTime().Sweep(ctx, 10)
	var allErr, allApps, allGrantsErr error
	for _, allErr = range st.All(ctx) {
	}
	for _, allApps = range st.Apps().All(ctx) {
	}
	for _, allGrantsErr = range st.Grants().All(ctx) {
	}
	for what, err := range map[string]error{
		"get": get, "put": putErr, "put of a new record": putNew, "delete": st.Delete(ctx, r.Key, r.Version),
		"all": allErr, "acquire": acquire, "extend": st.Extend(ctx, l, s.TTL), "release": st.Release(ctx, l),
		"clock": clock, "get app": getApp, "put app": putApp, "delete app": st.Apps().Delete(ctx, "x", 1),
		"all apps": allApps, "query": query, "append": st.Audit().Append(ctx, broker.AuditEntry{At: time.Unix(1, 0)}),
		"setting": setting, "put setting": st.PutSetting(ctx, "x", []byte("x")),
		"add setting": st.AddSetting(ctx, "x", []byte("x")),
		"get grant":   getGrant, "put grant": putGrant, "page": pageErr, "all grants": allGrantsErr,
		"delete grant": st.Grants().Delete(ctx, g.Key, g.Version),
		"look":         look, "take": take, "sweep": sweep, "add value": st.OneTime().Add(ctx, "x", nil, long),
	} {
		wantErr(t, what, err, context.Canceled)
	}

	check(t, "all", map[broker.Key]broker.Record{r.Key: r}, all(t, st))
	check(t, "grants", map[broker.Key]broker.Grant{g.Key: g}, allGrants(t, st))
	wantValue(t, st, "stays", "value")
	wantNoValue(t, st, "x")
	_, err = st.Acquire(t.Context(), "held", "other", s.TTL)
	wantErr(t, "acquire of what is held", err, broker.ErrLeaseHeld)
	_, err = st.Setting(t.Context(), "x")
	wantErr(t, "setting", err, broker.ErrNotFound)
	entries, err := st.Audit().Query(t.Context(), broker.AuditFilter{})
	ok(t, "query", err)
	check(t, "entries", 0, len(entries))
}

func (s suite) endingAll(t *testing.T) {
	st := s.Open(t).Store
	for i := range 100 {
		put(t, st, numbered(i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen, last := 0, error(nil)
	for _, err := range st.All(ctx) {
		if last != nil {
			t.Fatal("a record came after the error")
		}
		if last = err; err == nil {
			seen++
		}
		if seen == 10 {
			cancel()
		}
	}
	wantErr(t, "all", last, context.Canceled)
	check(t, "records", 100, len(all(t, st)))
}

func (s suite) cutShort(t *testing.T) {
	st := s.Open(t).Store
	var wg sync.WaitGroup
	for i := range 8 {
		k := keyOf(fmt.Sprintf("app-%d", i))
		wg.Go(func() {
			stored := broker.Version(0)
			for n := range 25 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n*n)*time.Microsecond)
				box := fmt.Appendf(nil, "%d", n)
				r := broker.Record{Key: k, Version: stored, Current: broker.SealedToken{Version: stored + 1, Box: box}, Secret: string(box)}
				v, err := st.Put(ctx, r)
				cancel()
				clear(box) // the store must not look at it any more
				got, getErr := st.Get(t.Context(), k)
				if getErr != nil && !errors.Is(getErr, broker.ErrNotFound) {
					t.Errorf("get: %v", getErr)
					return
				}
				if err == nil && (got.Version != v || got.Secret != fmt.Sprint(n)) {
					t.Errorf("put gave version %d, but %d %q is stored", v, got.Version, got.Secret)
				}
				if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, broker.ErrConflict) {
					t.Errorf("put: %v", err)
				}
				if string(got.Current.Box) != got.Secret {
					t.Errorf("box %q of %q", got.Current.Box, got.Secret)
				}
				stored = got.Version
			}
		})
	}
	wg.Wait()
	put(t, st, numbered(99))
}
