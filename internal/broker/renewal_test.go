package broker_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
)

var families = []broker.Family{broker.Eager, broker.Late, broker.Fixed, broker.Sliding, broker.Independent}

func TestNextRenewalOfEachFamily(t *testing.T) {
	t.Parallel()
	const long, brief = 2 * time.Hour, 20 * time.Second
	week := broker.Policy{Every: 7 * 24 * time.Hour, Ahead: 7 * 24 * time.Hour}
	for _, tc := range []struct {
		family            broker.Family
		lifetime, overlap time.Duration
		pol               broker.Policy
		first, last       time.Duration // with no jitter and with the most
	}{
		{broker.Eager, long, 5 * time.Minute, normal, time.Hour, time.Hour + time.Minute},
		{broker.Eager, brief, 6 * time.Second, short, 10 * time.Second, 10500 * time.Millisecond},
		{broker.Eager, long, 9 * time.Hour, week, time.Hour, time.Hour + time.Minute},
		{broker.Late, long, 5 * time.Minute, normal, 115 * time.Minute, 115*time.Minute + 75*time.Second},
		{broker.Late, long, 30 * time.Minute, normal, 110 * time.Minute, 110*time.Minute + 150*time.Second},
		{broker.Late, brief, 6 * time.Second, short, 15 * time.Second, 16250 * time.Millisecond},
		{broker.Late, long, 9 * time.Hour, week, time.Hour, 75 * time.Minute},
		{broker.Fixed, long, 0, normal, long, long},
		{broker.Fixed, brief, 0, week, brief, brief},
		{broker.Sliding, long, 0, normal, time.Hour, time.Hour + time.Minute},
		{broker.Sliding, brief, 0, short, 10 * time.Second, 10500 * time.Millisecond},
		{broker.Sliding, long, 0, week, time.Hour, time.Hour + time.Minute},
		{broker.Independent, long, 0, normal, time.Hour, time.Hour + time.Minute},
		{broker.Independent, brief, 0, short, 10 * time.Second, 10500 * time.Millisecond},
		{broker.Independent, long, 0, week, time.Hour, time.Hour + time.Minute},
	} {
		t.Run(fmt.Sprintf("%v %v every %v", tc.family, tc.lifetime, tc.pol.Every), func(t *testing.T) {
			t.Parallel()
			rot := broker.Rotation{Family: tc.family, Overlap: tc.overlap, Window: tc.overlap}
			at := func(rnd float64) time.Duration {
				return broker.NextRenewal(simStart, simStart.Add(tc.lifetime), rot, tc.pol, rnd).Sub(simStart)
			}
			if got := at(0); got != tc.first {
				t.Errorf("without jitter after %v, want %v", got, tc.first)
			}
			if got := at(0.999); got < tc.last-tc.last/100 || got > tc.last {
				t.Errorf("with the most jitter after %v, want just under %v", got, tc.last)
			}
		})
	}
}

// What an operator does not say follows from the token: half of what lives for days is slack
// enough, and whatever has a window is renewed as soon as that has begun.
func TestRenewalsWithoutAPolicyFollowFromTheToken(t *testing.T) {
	t.Parallel()
	const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour
	for _, tc := range []struct {
		token            string
		family           broker.Family
		lifetime, window time.Duration
		pol              broker.Policy
		after            time.Duration
	}{
		{"two hours", broker.Eager, 2 * hour, 0, broker.Policy{}, hour},
		{"a day that the next issue ends", broker.Eager, day, 0, broker.Policy{}, 12 * hour},
		{"five minutes", broker.Independent, 5 * minute, 0, broker.Policy{}, 150 * time.Second},
		{"an hour", broker.Independent, hour, 0, broker.Policy{}, 30 * minute},
		{"two hours", broker.Independent, 2 * hour, 0, broker.Policy{}, hour},
		{"Kuaishou's two days", broker.Independent, 2 * day, 0, broker.Policy{}, day},
		{"Baidu's month", broker.Independent, 30 * day, 0, broker.Policy{}, 15 * day},
		{"a month of which the operator wants a day", broker.Independent, 30 * day, 0, broker.Policy{Every: 29 * day}, 29 * day},
		{"a month that is to end well ahead", broker.Independent, 30 * day, 0, broker.Policy{Ahead: 20 * day}, 10 * day},
		{"two days that are to be renewed every three hours", broker.Independent, 2 * day, 0, broker.Policy{Every: 3 * hour}, 3 * hour},
		{"two days that are to be renewed every minute", broker.Independent, 2 * day, 0, broker.Policy{Every: minute}, 144 * minute},
		{"DingTalk's two hours", broker.Sliding, 2 * hour, 0, broker.Policy{}, hour},
		{"DingTalk's two hours, asked for late", broker.Sliding, 2 * hour, 0, broker.Policy{Every: 110 * minute}, 110 * minute},
		{"a day that begins anew", broker.Sliding, day, 0, broker.Policy{}, 12 * hour},
		{"WeChat's window", broker.Late, 2 * hour, 5 * minute, broker.Policy{}, 115 * minute},
		{"Feishu's window", broker.Late, 2 * hour, 30 * minute, broker.Policy{}, 90 * minute},
		{"Feishu's window, late in it", broker.Late, 2 * hour, 30 * minute, broker.Policy{Ahead: 10 * minute}, 110 * minute},
		{"every is nothing to a window", broker.Late, 2 * hour, 30 * minute, broker.Policy{Every: minute}, 90 * minute},
		{"WeCom's end", broker.Fixed, 2 * hour, 0, broker.Policy{}, 2 * hour},
	} {
		rot := broker.Rotation{Family: tc.family, Overlap: 5 * minute, Window: tc.window}
		if got := broker.NextRenewal(simStart, simStart.Add(tc.lifetime), rot, tc.pol, 0).Sub(simStart); got != tc.after {
			t.Errorf("%s, %v: renewed after %v, want %v", tc.token, tc.family, got, tc.after)
		}
	}
}

func TestNextRenewalIsJitteredLaterAndNeverPastExpiry(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		life := drawDuration(t, 0, 24*time.Hour, "lifetime")
		rot := broker.Rotation{
			Family:  rapid.SampledFrom(families).Draw(t, "family"),
			Overlap: drawDuration(t, 0, 30*time.Hour, "overlap"), Window: drawDuration(t, 0, 30*time.Hour, "window"),
		}
		pol := broker.Policy{
			Every: drawDuration(t, time.Second, 30*time.Hour, "every"), Ahead: drawDuration(t, time.Second, 30*time.Hour, "ahead"),
		}
		expiry := simStart.Add(life)
		plain := broker.NextRenewal(simStart, expiry, rot, pol, 0)
		if plain.Before(simStart) || plain.After(expiry) {
			t.Fatalf("renewed %v after the issue of a token that lives %v", plain.Sub(simStart), life)
		}
		if life > 0 && !plain.After(simStart) {
			t.Fatal("renewed at once, for ever")
		}
		jittered := broker.NextRenewal(simStart, expiry, rot, pol, drawRnd(t))
		if jittered.Before(plain) || jittered.After(expiry) {
			t.Fatalf("jitter moved %v to %v, of %v", plain.Sub(simStart), jittered.Sub(simStart), life)
		}
	})
}

func TestPromiseIsWholeSecondsLessTheWayOfTheAnswer(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration]time.Duration{
		-time.Hour: 0, 0: 0, time.Second: 0, 1999 * time.Millisecond: 0, 2 * time.Second: time.Second,
		time.Hour: time.Hour - time.Second, time.Hour + 999*time.Millisecond: time.Hour - time.Second,
	} {
		if got := (broker.Token{Until: simStart.Add(left)}).Promise(simStart); got != want {
			t.Errorf("with %v left the promise is %v, want %v", left, got, want)
		}
	}
}

func TestFirstPromiseOfEachFamily(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		setting    string
		due, until time.Duration
	}{
		{"eager", time.Hour, time.Hour + 270*time.Second},
		{"eager short", 10 * time.Second, 14500 * time.Millisecond},
		{"late", 115 * time.Minute, 2 * time.Hour},
		{"late short", 15 * time.Second, 20 * time.Second},
		{"fixed", 2 * time.Hour, 2 * time.Hour},
		{"sliding", time.Hour, 2 * time.Hour},
		{"independent", time.Hour, 2 * time.Hour},
		{"unknown age", 3 * time.Minute, 0},
		{"unknown age short", 500 * time.Millisecond, 0},
	} {
		s := settingNamed(t, tc.setting)
		r := broker.PlanIssued(broker.Record{Version: 6}, broker.Success{
			Want: broker.Want{Cause: broker.CauseMissing}, Box: []byte("b"), Started: simStart, Lifetime: s.lifetime, Fingerprint: "f",
		}, s.rot, s.pol)
		if due, until := r.Due.Sub(simStart), r.Current.Until.Sub(simStart); due != tc.due || until != tc.until {
			t.Errorf("%s: due after %v and promised for %v, want %v and %v", tc.setting, due, until, tc.due, tc.until)
		}
		if r.Current.Version != 7 || !r.Current.Expiry.Equal(simStart.Add(s.lifetime)) || r.Secret != "f" {
			t.Errorf("%s: got %+v", tc.setting, r)
		}
	}
}

func TestSameTokenKeepsItsVersionAndIsAskedForAgainLater(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"late", "late short", "fixed", "sliding", "unknown age"} {
		s := settingNamed(t, name)
		old := broker.Record{Version: 9, Rejected: 3, Current: broker.SealedToken{
			Version: 3, Box: []byte("b"), Issued: simStart.Add(-s.lifetime), Expiry: simStart, Until: simStart,
		}}
		for _, left := range []time.Duration{time.Second, 2 * time.Second, s.lifetime} {
			r := broker.PlanIssued(old, broker.Success{
				Want: broker.Want{Cause: broker.CausePlanned}, Box: []byte("other box"), Same: true, Started: simStart, Lifetime: left,
			}, s.rot, s.pol)
			if r.Current.Version != 3 || string(r.Current.Box) != "b" || r.Previous.Version != 0 || r.Rejected != 0 {
				t.Errorf("%s: got %+v", name, r)
			}
			if d := r.Due.Sub(simStart); d < 100*time.Millisecond || d > s.lifetime {
				t.Errorf("%s with %v left: asked again after %v", name, left, d)
			}
		}
	}
}

func settingNamed(t *testing.T, name string) setting {
	t.Helper()
	for _, s := range settings() {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no setting %q", name)
	return setting{}
}

func TestBoundsOfAnIssueFitTheirLease(t *testing.T) {
	t.Parallel()
	for _, s := range settings() {
		issue, lease := s.rot.IssueTimeout(), s.rot.LeaseTTL()
		if issue < 500*time.Millisecond || issue > 10*time.Second || lease < issue+time.Second {
			t.Errorf("%s: an issue takes up to %v under a lease of %v", s.name, issue, lease)
		}
	}
}
