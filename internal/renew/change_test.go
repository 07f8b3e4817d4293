package renew_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

const otherAppID = "wxfedcba9876543210"

// otherwise is a fleet whose app can become another one, and what it becomes.
func otherwise(t *testing.T, c fleetConfig) (*fleet, *broker.App) {
	c.sandbox = sandbox.Config{
		Lifetime: 20 * time.Second, Overlap: 6 * time.Second,
		Apps: []sandbox.App{{ID: otherAppID, Secret: wrongSecret}},
	}
	f := newFleet(t, c)
	other := f.app
	other.AppID, other.Secrets = otherAppID, []broker.Secret{broker.NewSecret(wrongSecret)}
	return f, &other
}

// TestI8AnAppThatChangesAtAnyMomentOfARenewal changes an app back and forth while its
// renewals are on their slow way through the store and the platform.
func TestI8AnAppThatChangesAtAnyMomentOfARenewal(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rnd := seeded(9, "change")
				f, other := otherwise(t, fleetConfig{replicas: 2, mode: mode, quiet: true, wrap: func(s *memstore.Store) storage {
					return slowStore{s, func() time.Duration { return time.Duration(rnd() * float64(200*time.Millisecond)) }}
				}})
				defer f.close()
				f.sandbox.Inject(sandbox.Fault{Path: "/cgi-bin/", Kind: sandbox.FaultLate, Delay: 150 * time.Millisecond})
				issued := map[string]string{} // token to app id
				note := func() {
					for _, id := range []string{appID, otherAppID} {
						issued[f.sandbox.Current(id, sandbox.Mode(mode))] = id
					}
				}
				now := []*broker.App{&f.app, other}
				for i := range 200 {
					for _, r := range f.replicas {
						if err := r.SetApp(t.Context(), now[i%2]); err != nil {
							t.Fatal(err)
						}
					}
					for step := time.Duration(0); step < time.Duration(rnd()*float64(900*time.Millisecond)); step += 30 * time.Millisecond {
						note()
						for _, r := range f.replicas {
							tok, _, ok := r.Peek(accessToken.App, accessToken.Kind)
							if id := issued[tok.Secret.Reveal()]; ok && id != "" && id != now[i%2].AppID {
								t.Fatalf("I8: app %s is given a token of app %s", now[i%2].AppID, id)
							}
						}
						time.Sleep(30 * time.Millisecond)
					}
				}
				time.Sleep(20 * time.Second)
				for _, r := range f.replicas {
					if tok := f.token(r); !f.live(tok) {
						t.Error("no live token after the last change")
					}
				}
			})
		})
	}
}

func TestARivalWhileATokenIsStoredLate(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var stores []*flakyStore
				f := newFleet(t, fleetConfig{mode: mode, wrap: flaky(&stores)})
				defer f.close()
				f.token(f.replicas[0])
				time.Sleep(time.Second)
				stores[0].spoil(times(1000, errStoreGone), nil)
				time.Sleep(16 * time.Second)
				tok := f.token(f.replicas[0])
				if f.replicas[0].Health().Unsaved != 1 {
					t.Fatal("the token was stored; the test proves nothing")
				}
				stores[0].spoil(f.rival(func(r *broker.Record) { r.Foreign.Count = 3 }), nil)
				time.Sleep(8 * time.Second)
				rec := f.record(accessToken)
				if f.replicas[0].Health().Unsaved != 0 || rec.Current.Version < tok.Version || rec.Foreign.Count < 3 {
					t.Errorf("the record is %+v, want the token %d in it and what the rival wrote", rec, tok.Version)
				}
			})
		})
	}
}

func TestAListOfWrongSecretsStaysWithinTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var secrets []string
		for range 8 {
			secrets = append(secrets, wrongSecret)
		}
		s, p := realTimes()
		f := newFleet(t, fleetConfig{mode: wechat.Classic, sandbox: s, policy: p, secrets: secrets, quiet: true})
		defer f.close()
		_ = f.demand(24*time.Hour, 5*time.Second)
		if n := f.calls(); n > 2000 {
			t.Errorf("I7: %d calls in a day", n)
		}
	})
}
