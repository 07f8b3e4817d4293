package renew_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// lose takes the store away from every replica, or gives it back.
func (f *fleet) lose(err error) {
	for _, r := range f.replicas {
		r.keepFrom(err)
	}
}

// follow reads tokens of one replica for the given time. Versions never go back, and
// a version always names the same token.
func (f *fleet) follow(wg *sync.WaitGroup, r *replica, d time.Duration) {
	f.t.Helper()
	wg.Go(func() {
		var last broker.Token
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			tok, err := r.Token(f.t.Context(), accessToken)
			if err != nil {
				continue
			}
			switch {
			case tok.Version < last.Version:
				f.t.Errorf("%s went back from version %d to %d", r.name, last.Version, tok.Version)
			case tok.Version == last.Version && !tok.Secret.Equal(last.Secret):
				f.t.Errorf("%s gave two tokens as version %d", r.name, tok.Version)
			}
			last = tok
		}
	})
}

func TestI3StableRenewalsGoOnInMemoryWhileTheStoreIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 3, mode: wechat.Stable})
		defer f.close()
		var wg sync.WaitGroup
		for _, r := range f.replicas {
			f.follow(&wg, r, 3*time.Minute)
		}
		f.hold(5 * time.Second)
		f.lose(errStoreGone)
		f.hold(90 * time.Second)
		for _, r := range f.replicas {
			if h := r.Health(); h.Unsaved != 1 || h.Troubles[0].State != "unsaved" {
				t.Errorf("%s: health %+v, want one unsaved key", r.name, h)
			}
		}
		f.lose(nil)
		time.Sleep(3 * time.Second)
		current := f.sandbox.Current(appID, sandbox.Stable)
		for _, r := range f.replicas {
			if tok := f.token(r); tok.Secret.Reveal() != current {
				t.Errorf("%s does not have the current token after the store is back", r.name)
			}
			if h := r.Health(); h.Unsaved != 0 {
				t.Errorf("%s: health %+v, want nothing unsaved", r.name, h)
			}
		}
		f.hold(60 * time.Second)
		wg.Wait()
		f.wantNoMisuse()
	})
}

func TestI2AnUnknownOutcomeIsNotForgottenWhenTheStoreFailsToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stores []*flakyStore
		f := newFleet(t, fleetConfig{mode: wechat.Classic, wrap: flaky(&stores)})
		defer f.close()
		old := f.token(f.replicas[0])
		f.inject(sandbox.Fault{Kind: sandbox.FaultLost, Times: 1})
		stores[0].spoil(times(1, errStoreGone), nil)
		f.hold(30 * time.Second)
		issues := f.sandbox.Issues(appID)
		if at := issues[2].At; at.Before(old.Until) {
			t.Errorf("I2: issued again at %v although the promises last until %v", at, old.Until)
		}
		f.wantNoMisuse()
	})
}

func TestI2ATokenThatCouldNotBeStoredIsPromisedToNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stores []*flakyStore
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, wrap: flaky(&stores)})
		defer f.close()
		var wg sync.WaitGroup
		wg.Go(func() { f.hold(time.Minute) })
		time.Sleep(9 * time.Second)
		// The first replica renews, but cannot store what it got. The second one does not
		// know of it and has to be careful with the token before.
		old := f.token(f.replicas[0])
		f.replicas[1].store.Fail(errStoreGone)
		stores[0].spoil(times(1000, errStoreGone), nil)
		time.Sleep(2 * time.Second)
		if tok := f.token(f.replicas[0]); tok.Version == old.Version || tok.Promise(f.replicas[0].Now()) > 0 {
			t.Errorf("I2: version %d is promised for %v, want a new one without a promise", tok.Version, tok.Promise(f.replicas[0].Now()))
		}
		f.replicas[1].store.Fail(nil)
		time.Sleep(6 * time.Second)
		stores[0].spoil(nil, nil)
		wg.Wait()
		issues := f.sandbox.Issues(appID)
		if at := issues[2].At; at.Before(old.Until) {
			t.Errorf("I2: issued again at %v although the promises last until %v", at, old.Until)
		}
		if a, b := f.token(f.replicas[0]), f.token(f.replicas[1]); a.Version != b.Version || !a.Secret.Equal(b.Secret) {
			t.Errorf("the replicas give different tokens, versions %d and %d", a.Version, b.Version)
		}
	})
}

func TestI2ATokenFromATimeWithoutAStoreIsNotPromisedWhenItIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic})
		defer f.close()
		f.token(f.replicas[0])
		time.Sleep(5 * time.Second)
		f.lose(errStoreGone)
		time.Sleep(17 * time.Second) // the token is dead, and each has got one for itself
		older, newer := f.replicas[0], f.replicas[1]
		if f.token(older).Issued.After(f.token(newer).Issued) {
			older, newer = newer, older
		}
		if f.token(older).Secret.Equal(f.token(newer).Secret) {
			t.Fatal("both replicas have the same token")
		}
		// The one whose token is about to die of the other's is the first to come back.
		older.keepFrom(nil)
		var wg sync.WaitGroup
		for range 20 {
			f.readAndHold(&wg, older)
			time.Sleep(200 * time.Millisecond)
		}
		newer.keepFrom(nil)
		f.hold(time.Minute)
		wg.Wait()
	})
}

func TestI2ClassicReplicasWithoutAStoreDoNotKillEachOthersPromises(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 3, mode: wechat.Classic})
		defer f.close()
		var wg sync.WaitGroup
		for _, r := range f.replicas {
			f.follow(&wg, r, 5*time.Minute)
		}
		f.hold(5 * time.Second)
		f.lose(errStoreGone)
		before := f.issues()
		f.hold(14 * time.Second)
		if n := f.issues() - before; n != 0 {
			t.Errorf("%d issues without a store while the token lived", n)
		}
		f.hold(60 * time.Second)
		t.Logf("%d issues without a store", f.issues()-before)
		if n := f.issues() - before; n == 0 || n > 60 {
			t.Errorf("%d issues in a minute without a store", n)
		}
		f.lose(nil)
		f.hold(3 * time.Minute)
		wg.Wait()
		current := f.sandbox.Current(appID, sandbox.Classic)
		for _, r := range f.replicas {
			if tok := f.token(r); tok.Secret.Reveal() != current {
				t.Errorf("%s does not have the current token after the store is back", r.name)
			}
		}
	})
}

// Before an issue without a store a replica waits for a moment. What it hears of in that moment
// counts, although the store is gone again by then: it would else kill what another one has issued
// in good order, and promised (I1, I2).
func TestI1WhoWaitedWithoutAStoreLooksAgainAtWhatCameMeanwhile(t *testing.T) {
	t.Parallel()
	heard := 0
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, fleetConfig{mode: wechat.Classic, seed: seed + 1, quiet: true})
			defer f.close()
			waiting := f.replicas[0]
			f.token(waiting)
			time.Sleep(5 * time.Second)
			f.lose(errStoreGone)
			time.Sleep(15 * time.Second) // the token is dead
			go func() { _, _ = waiting.Token(t.Context(), accessToken) }()
			synctest.Wait()
			f.lose(nil)
			other := f.start()
			current := f.token(other)
			has := func() bool {
				tok, _, ok := waiting.Peek(accessToken.App, accessToken.Kind)
				return ok && tok.Secret.Equal(current.Secret)
			}
			for range 30 {
				if time.Sleep(50 * time.Millisecond); has() {
					break
				}
			}
			before := has()
			f.lose(errStoreGone)
			time.Sleep(3 * time.Second)
			if before {
				heard++
				if !has() || f.issues() != 2 {
					t.Errorf("seed %d: %d issues, and the replica has no longer what it had heard of: %t", seed+1, f.issues(), !has())
				}
			}
			f.lose(nil)
		})
	}
	if heard == 0 {
		t.Error("nobody heard of anything while he waited")
	}
}
