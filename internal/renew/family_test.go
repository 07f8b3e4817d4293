package renew_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestI1EveryFamilyIsRenewedAsItRotates runs each family for an hour of 20 s lifetimes.
func TestI1EveryFamilyIsRenewedAsItRotates(t *testing.T) {
	t.Parallel()
	perMinute := map[string][2]int{"eager": {5, 6}, "late": {3, 5}, "fixed": {3, 4}, "sliding": {5, 7}, "independent": {5, 6}}
	for name, rot := range families() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newFake(rot)
				f := fakeFleet(t, p, fleetConfig{replicas: 3, policy: broker.Policy{Every: 10 * time.Second}, quiet: true})
				defer f.close()
				for range 6000 {
					for _, r := range f.replicas {
						begun := time.Now()
						tok, err := r.Token(t.Context(), accessToken)
						if err != nil || time.Since(begun) > 500*time.Millisecond {
							t.Fatalf("%s waited %v and got %v", r.name, time.Since(begun), err)
						}
						if tok.Promise(r.Now()) < 0 || tok.Until.After(tok.Expiry) {
							t.Fatalf("version %d is promised until %v and expires at %v", tok.Version, tok.Until, tok.Expiry)
						}
					}
					time.Sleep(100 * time.Millisecond)
				}
				if n, want := p.called(), perMinute[name]; n < 10*want[0]-2 || n > 10*want[1]+2 {
					t.Errorf("I1: %d issues in ten minutes, want %d to %d", n, 10*want[0], 10*want[1])
				}
			})
		})
	}
}

func TestI4EveryFamilyRenewsARejectedTokenOnce(t *testing.T) {
	t.Parallel()
	for name, rot := range families() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newFake(rot)
				f := fakeFleet(t, p, fleetConfig{replicas: 3})
				defer f.close()
				tok := f.token(f.replicas[0])
				time.Sleep(time.Second)
				p.behave(func(context.Context, int) error {
					time.Sleep(200 * time.Millisecond)
					return nil
				})
				// Its issuer cannot check, so the report is believed.
				got := f.storm(func(r *replica) (broker.Token, error) { return r.Report(t.Context(), accessToken, tok.Version) })
				if len(got) != 1 || got[tok.Version] != 0 || p.called() != 2 {
					t.Errorf("I4: the callers got %v after %d issues, want one new one after 2", got, p.called())
				}
			})
		})
	}
}

func TestEveryFamilyWithoutAStore(t *testing.T) {
	t.Parallel()
	for name, rot := range families() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newFake(rot)
				f := fakeFleet(t, p, fleetConfig{replicas: 2, policy: broker.Policy{Every: 10 * time.Second}})
				defer f.close()
				var wg sync.WaitGroup
				for _, r := range f.replicas {
					f.follow(&wg, r, 2*time.Minute)
				}
				f.token(f.replicas[0])
				time.Sleep(time.Second)
				before := p.called()
				f.lose(errStoreGone)
				missing := 0
				for range 600 {
					for _, r := range f.replicas {
						if _, err := r.Token(t.Context(), accessToken); err != nil {
							missing++
						}
					}
					time.Sleep(100 * time.Millisecond)
				}
				if missing > 0 {
					t.Errorf("I3: %d reads found no token while the store was lost", missing)
				}
				if n := p.called() - before; n > 30 {
					t.Errorf("%d issues by two replicas without a store for a minute", n)
				}
				f.lose(nil)
				time.Sleep(15 * time.Second)
				if a, b := f.token(f.replicas[0]), f.token(f.replicas[1]); !a.Secret.Equal(b.Secret) {
					t.Errorf("the replicas have versions %d and %d after the store is back", a.Version, b.Version)
				}
				wg.Wait()
			})
		})
	}
}

func TestAStartIntoALostStoreIssuesNothingOnAnEagerPlatform(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFake(families()["eager"])
		f := fakeFleet(t, p, fleetConfig{})
		defer f.close()
		r := f.replicas[0]
		f.token(r)
		// An app that is new here may have a token that another replica keeps.
		r.store.Fail(errStoreGone)
		other := f.app
		other.ID = "game"
		if err := r.SetApp(t.Context(), &other); err == nil {
			t.Error("an app was set without a word although its record could not be read")
		}
		_, err := r.Token(t.Context(), broker.Key{App: "game", Kind: broker.AccessToken})
		if e := broker.AsError(err); e.Code != "store_unreachable" || e.Hint == "" {
			t.Errorf("got %+v, want that the store cannot be reached", e)
		}
		if _, err := r.ReportToken(t.Context(), broker.Key{App: "game", Kind: broker.AccessToken}, broker.NewSecret("x")); err == nil {
			t.Error("a report of nothing gave a token")
		}
		if p.called() != 1 {
			t.Errorf("%d issues, want none for the new app", p.called())
		}
		r.store.Fail(nil)
		time.Sleep(2 * time.Second)
		if _, _, ok := r.Peek("game", broker.AccessToken); !ok {
			t.Error("the app that was set without a store is not kept")
		}
	})
}

// TestAnIssueThatOutlivesItsLeaseIsNoHarm has an issuer that does not care for its
// deadline, so that another replica issues meanwhile.
func TestAnIssueThatOutlivesItsLeaseIsNoHarm(t *testing.T) {
	t.Parallel()
	for name, rot := range families() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newFake(rot)
				f := fakeFleet(t, p, fleetConfig{replicas: 2, policy: broker.Policy{Every: 10 * time.Second}})
				defer f.close()
				var wg sync.WaitGroup
				for _, r := range f.replicas {
					f.follow(&wg, r, time.Minute)
				}
				f.token(f.replicas[0])
				p.behave(func(_ context.Context, n int) error {
					if n == 2 {
						time.Sleep(9 * time.Second)
					}
					return nil
				})
				wg.Wait()
				rec := f.record(accessToken)
				for _, r := range f.replicas {
					if tok := f.token(r); tok.Version != rec.Current.Version {
						t.Errorf("%s has version %d, the store %d", r.name, tok.Version, rec.Current.Version)
					}
				}
			})
		})
	}
}

func TestAPanicOfTheObserverLosesNoToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFake(families()["late"])
		f := fakeFleet(t, p, fleetConfig{renewed: func() { panic("observer") }})
		defer f.close()
		if tok := f.token(f.replicas[0]); tok.Secret.Reveal() != "t1" {
			t.Error("the token of a renewal whose observer panicked is lost")
		}
		time.Sleep(time.Minute)
		if tok := f.token(f.replicas[0]); tok.Secret.Reveal() == "t1" {
			t.Error("nothing was renewed after the observer panicked")
		}
	})
}
