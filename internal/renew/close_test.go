package renew_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestCloseWaitsForRenewalsInFlightAndReleasesTheirLeases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: wechat.Classic})
		r := f.replicas[0]
		before := f.token(r)
		f.inject(sandbox.Fault{Kind: sandbox.FaultLate, Delay: time.Second})
		for time.Sleep(time.Second); !r.calls.busy(); {
			time.Sleep(50 * time.Millisecond)
		}
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := r.Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that a renewal is still in flight", err)
		}
		begun := time.Now()
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took < 500*time.Millisecond || took > time.Second {
			t.Errorf("Close took %v, want what was left of the renewal", took)
		}
		if rec := f.record(accessToken); rec.Current.Version <= before.Version {
			t.Error("the token of the renewal in flight was not stored")
		}
		if _, err := f.store.Acquire(t.Context(), "renew/"+accessToken.String(), "next", time.Second); err != nil {
			t.Errorf("the lease was not released: %v", err)
		}
		// Reads go on from memory, but nothing is renewed any more.
		if tok := f.token(r); tok.Version <= before.Version {
			t.Errorf("version %d is served after Close, want the new one", tok.Version)
		}
		issues := f.issues()
		time.Sleep(15 * time.Second)
		if f.issues() != issues {
			t.Errorf("%d issues after Close", f.issues()-issues)
		}
		time.Sleep(10 * time.Second)
		if _, err := r.Token(t.Context(), accessToken); !errors.Is(err, broker.ErrShuttingDown) {
			t.Errorf("got %v, want %v", err, broker.ErrShuttingDown)
		}
		f.close()
	})
}

func TestCloseAmidReportsAndReads(t *testing.T) {
	t.Parallel()
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, fleetConfig{mode: wechat.Classic, quiet: true})
			r := f.replicas[0]
			tok := f.token(r)
			f.sandbox.Inject(sandbox.Fault{Path: "/cgi-bin/get_api", Kind: sandbox.FaultSlow, Delay: 3 * time.Millisecond})
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for range 200 {
						_, _ = r.Report(t.Context(), accessToken, tok.Version)
						_, _ = r.Token(t.Context(), accessToken)
						time.Sleep(time.Duration(i+1) * time.Millisecond)
					}
				})
			}
			time.Sleep(100 * time.Millisecond)
			f.close()
			wg.Wait()
		})
	}
}

func TestTheContextOfStartEndsTheBackgroundWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: wechat.Stable})
		f.token(f.replicas[0])
		f.replicas[0].stop()
		synctest.Wait()
		issues := f.issues()
		time.Sleep(16 * time.Second)
		if f.issues() != issues {
			t.Errorf("%d issues after the end of the context", f.issues()-issues)
		}
		f.close()
	})
}

func TestACallersContextEndsItsWaitAndNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: wechat.Classic})
		defer f.close()
		r := f.replicas[0]
		tok := f.token(r)
		time.Sleep(time.Second)
		f.sandbox.Kill(tok.Secret.Reveal())
		f.inject(sandbox.Fault{Kind: sandbox.FaultLate, Delay: time.Second, Times: 1})
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := r.Renew(short, accessToken, tok.Version)
		if e := broker.AsError(err); e.Code != broker.ErrNoToken.Code || e.RetryAfter <= 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %+v, want that there is no token yet", e)
		}
		// The renewal went on, and the next one to ask gets its result.
		got, err := r.Renew(t.Context(), accessToken, tok.Version)
		if err != nil || !f.live(got) || f.issues() != 2 {
			t.Errorf("got version %d and %v after %d issues, want the result of the first renewal", got.Version, err, f.issues())
		}
		// The same with a check.
		f.sandbox.Inject(sandbox.Fault{Path: "/cgi-bin/get_api", Kind: sandbox.FaultHang})
		short, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := r.Report(short, accessToken, got.Version); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
		// A check that hangs is given up in the end, and condemns nothing.
		if again, err := r.Report(t.Context(), accessToken, got.Version); err != nil || again.Version != got.Version {
			t.Errorf("got version %d and %v, want the token as it is", again.Version, err)
		}
	})
}
