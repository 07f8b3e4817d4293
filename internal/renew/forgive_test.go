package renew_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// I5: whoever sets an app again knows of nothing that would bring the server back which may
// have the next refresh token: the one that may be used up is let alone for its while.
func TestAnAppThatIsSetAgainCutsNoPauseOfItsRefreshTokenShortI5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		f := grantFleet(t, p, fleetConfig{replicas: 2})
		defer f.close()
		f.keeps(p)
		if _, err := f.store.Handle().Acquire(t.Context(), "renew/"+accessToken.String(), "one that stopped", time.Second); err != nil {
			t.Fatal(err)
		}
		before := p.calls()
		for f.record(accessToken).Failure.IsZero() {
			time.Sleep(time.Second)
		}
		if got := f.record(accessToken).Failure.Code; got != "issue_abandoned" {
			t.Fatalf("failed with %s", got)
		}
		for range 5 {
			for _, r := range f.replicas {
				if err := r.SetApp(t.Context(), &f.app); err != nil {
					t.Error(err)
				}
				if err := r.TryAgain(t.Context(), accessToken); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(10 * time.Second)
		}
		if n := p.calls() - before; n != 0 {
			t.Errorf("the refresh token was used %d times in the pause", n)
		}
		time.Sleep(5 * time.Minute)
		if p.calls() == before || f.record(accessToken).Failure.Code != "" {
			t.Errorf("it is not used after the pause: %+v", f.record(accessToken).Failure)
		}
	})
}
