package renew_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

// seldomAsked is a platform whose apps have a second token, which few of them use.
func seldomAsked(common, rare *fakePlatform) func(*valve) []broker.Platform {
	return func(*valve) []broker.Platform {
		return []broker.Platform{{
			Name: wechat.Name, Modes: []string{"fake"}, BaseURL: "http://fake",
			Kinds: func(string) map[broker.Kind]broker.Source {
				return map[broker.Kind]broker.Source{
					broker.AccessToken:    {Rotation: common.rotation, Issuer: common},
					broker.AppAccessToken: {Rotation: rare.rotation, Issuer: rare, OnDemand: true},
				}
			},
		}}
	}
}

// I7: what nobody asks for costs nothing: not at a start, nor in time, nor when the store is
// back, nor when the app is set again; and what was asked for once is kept like everything.
func TestI7AKindOnDemandIsIssuedOnceSomebodyAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		common, rare := newFake(families()["late"]), newFake(families()["late"])
		f := newFleet(t, fleetConfig{replicas: 2, mode: "fake", platforms: seldomAsked(common, rare)})
		defer f.close()
		key := broker.Key{App: "shop", Kind: broker.AppAccessToken}
		unasked := func(when string) {
			t.Helper()
			for _, r := range f.replicas {
				if held := r.Held("shop"); len(held) != 1 || held[0] != broker.AccessToken {
					t.Errorf("%s: %s keeps %v", when, r.name, held)
				}
				if h := r.Health(); h.Missing+h.Failing+h.Overdue > 0 {
					t.Errorf("%s: %s is unwell: %+v", when, r.name, h)
				}
			}
			if n := rare.called(); n != 0 {
				t.Errorf("%s: %d issues of what nobody has asked for", when, n)
			}
		}
		time.Sleep(2 * time.Minute)
		unasked("in time")
		f.lose(errors.New("gone"))
		time.Sleep(5 * time.Second)
		f.lose(nil)
		time.Sleep(time.Minute)
		unasked("after an outage")
		if err := f.replicas[0].SetApp(t.Context(), &f.app); err != nil {
			t.Fatal(err)
		}
		f.start()
		time.Sleep(time.Minute)
		unasked("after a change and a start")
		if common.called() == 0 {
			t.Error("the other token is not kept")
		}

		if _, err := f.replicas[0].Token(t.Context(), key); err != nil || rare.called() != 1 {
			t.Fatalf("%v after %d issues", err, rare.called())
		}
		time.Sleep(time.Minute)
		for _, r := range f.replicas {
			if tok, _, ok := r.Peek("shop", broker.AppAccessToken); !ok || tok.Version < 3 {
				t.Errorf("I9: %s has version %d of what was asked for once", r.name, tok.Version)
			}
		}
		if n := rare.called(); n < 3 || n > 6 {
			t.Errorf("I1: %d issues in a minute", n)
		}
	})
}
