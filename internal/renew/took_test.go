package renew_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// late lets every request wait for a while.
type late struct {
	wait time.Duration
	next http.RoundTripper
}

func (s late) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(s.wait)
	return s.next.RoundTrip(r)
}

// TestHowLongAnAttemptTookIsNotTheStoresTime has the store's clock set back while an app's
// token is asked for, which is noticed with the lease of another one.
func TestHowLongAnAttemptTookIsNotTheStoresTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const wait = 4 * time.Second
		var back atomic.Int64
		store := memstore.New(memstore.Config{Now: func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }})
		s := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}, {ID: "wxother", Secret: secret}}})
		events := make(chan renew.Event, 4)
		m, err := renew.New(renew.Config{
			Store: store, Leaser: store, Sealer: plainSealer{}, Holder: "replica", Logger: slog.New(slog.DiscardHandler),
			Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(late{wait, s.Transport()}))},
			Renewed:   func(ev renew.Event) { events <- ev },
		})
		if err != nil {
			t.Fatal(err)
		}
		add := func(id, appID string) {
			a := broker.App{ID: id, Platform: wechat.Name, AppID: appID, Mode: wechat.Classic, BaseURL: "http://sandbox", Secrets: []broker.Secret{broker.NewSecret(secret)}}
			if err := m.SetApp(t.Context(), &a); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := m.Start(ctx); err != nil {
			t.Fatal(err)
		}
		add("shop", appID)
		time.Sleep(wait / 2)
		back.Store(int64(10 * time.Second))
		add("other", "wxother")
		for range 2 {
			if ev := <-events; ev.Err != nil || ev.Took != wait {
				t.Errorf("the attempt for %s took %v (%v), want %v", ev.Key.App, ev.Took, ev.Err, wait)
			}
		}
		if off := time.Until(m.Now()) + 10*time.Second; off.Abs() > time.Second {
			t.Errorf("the store's time is not known to have been set back: %v off", off)
		}
		cancel()
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
