package renew_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

func TestAVersionThatTwoReplicasGaveWithoutAStoreIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, first := range []int{0, 1} {
		t.Run(fmt.Sprintf("replica %d comes back first", first), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newFake(families()["independent"])
				f := fakeFleet(t, p, fleetConfig{replicas: 2, policy: broker.Policy{Every: 10 * time.Second}})
				defer f.close()
				f.token(f.replicas[0])
				time.Sleep(5 * time.Second)
				f.lose(errStoreGone)
				time.Sleep(7 * time.Second)
				a, b := f.token(f.replicas[0]), f.token(f.replicas[1])
				if a.Version != b.Version || a.Secret.Equal(b.Secret) {
					t.Fatalf("versions %d and %d, want two tokens under one version", a.Version, b.Version)
				}
				f.replicas[first].keepFrom(nil)
				time.Sleep(1500 * time.Millisecond)
				f.replicas[1-first].keepFrom(nil)
				time.Sleep(1500 * time.Millisecond)
				c, d := f.token(f.replicas[0]), f.token(f.replicas[1])
				if c.Version != d.Version || !c.Secret.Equal(d.Secret) {
					t.Errorf("versions %d and %d after the store is back, want one token", c.Version, d.Version)
				}
				// Whoever was given the other token hears of a new version.
				if a.Version == c.Version && !a.Secret.Equal(c.Secret) || b.Version == c.Version && !b.Secret.Equal(c.Secret) {
					t.Errorf("version %d names two tokens", c.Version)
				}
			})
		})
	}
}

func TestI7ForceIsCountedWithoutAStoreToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{mode: wechat.Stable, sandbox: s, policy: p})
		defer f.close()
		r := f.replicas[0]
		f.token(r)
		replace := func(want string) {
			t.Helper()
			got := "ok"
			if _, err := r.Replace(t.Context(), accessToken); err != nil {
				got = broker.AsError(err).Code
			}
			if got != want {
				t.Errorf("a replacement ended in %s, want %s", got, want)
			}
		}
		time.Sleep(time.Minute)
		replace("ok")
		r.keepFrom(errStoreGone)
		replace("force_spent") // too soon after the last one, store or not
		time.Sleep(40 * time.Second)
		replace("ok")
		replace("force_spent")
		time.Sleep(40 * time.Second)
		r.keepFrom(nil)
		time.Sleep(5 * time.Second)
		if n := f.record(accessToken).Budget.Forced; n != 2 {
			t.Errorf("the record counts %d forced renewals, want 2", n)
		}
		replace("ok")
		f.wantNoMisuse()
	})
}

func TestAMachineThatWasSuspendedSetsItsClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{mode: wechat.Classic, sandbox: s, policy: p})
		defer f.close()
		r := f.replicas[0]
		f.token(r)
		time.Sleep(5 * time.Minute)
		r.skew.Add(-int64(20 * time.Minute)) // its clock stood still
		time.Sleep(61 * time.Second)
		if off := time.Until(r.Now()).Abs(); off > time.Second {
			t.Errorf("the clock is %v off a minute later", off)
		}
		// It goes on, too, while the store cannot be read.
		r.keepFrom(errStoreGone)
		time.Sleep(5 * time.Minute)
		r.keepFrom(nil)
		time.Sleep(20 * time.Second)
		f.hold(2 * time.Hour)
	})
}

func TestI9AReplicaThatLostTheStoreHearsOfChangesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, sandbox: s, policy: p})
		defer f.close()
		f.token(f.replicas[0])
		time.Sleep(time.Minute)
		f.replicas[1].keepFrom(errStoreGone)
		time.Sleep(10 * time.Second)
		missed, err := f.replicas[0].Replace(t.Context(), accessToken)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		f.replicas[1].keepFrom(nil)
		time.Sleep(2500 * time.Millisecond)
		if got := f.token(f.replicas[1]); got.Version != missed.Version {
			t.Errorf("version %d after the store is back, want %d, which was missed", got.Version, missed.Version)
		}
		next, err := f.replicas[0].Replace(t.Context(), accessToken)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := f.token(f.replicas[1]); got.Version != next.Version {
			t.Errorf("I9: version %d a second after version %d was issued", got.Version, next.Version)
		}
	})
}

func TestI1AStoreThatComesBackInTimeSparesAnIssue(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, seed: seed + 1})
				defer f.close()
				alone := f.replicas[0]
				tok := f.token(alone)
				time.Sleep(5 * time.Second)
				alone.keepFrom(errStoreGone)
				// Its token ends while the other replica has had a new one for long.
				time.Sleep(time.Until(tok.Expiry) + time.Millisecond)
				go func() {
					time.Sleep(time.Millisecond)
					alone.keepFrom(nil)
				}()
				got := f.token(alone)
				if current := f.sandbox.Current(appID, "classic"); got.Secret.Reveal() != current || alone.alone.Load() != 0 {
					t.Error("I1: a token was issued although the other replica had one")
				}
			})
		})
	}
}
