package renew_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestI1I2ReplicasWithWrongClocks has clocks that are minutes off, in both directions:
// all instants are on the store's clock.
func TestI1I2ReplicasWithWrongClocks(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const minutes = 10
				f := newFleet(t, fleetConfig{mode: mode, quiet: true})
				defer f.close()
				for _, skew := range []time.Duration{-7 * time.Minute, 11 * time.Minute, -26 * time.Hour} {
					r := f.prepare()
					r.skew.Store(int64(skew))
					if err := r.SetApp(t.Context(), &f.app); err != nil {
						t.Fatal(err)
					}
					f.run(r)
				}
				f.hold(minutes * time.Minute)
				if low, high := minutes*60/20, minutes*60/10+2; f.issues() < low || f.issues() > high {
					t.Errorf("I1: %d issues in %d minutes, want %d to %d", f.issues(), minutes, low, high)
				}
				for _, r := range f.replicas {
					if off := time.Until(r.Now()).Abs(); off > time.Second {
						t.Errorf("%s is %v off the store's clock", r.name, off)
					}
				}
				f.wantNoMisuse()
			})
		})
	}
}

// TestI1I2ClocksThatDrift has clocks that run away by a tenth of a percent, far worse
// than any that works.
func TestI1I2ClocksThatDrift(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 3, mode: mode, quiet: true})
				defer f.close()
				var wg sync.WaitGroup
				wg.Go(func() {
					for range 6000 {
						time.Sleep(100 * time.Millisecond)
						f.replicas[0].skew.Add(int64(100 * time.Microsecond))
						f.replicas[1].skew.Add(-int64(100 * time.Microsecond))
					}
				})
				f.hold(10 * time.Minute)
				wg.Wait()
				if n := f.issues(); n > 62 {
					t.Errorf("I1: %d issues in 10 minutes, want at most 62", n)
				}
				f.wantNoMisuse()
			})
		})
	}
}

// TestI1I2ClocksThatJumpAhead has local clocks jump ahead by minutes, which a replica
// notices as soon as it believes that it has something to do. Steps of the wall clock do
// not even show, because the time since the last reading is measured on the monotonic one.
func TestI1I2ClocksThatJumpAhead(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%s/seed %d", mode, seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet(t, fleetConfig{replicas: 3, mode: mode, quiet: true})
					defer f.close()
					rnd := rand.New(rand.NewPCG(seed, 11))
					var wg sync.WaitGroup
					wg.Go(func() {
						for range 100 {
							time.Sleep(time.Duration(rnd.IntN(12)) * time.Second)
							r := f.replicas[rnd.IntN(len(f.replicas))]
							r.skew.Add(int64(time.Duration(rnd.IntN(300)) * time.Second))
						}
					})
					f.hold(10 * time.Minute)
					wg.Wait()
					if f.issues() > 62 {
						t.Errorf("I1: %d issues in 10 minutes, want at most 62", f.issues())
					}
					if n := f.missing.Load(); n > 0 {
						t.Errorf("I3: %d reads found no token", n)
					}
				})
			})
		}
	}
}

// TestI2AClockThatWasSetWhileTheProcessWasAway restarts replicas with other clocks.
func TestI2AClockThatWasSetWhileTheProcessWasAway(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 2, mode: mode, quiet: true})
				defer func() { f.close() }()
				rnd := rand.New(rand.NewPCG(3, 5))
				for range 20 {
					f.crash(f.replicas[0])
					r := f.prepare()
					r.skew.Store(int64(time.Duration(rnd.IntN(20)-10) * time.Minute))
					if err := r.SetApp(t.Context(), &f.app); err != nil {
						t.Fatal(err)
					}
					f.run(r)
					f.hold(10 * time.Second)
				}
				if c := f.sandbox.Counts(appID); c.Issues > 20*3+2 {
					t.Errorf("I1: %d issues", c.Issues)
				}
			})
		})
	}
}
