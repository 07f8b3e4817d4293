package broker_test

import (
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Of what is said to be left of a token a little is not relied on, and never more than the
// platform gives.
func TestWhatIsLeftOfAnImportedToken(t *testing.T) {
	t.Parallel()
	rot := broker.Rotation{Lifetime: 2 * time.Hour}
	for said, want := range map[time.Duration]time.Duration{
		2 * time.Hour: 2*time.Hour - 10*time.Second, 9 * time.Hour: 2*time.Hour - 10*time.Second,
		time.Minute: 57 * time.Second, 200 * time.Second: 190 * time.Second, time.Second: 950 * time.Millisecond,
	} {
		if got := broker.ImportedLifetime(said, rot); got != want {
			t.Errorf("%v: %v, want %v", said, got, want)
		}
	}
	if got := broker.ImportedLifetime(9*time.Hour, broker.Rotation{}); got != 9*time.Hour-10*time.Second {
		t.Errorf("where the platform always says it itself: %v", got)
	}
	if got := broker.ImportedLifetime(9*broker.MaxPeriod, broker.Rotation{}); got != broker.MaxPeriod-10*time.Second {
		t.Errorf("for years, where the platform always says it itself: %v", got)
	}
}

// An imported token is planned as one that was issued now: nothing is promised beyond its
// end, and the token that it replaces keeps its promises as far as that can be (I2).
func TestI2AnImportedTokenIsPlannedAsOneIssuedNow(t *testing.T) {
	t.Parallel()
	const left = 50 * time.Minute
	old := broker.SealedToken{Version: 3, Box: []byte("old"), Issued: simStart.Add(-10 * time.Minute), Expiry: simStart.Add(110 * time.Minute), Until: simStart.Add(4 * time.Minute)}
	before := broker.Record{
		Key: broker.Key{App: "shop", Kind: broker.AccessToken}, Version: 5, Current: old, Secret: "fingerprint", Rejected: 3,
		Failure: broker.Failure{Attempts: 2}, Budget: broker.Budget{Issues: 7}, Foreign: broker.Foreign{Count: 1},
	}
	for _, family := range families {
		for _, unknown := range []bool{false, true} {
			rot := broker.Rotation{Family: family, Lifetime: 2 * time.Hour, Overlap: 5 * time.Minute, Window: 5 * time.Minute, AgeUnknown: unknown}
			r := broker.PlanImported(before, broker.Success{Box: []byte("new"), Started: simStart, Lifetime: left, Same: true}, rot, normal)
			c := r.Current
			if c.Version != 6 || string(c.Box) != "new" || !c.Expiry.Equal(simStart.Add(left)) || string(r.Previous.Box) != "old" {
				t.Errorf("%v: %+v", family, r)
			}
			if r.Rejected != 0 || !r.Failure.IsZero() || r.Budget != before.Budget || r.Foreign != before.Foreign || r.Secret != "fingerprint" {
				t.Errorf("%v: %+v", family, r)
			}
			if c.Until.After(c.Expiry) || r.Due.Before(simStart) || r.Due.After(c.Expiry) {
				t.Errorf("%v: due at %v, promised until %v", family, r.Due, c.Until)
			}
			if unknown && (c.Until.After(simStart) || c.Issued.Add(rot.Lifetime).After(simStart)) {
				t.Errorf("%v: a token of unknown age that was issued at %v is promised until %v", family, c.Issued, c.Until)
			}
			if !unknown && !c.Issued.Equal(simStart) {
				t.Errorf("%v: issued at %v", family, c.Issued)
			}
		}
	}
}
