package broker_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
)

// outcome is what becomes of one request in the model.
type outcome int

const (
	issued outcome = iota
	refusedTransient
	refusedPermanent
	refusedMinute
	lostActed // no answer came, and the platform has acted
	lostIdle  // no answer came, and the platform has not acted
)

// fleet is a model of all replicas: one stored record, readers with snapshots of it
// that may be old, and one renewer at a time. Every decision is the package's.
type fleet struct {
	rot broker.Rotation
	pol broker.Policy
	plf *modelPlatform

	now     time.Time
	rec     broker.Record
	readers []broker.Record
	// abandoned is when a renewer died that held the lease, which runs out at leaseEnd.
	abandoned, leaseEnd time.Time
	// uncounted are calls that no budget knows of, because their caller died.
	uncounted map[int]int
	unplanned map[int]int
	trace     []string
}

func (f *fleet) logf(format string, args ...any) {
	s := fmt.Sprintf("%10.3fs ", f.now.Sub(simStart).Seconds()) + fmt.Sprintf(format, args...)
	if c := f.rec.Current; c.Version != 0 {
		s += fmt.Sprintf("  [v%d until %.1f expiry %.1f due %.1f]", c.Version, f.rel(c.Until), f.rel(c.Expiry), f.rel(f.rec.Due))
	}
	f.trace = append(f.trace, s)
}

func (f *fleet) rel(t time.Time) float64 {
	if t.IsZero() {
		return -1
	}
	return t.Sub(simStart).Seconds()
}

// read hands out what reader i has in memory, and notes what was promised.
func (f *fleet) read(i int) {
	r := f.readers[i]
	if !r.Usable(f.now) {
		return
	}
	tok := broker.Token{Version: r.Current.Version, Issued: r.Current.Issued, Expiry: r.Current.Expiry, Until: r.Current.Until}
	p := tok.Promise(f.now)
	if m := f.plf.byBox(r.Current.Box); p > 0 {
		m.promised = broker.Later(m.promised, f.now.Add(p))
	}
}

func (f *fleet) readAll() {
	for i := range f.readers {
		f.read(i)
	}
}

func (f *fleet) syncAll() {
	for i := range f.readers {
		f.readers[i] = f.rec.Clone()
	}
}

// absolve voids the promises given so far: somebody did something that may break
// them, such as reporting a token rejected.
func (f *fleet) absolve() {
	for _, t := range f.plf.tokens {
		t.promised = time.Time{}
	}
}

// put stores a record and checks that versions grow.
func (f *fleet) put(t fataler, r broker.Record) {
	r.Version = f.rec.Version + 1
	if old, next := f.rec.Current.Version, r.Current.Version; next < old || next > r.Version {
		f.fail(t, "token version went from %d to %d at record version %d", old, next, r.Version)
	}
	f.rec = r
}

// mourn does what a renewer does that finds an abandoned lease.
func (f *fleet) mourn(t fataler, rnd float64) {
	at := f.abandoned
	f.abandoned = time.Time{}
	r := f.rec.Clone()
	known := r.Current.Version == 0 || !r.Current.Issued.Before(at) || r.Failure.Last.After(at)
	if at.IsZero() || f.rot.HarmlessTwice() || known {
		return
	}
	e := &broker.Error{Code: "issue_abandoned", Class: broker.Transient, Unknown: true}
	r = broker.PlanFailed(r, broker.Want{Cause: broker.CausePlanned}, e, at, f.now, f.rot, rnd)
	r.Budget = r.Budget.Spend(broker.CausePlanned, f.now)
	f.put(t, r)
	f.logf("mourned the renewer that died at %.3f", f.rel(at))
}

// attempt is one renewal under the lease, and reports whether the platform was asked.
func (f *fleet) attempt(t fataler, w broker.Want, o outcome, there, back time.Duration, rnd float64) bool {
	if f.now.Before(f.leaseEnd) {
		return false
	}
	f.mourn(t, rnd)
	if d := broker.Decide(f.rec, w, f.rot, f.now); d.Step != broker.Issue {
		if d.Step == broker.Hold && !d.Until.After(f.now) {
			f.fail(t, "held until %v, which is not in the future", d.Until)
		}
		return false
	}
	if w.Cause == broker.CauseRejected || w.Cause == broker.CauseLeaked {
		// Whoever reports a token, or calls it leaked, ends the promises given so far.
		// What is promised from the answer on counts again.
		defer func() { f.absolve(); f.syncAll() }()
	}
	f.readAll()
	started, timeout := f.now, f.rot.IssueTimeout()
	there, back = min(there, timeout/2), min(back, timeout/2)
	r := f.rec.Clone()
	r.Budget = r.Budget.Spend(w.Cause, started)
	if unplanned(w.Cause) {
		f.unplanned[shanghaiDay(started)]++
	}
	f.now = f.now.Add(there)
	f.readAll()
	var err *broker.Error
	switch o {
	case issued:
		tok, life := f.plf.ask(f.now)
		if err = f.replaceBy(&r, w, &tok, &life, &started); err == nil {
			f.now = f.now.Add(back)
			same := r.Current.Version != 0 && string(tok.box()) == string(r.Current.Box)
			r = broker.PlanIssued(r, broker.Success{
				Want: w, Box: tok.box(), Same: same, Started: started, Lifetime: life, Fingerprint: "f", Rnd: rnd,
			}, f.rot, f.pol)
			f.put(t, r)
			f.logf("%v: token %d for %v, same %v", w.Cause, tok.id, life, same)
			return true
		}
	case refusedTransient:
		err = &broker.Error{Code: "busy", Class: broker.Transient}
	case refusedPermanent:
		err = &broker.Error{Code: "bad_secret", Class: broker.BadCredential}
	case refusedMinute:
		err = &broker.Error{Code: "minute_quota", Class: broker.Throttled, Reset: broker.ResetMinute}
	case lostActed:
		f.plf.ask(f.now)
		err = &broker.Error{Code: "timeout", Class: broker.Transient, Unknown: true}
		f.now = started.Add(timeout)
	case lostIdle:
		err = &broker.Error{Code: "timeout", Class: broker.Transient, Unknown: true}
		f.now = started.Add(timeout)
	}
	if o < lostActed && o != issued {
		f.plf.calls = append(f.plf.calls, f.now)
	}
	r = broker.PlanFailed(r, w, err, started, f.now, f.rot, rnd)
	f.put(t, r)
	f.logf("%v: %s (acted %v)", w.Cause, err.Code, o == lostActed)
	return true
}

// replaceBy uses force where a late platform gave the rejected token again.
func (f *fleet) replaceBy(r *broker.Record, w broker.Want, tok **modelToken, life *time.Duration, started *time.Time) *broker.Error {
	if f.rot.Family != broker.Late || f.rot.Limits.Forced == 0 || w.Cause != broker.CauseRejected && w.Cause != broker.CauseLeaked ||
		r.Current.Version != w.Stale || string((*tok).box()) != string(r.Current.Box) {
		return nil
	}
	if until := r.Budget.AllowForce(f.rot.Limits, f.now); f.now.Before(until) {
		return &broker.Error{Code: "force_spent", Class: broker.Throttled, RetryAfter: until.Sub(f.now)}
	}
	*started = f.now
	*tok, *life = f.plf.force(f.now)
	r.Budget = r.Budget.SpendForce(f.now)
	return nil
}

// crash is an attempt whose renewer dies: nothing is stored, and the lease runs out.
func (f *fleet) crash(t fataler, w broker.Want, acted bool, there time.Duration, rnd float64) {
	if f.now.Before(f.leaseEnd) {
		return
	}
	f.mourn(t, rnd)
	if broker.Decide(f.rec, w, f.rot, f.now).Step != broker.Issue {
		return
	}
	f.readAll()
	f.abandoned, f.leaseEnd = f.now, f.now.Add(f.rot.LeaseTTL())
	f.now = f.now.Add(min(there, f.rot.IssueTimeout()))
	f.readAll()
	if acted {
		f.plf.ask(f.now)
	}
	f.uncounted[shanghaiDay(f.now)]++
	f.logf("%v: the renewer dies (acted %v)", w.Cause, acted)
}

// wake is when the scheduler next looks at the key.
func (f *fleet) wake() time.Time {
	w := broker.Later(f.now, f.leaseEnd)
	d := broker.Decide(f.rec, broker.Want{Cause: broker.CausePlanned}, f.rot, w)
	switch d.Step {
	case broker.Fresh:
		return broker.Later(w, broker.Earlier(f.rec.Due, f.rec.Current.Expiry))
	case broker.Hold:
		return broker.Later(w, d.Until)
	case broker.Issue:
		return w
	default:
		panic("no such step")
	}
}

// run lets time pass up to end, with planned renewals whose outcomes come from next.
func (f *fleet) run(t fataler, end time.Time, next func() (outcome, time.Duration, time.Duration, float64)) {
	for steps := 0; ; steps++ {
		w := f.wake()
		if w.After(end) {
			break
		}
		if steps > 20_000 {
			f.fail(t, "no end of planned renewals")
		}
		f.readAll()
		f.now = w
		o, there, back, rnd := next()
		asked := f.attempt(t, broker.Want{Cause: broker.CausePlanned}, o, there, back, rnd)
		f.check(t)
		if !asked && !f.wake().After(f.now) {
			f.fail(t, "the scheduler spins: due at %v, and nothing is to be done", f.rec.Due)
		}
	}
	f.now = broker.Later(f.now, end)
}

// check is what must hold after every step.
func (f *fleet) check(t fataler) {
	for _, m := range f.plf.tokens {
		if !m.spoiled && m.promised.After(m.dies) {
			f.fail(t, "I2: token %d was promised until %.3f and dies at %.3f", m.id, f.rel(m.promised), f.rel(m.dies))
		}
	}
	if c := f.rec.Current; c.Until.After(c.Expiry) {
		f.fail(t, "promise ends %v after the expiry", c.Until.Sub(c.Expiry))
	}
	l := f.rot.Limits
	perDay := map[int]int{}
	for _, at := range f.plf.calls {
		perDay[shanghaiDay(at)]++
	}
	for d, n := range perDay {
		// A call that is made around midnight counts for either day.
		if n-f.uncounted[d]-f.uncounted[d-1] > l.PerDay+1 {
			f.fail(t, "I7: %d calls on day %d, and %d are allowed", n, d, l.PerDay)
		}
		if f.unplanned[d] > l.Unplanned {
			f.fail(t, "I7: %d unplanned calls on day %d, and %d are allowed", f.unplanned[d], d, l.Unplanned)
		}
	}
	for i, at := range f.plf.forced {
		if i > 0 && at.Sub(f.plf.forced[i-1]) < l.ForceGap-f.rot.IssueTimeout() {
			f.fail(t, "forced twice within %v", at.Sub(f.plf.forced[i-1]))
		}
	}
}

// fataler is what the checks need of a test.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (f *fleet) fail(t fataler, format string, args ...any) {
	t.Helper()
	s := ""
	for _, l := range f.trace[max(0, len(f.trace)-25):] {
		s += "\n  " + l
	}
	t.Fatalf("at %.3f: %s\nrotation %+v\npolicy %+v\nlifetime %v%s", f.rel(f.now), fmt.Sprintf(format, args...), f.rot, f.pol, f.plf.lifetime, s)
}

func unplanned(c broker.Cause) bool {
	return c == broker.CauseRejected || c == broker.CauseDemanded || c == broker.CauseLeaked
}

func shanghaiDay(t time.Time) int { return int((t.Unix() + 8*60*60) / (24 * 60 * 60)) }

// simStart is half an hour before midnight in Shanghai, so that runs cross it.
var simStart = time.Date(2026, 11, 21, 15, 30, 0, 0, time.UTC)

func drawOutcome(t *rapid.T) outcome {
	return rapid.SampledFrom([]outcome{
		issued, issued, issued, issued, refusedTransient, refusedPermanent, refusedMinute, lostActed, lostIdle,
	}).Draw(t, "outcome")
}

func drawDuration(t *rapid.T, lo, hi time.Duration, label string) time.Duration {
	return time.Duration(rapid.Int64Range(int64(lo/time.Millisecond), int64(hi/time.Millisecond)).Draw(t, label)) * time.Millisecond
}

func drawRnd(t *rapid.T) float64 {
	return rapid.SampledFrom([]float64{0, 0.25, 0.5, 0.75, 0.999}).Draw(t, "rnd")
}
