package renew_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestI1ARestartKeepsTheTokenAndIssuesNothing(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{mode: mode})
				defer func() { f.close() }()
				before := f.token(f.replicas[0])
				for range 8 {
					time.Sleep(time.Second)
					f.crash(f.replicas[0])
					r := f.start()
					after, _, ok := r.Peek(accessToken.App, accessToken.Kind)
					if !ok || after.Version != before.Version || !after.Secret.Equal(before.Secret) || !after.Until.Equal(before.Until) {
						t.Errorf("after a restart the token is %d until %v, want %d until %v", after.Version, after.Until, before.Version, before.Until)
					}
				}
				if f.issues() != 1 {
					t.Errorf("I1: %d issues, want 1", f.issues())
				}
				if n := f.sandbox.Counts(appID); n.ClassicCalls+n.StableCalls != 1 {
					t.Errorf("I1: %d calls, want 1", n.ClassicCalls+n.StableCalls)
				}
			})
		})
	}
}

// TestI2ACrashInsideAnIssue kills the replica that renews while the platform's answer
// is on its way, before it acts, and between the answer and the write.
func TestI2ACrashInsideAnIssue(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for _, fault := range []sandbox.FaultKind{sandbox.FaultLate, sandbox.FaultSlow, sandbox.FaultHang} {
			for _, survivors := range []int{0, 2} {
				t.Run(fmt.Sprintf("%s/%s/%d survivors", mode, fault, survivors), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { crashInsideAnIssue(t, mode, fault, survivors) })
				})
			}
		}
	}
}

func crashInsideAnIssue(t *testing.T, mode string, fault sandbox.FaultKind, survivors int) {
	f := newFleet(t, fleetConfig{replicas: 1 + survivors, mode: mode})
	defer func() { f.close() }()
	old := f.token(f.replicas[0])
	f.inject(sandbox.Fault{Kind: fault, Delay: time.Second, Times: 1})
	var busy *replica
	for busy == nil {
		time.Sleep(20 * time.Millisecond)
		for _, r := range f.replicas {
			if r.calls.busy() {
				busy = r
			}
		}
		if time.Since(old.Issued) > 19*time.Second {
			t.Fatal("no renewal was tried")
		}
	}
	acted := f.issues()
	f.crash(busy)
	if survivors == 0 {
		time.Sleep(200 * time.Millisecond)
		f.start()
	}
	// Readers are served meanwhile, with promises that hold.
	var wg sync.WaitGroup
	wg.Go(func() { f.hold(time.Minute) })
	for f.token(f.replicas[0]).Version == old.Version {
		if time.Sleep(10 * time.Millisecond); time.Since(old.Issued) > 21*time.Second {
			t.Error("the renewal was not repeated")
			break
		}
	}
	if mode == wechat.Classic {
		if at := f.sandbox.Issues(appID)[acted].At; at.Before(old.Until) {
			t.Errorf("I2: issued again at %v although promises last until %v", at, old.Until)
		}
	}
	wg.Wait()
	f.wantNoMisuse()
}

// TestI1I2CrashesAtAnyMoment kills replicas and starts others at random moments, with
// answers that take their time.
func TestI1I2CrashesAtAnyMoment(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s/seed %d", mode, seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					const minutes = 10
					f := newFleet(t, fleetConfig{replicas: 3, mode: mode, quiet: true})
					defer func() { f.close() }()
					f.inject(sandbox.Fault{Kind: sandbox.FaultLate, Delay: 600 * time.Millisecond})
					rnd := rand.New(rand.NewPCG(seed, 7))
					crashes := 0
					var wg sync.WaitGroup
					for end := time.Now().Add(minutes * time.Minute); time.Now().Before(end); {
						for _, r := range f.replicas {
							for range 20 {
								wg.Go(func() { f.readAndHold(&wg, r) })
								time.Sleep(time.Duration(rnd.IntN(100)) * time.Millisecond)
							}
						}
						victim := f.replicas[rnd.IntN(len(f.replicas))]
						for _, r := range f.replicas {
							if r.calls.busy() {
								victim = r // in the middle of an issue, where it hurts most
							}
						}
						f.crash(victim)
						crashes++
						f.start()
					}
					wg.Wait()
					c := f.sandbox.Counts(appID)
					t.Logf("%d crashes, %d issues of which %d were lost", crashes, c.Issues, c.Lost)
					if high := minutes*60/10 + 2 + c.Lost; c.Issues > high {
						t.Errorf("I1: %d issues, want at most %d", c.Issues, high)
					}
					if c.Lost == 0 {
						t.Error("no crash fell inside an issue; the test proves less than it says")
					}
				})
			})
		}
	}
}

func TestACrashBeforeTheFirstTokenIsRepeatedSoon(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{mode: mode, sandbox: sandbox.Config{Lifetime: 20 * time.Second, Overlap: 6 * time.Second}})
				defer func() { f.close() }()
				// The first issue of another key's worth: the app is removed and added again.
				r := f.replicas[0]
				f.token(r)
				if err := r.RemoveApp(t.Context(), "shop"); err != nil {
					t.Fatal(err)
				}
				f.inject(sandbox.Fault{Kind: sandbox.FaultHang, Times: 1})
				if err := r.SetApp(t.Context(), &f.app); err != nil {
					t.Fatal(err)
				}
				time.Sleep(500 * time.Millisecond)
				f.crash(r)
				r = f.start()
				begun := time.Now()
				tok, err := r.Token(t.Context(), accessToken)
				if err != nil || !f.live(tok) {
					t.Fatalf("got %v, want a live token", err)
				}
				if took := time.Since(begun); took > 4*time.Second {
					t.Errorf("the first token took %v after a crash", took)
				}
			})
		})
	}
}

func TestAnAbandonedLeaseIsMournedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic})
		defer f.close()
		old := f.token(f.replicas[0])
		time.Sleep(5 * time.Second)
		// Somebody took the lease, and was never heard of again.
		ghost := f.store.Handle()
		lease, err := ghost.Acquire(t.Context(), "renew/"+accessToken.String(), "ghost", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		// If the ghost has issued, the token has an overlap left.
		until := lease.Acquired.Add(6 * time.Second)
		time.Sleep(time.Until(until) - 300*time.Millisecond)
		st, err := f.replicas[0].State(accessToken)
		if err != nil || st.Failure == nil || st.Failure.Code != "issue_abandoned" || st.Attempts != 1 || !st.Usable || st.Token.Until.After(until) {
			t.Errorf("state %+v and %v, want a usable token that is promised until %v, and one abandoned issue", st, err, until)
		}
		rec := f.record(accessToken)
		if rec.Budget.Issues != 2 || rec.Current.Version != old.Version || rec.Due.Before(until) || rec.Due.After(until.Add(3*time.Second)) {
			t.Errorf("record %+v, want the abandoned issue counted and the next one soon after the promises", rec)
		}
		time.Sleep(time.Until(rec.Due) + 500*time.Millisecond)
		if tok := f.token(f.replicas[1]); tok.Version == old.Version || !f.live(tok) {
			t.Error("the renewal did not come when the promises had ended")
		}
		if _, err := f.replicas[0].State(broker.Key{App: "shop", Kind: "no such"}); err == nil {
			t.Error("a kind that does not exist has a state")
		}
	})
}
