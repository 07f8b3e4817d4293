package access

import (
	"context"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/quota"
)

const (
	// examineTimeout bounds one examination.
	examineTimeout = 20 * time.Second
	// examineAgain is how long the findings about an app are good for: they cost calls
	// at the platform.
	examineAgain = time.Second
	// maxExaminations bounds how many apps are examined at a time.
	maxExaminations = 16
)

// DoctorConfig is what a [Doctor] is made of. Meter may be nil.
type DoctorConfig struct {
	Service   *Service
	Records   broker.TokenStore
	Platforms []broker.Platform
	Meter     *quota.Meter
}

// Doctor examines apps: what the platform says of them, and what this server knows
// itself. It is safe for concurrent use.
type Doctor struct {
	svc       *Service
	records   broker.TokenStore
	platforms map[string]broker.Platform
	meter     *quota.Meter
	beds      chan struct{}

	mu     sync.Mutex // never held while an app is examined
	visits map[string]*visit
}

// visit is one examination, of which everybody gets the outcome who asks meanwhile or
// soon after it.
type visit struct {
	done    chan struct{}
	outcome Diagnosis // written before done is closed, and not changed any more
	ended   time.Time // under the doctor's lock; zero: it goes on
}

// Diagnosis is what came of an examination.
type Diagnosis struct {
	App      string
	At       time.Time // when it ended
	Findings []Finding
}

// Finding is one thing that was looked at.
type Finding struct {
	broker.Finding
	Kind broker.Kind // of token that it is about; "" where it is about the app
}

// Healthy reports whether nothing was found to be at fault.
func (d Diagnosis) Healthy() bool {
	for i := range d.Findings {
		if d.Findings[i].State == broker.FindingFault {
			return false
		}
	}
	return true
}

// NewDoctor returns a doctor.
func NewDoctor(cfg DoctorConfig) *Doctor {
	d := &Doctor{
		svc: cfg.Service, records: cfg.Records, meter: cfg.Meter, platforms: map[string]broker.Platform{},
		beds: make(chan struct{}, maxExaminations), visits: map[string]*visit{},
	}
	for _, p := range cfg.Platforms {
		d.platforms[p.Name] = p
	}
	return d
}

// Examine finds out what stands between an app and its tokens. It needs admin on the app.
// However many ask, an app is examined once at a time and once in a while; the others get
// what that one found.
func (d *Doctor) Examine(ctx context.Context, c broker.Caller, id string) (Diagnosis, error) {
	if err := d.svc.may(c, broker.Admin, id); err != nil {
		return Diagnosis{}, err
	}
	a := d.svc.tokens.App(id)
	if a == nil {
		return Diagnosis{}, d.svc.refuse(broker.ErrUnknownApp)
	}
	v, mine := d.visit(id)
	if mine {
		// A store that is away is one of the things that are looked for. The entry is kept
		// and written later.
		_ = d.svc.audit.Record(ctx, entryOf(c, "doctor", id, nil))
		d.run(ctx, v, a)
		return v.outcome, nil
	}
	d.svc.audit.Count(entryOf(c, "doctor", id, nil))
	select {
	case <-v.done:
		return v.outcome, nil
	case <-ctx.Done():
		return Diagnosis{}, d.svc.refuse(broker.ErrNotReady)
	}
}

// visit returns the visit that the app is on, was on a moment ago, or is to begin now.
func (d *Doctor) visit(app string) (v *visit, begins bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, v := range d.visits { // there are few: they last for seconds
		if !v.ended.IsZero() && time.Since(v.ended) >= examineAgain {
			delete(d.visits, id)
		}
	}
	if v := d.visits[app]; v != nil {
		return v, false
	}
	v = &visit{done: make(chan struct{}), outcome: Diagnosis{App: app, Findings: []Finding{brokeOff("it ended in a fault of this server")}}}
	d.visits[app] = v
	return v, true
}

// run examines the app for everybody who waits for it. That goes on when the one who
// came first leaves. A panic is passed on, and keeps nobody waiting.
func (d *Doctor) run(ctx context.Context, v *visit, a *broker.App) {
	defer func() {
		v.outcome.At = d.svc.Now()
		d.mu.Lock()
		v.ended = time.Now()
		d.mu.Unlock()
		close(v.done)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), examineTimeout)
	defer cancel()
	select {
	case d.beds <- struct{}{}:
		defer func() { <-d.beds }()
	case <-ctx.Done():
		v.outcome.Findings = []Finding{brokeOff("too many apps are examined at this moment; ask again later")}
		return
	}
	found := d.askPlatform(ctx, a)
	d.tryAgain(ctx, a, found)
	found = append(found, d.ownFindings(ctx, a)...)
	v.outcome.Findings = found
}

// brokeOff is the finding of an examination that found nothing.
func brokeOff(why string) Finding {
	return Finding{Finding: broker.Finding{Name: "examination", State: broker.FindingUnknown, Detail: why}}
}

// tryAgain ends the wait after failures if the platform was seen to take the secret now:
// whoever has mended something examines the app to see whether it helped. Where there is
// no token, it is waited for one.
func (d *Doctor) tryAgain(ctx context.Context, a *broker.App, seen []Finding) {
	taken := false
	for i := range seen {
		if seen[i].State == broker.FindingFault && seen[i].Name != "token" {
			return
		}
		taken = taken || seen[i].Name == "secret" && seen[i].State == broker.FindingOK
	}
	k := broker.Key{App: a.ID, Kind: broker.AccessToken}
	st, err := d.svc.tokens.State(k)
	if !taken || err != nil || st.Failure == nil || !st.Failure.Class.Permanent() {
		return
	}
	if d.svc.tokens.TryAgain(ctx, k) == nil && !st.Usable {
		_, _ = d.svc.tokens.Token(ctx, k) // What comes of it is among the findings.
	}
}

// askPlatform is what the platform says.
func (d *Doctor) askPlatform(ctx context.Context, a *broker.App) []Finding {
	p := d.platforms[a.Platform]
	t, _ := d.svc.tokens.Of(a).Peek(broker.AccessToken)
	if p.Examiner == nil {
		return []Finding{{Finding: notExamined(a.Platform)}, {Finding: checked(ctx, p, a, t.Secret)}}
	}
	var out []Finding
	for _, f := range p.Examiner.Examine(ctx, a, t.Secret) {
		out = append(out, Finding{Finding: f})
	}
	return out
}

// notExamined says what is checked, and what is not, at a platform that is not known to have
// calls that show more.
func notExamined(platform string) broker.Finding {
	return broker.Finding{
		Name: "examination", State: broker.FindingUnknown,
		Detail: "at the platform " + platform + " the token is checked, where a harmless call shows it, and what came of renewals; reachability, clock, secret and whitelist are not: no call is known there that shows them and changes nothing",
	}
}

// checked is whether the app's token opens the platform, where there is a harmless call that
// shows it.
func checked(ctx context.Context, p broker.Platform, a *broker.App, token broker.Secret) broker.Finding {
	f := broker.Finding{Name: "token", State: broker.FindingUnknown}
	c, can := p.Kinds(a.Mode)[broker.AccessToken].Issuer.(broker.Checker)
	switch {
	case !can:
		f.Detail = "not asked: there is no call of the platform that shows it and changes nothing"
		return f
	case token.IsZero():
		f.Detail = "there is no token here now"
		return f
	}
	began := time.Now()
	v, err := c.Check(ctx, a, token)
	f.Took = time.Since(began)
	switch {
	case err != nil:
		f.Err = broker.AsError(err)
		f.Detail = "it could not be found out: " + f.Err.Message
	case v == broker.VerdictOK:
		f.State, f.Detail = broker.FindingOK, "the token opens the platform"
	case v == broker.VerdictRejected:
		f.State, f.Err = broker.FindingFault, &broker.Error{
			Code: broker.ErrRejected.Code, Class: broker.ErrRejected.Class, Message: broker.ErrRejected.Message,
			Hint: "hufu token renew has it replaced; if that happens again and again, somebody else uses the app's secret",
		}
		f.Detail = f.Err.Message
	case v == broker.VerdictThrottled:
		f.Detail = "the platform has throttled the call that shows it"
	default:
		f.Detail = "the platform's answer does not say"
	}
	return f
}
