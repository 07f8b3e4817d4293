package renew_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// holdTickets is hold for jsapi tickets, of which the platform never says how old they
// are. It returns for how much of the time something could be promised.
func (f *fleet) holdTickets(d, pause time.Duration) (promised float64) {
	f.t.Helper()
	var (
		wg            sync.WaitGroup
		mu            sync.Mutex
		some, promise int
	)
	for _, r := range f.replicas {
		wg.Go(func() {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(pause) {
				tok, err := r.Token(f.t.Context(), jsapiTicket)
				if err != nil {
					f.t.Errorf("%s: %v", r.name, err)
					return
				}
				long := tok.Promise(r.Now())
				mu.Lock()
				some++
				if long > 0 {
					promise++
				}
				mu.Unlock()
				if long <= 0 {
					continue
				}
				begun := time.Now()
				wg.Go(func() {
					time.Sleep(long)
					if f.sandbox.CurrentTicket(appID, "jsapi") != tok.Secret.Reveal() {
						f.t.Errorf("I2: the ticket was promised for %v at %v, and is dead", long, begun)
					}
				})
			}
		})
	}
	wg.Wait()
	return float64(promise) / float64(some)
}

func TestI2TicketsOfUnknownAgeKeepTheirPromises(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 3, mode: mode, quiet: true})
				defer f.close()
				if f.sandbox.Counts(appID).TicketCalls != 0 {
					t.Error("a ticket was issued although nobody asked for one")
				}
				share := f.holdTickets(5*time.Minute, 100*time.Millisecond)
				c := f.sandbox.Counts(appID)
				t.Logf("%d ticket calls, %d tickets, %.0f%% promised", c.TicketCalls, c.Tickets, 100*share)
				if c.TicketCalls > 40+4*15 {
					t.Errorf("%d ticket calls in 5 minutes, want at most 100", c.TicketCalls)
				}
				// It is about 0.81, and moves by some hundredths with the jitter of renewals.
				if share < 0.7 {
					t.Errorf("only %.0f%% of the answers promise anything", 100*share)
				}
				if got, want := f.replicas[0].Held("shop"), []broker.Kind{broker.AccessToken, broker.JSAPITicket}; !slices.Equal(got, want) {
					t.Errorf("held kinds %q, want %q", got, want)
				}
				f.wantNoMisuse()
			})
		})
	}
}

func TestTicketsCostAModestQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Stable, sandbox: s, policy: p, quiet: true})
		defer func() { f.close() }()
		share := 0.0
		for range 4 {
			share = f.holdTickets(6*time.Hour, time.Minute)
			f.crash(f.replicas[0])
			f.start()
		}
		c := f.sandbox.Counts(appID)
		t.Logf("%d ticket calls, %d tickets, %.0f%% promised", c.TicketCalls, c.Tickets, 100*share)
		if c.TicketCalls > 150 {
			t.Errorf("%d ticket calls in a day, want at most 150", c.TicketCalls)
		}
		if share < 0.9 {
			t.Errorf("only %.0f%% of the answers promise anything", 100*share)
		}
	})
}

func TestATicketIsAskedForAgainAfterItsTokenDied(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := realTimes()
				f := newFleet(t, fleetConfig{replicas: 2, mode: mode, sandbox: s, policy: p})
				defer f.close()
				tok := f.token(f.replicas[0])
				f.sandbox.Kill(tok.Secret.Reveal())
				ticket, err := f.replicas[1].Token(t.Context(), jsapiTicket)
				if err != nil || ticket.Secret.Reveal() != f.sandbox.CurrentTicket(appID, "jsapi") {
					t.Fatalf("got %v, want the current ticket", err)
				}
				if f.issues() != 2 {
					t.Errorf("%d issues, want one for the dead token", f.issues())
				}
				// A ticket is not hurt by the end of the token that it was fetched with.
				f.sandbox.Kill(f.token(f.replicas[0]).Secret.Reveal())
				again, err := f.replicas[0].Token(t.Context(), jsapiTicket)
				if err != nil || !again.Secret.Equal(ticket.Secret) {
					t.Errorf("got another ticket and %v, want the same", err)
				}
			})
		})
	}
}

func TestATicketWithoutATokenSaysWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: wechat.Stable, secrets: []string{wrongSecret}})
		defer f.close()
		_, err := f.replicas[0].Token(t.Context(), jsapiTicket)
		if e := broker.AsError(err); e.PlatformCode != "40125" || e.Class != broker.BadCredential {
			t.Errorf("got %+v, want the wrong secret", e)
		}
		_ = f.demand(10*time.Minute, time.Second)
		if n := f.calls(); n > 20 {
			t.Errorf("I7: %d calls", n)
		}
	})
}

func TestAReportedTicketCannotBeCheckedAndStaysWithinTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{mode: wechat.Stable, sandbox: s, policy: p, quiet: true})
		defer f.close()
		r := f.replicas[0]
		for end := time.Now().Add(24 * time.Hour); time.Now().Before(end); time.Sleep(10 * time.Second) {
			tok, err := r.Token(t.Context(), jsapiTicket)
			if err != nil {
				t.Fatalf("I3: %v", err)
			}
			_, _ = r.Report(t.Context(), jsapiTicket, tok.Version)
		}
		if n := f.sandbox.Counts(appID).TicketCalls; n > 250 {
			t.Errorf("I7: %d ticket calls in a day", n)
		}
	})
}

func TestTicketsWaitWithTheirAppForThePlatform(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic})
		defer f.close()
		before, err := f.replicas[0].Token(t.Context(), jsapiTicket)
		if err != nil {
			t.Fatal(err)
		}
		f.sandbox.Inject(sandbox.Fault{Path: "/cgi-bin/ticket", Kind: sandbox.FaultHang})
		for range 50 {
			begun := time.Now()
			tok, err := f.replicas[0].Token(t.Context(), jsapiTicket)
			if err != nil || !tok.Secret.Equal(before.Secret) || time.Since(begun) > 0 {
				t.Errorf("I3: a reader got %v after %v while the platform hangs", err, time.Since(begun))
			}
			time.Sleep(200 * time.Millisecond)
		}
	})
}
