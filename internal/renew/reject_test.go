package renew_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// storm has 300 callers, spread over the replicas, do the same at once, and returns
// the versions that they got.
func (f *fleet) storm(call func(r *replica) (broker.Token, error)) map[broker.Version]int {
	f.t.Helper()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[broker.Version]int{}
	)
	for i := range 300 {
		r := f.replicas[i%len(f.replicas)]
		wg.Go(func() {
			tok, err := call(r)
			if err != nil {
				f.t.Errorf("%s: %v", r.name, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[tok.Version]++
		})
	}
	wg.Wait()
	return seen
}

// ways to say that a token is dead.
func ways(dead broker.Token) map[string]func(*testing.T, *replica) (broker.Token, error) {
	return map[string]func(*testing.T, *replica) (broker.Token, error){
		"by version": func(t *testing.T, r *replica) (broker.Token, error) {
			return r.Report(t.Context(), accessToken, dead.Version)
		},
		"by value": func(t *testing.T, r *replica) (broker.Token, error) {
			return r.ReportToken(t.Context(), accessToken, dead.Secret)
		},
		"seen by the gateway": func(t *testing.T, r *replica) (broker.Token, error) {
			return r.Renew(t.Context(), accessToken, dead.Version)
		},
		"suspected": func(t *testing.T, r *replica) (broker.Token, error) {
			return r.Suspect(t.Context(), accessToken)
		},
	}
}

func TestI4ManyReportsOfOneDeadTokenCostOneIssue(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for name := range ways(broker.Token{}) {
			t.Run(mode+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet(t, fleetConfig{replicas: 3, mode: mode})
					defer f.close()
					dead := f.token(f.replicas[0])
					time.Sleep(3 * time.Second)
					f.sandbox.Kill(dead.Secret.Reveal())
					f.inject(sandbox.Fault{Kind: sandbox.FaultSlow, Delay: 300 * time.Millisecond})
					report := ways(dead)[name]
					before := f.issues()

					got := f.storm(func(r *replica) (broker.Token, error) { return report(t, r) })
					if len(got) != 1 || got[dead.Version] != 0 {
						t.Errorf("I4: the callers got versions %v, want one new one", got)
					}
					if n := f.issues() - before; n != 1 {
						t.Errorf("I4: %d issues, want 1", n)
					}
					if tok := f.token(f.replicas[1]); !f.live(tok) {
						t.Error("the new token is dead")
					}
					checks := f.checks()
					if checks > 3 {
						t.Errorf("the platform was asked %d times about one token, want at most once from each replica", checks)
					}

					// Those who come late with the old one cost nothing.
					if name == "suspected" {
						return
					}
					late := f.storm(func(r *replica) (broker.Token, error) { return report(t, r) })
					if len(late) != 1 || late[dead.Version] != 0 {
						t.Errorf("I4: late callers got versions %v, want the new one", late)
					}
					if n := f.issues() - before; n != 1 || f.checks() != checks {
						t.Errorf("I4: late reports cost %d issues and %d checks", n-1, f.checks()-checks)
					}
				})
			})
		}
	}
}

func TestI4ReportsOfALivingTokenCostFewChecksAndNoIssue(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := realTimes()
				f := newFleet(t, fleetConfig{replicas: 3, mode: mode, sandbox: s, policy: p})
				defer f.close()
				tok := f.token(f.replicas[0])
				time.Sleep(time.Second)
				before := f.issues()
				for range 100 {
					f.storm(func(r *replica) (broker.Token, error) { return r.ReportToken(t.Context(), accessToken, tok.Secret) })
					time.Sleep(6 * time.Second)
				}
				if n := f.issues() - before; n != 0 {
					t.Errorf("I4: %d issues for a token that lives", n)
				}
				// 30 000 reports in ten minutes: the doubt grows longer with each that was unfounded.
				if n := f.checks(); n < 3 || n > 3*17 {
					t.Errorf("%d checks, want a few from each replica", n)
				}
				f.wantNoMisuse()
			})
		})
	}
}

func TestAnUnreachablePlatformDoesNotCondemnAToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: wechat.Classic})
		defer f.close()
		tok := f.token(f.replicas[0])
		time.Sleep(time.Second)
		f.sandbox.Inject(sandbox.Fault{Path: "/cgi-bin/get_api_domain_ip", Kind: sandbox.FaultReset})
		got, err := f.replicas[0].Report(t.Context(), accessToken, tok.Version)
		if err != nil || got.Version != tok.Version {
			t.Errorf("got version %d and %v, want the token as it is", got.Version, err)
		}
		if !strings.Contains(f.log.String(), "could not be checked") {
			t.Error("the failed check is not logged")
		}
		// Where the platform will not be asked any more, reports are believed.
		f.sandbox.ClearFaults()
		f.sandbox.Inject(sandbox.Fault{Path: "/cgi-bin/get_api_domain_ip", Kind: sandbox.FaultErrcode, Errcode: 45009})
		time.Sleep(time.Second)
		if got, err := f.replicas[0].Report(t.Context(), accessToken, tok.Version); err != nil || got.Version == tok.Version {
			t.Errorf("got version %d and %v, want a new token", got.Version, err)
		}
	})
}

func TestReportsOfVersionsThatNeverWereDoNoHarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 3, mode: wechat.Classic})
		defer f.close()
		tok := f.token(f.replicas[0])
		time.Sleep(time.Second)
		before := f.issues()
		for _, stale := range []broker.Version{0, -1, tok.Version + 1, 1 << 60} {
			for name, call := range map[string]func(*replica) (broker.Token, error){
				"report": func(r *replica) (broker.Token, error) { return r.Report(t.Context(), accessToken, stale) },
				"renew":  func(r *replica) (broker.Token, error) { return r.Renew(t.Context(), accessToken, stale) },
			} {
				if got := f.storm(call); len(got) != 1 || got[tok.Version] != 300 {
					t.Errorf("%s of version %d gave %v", name, stale, got)
				}
			}
		}
		if got := f.storm(func(r *replica) (broker.Token, error) {
			return r.ReportToken(t.Context(), accessToken, broker.NewSecret("made up"))
		}); len(got) != 1 || got[tok.Version] != 300 {
			t.Errorf("a report of a made-up token gave %v", got)
		}
		if f.issues() != before || f.checks() != 0 {
			t.Errorf("%d issues and %d checks, want none", f.issues()-before, f.checks())
		}
	})
}

func TestALateReplicaCatchesUpWithAVersionItHasNotSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// The replicas are not told of each other's writes.
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, wrap: func(s *memstore.Store) storage { return deaf{s} }})
		defer f.close()
		first := f.token(f.replicas[0])
		f.token(f.replicas[1])
		f.sandbox.Kill(first.Secret.Reveal())
		second, err := f.replicas[0].Report(t.Context(), accessToken, first.Version)
		if err != nil {
			t.Fatal(err)
		}
		if tok := f.token(f.replicas[1]); tok.Version != first.Version {
			t.Fatalf("the second replica has version %d already", tok.Version)
		}
		// A caller that got the new token elsewhere reports it here.
		if got, err := f.replicas[1].ReportToken(t.Context(), accessToken, second.Secret); err != nil || got.Version != second.Version {
			t.Errorf("got version %d and %v, want version %d", got.Version, err, second.Version)
		}
		f.sandbox.Kill(second.Secret.Reveal())
		got, err := f.replicas[1].Renew(t.Context(), accessToken, second.Version)
		if err != nil || got.Version <= second.Version || !f.live(got) {
			t.Errorf("got version %d and %v, want a live one after %d", got.Version, err, second.Version)
		}
		if f.issues() != 3 {
			t.Errorf("%d issues, want 3", f.issues())
		}
	})
}

func TestAKilledStableTokenIsReplacedWithoutForce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{replicas: 3, mode: wechat.Stable, sandbox: s, policy: p})
		defer f.close()
		dead := f.token(f.replicas[0])
		time.Sleep(time.Minute)
		f.sandbox.Kill(dead.Secret.Reveal())
		tok, err := f.replicas[0].Report(t.Context(), accessToken, dead.Version)
		if err != nil || !f.live(tok) {
			t.Fatalf("got version %d and %v, want a live token", tok.Version, err)
		}
		if c := f.sandbox.Counts(appID); c.Forced != 0 || c.Issues != 2 {
			t.Errorf("%d forced of %d issues, want none of 2", c.Forced, c.Issues)
		}
	})
}

func TestASpoiledStableTokenIsReplacedByForceWithinItsLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{replicas: 3, mode: wechat.Stable, sandbox: s, policy: p})
		defer f.close()
		begun := time.Now()
		r := f.replicas[0]
		tok := f.token(r)
		spoilt := 0
		// Somebody spoils every token as it comes, and callers report it all the time.
		for time.Since(begun) < 6*time.Hour {
			time.Sleep(time.Second)
			held, err := r.Token(t.Context(), accessToken)
			if err != nil {
				continue
			}
			if f.sandbox.Spoil(held.Secret.Reveal()) {
				spoilt++
			}
			if got, err := r.Report(t.Context(), accessToken, held.Version); err == nil && got.Version > tok.Version {
				if !f.live(got) {
					t.Fatalf("version %d came dead", got.Version)
				}
				tok = got
			}
		}
		c := f.sandbox.Counts(appID)
		t.Logf("%d spoilt, %d calls, %d issues of which %d by force", spoilt, c.StableCalls, c.Issues, c.Forced)
		if c.Forced < 2 || c.Forced > 16 {
			t.Errorf("%d forced issues, want 2 to 16", c.Forced)
		}
		if c.StableCalls > 200 {
			t.Errorf("I7: %d calls, want at most 200", c.StableCalls)
		}
		for _, m := range f.sandbox.Misuses() {
			if m.What == sandbox.ForcedTooOften || m.What == sandbox.ForcedTooSoon {
				t.Errorf("the platform saw a misuse: %+v", m)
			}
		}
		// Force is used up for the day. In the token's last minutes the platform gives a
		// new one without it, and that is not missed.
		time.Sleep(2*time.Hour + time.Minute)
		if tok, err := r.Token(t.Context(), accessToken); err != nil || !f.live(tok) {
			t.Errorf("I3: no live token two hours after force was used up: %v", err)
		}
	})
}

func TestALeakedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := realTimes()
				f := newFleet(t, fleetConfig{replicas: 3, mode: mode, sandbox: s, policy: p})
				defer f.close()
				leaked := f.token(f.replicas[0])
				time.Sleep(10 * time.Minute)
				f.inject(sandbox.Fault{Kind: sandbox.FaultSlow, Delay: 300 * time.Millisecond})
				got := f.storm(func(r *replica) (broker.Token, error) { return r.Replace(t.Context(), accessToken) })
				if len(got) != 1 || got[leaked.Version] != 0 {
					t.Errorf("the callers got versions %v, want one new one", got)
				}
				if f.issues() != 2 {
					t.Errorf("%d issues, want 2", f.issues())
				}
				if c := f.sandbox.Counts(appID); mode == wechat.Stable && c.Forced != 1 {
					t.Errorf("%d forced issues, want 1", c.Forced)
				}
				f.wantNoMisuse()
			})
		})
	}
}
