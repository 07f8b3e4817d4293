package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// TestStrangersDoNotFillTheAuditI7: a login that the platform refuses costs a stranger two
// requests, and a client's code that is none costs one. They are counted, and logins that succeed have
// an entry each (I10).
func TestStrangersDoNotFillTheAuditI7(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		defer store.Close()
		s := &server{recorder: audit.New(audit.Config{Log: store.Audit(), Logger: slog.New(slog.DiscardHandler)})}
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan struct{})
		go func() {
			defer close(ran)
			s.recorder.Run(ctx)
		}()
		refused := &broker.Error{Code: "bad_login_code", Class: broker.Invalid}
		for i := range 500 {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/oauth/shop/callback", http.NoBody)
			r.RemoteAddr = "192.0.2.1:" + strconv.Itoa(1024+i)
			s.loggedIn(r, "shop", strconv.Itoa(i), broker.User{}, refused)
			s.clientDid(r, broker.AuditEntry{Client: "forum", Action: "exchange", App: "shop", Result: "invalid_grant"})
		}
		for _, user := range []string{"o-1", "o-2"} {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/oauth/shop/callback", http.NoBody)
			s.loggedIn(r, "shop", "x", broker.User{Key: broker.Key{App: "shop", Kind: "snsapi_base", Subject: user}}, nil)
			s.clientDid(r, broker.AuditEntry{Client: "forum", Action: "exchange", App: "shop", Target: user, Result: "ok"})
		}
		time.Sleep(30 * time.Minute)
		stop()
		<-ran
		entries, err := store.Audit().Query(t.Context(), broker.AuditFilter{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{} // entries
		sum := map[string]int{} // what they count
		for _, e := range entries {
			what := e.Action + " " + e.Result + " " + e.Target
			got[what]++
			sum[what] += e.Count
		}
		for _, what := range []string{"login bad_login_code ", "exchange invalid_grant "} {
			if got[what] == 0 || got[what] > 3 || sum[what] != 500 {
				t.Errorf("%q has %d entries, which count %d", what, got[what], sum[what])
			}
		}
		for _, what := range []string{"login ok o-1", "login ok o-2", "exchange ok o-1", "exchange ok o-2"} {
			if got[what] != 1 {
				t.Errorf("%q has %d entries", what, got[what])
			}
		}
	})
}
