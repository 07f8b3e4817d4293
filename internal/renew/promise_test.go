package renew_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func modes() []string { return []string{wechat.Stable, wechat.Classic} }

// hold has four workers on every replica read tokens for the given time and holds
// each answer to its promise: it must live for as long as was said (I2). A reader
// neither waits nor gets an error while its replica has a live token (I3).
func (f *fleet) hold(d time.Duration) (reads int) {
	f.t.Helper()
	var wg sync.WaitGroup
	var n atomic.Int64
	end := time.Now().Add(d)
	for i, r := range f.replicas {
		for w := range 4 {
			wg.Go(func() {
				pause := time.Duration(100+30*i+70*w) * time.Millisecond
				for time.Now().Before(end) {
					f.readAndHold(&wg, r)
					n.Add(1)
					time.Sleep(pause)
				}
			})
		}
	}
	wg.Wait()
	return int(n.Load())
}

func (f *fleet) readAndHold(wg *sync.WaitGroup, r *replica) {
	held, _, has := r.Peek(accessToken.App, accessToken.Kind)
	has = has && f.live(held)
	begun := time.Now()
	tok, err := r.Token(f.t.Context(), accessToken)
	if waited := time.Since(begun); has && (err != nil || waited > 0) {
		f.t.Errorf("I3: %s has live version %d, but a reader waited %v and got %v", r.name, held.Version, waited, err)
	}
	if err != nil {
		f.missing.Add(1)
		return
	}
	promise := tok.Promise(r.Now())
	if promise <= 0 {
		return
	}
	if !f.live(tok) {
		f.t.Errorf("I2: %s promised %v of version %d, which is dead", r.name, promise, tok.Version)
		return
	}
	wg.Go(func() {
		time.Sleep(promise)
		if !f.live(tok) {
			dies, _ := f.sandbox.Dies(tok.Secret.Reveal())
			f.t.Errorf("I2: version %d was promised for %v at %v, but died at %v", tok.Version, promise, begun, dies)
		}
	})
}

func TestI1I2PromisesHoldOverThreeReplicas(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const minutes = 10
				f := newFleet(t, fleetConfig{replicas: 3, mode: mode, quiet: true})
				defer f.close()
				reads := f.hold(minutes * time.Minute)
				t.Logf("%d reads, %d issues", reads, f.issues())
				// I1: one issue per renewal, although three replicas renew.
				if low, high := minutes*60/20, minutes*60/10+1; f.issues() < low || f.issues() > high {
					t.Errorf("I1: %d issues in %d minutes, want %d to %d", f.issues(), minutes, low, high)
				}
				f.wantNoMisuse()
			})
		})
	}
}

// TestI2TokensRenewedWithinTheOverlapKeepTheirPromises renews more often than the old
// token needs to die: then a third token would kill the first, which is still promised.
func TestI2TokensRenewedWithinTheOverlapKeepTheirPromises(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{time.Second, 3 * time.Second, 5 * time.Second} {
		t.Run(every.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 3, mode: wechat.Classic, policy: broker.Policy{Overlap: 6 * time.Second, Every: every}, quiet: true})
				defer f.close()
				f.inject(sandbox.Fault{Kind: sandbox.FaultLost, Probability: 0.05})
				var wg sync.WaitGroup
				wg.Go(func() {
					for range 100 { // demands do not come too early either
						_, _ = f.replicas[0].Lasting(t.Context(), accessToken, 19*time.Second)
						time.Sleep(700 * time.Millisecond)
					}
				})
				f.hold(3 * time.Minute)
				wg.Wait()
			})
		})
	}
}

// platformFaults are ways to fail after which the platform may or may not have acted,
// each at the given rate. The sandbox draws once for a call and takes the first fault
// whose probability is above, so they add up.
func platformFaults(rate float64) []sandbox.Fault {
	faults := []sandbox.Fault{
		{Kind: sandbox.FaultSlow, Delay: 700 * time.Millisecond},
		{Kind: sandbox.FaultLate, Delay: 900 * time.Millisecond},
		{Kind: sandbox.FaultLate, Delay: 4 * time.Second},
		{Kind: sandbox.FaultLost},
		{Kind: sandbox.FaultTruncated},
		{Kind: sandbox.FaultHang},
		{Kind: sandbox.FaultStatus, Status: 502},
		{Kind: sandbox.FaultReset},
		{Kind: sandbox.FaultGarbage},
		{Kind: sandbox.FaultErrcode, Errcode: -1},
	}
	for i := range faults {
		faults[i].Probability = rate * float64(i+1)
	}
	return faults
}

func TestI2I3PromisesHoldWhileThePlatformFails(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for _, rate := range []float64{0.005, 0.02, 0.06, 0.095} {
			t.Run(fmt.Sprintf("%s/each fault at %v", mode, rate), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					const minutes = 10
					f := newFleet(t, fleetConfig{replicas: 3, mode: mode, quiet: true})
					defer f.close()
					for _, fault := range platformFaults(rate) {
						f.inject(fault)
					}
					reads := f.hold(minutes * time.Minute)
					c := f.sandbox.Counts(appID)
					t.Logf("%d reads, %d calls, %d issues of which %d were lost", reads, f.calls(), c.Issues, c.Lost)
					if reads < 33_000 {
						t.Errorf("I3: only %d reads: readers waited", reads)
					}
					if high := minutes*60/10 + 1 + c.Lost; c.Issues > high {
						t.Errorf("I1: %d issues, want at most %d", c.Issues, high)
					}
				})
			})
		}
	}
}

func TestI2ALostAnswerIsRepeatedOnlyWhenNoPromiseDependsOnTheOldToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 3, mode: wechat.Classic, seed: 1})
		defer f.close()
		old := f.token(f.replicas[0])
		until := old.Until
		f.inject(sandbox.Fault{Kind: sandbox.FaultLost, Times: 1})
		f.hold(time.Minute)
		issues := f.sandbox.Issues(appID)
		if len(issues) < 3 || !issues[1].Lost {
			t.Fatalf("want the second issue lost, got %+v", issues)
		}
		if at := issues[2].At; at.Before(until) {
			t.Errorf("I2: the issue after the lost one came at %v, before the promises end at %v", at, until)
		}
		if at := issues[2].At; at.Sub(issues[1].At) > 6*time.Second {
			t.Errorf("the old token died before the lost issue was repeated %v after it", at.Sub(issues[1].At))
		}
		f.wantNoMisuse()
	})
}
