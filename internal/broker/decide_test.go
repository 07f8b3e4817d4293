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
