package broker_test

import (
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// midnight is when days begin in Shanghai.
var midnight = time.Date(2026, 11, 21, 16, 0, 0, 0, time.UTC)

func TestBudgetStartsAgainAtMidnightInShanghaiI7(t *testing.T) {
	t.Parallel()
	l := broker.Limits{PerDay: 3, Unplanned: 1, Forced: 1}
	now := midnight.Add(-time.Hour)
	var b broker.Budget
	for _, c := range []broker.Cause{broker.CausePlanned, broker.CauseMissing, broker.CauseRejected} {
		if got := b.Allow(c, l, now); got.After(now) {
			t.Fatalf("%v is not allowed until %v", c, got)
		}
		b = b.Spend(c, now)
	}
	b = b.SpendForce(now)
	for _, c := range []broker.Cause{broker.CausePlanned, broker.CauseMissing, broker.CauseRejected, broker.CauseDemanded, broker.CauseLeaked} {
		if got := b.Allow(c, l, now); !got.Equal(midnight) {
			t.Errorf("%v is allowed from %v, want %v", c, got, midnight)
		}
		if got := b.Allow(c, l, midnight); got.After(midnight) {
			t.Errorf("after midnight %v is not allowed until %v", c, got)
		}
	}
	if got := b.AllowForce(l, midnight.Add(-time.Nanosecond)); !got.Equal(midnight) {
		t.Errorf("force is allowed from %v, want %v", got, midnight)
	}
	if got := b.AllowForce(l, midnight); got.After(midnight) {
		t.Errorf("after midnight force is not allowed until %v", got)
	}
}

func TestUnplannedIssuesLeaveAPartForPlannedOnesI7(t *testing.T) {
	t.Parallel()
	l := broker.Limits{PerDay: 100, Unplanned: 2}
	now := midnight
	b := broker.Budget{}.Spend(broker.CauseRejected, now).Spend(broker.CauseLeaked, now)
	for _, c := range []broker.Cause{broker.CauseRejected, broker.CauseDemanded, broker.CauseLeaked} {
		if got := b.Allow(c, l, now); !got.Equal(midnight.Add(24 * time.Hour)) {
			t.Errorf("%v is allowed from %v", c, got)
		}
	}
	for _, c := range []broker.Cause{broker.CausePlanned, broker.CauseMissing} {
		if got := b.Allow(c, l, now); got.After(now) {
			t.Errorf("%v is not allowed until %v", c, got)
		}
	}
}

func TestStreakOfUnplannedIssuesSlowsDownAndEndsInQuietI7(t *testing.T) {
	t.Parallel()
	now := midnight
	var b broker.Budget
	seconds := []int{0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}
	for i, n := range seconds {
		gap := time.Duration(n) * time.Second
		if got := b.Allow(broker.CauseRejected, broker.Limits{}, now).Sub(now); got != gap {
			t.Fatalf("issue %d has to wait %v, want %v", i, got, gap)
		}
		now = now.Add(gap)
		b = b.Spend(broker.CauseRejected, now)
	}
	if got := b.Allow(broker.CausePlanned, broker.Limits{}, now); got.After(now) {
		t.Error("a streak of unplanned issues holds up a planned one")
	}
	now = now.Add(10*time.Minute + 1)
	if got := b.Allow(broker.CauseRejected, broker.Limits{}, now); got.After(now) {
		t.Error("a streak outlives ten quiet minutes")
	}
	if b = b.Spend(broker.CauseRejected, now); b.Streak != 1 {
		t.Errorf("the streak is %d after a quiet time", b.Streak)
	}
}

func TestForceKeepsItsGapOverMidnight(t *testing.T) {
	t.Parallel()
	l := broker.Limits{Forced: 2, ForceGap: 31 * time.Second}
	b := broker.Budget{}.SpendForce(midnight.Add(-time.Second))
	if got := b.AllowForce(l, midnight); !got.Equal(midnight.Add(30 * time.Second)) {
		t.Errorf("force is allowed from %v", got)
	}
	if got := (broker.Budget{}).AllowForce(l, midnight); got.After(midnight) {
		t.Errorf("the first force is not allowed until %v", got)
	}
}

func TestBackoffGrowsByClassAndWaitsForResets(t *testing.T) {
	t.Parallel()
	now := midnight.Add(-90*time.Minute + 20*time.Second)
	fault := func(c broker.Class) *broker.Error { return &broker.Error{Class: c} }
	for _, tc := range []struct {
		name     string
		err      *broker.Error
		attempts int
		want     time.Duration
	}{
		{"transient 0", fault(broker.Transient), 0, time.Second},
		{"transient 1", fault(broker.Transient), 1, time.Second},
		{"transient 5", fault(broker.Transient), 5, 16 * time.Second},
		{"transient for half an hour", fault(broker.Transient), 14, 5 * time.Minute},
		{"transient for ever", fault(broker.Transient), 1 << 40, 10 * time.Minute},
		{"bad credential 1", fault(broker.BadCredential), 1, 10 * time.Second},
		{"misconfigured for ever", fault(broker.Misconfigured), 1000, 15 * time.Minute},
		{"denied 2", fault(broker.Denied), 2, 30 * time.Second},
		{"not found 1", fault(broker.NotFound), 1, 10 * time.Second},
		{"invalid 1", fault(broker.Invalid), 1, 10 * time.Second},
		{"minute", &broker.Error{Class: broker.Throttled, Reset: broker.ResetMinute}, 1, 40 * time.Second},
		{"day", &broker.Error{Class: broker.Throttled, Reset: broker.ResetDay}, 1, 90*time.Minute - 20*time.Second},
		{"retry after", &broker.Error{Class: broker.Throttled, RetryAfter: time.Hour}, 1, time.Hour},
		{"retry after that is beyond reason", &broker.Error{Class: broker.Throttled, RetryAfter: 1 << 62}, 1, 24 * time.Hour},
		{"retry after that is too short", &broker.Error{Class: broker.Transient, RetryAfter: time.Second}, 5, 16 * time.Second},
	} {
		if got := broker.Backoff(tc.err, tc.attempts, now, 0); got != tc.want {
			t.Errorf("%s: waits %v, want %v", tc.name, got, tc.want)
		}
		got := broker.Backoff(tc.err, tc.attempts, now, 0.999)
		if got <= tc.want || got > tc.want+min(tc.want/4, time.Minute) {
			t.Errorf("%s: waits %v with jitter, want up to a quarter and a minute more than %v", tc.name, got, tc.want)
		}
	}
}
