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

// rival writes a record behind the back of the replica that is about to.
func (f *fleet) rival(change func(*broker.Record)) func(broker.Record) error {
	var once sync.Once
	return func(broker.Record) error {
		once.Do(func() {
			r := f.record(accessToken)
			change(&r)
			if _, err := f.store.Put(f.t.Context(), r); err != nil {
				f.t.Error(err)
			}
		})
		return nil
	}
}

func TestAConflictLosesNothing(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for name, change := range map[string]func(*broker.Record){
			"a rival that changed nothing": func(*broker.Record) {},
			"a rival that failed": func(r *broker.Record) {
				r.Failure = broker.Failure{Class: broker.Transient, Code: "rival", Attempts: 1, First: time.Now(), Last: time.Now(), NotBefore: time.Now().Add(time.Second)}
				r.Foreign.Count = 7
			},
			"a rival that sealed again": func(r *broker.Record) { r.Current.Box = append([]byte{}, r.Current.Box...) },
		} {
			t.Run(mode+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var stores []*flakyStore
					f := newFleet(t, fleetConfig{replicas: 2, mode: mode, wrap: flaky(&stores)})
					defer f.close()
					before := f.token(f.replicas[0])
					time.Sleep(5 * time.Second)
					stores[0].spoil(f.rival(change), nil)
					stores[1].spoil(f.rival(change), nil)
					f.hold(30 * time.Second)
					rec := f.record(accessToken)
					if f.token(f.replicas[0]).Version <= before.Version {
						t.Error("the renewal was lost")
					}
					if name == "a rival that failed" && rec.Foreign.Count < 7 {
						t.Errorf("%d foreign rotations are left of 7", rec.Foreign.Count)
					}
					if got, want := rec.Budget.Issues, f.issues(); got < want {
						t.Errorf("the record counts %d issues, the platform %d", got, want)
					}
					if f.issues() > 6 {
						t.Errorf("I1: %d issues", f.issues())
					}
				})
			})
		}
	}
}

func TestI2AConflictDoesNotHideAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stores []*flakyStore
		f := newFleet(t, fleetConfig{mode: wechat.Classic, wrap: flaky(&stores)})
		defer f.close()
		old := f.token(f.replicas[0])
		time.Sleep(5 * time.Second)
		stores[0].spoil(f.rival(func(*broker.Record) {}), nil)
		f.inject(sandbox.Fault{Kind: sandbox.FaultLost, Times: 1})
		f.hold(20 * time.Second)
		if at := f.sandbox.Issues(appID)[2].At; at.Before(old.Until) {
			t.Errorf("I2: issued again at %v although promises last until %v", at, old.Until)
		}
		f.wantNoMisuse()
	})
}

func TestAWriteWhoseAnswerIsLostIsFoundAgain(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var stores []*flakyStore
				f := newFleet(t, fleetConfig{replicas: 3, mode: mode, wrap: flaky(&stores)})
				defer f.close()
				var wg sync.WaitGroup
				for _, r := range f.replicas {
					f.follow(&wg, r, 2*time.Minute)
				}
				for _, s := range stores {
					s.spoil(nil, sometimes(0.3, errPutLost))
				}
				f.hold(2 * time.Minute)
				wg.Wait()
				for _, s := range stores {
					s.spoil(nil, nil)
				}
				time.Sleep(30 * time.Second)
				for _, r := range f.replicas {
					if h := r.Health(); h.Unsaved != 0 || h.Tokens != 1 {
						t.Errorf("%s: health %+v", r.name, h)
					}
				}
				if n := f.issues(); n > 20 {
					t.Errorf("I1: %d issues", n)
				}
			})
		})
	}
}

// TestI2TheStoreFailsAtRandom has writes fail, or be done without a word, and whole
// stores go away for a while.
func TestI2TheStoreFailsAtRandom(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%s/seed %d", mode, seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					const minutes = 10
					var stores []*flakyStore
					f := newFleet(t, fleetConfig{replicas: 3, mode: mode, wrap: flaky(&stores), quiet: true})
					defer f.close()
					f.inject(sandbox.Fault{Kind: sandbox.FaultLost, Probability: 0.05})
					for _, s := range stores {
						s.spoil(sometimes(0.2, errStoreGone), sometimes(0.2, errPutLost))
					}
					rnd := rand.New(rand.NewPCG(seed, 3))
					var wg sync.WaitGroup
					for _, r := range f.replicas {
						f.follow(&wg, r, minutes*time.Minute)
					}
					wg.Go(func() {
						for end := time.Now().Add(minutes * time.Minute); time.Now().Before(end); {
							time.Sleep(time.Duration(rnd.IntN(6000)) * time.Millisecond)
							r := f.replicas[rnd.IntN(3)]
							// A replica that has lost the store and not the platform would issue on its own
							// once its token is dead.
							r.calls.unplug()
							r.store.Fail(errStoreGone)
							time.Sleep(time.Duration(rnd.IntN(4000)) * time.Millisecond)
							r.store.Fail(nil)
							r.calls.plugIn()
						}
					})
					f.hold(minutes * time.Minute)
					wg.Wait()
					c := f.sandbox.Counts(appID)
					t.Logf("%d issues, %d lost", c.Issues, c.Lost)
					if c.Issues > minutes*60/7 {
						t.Errorf("I1: %d issues in %d minutes", c.Issues, minutes)
					}
				})
			})
		}
	}
}

// sometimes returns a hook that fails writes with the given probability.
func sometimes(p float64, err error) func(broker.Record) error {
	return func(broker.Record) error {
		if rand.Float64() < p {
			return err
		}
		return nil
	}
}
