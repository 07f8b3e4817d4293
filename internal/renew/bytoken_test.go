package renew_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// A caller keeps a token for as long as it was told. If the token dies again and again
// meanwhile, the one that the caller has is no longer among the newest two, and still
// says whose call it is.
func TestATokenIsFoundUntilItExpiresHoweverOftenItWasReplacedOutOfTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lifetimes, policy := realTimes()
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, sandbox: lifetimes, policy: policy})
		defer func() { f.close() }()
		r := f.replicas[0]
		first := f.token(r)
		seen := []broker.Token{first}
		for range 4 {
			time.Sleep(time.Minute)
			if _, err := f.sandbox.KillCurrent(appID, sandbox.Classic); err != nil {
				t.Fatal(err)
			}
			next, err := r.Renew(t.Context(), accessToken, seen[len(seen)-1].Version)
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, next)
		}
		time.Sleep(time.Second) // the other replica hears of it
		for _, r := range f.replicas {
			for i, tok := range seen {
				if k, ok := r.ByToken(tok.Secret); !ok || k != accessToken {
					t.Errorf("%s: token %d of %d is not found", r.name, i, len(seen))
				}
			}
		}
		time.Sleep(2*time.Hour + 10*time.Minute)
		for i, tok := range seen {
			if _, ok := r.ByToken(tok.Secret); ok {
				t.Errorf("token %d is found after it has expired", i)
			}
		}
	})
}

// Whoever shows a token that leaked is not taken for one who got it here.
func TestATokenThatLeakedIsFoundNoMore(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				lifetimes, policy := realTimes()
				f := newFleet(t, fleetConfig{replicas: 2, mode: mode, sandbox: lifetimes, policy: policy})
				defer func() { f.close() }()
				seen := []broker.Token{f.token(f.replicas[0])}
				for range 3 { // They die one after the other before the last one leaks.
					time.Sleep(time.Minute)
					if _, err := f.sandbox.KillCurrent(appID, sandbox.Mode(mode)); err != nil {
						t.Fatal(err)
					}
					tok, err := f.replicas[0].Renew(t.Context(), accessToken, seen[len(seen)-1].Version)
					if err != nil {
						t.Fatal(err)
					}
					seen = append(seen, tok)
				}
				time.Sleep(time.Minute)
				next, err := f.replicas[0].Replace(t.Context(), accessToken)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second) // the other replica hears of it
				for _, r := range append(f.replicas, f.start()) {
					for i, tok := range seen {
						if _, ok := r.ByToken(tok.Secret); ok {
							t.Errorf("%s: token %d is found, of %d of which the last leaked", r.name, i, len(seen))
						}
					}
					if _, ok := r.ByToken(next.Secret); !ok {
						t.Errorf("%s: its successor is not", r.name)
					}
				}
			})
		})
	}
}

// Where tokens live to their own ends, several do at once if they are renewed often. Each says
// whose call it is for as long as it was promised (I2).
func TestI2ATokenThatLivesOnIsFoundUntilItsEndHoweverOftenItWasRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFake(broker.Rotation{Family: broker.Independent, Lifetime: 2 * time.Hour, Limits: broker.Limits{PerDay: 2000, Unplanned: 100}})
		f := fakeFleet(t, p, fleetConfig{replicas: 2, policy: broker.Policy{Every: 15 * time.Minute}, quiet: true})
		defer f.close()
		first := f.token(f.replicas[0])
		promised := time.Now().Add(first.Promise(f.replicas[0].Now()))
		time.Sleep(time.Second) // the other replica hears of it
		for time.Now().Before(promised) {
			for _, r := range f.replicas {
				if k, ok := r.ByToken(first.Secret); !ok || k != accessToken {
					t.Fatalf("I2: %s does not know the first of %d tokens, which is promised for %v more", r.name, p.called(), time.Until(promised))
				}
			}
			time.Sleep(time.Minute)
		}
		if p.called() < 8 {
			t.Errorf("%d tokens in two hours", p.called())
		}
		time.Sleep(2 * time.Hour)
		for _, r := range f.replicas {
			if _, ok := r.ByToken(first.Secret); ok {
				t.Errorf("%s knows the first token hours after its end", r.name)
			}
		}
	})
}
