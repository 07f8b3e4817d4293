package renew_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// outside has somebody else get a token for the app of the fleet.
func (f *fleet) outside() string {
	f.t.Helper()
	get := f.sandbox.ForceOutside
	if f.config.mode == string(sandbox.Classic) {
		get = f.sandbox.RotateOutside
	}
	tok, err := get(appID)
	if err != nil {
		f.t.Fatal(err)
	}
	return tok
}

// brings has a replica import an access token with the app, of which all others hear once
// it is put.
func (f *fleet) brings(r *replica, tok string, left time.Duration) ([]bool, error) {
	in := []renew.Imported{{Kind: broker.AccessToken, Token: broker.NewSecret(tok), Left: left}}
	return r.Import(f.t.Context(), &f.app, in, func() error {
		var wg sync.WaitGroup
		for _, other := range f.replicas {
			wg.Go(func() {
				set := other.HearOfApp
				if other == r {
					set = other.SetApp
				}
				if err := set(f.t.Context(), &f.app); err != nil {
					f.t.Error(err)
				}
			})
		}
		wg.Wait()
		return nil
	})
}

func (f *fleet) imports(r *replica, in renew.Imported) ([]bool, error) {
	return r.Import(f.t.Context(), &f.app, []renew.Imported{in}, func() error { return nil })
}

func inShort(tok string) renew.Imported {
	return renew.Imported{Kind: broker.AccessToken, Token: broker.NewSecret(tok), Left: 15 * time.Second}
}

// With a token that it brings along, an app costs no issue before that token's planned
// renewal, on any replica (I1), and all that is promised from the first read on holds (I2).
func TestI1I2AnAppThatBringsItsTokenCostsNoIssueUntilThatIsDue(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for _, age := range []time.Duration{0, 8 * time.Second, 13 * time.Second, 17 * time.Second} {
			t.Run(mode+"/aged "+age.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet(t, fleetConfig{replicas: 3, mode: mode, appless: true})
					defer f.close()
					tok := f.outside()
					time.Sleep(age)
					stored, err := f.brings(f.replicas[0], tok, 20*time.Second-age)
					if err != nil || !stored[0] {
						t.Fatalf("%v, %v", stored, err)
					}
					due := f.record(accessToken).Due
					for _, r := range f.replicas {
						if got := f.token(r).Secret.Reveal(); got != tok {
							t.Errorf("%s hands out another token", r.name)
						}
					}
					var wg sync.WaitGroup
					wg.Go(func() { f.hold(time.Minute) })
					time.Sleep(time.Until(due) - 10*time.Millisecond)
					if n := f.issues(); n != 0 {
						t.Errorf("I1: %d issues before the imported token is due", n)
					}
					wg.Wait()
					if n := f.issues(); n < 3 || n > 8 {
						t.Errorf("%d issues in a minute", n)
					}
					f.wantNoMisuse()
				})
			})
		}
	}
}

// Several replicas that bring the same at the same time, while others start: never an
// issue, and one of them has stored it.
func TestI1ManyWhoBringTheSameTokenCauseNoIssue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 4, mode: string(sandbox.Classic), appless: true})
		defer f.close()
		tok := f.outside()
		var wg sync.WaitGroup
		var mu sync.Mutex
		wrote := 0
		for _, r := range f.replicas {
			wg.Go(func() {
				for {
					stored, err := f.brings(r, tok, 20*time.Second)
					if e := broker.AsError(err); err != nil && e.Code == "busy" {
						time.Sleep(10 * time.Millisecond)
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					if stored[0] {
						wrote++
					}
					return
				}
			})
		}
		wg.Wait()
		time.Sleep(5 * time.Second)
		if n := f.issues(); n != 0 || wrote != 1 {
			t.Errorf("I1: %d issues, and %d stored it", n, wrote)
		}
	})
}

// What lives here stays, whatever else is brought.
func TestI3AnImportTakesNothingAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 2, mode: string(sandbox.Classic)})
		defer f.close()
		f.hold(time.Second)
		r, now := f.replicas[0], f.token(f.replicas[0])
		before := f.record(accessToken)

		stored, err := f.imports(r, inShort(now.Secret.Reveal()))
		if err != nil || stored[0] {
			t.Errorf("the token that is here: %v, %v", stored, err)
		}
		if d := cmp.Diff(before, f.record(accessToken)); d != "" {
			t.Errorf("it was written again (-want +got):\n%s", d)
		}
		newer := f.outside()
		_, err = f.imports(r, inShort(newer))
		if e := broker.AsError(err); e.Code != "conflict" || e.Class != broker.Invalid {
			t.Errorf("another one: %v", err)
		}
		if d := cmp.Diff(before, f.record(accessToken)); d != "" {
			t.Errorf("it was changed (-want +got):\n%s", d)
		}
		in := inShort(newer)
		in.Replace = true
		if stored, err = f.imports(r, in); err != nil || !stored[0] {
			t.Fatalf("the newer one: %v, %v", stored, err)
		}
		time.Sleep(time.Second)
		for _, r := range f.replicas {
			if got := f.token(r); got.Secret.Reveal() != newer || got.Version <= now.Version {
				t.Errorf("I9: %s has version %d", r.name, got.Version)
			}
		}
		in.Token = now.Secret
		if _, err = f.imports(r, in); broker.AsError(err).Class != broker.Invalid {
			t.Errorf("the one that was replaced comes back: %v", err)
		}
		f.hold(time.Minute)
	})
}

func TestAnImportIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   func(f *fleet) renew.Imported
		code string
	}{
		"a kind that there is not": {func(f *fleet) renew.Imported {
			return renew.Imported{Kind: "none", Token: broker.NewSecret("x"), Left: time.Second}
		}, "unknown_kind"},
		"a life that no token has": {func(f *fleet) renew.Imported {
			in := inShort(f.outside())
			in.Left = 10 * time.Hour
			return in
		}, "invalid"},
		"a token that the platform does not know": {func(f *fleet) renew.Imported { return inShort("nonsense") }, "invalid"},
		"a token that has died": {func(f *fleet) renew.Imported {
			in := inShort(f.outside())
			f.sandbox.Kill(in.Token.Reveal())
			return in
		}, "invalid"},
		// I8
		"a token of another kind": {func(f *fleet) renew.Imported {
			in := inShort(f.token(f.replicas[0]).Secret.Reveal())
			in.Kind = broker.JSAPITicket
			return in
		}, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{mode: string(sandbox.Classic)})
				defer f.close()
				f.hold(time.Second)
				in := tc.in(f)
				in.Replace = true
				before := f.record(broker.Key{App: "shop", Kind: in.Kind})
				called := false
				_, err := f.replicas[0].Import(t.Context(), &f.app, []renew.Imported{in}, func() error { called = true; return nil })
				if e := broker.AsError(err); e.Code != tc.code || called {
					t.Errorf("%v, and the app was put: %v", err, called)
				}
				if d := cmp.Diff(before, f.record(broker.Key{App: "shop", Kind: in.Kind})); d != "" {
					t.Errorf("something was changed (-want +got):\n%s", d)
				}
			})
		})
	}
}

// A token that the platform has rejected does not come back, whoever brings it: it is not
// even looked at again.
func TestI4ARejectedTokenIsNotImportedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: string(sandbox.Classic)})
		defer f.close()
		f.hold(time.Second)
		r, dead := f.replicas[0], f.token(f.replicas[0])
		f.sandbox.Kill(dead.Secret.Reveal())
		f.inject(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 45011})
		if _, err := r.Renew(t.Context(), accessToken, dead.Version); err == nil {
			t.Fatal("it was renewed")
		}
		before := f.checks()
		_, err := f.imports(r, inShort(dead.Secret.Reveal()))
		if broker.AsError(err).Class != broker.Invalid || f.checks() != before {
			t.Errorf("%v, %d checks", err, f.checks()-before)
		}
		// Another one is welcome, since none lives.
		if stored, err := f.imports(r, inShort(f.outside())); err != nil || !stored[0] {
			t.Errorf("%v, %v", stored, err)
		}
	})
}

// A token that the platform cannot be asked about is believed.
func TestAnImportNeedsNoPlatform(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{appless: true})
		defer f.close()
		tok := f.outside()
		f.sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultHang})
		if stored, err := f.brings(f.replicas[0], tok, 20*time.Second); err != nil || !stored[0] {
			t.Errorf("%v, %v", stored, err)
		}
		if got := f.token(f.replicas[0]).Secret.Reveal(); got != tok {
			t.Error("it is not handed out")
		}
	})
}

// Either all tokens of an app are taken over, or none and the app is not put.
func TestAnImportIsAllOrNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{appless: true})
		defer f.close()
		in := []renew.Imported{
			{Kind: broker.JSAPITicket, Token: broker.NewSecret("a ticket"), Left: time.Hour},
			{Kind: broker.AccessToken, Token: broker.NewSecret("nonsense"), Left: time.Hour},
		}
		_, err := f.replicas[0].Import(t.Context(), &f.app, in, func() error { t.Error("the app is put"); return nil })
		if broker.AsError(err).Class != broker.Invalid || f.record(jsapiTicket).Version != 0 {
			t.Errorf("%v, and the ticket is stored: %v", err, f.record(jsapiTicket).Version)
		}
		// The leases are given back: it can be repeated at once.
		in[1].Token = broker.NewSecret(f.outside())
		no := errors.New("no")
		if _, err = f.replicas[0].Import(t.Context(), &f.app, in, func() error { return no }); !errors.Is(err, no) {
			t.Errorf("%v", err)
		}
		stored, err := f.replicas[0].Import(t.Context(), &f.app, in, func() error { return nil })
		if d := cmp.Diff([]bool{false, false}, stored); d != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
	})
}

// Of a ticket nobody knows how old it is, nor whether it is the newest one: nothing is
// promised of it, and what is promised of its successors holds (I2).
func TestI2AnImportedTicketOfUnknownAgeIsPromisedForNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, policy := realTimes()
		f := newFleet(t, fleetConfig{sandbox: c, policy: policy})
		defer f.close()
		time.Sleep(time.Second)
		r := f.replicas[0]
		// Somebody else has had a ticket for a while, and does not know that it is not the
		// newest any more.
		ticket, err := r.Token(t.Context(), jsapiTicket)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.RemoveApp(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		in := renew.Imported{Kind: broker.JSAPITicket, Token: broker.NewSecret("an older ticket"), Left: 2 * time.Hour}
		stored, err := r.Import(t.Context(), &f.app, []renew.Imported{in}, func() error { return r.SetApp(t.Context(), &f.app) })
		if err != nil || !stored[0] {
			t.Fatalf("%v, %v", stored, err)
		}
		tok, err := r.Token(t.Context(), jsapiTicket)
		if err != nil || tok.Secret.Reveal() != "an older ticket" || tok.Promise(r.Now()) > 0 {
			t.Errorf("promised for %v, %v", tok.Promise(r.Now()), err)
		}
		time.Sleep(5 * time.Minute)
		tok, err = r.Token(t.Context(), jsapiTicket)
		if err != nil || !tok.Secret.Equal(ticket.Secret) {
			t.Fatalf("the platform's ticket is not here: %v", err)
		}
		f.holdTickets(5*time.Hour, 7*time.Minute)
	})
}

// A server died in the middle of a renewal: what it got may have replaced the token that
// somebody brings. It is taken over once it would be dead if that were so.
func TestI2AfterACrashInAnIssueATokenIsNotTakenOverUnseen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, policy := realTimes()
		f := newFleet(t, fleetConfig{mode: string(sandbox.Classic), sandbox: c, policy: policy, appless: true})
		defer f.close()
		tok := f.outside()
		if _, err := f.store.Acquire(t.Context(), "renew/shop/access_token", "dead", time.Second); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_, err := f.brings(f.replicas[0], tok, 100*time.Minute)
			if e := broker.AsError(err); e.Code != "busy" || e.RetryAfter <= 0 {
				t.Errorf("%v", err)
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(5 * time.Minute)
		f.sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultReset})
		for range 2 {
			if _, err := f.brings(f.replicas[0], tok, 100*time.Minute); broker.AsError(err).Code != "invalid" {
				t.Errorf("while the platform cannot be asked: %v", err)
			}
			time.Sleep(time.Minute)
		}
		f.sandbox.ClearFaults()
		if stored, err := f.brings(f.replicas[0], tok, 100*time.Minute); err != nil || !stored[0] {
			t.Errorf("%v, %v", stored, err)
		}
		f.hold(10 * time.Minute)
	})
}

// The same where a renewal's answer was lost: the token that somebody brings has been
// replaced by it, and works for a while.
func TestI2AfterALostAnswerATokenIsNotTakenOverUnseen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, policy := realTimes()
		f := newFleet(t, fleetConfig{mode: string(sandbox.Classic), sandbox: c, policy: policy, appless: true})
		defer f.close()
		tok := f.outside()
		r := f.replicas[0]
		f.inject(sandbox.Fault{Kind: sandbox.FaultLost})
		if err := r.SetApp(t.Context(), &f.app); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		f.sandbox.ClearFaults()
		if _, err := f.imports(r, renew.Imported{Kind: broker.AccessToken, Token: broker.NewSecret(tok), Left: 2 * time.Hour}); broker.AsError(err).Code != "busy" {
			t.Errorf("%v", err)
		}
		f.hold(10 * time.Minute)
	})
}

// A store that is away is said to be, and the platform is asked nothing.
func TestAnImportNeedsTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{appless: true})
		defer f.close()
		r := f.replicas[0]
		r.keepFrom(context.DeadlineExceeded)
		_, err := f.brings(r, "any", time.Second)
		if !errors.Is(err, broker.ErrStoreAway) || f.checks() != 0 {
			t.Errorf("%v, %d checks", err, f.checks())
		}
	})
}
