package broker_test

import (
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// These tests state what the policy once got wrong.

func classic(t *testing.T) (setting, broker.Record) {
	t.Helper()
	s := settingNamed(t, "eager")
	r := broker.PlanIssued(broker.Record{}, broker.Success{
		Want: broker.Want{Cause: broker.CauseMissing}, Box: []byte("a"), Started: simStart, Lifetime: s.lifetime,
	}, s.rot, s.pol)
	r.Version = 1
	return s, r
}

func refused() *broker.Error { return &broker.Error{Code: "busy", Class: broker.Transient} }

func lost() *broker.Error {
	return &broker.Error{Code: "timeout", Class: broker.Transient, Unknown: true}
}

func TestTokenWithoutPromiseIsPromisedForNothingI2(t *testing.T) {
	t.Parallel()
	if got := (broker.Token{}).Promise(simStart); got != 0 {
		t.Errorf("the promise is %v", got)
	}
}

func TestRefusedReplacementDoesNotMovePlannedRenewalForwardI2(t *testing.T) {
	t.Parallel()
	s, r := classic(t)
	w := broker.Want{Cause: broker.CauseLeaked, Stale: 1}
	next := broker.PlanFailed(r, w, refused(), simStart, simStart, s.rot, 0)
	if dies := next.Due.Add(s.rot.Overlap); dies.Before(next.Current.Until) {
		t.Errorf("renewed after %v, promised until %v", next.Due.Sub(simStart), next.Current.Until.Sub(simStart))
	}
}

func TestPromiseShrinksToTheOverlapAfterALostReplacementI2(t *testing.T) {
	t.Parallel()
	s, r := classic(t)
	w := broker.Want{Cause: broker.CauseLeaked, Stale: 1}
	next := broker.PlanFailed(r, w, lost(), simStart, simStart.Add(10*time.Second), s.rot, 0)
	if dies := simStart.Add(s.rot.Overlap); next.Current.Until.After(dies) || next.Due.After(dies) {
		t.Errorf("promised until %v, due after %v", next.Current.Until.Sub(simStart), next.Due.Sub(simStart))
	}
}

func TestDemandWaitsForPromisesWhileAnIssueIsInDoubtI2(t *testing.T) {
	t.Parallel()
	s, r := classic(t)
	due := r.Due
	next := broker.PlanFailed(r, broker.Want{Cause: broker.CausePlanned}, lost(), due, due.Add(10*time.Second), s.rot, 0)
	now := next.Failure.NotBefore
	if d := broker.Decide(next, broker.Want{Cause: broker.CauseDemanded, MinTTL: time.Hour}, s.rot, now); d.Step == broker.Issue {
		t.Errorf("issues at %v, promised until %v", now.Sub(simStart), next.Current.Until.Sub(simStart))
	}
}

func TestPlannedIssueAfterADemandWaitsForThePreviousPromiseI2(t *testing.T) {
	t.Parallel()
	s := settingNamed(t, "eager minute")
	r := broker.Record{Version: 1, Current: broker.SealedToken{
		Version: 1, Issued: simStart.Add(-time.Minute), Expiry: simStart.Add(119 * time.Minute), Until: simStart.Add(270 * time.Second),
	}}
	w := broker.Want{Cause: broker.CauseDemanded, MinTTL: time.Hour}
	next := broker.PlanIssued(r, broker.Success{Want: w, Box: []byte("b"), Started: simStart, Lifetime: s.lifetime}, s.rot, s.pol)
	if next.Due.Before(r.Current.Until) {
		t.Errorf("due after %v, the previous token is promised until %v", next.Due.Sub(simStart), r.Current.Until.Sub(simStart))
	}
}

func TestDemandThatNoTokenCanSatisfyCostsNothingI7(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sliding", "independent"} {
		s := settingNamed(t, name)
		r := broker.Record{Current: broker.SealedToken{Version: 1, Issued: simStart, Expiry: simStart.Add(s.lifetime), Until: simStart.Add(s.lifetime)}}
		w := broker.Want{Cause: broker.CauseDemanded, MinTTL: s.lifetime + time.Second}
		if d := broker.Decide(r, w, s.rot, simStart.Add(time.Second)); d.Step != broker.Fresh {
			t.Errorf("%s: step %d for a token that is a second old", name, d.Step)
		}
	}
}

func TestFaultsOfChangingClassStillSlowDownI7(t *testing.T) {
	t.Parallel()
	s := settingNamed(t, "eager")
	var r broker.Record
	now := simStart
	for i := range 200 {
		e := &broker.Error{Class: []broker.Class{broker.Transient, broker.BadCredential}[i%2]}
		r = broker.PlanFailed(r, broker.Want{Cause: broker.CauseMissing}, e, now, now, s.rot, 0)
		now = r.Failure.NotBefore
	}
	if took := now.Sub(simStart); took < 8*time.Hour {
		t.Errorf("200 attempts in %v", took)
	}
}

func TestOverlapOfMostOfALifetimeKeepsPromisesI2(t *testing.T) {
	t.Parallel()
	rot := broker.Rotation{Family: broker.Eager, Overlap: 2 * time.Hour}
	pol := broker.Policy{Every: 10 * time.Minute, Ahead: 10 * time.Minute}
	issue := func(r broker.Record, at time.Time) broker.Record {
		return broker.PlanIssued(r, broker.Success{Want: broker.Want{Cause: broker.CausePlanned}, Started: at, Lifetime: 2 * time.Hour}, rot, pol)
	}
	a := issue(broker.Record{}, simStart)
	b := issue(a, a.Due)
	if b.Due.Before(a.Current.Until) {
		t.Errorf("due after %v, promised until %v", b.Due.Sub(simStart), a.Current.Until.Sub(simStart))
	}
}

func TestSmallQuotaSurvivesAnOutageI7(t *testing.T) {
	t.Parallel()
	r, now := broker.Record{}, midnight
	rot := settingNamed(t, "eager").rot
	n := 0
	for ; now.Before(midnight.Add(23 * time.Hour)); n++ {
		r = broker.PlanFailed(r, broker.Want{Cause: broker.CauseMissing}, refused(), now, now, rot, 0.5)
		now = r.Failure.NotBefore
	}
	if n > 150 {
		t.Errorf("%d calls", n)
	}
}

func TestForgivenDoubtIsTriedAtOnceWhereAskingTwiceIsHarmless(t *testing.T) {
	t.Parallel()
	s := settingNamed(t, "independent")
	now := simStart
	r := broker.Record{
		Current: broker.SealedToken{Version: 1, Issued: now, Expiry: now.Add(s.lifetime), Until: now.Add(s.lifetime)},
		Due:     now.Add(time.Hour), Failure: broker.Failure{Attempts: 2, UnknownAt: now, NotBefore: now.Add(time.Hour)},
	}
	if got := broker.PlanForgiven(r, s.rot, now); got.Due.After(now) {
		t.Errorf("due after %v", got.Due.Sub(now))
	}
}
