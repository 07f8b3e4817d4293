package renew_test

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// business calls the platform with the fleet's token now and then, as a business server
// does, and reports it when it is refused. It returns how many calls were refused.
func (f *fleet) business(d, pause time.Duration) (refused int) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(pause) {
		for _, r := range f.replicas {
			tok, err := r.Token(f.t.Context(), accessToken)
			if err != nil || f.live(tok) {
				continue
			}
			refused++
			_, _ = r.ReportToken(f.t.Context(), accessToken, tok.Secret)
		}
	}
	return refused
}

func (f *fleet) foreignEvents() (n int) {
	for _, r := range f.replicas {
		for _, e := range r.events.all() {
			if e.Foreign {
				n++
			}
		}
	}
	return n
}

func TestAForeignRotationIsCountedLoggedAndCostsOneRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{replicas: 3, mode: wechat.Classic, sandbox: s, policy: p})
		defer f.close()
		f.token(f.replicas[0])
		time.Sleep(10 * time.Minute)
		for n := 1; n <= 3; n++ {
			before := f.issues()
			// Somebody else issues twice, which kills our token at once.
			for range 2 {
				if _, err := f.sandbox.RotateOutside(appID); err != nil {
					t.Fatal(err)
				}
			}
			f.business(2*time.Minute, time.Second)
			if got := f.issues() - before; got != 1 {
				t.Errorf("I4: %d issues for one death, want 1", got)
			}
			if rec := f.record(accessToken); rec.Foreign.Count != n || rec.Foreign.Last.IsZero() {
				t.Errorf("the record counts %d foreign rotations, want %d", rec.Foreign.Count, n)
			}
			if got := f.foreignEvents(); got != n {
				t.Errorf("%d events of foreign rotations, want %d", got, n)
			}
			if got := strings.Count(f.log.String(), "someone else replaced the app's token"); got != n {
				t.Errorf("%d log lines of foreign rotations, want %d", got, n)
			}
			time.Sleep(5 * time.Minute)
		}
	})
}

// Nobody is sent to change a secret where that helps nothing: others are blamed only where they
// can end a token.
func TestTheLogBlamesOthersOnlyWhereTheyEndTokens(t *testing.T) {
	t.Parallel()
	const others, platform, refresh = "someone else replaced the app's token", "others have the secret does no harm", "the refresh token elsewhere"
	all, want := families(), map[string]string{"eager": others, "forced": others}
	forced := all["late"]
	forced.Limits.Forced = 16
	all["forced"] = forced
	for name, rot := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := checkedPlatform{newFake(rot), func() (broker.Verdict, error) { return broker.VerdictRejected, nil }}
				f := newFleet(t, fleetConfig{mode: "fake", platforms: p.platforms})
				defer f.close()
				r := f.replicas[0]
				_, _ = r.Report(t.Context(), accessToken, f.token(r).Version)
				for _, line := range []string{others, platform, refresh} {
					n := 0
					if line == cmp.Or(want[name], platform) {
						n = 1
					}
					if got := strings.Count(f.log.String(), line); got != n {
						t.Errorf("%d lines say %q, want %d", got, line, n)
					}
				}
			})
		})
	}
}

func TestARejectionThatOurOwnIssueExplainsIsNotForeign(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, seed: seed + 1})
				defer f.close()
				f.token(f.replicas[0])
				time.Sleep(5 * time.Second)
				f.inject(sandbox.Fault{Kind: sandbox.FaultLost})
				// Two issues are lost, and the token dies of it.
				if refused := f.business(13*time.Second, 200*time.Millisecond); refused == 0 {
					t.Error("the token did not die; the test proves nothing")
				}
				f.sandbox.ClearFaults()
				f.business(20*time.Second, 200*time.Millisecond)
				if n := f.foreignEvents() + f.record(accessToken).Foreign.Count; n != 0 {
					t.Errorf("%d foreign rotations, want none", n)
				}
			})
		})
	}
}

// TestI7TwoServersWithOneSecretCannotBurnTheQuota has two fleets that know nothing of
// each other kill each other's tokens for three days.
func TestI7TwoServersWithOneSecretCannotBurnTheQuota(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const days = 3
				s, p := realTimes()
				ours := newFleet(t, fleetConfig{replicas: 2, mode: mode, sandbox: s, policy: p, quiet: true})
				defer ours.close()
				theirs := newFleet(t, fleetConfig{replicas: 1, mode: mode, on: ours.sandbox, policy: p, quiet: true})
				defer theirs.close()
				refused := 0
				var wg sync.WaitGroup
				wg.Go(func() { refused = ours.business(days*24*time.Hour, 5*time.Second) })
				wg.Go(func() { theirs.business(days*24*time.Hour, 7*time.Second) })
				wg.Wait()
				perDay := map[int64]int{}
				for _, e := range ours.sandbox.Issues(appID) {
					perDay[(e.At.Unix()+8*60*60)/(24*60*60)]++
				}
				c := ours.sandbox.Counts(appID)
				t.Logf("issues by day %v, %d calls refused, %+v", perDay, refused, c)
				for day, n := range perDay {
					// The budget of each: two dozen planned ones and a hundred others.
					if n > 2*(24+2+100) {
						t.Errorf("I7: %d issues on day %d", n, day)
					}
				}
				if mode == wechat.Stable && c.Issues > days*14 {
					t.Errorf("%d issues in stable mode, which shares its token", c.Issues)
				}
				if c.ByErrcode[45009] != 0 {
					t.Errorf("I7: the quota was used up %d times", c.ByErrcode[45009])
				}
			})
		})
	}
}

func TestI7AForcingOutsiderIsFollowedWithoutForce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Stable, sandbox: s, policy: p, quiet: true})
		defer f.close()
		f.token(f.replicas[0])
		var wg sync.WaitGroup
		wg.Go(func() { f.business(24*time.Hour, 10*time.Second) })
		for range 24*6 - 1 {
			time.Sleep(10 * time.Minute)
			if _, err := f.sandbox.ForceOutside(appID); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
		c := f.sandbox.Counts(appID)
		t.Logf("%d calls, %d issues, %d forced, %d foreign rotations", c.StableCalls, c.Issues, c.Forced, f.record(accessToken).Foreign.Count)
		if c.Forced != 0 {
			t.Errorf("%d forced issues, want none: the ordinary call gives the outsider's token", c.Forced)
		}
		if n := f.record(accessToken).Foreign.Count; n < 100 {
			t.Errorf("%d foreign rotations counted, want one for each of about 140", n)
		}
		if c.StableCalls > 500 {
			t.Errorf("I7: %d calls in a day", c.StableCalls)
		}
	})
}
