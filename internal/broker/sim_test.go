package broker_test

import (
	"cmp"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
)

// setting is one family with its figures, as a platform and an operator set them.
type setting struct {
	name     string
	rot      broker.Rotation
	pol      broker.Policy
	lifetime time.Duration
}

var (
	usualLimits = broker.Limits{PerDay: 2000, Unplanned: 100, Forced: 16, ForceGap: 31 * time.Second}
	normal      = broker.Policy{Every: broker.DefaultEvery, Ahead: broker.DefaultAhead}
	short       = broker.Policy{Every: 10 * time.Second, Ahead: 5 * time.Second}
)

// settings are the combinations that are documented to work.
func settings() []setting {
	const long, brief = 2 * time.Hour, 20 * time.Second
	rot := func(f broker.Family, life, overlap, window time.Duration, age bool) broker.Rotation {
		return broker.Rotation{Family: f, Lifetime: life, Overlap: overlap, Window: window, AgeUnknown: age, Limits: usualLimits}
	}
	wide := rot(broker.Fixed, brief, 0, 0, true)
	wide.Limits.PerDay = 1_000_000
	poor := rot(broker.Eager, brief, 6*time.Second, 0, false)
	poor.Limits.PerDay, poor.Limits.Unplanned = 20, 3
	unforced := func(f broker.Family, window time.Duration, age bool) broker.Rotation {
		r := rot(f, long, 0, window, age)
		r.Limits.Forced = 0
		return r
	}
	return []setting{
		{"late without force", unforced(broker.Late, 30*time.Minute, false), broker.Policy{}, long},
		{"fixed without force", unforced(broker.Fixed, 0, false), broker.Policy{}, long},
		{"sliding without force", unforced(broker.Sliding, 0, false), broker.Policy{}, long},
		{"unknown age without force", unforced(broker.Fixed, 0, true), broker.Policy{}, long},
		{"independent for a month", rot(broker.Independent, 30*24*time.Hour, 0, 0, false), broker.Policy{}, 30 * 24 * time.Hour},
		{"eager with a small quota", poor, short, brief},
		{"eager", rot(broker.Eager, long, 5*time.Minute, 0, false), normal, long},
		{"eager short", rot(broker.Eager, brief, 6*time.Second, 0, false), short, brief},
		{"eager minute", rot(broker.Eager, long, 5*time.Minute, 0, false), broker.Policy{Every: time.Minute, Ahead: 10 * time.Minute}, long},
		{"late", rot(broker.Late, long, 0, 5*time.Minute, false), normal, long},
		{"late half hour", rot(broker.Late, long, 0, 30*time.Minute, false), normal, long},
		{"late short", rot(broker.Late, brief, 0, 6*time.Second, false), short, brief},
		{"fixed", rot(broker.Fixed, long, 0, 0, false), normal, long},
		{"fixed short", rot(broker.Fixed, brief, 0, 0, false), short, brief},
		{"sliding", rot(broker.Sliding, long, 0, 0, false), normal, long},
		{"sliding short", rot(broker.Sliding, brief, 0, 0, false), short, brief},
		{"independent", rot(broker.Independent, long, 0, 0, false), normal, long},
		{"independent short", rot(broker.Independent, brief, 0, 0, false), short, brief},
		{"unknown age", rot(broker.Fixed, long, 0, 0, true), normal, long},
		{"unknown age short", wide, short, brief},
	}
}

func newFleet(s setting, readers int) *fleet {
	return &fleet{
		rot: s.rot, pol: s.pol, plf: &modelPlatform{rot: s.rot, lifetime: s.lifetime},
		now: simStart, rec: broker.Record{Key: broker.Key{App: "shop", Kind: broker.AccessToken}},
		readers: make([]broker.Record, readers), uncounted: map[int]int{}, unplanned: map[int]int{},
	}
}

func (f *fleet) drawNext(t *rapid.T) func() (outcome, time.Duration, time.Duration, float64) {
	return func() (outcome, time.Duration, time.Duration, float64) {
		return drawOutcome(t), drawDuration(t, 0, 2*time.Second, "there"), drawDuration(t, 0, 2*time.Second, "back"), drawRnd(t)
	}
}

// unasked attempts a renewal for a reader's want, with a drawn outcome.
func (f *fleet) unasked(t *rapid.T, w broker.Want) bool {
	o, there, back, rnd := f.drawNext(t)()
	return f.attempt(t, w, o, there, back, rnd)
}

// actions are what can happen to a fleet.
func (f *fleet) actions(life time.Duration) map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"": func(t *rapid.T) { f.check(t) },
		"moment": func(t *rapid.T) {
			f.run(t, f.now.Add(drawDuration(t, 0, life/20, "for")), f.drawNext(t))
		},
		"while": func(t *rapid.T) {
			f.run(t, f.now.Add(drawDuration(t, 0, life*3/2, "for")), f.drawNext(t))
		},
		"untilDue": func(t *rapid.T) {
			f.run(t, broker.Later(f.now, broker.Earlier(f.rec.Due, f.now.Add(4*life))), f.drawNext(t))
		},
		"fleetDown": func(t *rapid.T) { f.now = f.now.Add(drawDuration(t, 0, life*3/2, "for")) },
		"read": func(t *rapid.T) {
			i := rapid.IntRange(0, len(f.readers)-1).Draw(t, "reader")
			f.read(i)
			f.readers[i] = f.rec.Clone()
			f.read(i)
		},
		"missing": func(t *rapid.T) { f.unasked(t, broker.Want{Cause: broker.CauseMissing}) },
		"demand": func(t *rapid.T) {
			f.syncAll()
			f.unasked(t, broker.Want{Cause: broker.CauseDemanded, MinTTL: drawDuration(t, 0, life*2, "min ttl")})
		},
		"report": func(t *rapid.T) {
			f.syncAll()
			f.report(t, f.rec.Current.Version)
		},
		"lateReport": func(t *rapid.T) {
			if !f.rec.Usable(f.now) {
				return
			}
			stale := broker.Version(rapid.Int64Range(0, int64(f.rec.Current.Version)-1).Draw(t, "stale"))
			if f.unasked(t, broker.Want{Cause: broker.CauseRejected, Stale: stale}) {
				f.fail(t, "I4: a late report of version %d cost an issue", stale)
			}
		},
		"forgive": func(t *rapid.T) {
			if !f.rec.Failure.IsZero() {
				f.put(t, broker.PlanForgiven(f.rec.Clone(), f.rot, f.now))
				f.logf("forgiven")
			}
		},
		"leak": func(t *rapid.T) {
			f.unasked(t, broker.Want{Cause: broker.CauseLeaked, Stale: f.rec.Current.Version})
			f.syncAll()
		},
		"crash": func(t *rapid.T) {
			f.crash(t, broker.Want{Cause: broker.CausePlanned}, rapid.Bool().Draw(t, "acted"), drawDuration(t, 0, 2*time.Second, "there"), drawRnd(t))
		},
		"outsider": func(t *rapid.T) { f.outsider(rapid.Bool().Draw(t, "force")) },
		"heal":     func(t *rapid.T) { f.heal(t) },
	}
}

// report lets many callers report the same version: one issue at most succeeds.
func (f *fleet) report(t *rapid.T, stale broker.Version) {
	if stale == 0 {
		return
	}
	asked := 0
	for range 3 {
		before := f.rec
		if !f.unasked(t, broker.Want{Cause: broker.CauseRejected, Stale: stale}) {
			break
		}
		asked++
		f.syncAll()
		if f.rec.Failure.IsZero() && f.rec.Current.Version != before.Current.Version && asked < 3 {
			if f.unasked(t, broker.Want{Cause: broker.CauseRejected, Stale: stale}) {
				f.fail(t, "I4: the second report of version %d cost an issue", stale)
			}
			break
		}
		if f.rec.Failure.IsZero() {
			break // the platform says that this token is good
		}
	}
}

// outsider is somebody else who uses the same secret.
func (f *fleet) outsider(force bool) {
	for _, m := range f.plf.alive(f.now) {
		m.spoiled = true
	}
	calls := len(f.plf.calls)
	if force && f.rot.Family == broker.Late && f.rot.Limits.Forced > 0 {
		n := len(f.plf.forced)
		f.plf.force(f.now)
		f.plf.forced = f.plf.forced[:n]
	} else {
		f.plf.ask(f.now)
	}
	f.plf.calls = f.plf.calls[:calls] // not ours
	f.logf("an outsider acts")
}

// heal makes the platform well and checks that the fleet recovers.
func (f *fleet) heal(t *rapid.T) {
	well := func() (outcome, time.Duration, time.Duration, float64) {
		return issued, time.Millisecond, time.Millisecond, 0.5
	}
	life := f.plf.lifetime
	spent := func() bool {
		return f.now.Before(f.rec.Budget.Allow(broker.CausePlanned, f.rot.Limits, f.now))
	}
	f.logf("the platform is well")
	if !f.abandoned.IsZero() {
		// The lease of one who died runs out first, and its loss begins a back-off.
		f.run(t, broker.Later(f.now, f.leaseEnd), well)
	}
	// The back-off may have to end, and then the overlap.
	bound := max(f.rec.Failure.NotBefore.Sub(f.now), 0) + f.rot.Overlap + f.rot.LeaseTTL() + time.Second
	if f.rot.AgeUnknown {
		bound += life/20 + time.Second
	}
	if f.rot.Family == broker.Eager {
		// Promises may rest on a back-off that began before the last one.
		bound = max(bound, f.rec.Due.Sub(f.now)+time.Second)
	}
	calls := len(f.plf.calls)
	f.run(t, f.now.Add(bound), well)
	if spent() {
		return
	}
	if !f.rec.Usable(f.now) {
		f.fail(t, "progress: no usable token %v after the platform is well", bound)
	}
	m := f.plf.byBox(f.rec.Current.Box)
	// Platforms round what is left up to a second, and some never say how old a token is.
	if grace := life/20 + 2*time.Second; !m.spoiled && f.now.Sub(m.dies) > grace {
		f.fail(t, "progress: token %d is served %v after the platform is well, and is dead since %.3f", m.id, bound, f.rel(m.dies))
	}
	was := f.rec.Current.Issued
	f.run(t, f.now.Add(life+time.Second), func() (outcome, time.Duration, time.Duration, float64) {
		if f.rot.Family != broker.Fixed && !f.rec.Usable(f.now) {
			f.fail(t, "progress: a planned renewal on a healthy platform came after the token had expired")
		}
		return well()
	})
	if !spent() && !f.rec.Current.Issued.After(was) {
		f.fail(t, "progress: nothing was issued in a lifetime of a healthy platform")
	}
	if n := len(f.plf.calls) - calls; float64(n) > 60*(1+bound.Seconds()/life.Seconds())+float64(life/min(life, cmp.Or(f.pol.Every, max(time.Hour, life/2))))*4 {
		f.fail(t, "storm: %d calls in a healthy lifetime", n)
	}
}

func TestFleetKeepsInvariantsI2I4I7(t *testing.T) {
	t.Parallel()
	for _, s := range settings() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				f := newFleet(s, 3)
				actions := f.actions(s.lifetime)
				t.Repeat(actions)
			})
		})
	}
}
