package renew_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

const wrongSecret = "ffffffffffffffffffffffffffffffff"

// demand has four readers on every replica ask for a token all the time, and returns
// the last error.
func (f *fleet) demand(d, pause time.Duration) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		last error
	)
	end := time.Now().Add(d)
	for _, r := range f.replicas {
		for range 4 {
			wg.Go(func() {
				for time.Now().Before(end) {
					_, err := r.Token(f.t.Context(), accessToken)
					mu.Lock()
					last = err
					mu.Unlock()
					time.Sleep(pause)
				}
			})
		}
	}
	wg.Wait()
	return last
}

func TestI7AWrongSecretUnderConstantDemandCostsFewCalls(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 3, mode: mode, secrets: []string{wrongSecret}})
				defer f.close()
				err := f.demand(20*time.Second, 50*time.Millisecond)
				if n := f.calls(); n < 1 || n > 8 {
					t.Errorf("I7: %d calls to the platform in 20 s, want 1 to 8", n)
				}
				var e *broker.Error
				if !errors.As(err, &e) {
					t.Fatalf("got %v, want a *broker.Error", err)
				}
				if e.Class != broker.BadCredential || e.PlatformCode != "40125" || !strings.Contains(e.Message, "secret") || e.Hint == "" || e.RetryAfter <= 0 {
					t.Errorf("the error does not say what is wrong and what to do: %+v", e)
				}
				if text := f.log.String() + err.Error() + e.Hint; strings.Contains(text, wrongSecret) {
					t.Error("I6: the secret is in a log or error")
				}
				h := f.replicas[0].Health()
				if h.Missing != 1 || len(h.Troubles) != 1 || h.Troubles[0].State != "missing" || h.Troubles[0].Err.Code != e.Code {
					t.Errorf("health %+v, want the key missing for the wrong secret", h)
				}
				// It stays modest: permanent faults are probed slowly.
				_ = f.demand(time.Hour, 2*time.Second)
				if n := f.calls(); n > 20 {
					t.Errorf("I7: %d calls to the platform in an hour, want at most 20", n)
				}
			})
		})
	}
}

func TestAChangedSecretEndsTheBackOffAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 2, secrets: []string{wrongSecret}})
		defer f.close()
		_ = f.demand(5*time.Minute, time.Second)
		right := f.app
		right.Secrets = []broker.Secret{broker.NewSecret(secret)}
		for _, r := range f.replicas {
			if err := r.SetApp(t.Context(), &right); err != nil {
				t.Fatal(err)
			}
		}
		if tok := f.token(f.replicas[0]); !f.live(tok) {
			t.Error("no live token right after the secret was corrected")
		}
		time.Sleep(time.Second)
		if f.issues() != 1 {
			t.Errorf("%d issues, want 1", f.issues())
		}
	})
}

func TestI2AChangedSecretBreaksNoPromiseThatCountedOnTheBackOff(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 2, mode: mode})
				defer f.close()
				var wg sync.WaitGroup
				wg.Go(func() { f.hold(40 * time.Second) })
				time.Sleep(8 * time.Second)
				if err := f.sandbox.SetSecret(appID, wrongSecret); err != nil {
					t.Fatal(err)
				}
				// The renewal that is due fails, and the token is promised for longer.
				time.Sleep(4 * time.Second)
				changed := f.app
				changed.Secrets = []broker.Secret{broker.NewSecret(wrongSecret)}
				for _, r := range f.replicas {
					if err := r.SetApp(t.Context(), &changed); err != nil {
						t.Fatal(err)
					}
				}
				wg.Wait()
				if n := f.issues(); n < 3 {
					t.Errorf("%d issues, want renewals to go on", n)
				}
				f.wantNoMisuse()
			})
		})
	}
}

func TestTheSecretThatWorkedLastIsTriedFirst(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{mode: mode, secrets: []string{wrongSecret, secret}})
				defer f.close()
				time.Sleep(5 * time.Second)
				refused := func() int { return f.sandbox.Counts(appID).ByErrcode[40125] }
				if refused() != 1 || f.issues() != 1 {
					t.Fatalf("%d refusals and %d issues, want the second secret tried after the first", refused(), f.issues())
				}
				if got, want := f.record(accessToken).Secret, broker.NewSecret(secret).Fingerprint(); got != want {
					t.Errorf("the record remembers %q, want %q", got, want)
				}
				f.hold(time.Minute)
				f.crash(f.replicas[0])
				f.start()
				f.hold(time.Minute)
				if refused() != 1 {
					t.Errorf("the wrong secret was tried %d times, want once", refused())
				}
				// Then the other one is put in force at the platform.
				if err := f.sandbox.SetSecret(appID, wrongSecret); err != nil {
					t.Fatal(err)
				}
				f.hold(2 * time.Minute)
				if refused() != 2 {
					t.Errorf("%d refusals after the secret was rotated, want one more", refused())
				}
			})
		})
	}
}

func TestPermanentFaultsAreProbedSlowlyAndNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		spoil func(*sandbox.Sandbox) error
		mend  func(*sandbox.Sandbox) error
		code  string
		class broker.Class
	}{
		{
			"whitelist",
			func(s *sandbox.Sandbox) error { return s.SetWhitelist(appID, "203.0.113.1") },
			func(s *sandbox.Sandbox) error { return s.SetWhitelist(appID) },
			"40164", broker.Misconfigured,
		},
		{
			"frozen secret",
			func(s *sandbox.Sandbox) error { return s.Freeze(appID, sandbox.FrozenSecret) },
			func(s *sandbox.Sandbox) error { return s.Unfreeze(appID) },
			"40243", broker.BadCredential,
		},
		{
			"frozen account",
			func(s *sandbox.Sandbox) error { return s.Freeze(appID, sandbox.FrozenAccount) },
			func(s *sandbox.Sandbox) error { return s.Unfreeze(appID) },
			"50007", broker.Denied,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic})
				defer f.close()
				time.Sleep(5 * time.Second)
				if err := c.spoil(f.sandbox); err != nil {
					t.Fatal(err)
				}
				before := f.calls()
				// I3: the live token is served to its end.
				for i := range 60 {
					if tok := f.token(f.replicas[i%2]); !f.live(tok) {
						t.Error("I3: a dead token was handed out")
					}
					time.Sleep(200 * time.Millisecond)
				}
				if h := f.replicas[0].Health(); h.Tokens != 1 || h.Failing != 1 {
					t.Errorf("health %+v, want a usable token whose renewal fails", h)
				}
				err := f.demand(40*time.Minute, 2*time.Second)
				if e := broker.AsError(err); e.PlatformCode != c.code || e.Class != c.class || e.Hint == "" {
					t.Errorf("got %+v, want %s of class %s with a hint", e, c.code, c.class)
				}
				if n := f.calls() - before; n > 15 {
					t.Errorf("I7: %d calls in 40 minutes, want at most 15", n)
				}
				if err := c.mend(f.sandbox); err != nil {
					t.Fatal(err)
				}
				time.Sleep(17 * time.Minute)
				if tok := f.token(f.replicas[0]); !f.live(tok) {
					t.Error("the mended fault was not noticed")
				}
			})
		})
	}
}

func TestI8AnAppThatBecomesAnotherNeverGetsTheOldToken(t *testing.T) {
	t.Parallel()
	const otherID = "wxfedcba9876543210"
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 2, mode: mode, sandbox: sandbox.Config{
					Lifetime: 20 * time.Second, Overlap: 6 * time.Second,
					Apps: []sandbox.App{{ID: otherID, Secret: wrongSecret}},
				}})
				defer f.close()
				time.Sleep(7 * time.Second)
				var mu sync.Mutex
				var old []broker.Token
				for _, r := range f.replicas {
					old = append(old, f.token(r))
				}
				// A renewal of the old one is under way while it changes.
				f.inject(sandbox.Fault{Kind: sandbox.FaultLate, Delay: time.Second})
				for n := f.issues(); f.issues() == n; {
					time.Sleep(50 * time.Millisecond)
				}
				other := f.app
				other.AppID, other.Secrets = otherID, []broker.Secret{broker.NewSecret(wrongSecret)}
				f.replicas[0].store.Fail(errStoreGone)
				var wg sync.WaitGroup
				for i, r := range f.replicas {
					_ = r.SetApp(t.Context(), &other) // the store is gone for the first
					wg.Go(func() {
						for range 200 {
							if tok, err := r.Token(t.Context(), accessToken); err == nil {
								mu.Lock()
								if slices.ContainsFunc(old, func(o broker.Token) bool { return o.Secret.Equal(tok.Secret) }) {
									t.Errorf("I8: replica %d gave a token of the app that it was", i)
								}
								mu.Unlock()
							}
							time.Sleep(100 * time.Millisecond)
						}
					})
				}
				time.Sleep(3 * time.Second)
				f.replicas[0].store.Fail(nil)
				f.sandbox.ClearFaults()
				wg.Wait()
				for _, r := range f.replicas {
					if tok := f.token(r); f.sandbox.Current(otherID, sandbox.Mode(mode)) != tok.Secret.Reveal() {
						t.Errorf("%s does not have the other app's token", r.name)
					}
				}
			})
		})
	}
}

func TestARemovedAppIsGone(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{mode: mode})
				defer f.close()
				r := f.replicas[0]
				time.Sleep(5 * time.Second)
				// It is removed in the middle of a renewal.
				f.inject(sandbox.Fault{Kind: sandbox.FaultLate, Delay: time.Second, Times: 1})
				for n := f.issues(); f.issues() == n; {
					time.Sleep(50 * time.Millisecond)
				}
				if err := r.RemoveApp(t.Context(), "shop"); err != nil {
					t.Fatal(err)
				}
				issues := f.issues()
				time.Sleep(time.Minute)
				// What is left on record is what was spent of the day's budget (I7).
				if rec := f.record(accessToken); rec.Current.Version != 0 || rec.Previous.Version != 0 || rec.Budget.Issues == 0 {
					t.Errorf("the record of the removed app is %+v", rec)
				}
				if f.issues() != issues {
					t.Errorf("%d issues for a removed app", f.issues()-issues)
				}
				if _, err := r.Token(t.Context(), accessToken); !errors.Is(err, broker.ErrUnknownApp) {
					t.Errorf("got %v, want %v", err, broker.ErrUnknownApp)
				}
				if err := r.RemoveApp(t.Context(), "shop"); !errors.Is(err, broker.ErrUnknownApp) {
					t.Errorf("got %v, want %v", err, broker.ErrUnknownApp)
				}
				if r.App("shop") != nil || len(r.AppIDs()) != 0 || r.Held("shop") != nil {
					t.Error("the removed app is still listed")
				}
				// It can be added again, and begins with a token of its own.
				if err := r.SetApp(t.Context(), &f.app); err != nil {
					t.Fatal(err)
				}
				if tok := f.token(r); !f.live(tok) {
					t.Error("no live token for an app that was added again")
				}
			})
		})
	}
}

// Who gives an app other secrets and starts the server again is not to wait for the
// back-off of the ones before. A start with the same ones changes nothing: a server that
// is started again and again must not ask each time (I7).
func TestOtherSecretsAreTriedAtOnceAfterAStart(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 1, mode: mode, secrets: []string{wrongSecret}})
				defer func() { f.close() }()
				r := f.replicas[0]
				time.Sleep(10 * time.Minute)
				calls := 0
				for range 3 {
					f.crash(r)
					r = f.start()
					time.Sleep(time.Second)
					calls += f.calls()
				}
				if calls > 1 { // The back-off may just have ended.
					t.Errorf("I7: %d calls for 3 starts with the secret that was refused", calls)
				}
				f.crash(r)
				f.app.Secrets = []broker.Secret{broker.NewSecret(secret)}
				r = f.start()
				time.Sleep(time.Second)
				if tok, _, ok := r.Peek("shop", broker.AccessToken); !ok || !f.live(tok) {
					t.Error("the secret that was mended is not tried a second after the start")
				}
			})
		})
	}
}
