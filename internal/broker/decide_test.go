package broker_test

import (
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestDecideByCauseAndState(t *testing.T) {
	t.Parallel()
	now := midnight
	rot := broker.Rotation{Family: broker.Independent, Limits: usualLimits}
	tok := broker.SealedToken{Version: 7, Issued: now.Add(-time.Hour), Expiry: now.Add(time.Hour), Until: now.Add(time.Hour)}
	gone := tok
	gone.Expiry = now
	failure := broker.Failure{Attempts: 1, Class: broker.Transient, Code: "busy", NotBefore: now.Add(time.Minute)}
	over := failure
	over.NotBefore = now
	states := map[string]broker.Record{
		"none":            {},
		"none, failing":   {Failure: failure},
		"none, tried":     {Failure: over},
		"live":            {Current: tok, Due: now.Add(time.Minute)},
		"due":             {Current: tok, Due: now},
		"due, failing":    {Current: tok, Due: now.Add(time.Minute), Failure: failure},
		"rejected":        {Current: tok, Due: now.Add(time.Minute), Rejected: 7, Failure: over},
		"rejected, again": {Current: tok, Due: now.Add(time.Minute), Rejected: 7, Failure: failure},
		"expired":         {Current: gone, Due: now},
	}
	const f, i, h = broker.Fresh, broker.Issue, broker.Hold
	for name, want := range map[string][7]broker.Step{
		// planned, missing, rejected now, rejected late, leaked, demanded little, demanded much
		"none":            {i, i, i, i, i, i, i},
		"none, failing":   {h, h, h, h, i, h, h},
		"none, tried":     {i, i, i, i, i, i, i},
		"live":            {f, f, i, f, i, f, i},
		"due":             {i, f, i, f, i, f, i},
		"due, failing":    {f, f, h, f, i, f, h},
		"rejected":        {i, i, i, i, i, i, i},
		"rejected, again": {h, h, h, h, i, h, h},
		"expired":         {i, i, i, i, i, i, i},
	} {
		for k, w := range []broker.Want{
			{Cause: broker.CausePlanned},
			{Cause: broker.CauseMissing},
			{Cause: broker.CauseRejected, Stale: 7},
			{Cause: broker.CauseRejected, Stale: 6},
			{Cause: broker.CauseLeaked, Stale: 7},
			{Cause: broker.CauseDemanded, MinTTL: time.Minute},
			{Cause: broker.CauseDemanded, MinTTL: 90 * time.Minute},
		} {
			d := broker.Decide(states[name], w, rot, now)
			if d.Step != want[k] {
				t.Errorf("%s, %v of %d for %v: step %d, want %d", name, w.Cause, w.Stale, w.MinTTL, d.Step, want[k])
			}
			if d.Step == broker.Hold && (d.Err == nil || d.Err.RetryAfter != time.Minute || !d.Until.Equal(now.Add(time.Minute))) {
				t.Errorf("%s, %v: hold %+v", name, w.Cause, d)
			}
		}
	}
}

func TestDecideHoldsWhatTheBudgetForbidsI7(t *testing.T) {
	t.Parallel()
	now := midnight
	rot := broker.Rotation{Family: broker.Eager, Overlap: 5 * time.Minute, Limits: broker.Limits{PerDay: 10, Unplanned: 1}}
	r := broker.Record{
		Current: broker.SealedToken{Version: 7, Expiry: now.Add(time.Hour), Until: now.Add(time.Hour)},
		Budget:  broker.Budget{}.Spend(broker.CauseRejected, now),
	}
	d := broker.Decide(r, broker.Want{Cause: broker.CauseRejected, Stale: 7}, rot, now)
	if d.Step != broker.Hold || d.Err.Code != broker.ErrBudget.Code || d.Err.RetryAfter != 24*time.Hour {
		t.Errorf("got %+v, want to be held by the budget for a day", d)
	}
	if d := broker.Decide(r, broker.Want{Cause: broker.CausePlanned}, rot, now); d.Step != broker.Issue {
		t.Errorf("a planned renewal: %+v", d)
	}
	if broker.ErrBudget.RetryAfter != 0 || broker.ErrBudget.Hint != "" {
		t.Error("the sentinel was changed")
	}
}

func TestForeignRotationIsARejectionThatNothingExplains(t *testing.T) {
	t.Parallel()
	now := midnight
	live := broker.Record{Current: broker.SealedToken{Version: 7, Expiry: now.Add(time.Hour)}}
	doubt, dead, known := live, live, live
	doubt.Failure.UnknownAt = now.Add(-time.Minute)
	dead.Current.Expiry = now
	known.Rejected = 7
	rejected := broker.Want{Cause: broker.CauseRejected, Stale: 7}
	if !live.ForeignRotation(rejected, now) {
		t.Error("a live current token was rejected, and nobody is blamed")
	}
	if live.ForeignRotation(broker.Want{Cause: broker.CauseRejected, Stale: 6}, now) || live.ForeignRotation(broker.Want{Cause: broker.CauseLeaked, Stale: 7}, now) {
		t.Error("somebody is blamed for what is no rejection of the current token")
	}
	for name, r := range map[string]broker.Record{"in doubt": doubt, "expired": dead, "known": known} {
		if r.ForeignRotation(rejected, now) {
			t.Errorf("%s: somebody is blamed", name)
		}
	}
}

func TestRecordForAnotherRegistrationIsEmptyI8(t *testing.T) {
	t.Parallel()
	a := &broker.App{Platform: "wechat", AppID: "wx1"}
	r := broker.Record{Version: 5, Source: a.Source(), Current: broker.SealedToken{Version: 5}}
	if got := r.For(a); got.Current.Version != 5 {
		t.Error("the app's own token is lost")
	}
	for _, b := range []*broker.App{
		{Platform: "wechat", AppID: "wx2"},
		{Platform: "qq", AppID: "wx1"},
		{Platform: "wechat", AppID: "wx1", Mode: "stable"},
		{Platform: "wechat", AppID: "wx1", BaseURL: "http://x"},
		{Platform: "wechatw", AppID: "x1"},
	} {
		if got := r.For(b); got.Current.Version != 0 || got.Version != 5 || got.Source != b.Source() {
			t.Errorf("%+v gets %+v", b, got)
		}
	}
}

// A platform without force that gave the rejected token again is taken at its word, for a while
// that grows with every rejection, and for the rest of a day whose budget is spent.
func TestAVouchedTokenIsNotAskedForAgainYetI3I7(t *testing.T) {
	t.Parallel()
	now := midnight.Add(time.Hour)
	none := broker.Limits{PerDay: 100, Unplanned: 20}
	record := func(issued, asked time.Duration, streak, spent int) broker.Record {
		r := broker.Record{Version: 9, Current: broker.SealedToken{Version: 7, Issued: now.Add(-issued), Expiry: now.Add(time.Hour), Until: now.Add(time.Hour)}, Due: now.Add(time.Hour)}
		for range spent {
			r.Budget = r.Budget.Spend(broker.CauseRejected, now.Add(-asked))
		}
		r.Budget.Streak = streak
		return r
	}
	dead := record(0, 0, 9, 1)
	dead.Rejected = 7
	fresh := record(0, 0, 1, 1)
	fresh.Version = 7 // the write that brought the token
	for _, tc := range []struct {
		name   string
		family broker.Family
		limits broker.Limits
		record broker.Record
		want   broker.Step
	}{
		{"never asked out of turn", broker.Fixed, none, record(time.Hour, 0, 0, 0), broker.Issue},
		{"asked a moment ago", broker.Fixed, none, record(time.Second-1, time.Second-1, 1, 1), broker.Fresh},
		{"given another one a moment ago", broker.Fixed, none, fresh, broker.Issue},
		{"asked a second ago", broker.Fixed, none, record(time.Second, time.Second, 1, 1), broker.Issue},
		{"asked often", broker.Late, none, record(15*time.Second, 15*time.Second, 9, 9), broker.Fresh},
		{"asked often, a while ago", broker.Late, none, record(16*time.Second, 16*time.Second, 9, 9), broker.Issue},
		{"asked for the day", broker.Sliding, none, record(time.Hour, time.Hour, 0, 20), broker.Fresh},
		{"given by plan since", broker.Sliding, none, record(0, time.Second/2, 1, 1), broker.Fresh},
		{"asked in vain since", broker.Fixed, none, record(time.Minute, time.Second/2, 9, 9), broker.Hold},
		{"dead by what is known", broker.Fixed, none, dead, broker.Hold},
		{"there is force", broker.Late, usualLimits, record(0, 0, 1, 1), broker.Issue},
		{"another one at each call", broker.Independent, none, record(0, 0, 1, 1), broker.Issue},
		{"another one at each call, asked often", broker.Eager, none, record(0, 0, 9, 9), broker.Hold},
	} {
		rot := broker.Rotation{Family: tc.family, Limits: tc.limits}
		if d := broker.Decide(tc.record, broker.Want{Cause: broker.CauseRejected, Stale: 7}, rot, now); d.Step != tc.want {
			t.Errorf("%s: step %d, want %d", tc.name, d.Step, tc.want)
		}
		if d := broker.Decide(tc.record, broker.Want{Cause: broker.CauseLeaked, Stale: 7}, rot, now); d.Step == broker.Fresh {
			t.Errorf("%s: a leaked token is taken for a fresh one", tc.name)
		}
	}
}
