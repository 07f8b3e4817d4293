package renew_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// abuse kills the current token and reports it, all the time: the worst that callers
// and outsiders can do together. It returns the error that they got last.
func (f *fleet) abuse(d, pause time.Duration) (last error) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(pause) {
		for _, r := range f.replicas {
			tok, err := r.Token(f.t.Context(), accessToken)
			if err != nil {
				continue
			}
			f.sandbox.Kill(tok.Secret.Reveal())
			if _, err := r.Renew(f.t.Context(), accessToken, tok.Version); err != nil {
				last = err
			}
		}
	}
	return last
}

// perDay counts issues by the platform's days.
func (f *fleet) perDay() map[int]int {
	days := map[int]int{}
	for _, e := range f.sandbox.Issues(appID) {
		days[int((e.At.Unix()+8*60*60)/(24*60*60))]++
	}
	return days
}

func TestI7TheBudgetOfADayIsKeptAndBeginsAnewAtMidnight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, sandbox: s, policy: p, quiet: true})
		defer f.close()
		f.token(f.replicas[0])
		err := f.abuse(3*24*time.Hour, time.Minute)
		if e := broker.AsError(err); e.Code != broker.ErrBudget.Code || e.Class != broker.Throttled || e.RetryAfter <= 0 || e.Hint == "" {
			t.Errorf("got %+v, want the budget spent, with a hint and when it ends", e)
		}
		days := f.perDay()
		t.Logf("issues by day %v", days)
		if len(days) < 4 {
			t.Fatalf("issues on %d days, want on every day", len(days))
		}
		for day, n := range days {
			if n > 100+26 {
				t.Errorf("I7: %d issues on day %d", n, day)
			}
		}
		if f.sandbox.Counts(appID).ByErrcode[45009] > 0 {
			t.Error("I7: the platform's quota was used up")
		}
	})
}

func TestI7APlannedRenewalIsMadeThoughTheBudgetForOthersIsSpent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, sandbox: s, policy: p, quiet: true})
		defer f.close()
		time.Sleep(9 * time.Hour) // past midnight in Shanghai
		_ = f.abuse(20*time.Hour, time.Minute)
		rec := f.record(accessToken)
		if rec.Budget.Unplanned != 100 {
			t.Fatalf("%d unplanned issues, want the budget spent", rec.Budget.Unplanned)
		}
		before := f.issues()
		time.Sleep(2*time.Hour + 30*time.Minute)
		if n := f.issues() - before; n < 2 {
			t.Errorf("%d planned renewals in 2.5 hours, want 2", n)
		}
		if tok := f.token(f.replicas[0]); !f.live(tok) {
			t.Error("no live token although planned renewals go on")
		}
	})
}

func TestADayQuotaIsWaitedForUntilMidnightInShanghai(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := realTimes()
				s.Quotas = sandbox.Quotas{TokenPerDay: 10, StablePerDay: 6}
				f := newFleet(t, fleetConfig{replicas: 2, mode: mode, sandbox: s, policy: p, quiet: true})
				defer f.close()
				f.token(f.replicas[0])
				time.Sleep(15*time.Hour + 50*time.Minute) // ten minutes before midnight
				_, err := f.replicas[0].Token(t.Context(), accessToken)
				e := broker.AsError(err)
				if e.PlatformCode != "45009" || e.Class != broker.Throttled || e.RetryAfter < 9*time.Minute || e.RetryAfter > 12*time.Minute {
					t.Errorf("got %+v, want the day's quota spent until midnight, not in %v", e, e.RetryAfter)
				}
				if n := f.sandbox.Counts(appID).ByErrcode[45009]; n != 1 {
					t.Errorf("the platform was asked %d times for what it refuses until midnight, want once", n)
				}
				time.Sleep(12 * time.Minute)
				if tok := f.token(f.replicas[1]); !f.live(tok) {
					t.Error("no live token after midnight")
				}
			})
		})
	}
}

func TestAMinuteQuotaIsWaitedForUntilTheNextMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: wechat.Stable, quiet: true})
		defer f.close()
		time.Sleep(5 * time.Second)
		f.inject(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 45011, Times: 1})
		time.Sleep(80 * time.Second)
		issues := f.sandbox.Issues(appID)
		if at := issues[1].At.Sub(issues[0].At); at < time.Minute || at > 76*time.Second {
			t.Errorf("the second issue came %v after the first, want it in the next minute", at)
		}
	})
}

func TestI7ACrashLoopCannotSpendTheQuota(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := realTimes()
				f := newFleet(t, fleetConfig{mode: mode, sandbox: s, policy: p, quiet: true})
				defer func() { f.close() }()
				f.inject(sandbox.Fault{Kind: sandbox.FaultLost})
				for range 12 * 60 { // one crash a minute for twelve hours
					time.Sleep(time.Minute)
					f.crash(f.replicas[0])
					f.start()
				}
				c := f.sandbox.Counts(appID)
				t.Logf("%+v", c)
				if n := c.ClassicCalls + c.StableCalls; n > 200 {
					t.Errorf("I7: %d calls, want at most 200", n)
				}
			})
		})
	}
}

func TestI7ALongMinTTLCannotSpendTheQuota(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := realTimes()
				f := newFleet(t, fleetConfig{replicas: 2, mode: mode, sandbox: s, policy: p, quiet: true})
				defer f.close()
				f.token(f.replicas[0])
				for end := time.Now().Add(24 * time.Hour); time.Now().Before(end); time.Sleep(2 * time.Second) {
					for _, r := range f.replicas {
						tok, err := r.Lasting(t.Context(), accessToken, 3*time.Hour)
						if err != nil || !f.live(tok) {
							t.Fatalf("I3: got version %d and %v, want a live token", tok.Version, err)
						}
						if promise := tok.Promise(r.Now()); promise > 0 {
							if dies, _ := f.sandbox.Dies(tok.Secret.Reveal()); time.Until(dies) < promise {
								t.Fatalf("I2: version %d is promised for %v and dies in %v", tok.Version, promise, time.Until(dies))
							}
						}
					}
				}
				c := f.sandbox.Counts(appID)
				t.Logf("%d issues, %d calls", c.Issues, c.ClassicCalls+c.StableCalls)
				if c.Issues > 40 || c.ClassicCalls+c.StableCalls > 600 {
					t.Errorf("I7: %d issues and %d calls in a day", c.Issues, c.ClassicCalls+c.StableCalls)
				}
				f.wantNoMisuse()
			})
		})
	}
}

func TestI2ADemandAfterAnUnknownOutcomeBreaksNoPromise(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic})
		defer f.close()
		old := f.token(f.replicas[0])
		time.Sleep(5 * time.Second)
		f.inject(sandbox.Fault{Kind: sandbox.FaultLost, Times: 1})
		for time.Now().Before(old.Until.Add(3 * time.Second)) {
			for _, r := range f.replicas {
				if tok, err := r.Lasting(t.Context(), accessToken, 10*time.Second); err != nil {
					t.Errorf("I3: %v although a token lives: version %d", err, tok.Version)
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		if at := f.sandbox.Issues(appID)[2].At; at.Before(old.Until) {
			t.Errorf("I2: issued again at %v, before the promises end at %v", at, old.Until)
		}
	})
}

func TestADemandIsMetWhereThePlatformAllows(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := realTimes()
				f := newFleet(t, fleetConfig{replicas: 3, mode: mode, sandbox: s, policy: p})
				defer f.close()
				first := f.token(f.replicas[0])
				time.Sleep(30 * time.Minute)
				// Nothing can be had yet: the demand is answered with what there is.
				tok, err := f.replicas[0].Lasting(t.Context(), accessToken, 90*time.Minute+time.Second)
				if err != nil || tok.Version != first.Version || f.issues() != 1 {
					t.Errorf("got version %d and %v after %d issues, want the first as it is", tok.Version, err, f.issues())
				}
				// What lasts long enough is not renewed.
				if tok, err = f.replicas[0].Lasting(t.Context(), accessToken, 10*time.Minute); err != nil || tok.Version != first.Version {
					t.Errorf("got version %d and %v, want the first", tok.Version, err)
				}
				wait := first.Until.Add(-4 * time.Minute)
				if mode == wechat.Classic {
					// The planned renewal comes first, unless the platform is away.
					f.inject(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 45011})
				}
				time.Sleep(time.Until(wait))
				f.sandbox.ClearFaults()
				if mode == wechat.Classic {
					time.Sleep(5 * time.Minute)
				}
				got := f.storm(func(r *replica) (broker.Token, error) { return r.Lasting(t.Context(), accessToken, 30*time.Minute) })
				if len(got) != 1 || got[first.Version] != 0 || f.issues() != 2 {
					t.Errorf("the callers got %v after %d issues, want one new one after 2", got, f.issues())
				}
			})
		})
	}
}
