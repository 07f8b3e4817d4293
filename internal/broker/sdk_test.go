package broker_test

import (
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// cached is how long an SDK keeps a token that was reported with this figure; false
// means that the SDK fails on it.
func cached(p broker.SDKProfile, expiresIn int64) (time.Duration, bool) {
	d := time.Duration(expiresIn) * time.Second
	for _, m := range p.Margins {
		if d > m.Over {
			return d - m.Margin, d > m.Margin
		}
	}
	return 0, false
}

// floors are the least times for which an SDK that has no smaller step keeps a token.
func floor(p broker.SDKProfile) time.Duration {
	if p.Name == "chanxuehong" {
		return 51 * time.Second // 60 is an error, and of 61 it subtracts 10
	}
	return time.Second
}

func TestSDKCacheEndsWithThePromiseI2(t *testing.T) {
	t.Parallel()
	for _, p := range broker.SDKProfiles() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			for s := range 7201 {
				promise := time.Duration(s) * time.Second
				n := p.ExpiresIn(promise)
				got, ok := cached(p, n)
				if !ok || got <= 0 {
					t.Fatalf("promise %v is reported as %d s, on which the SDK fails", promise, n)
				}
				if got > max(promise, floor(p)) {
					t.Fatalf("promise %v is reported as %d s and cached for %v", promise, n, got)
				}
				if got < promise {
					t.Fatalf("promise %v is reported as %d s and cached for %v only", promise, n, got)
				}
			}
		})
	}
}

func TestSDKProfilesAreFoundByName(t *testing.T) {
	t.Parallel()
	for _, p := range broker.SDKProfiles() {
		if got, ok := broker.SDKProfileByName(p.Name); !ok || got.Name != p.Name {
			t.Errorf("SDKProfileByName(%q) = %+v, %v", p.Name, got, ok)
		}
		for i, m := range p.Margins {
			if m.Margin > m.Over && m.Over != 0 || i > 0 && m.Over >= p.Margins[i-1].Over {
				t.Errorf("%s: margin %d is out of order", p.Name, i)
			}
		}
	}
	if p, ok := broker.SDKProfileByName(""); !ok || p.Name != "generic" {
		t.Errorf("the default profile is %q", p.Name)
	}
	if _, ok := broker.SDKProfileByName("no such"); ok {
		t.Error("an unknown profile was found")
	}
}

func TestExpiresInOfFractionsIsRoundedDown(t *testing.T) {
	t.Parallel()
	p, _ := broker.SDKProfileByName("generic")
	for promise, want := range map[time.Duration]int64{
		-time.Hour: 1, 0: 1, 999 * time.Millisecond: 1, 1999 * time.Millisecond: 1, 2 * time.Second: 2,
	} {
		if got := p.ExpiresIn(promise); got != want {
			t.Errorf("ExpiresIn(%v) = %d, want %d", promise, got, want)
		}
	}
}
