package renew

import (
	"context"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// doubt is what is known of reports that a version was rejected: whether the
// platform is being asked about it, and what it said last. However many callers
// report a token, and however often, the platform is asked about it seldom.
type doubt struct {
	version broker.Version
	done    chan struct{} // closed when the check under way has ended; nil: none is
	verdict broker.Verdict
	at      time.Time // of the verdict
	streak  int       // verdicts in a row that the token lives
}

const (
	checkTimeout = 5 * time.Second
	// A verdict holds for a moment, and for longer each time that a report turned out
	// to be unfounded.
	minVerdictLife = time.Second
	maxVerdictLife = time.Minute
)

func (d *doubt) holds(now time.Time) bool {
	life := minVerdictLife
	switch d.verdict {
	case broker.VerdictRejected:
		return true
	case broker.VerdictOK:
		life = min(minVerdictLife<<min(d.streak-1, 10), maxVerdictLife)
	case broker.VerdictUnknown, broker.VerdictThrottled:
	}
	return !d.at.IsZero() && now.Sub(d.at) < life
}

// provesReport says which verdicts prove somebody right who named the version that
// was rejected: where the platform will not be asked, the word is believed.
func provesReport(v broker.Verdict) bool {
	return v == broker.VerdictRejected || v == broker.VerdictThrottled
}

// provesSuspicion is the same for somebody who named none.
func provesSuspicion(v broker.Verdict) bool { return v == broker.VerdictRejected }

// suspect handles a report that a version is dead: it is checked where that is cheap,
// and costs an issue only if the verdict proves it.
func (m *Manager) suspect(ctx context.Context, e *entry, stale broker.Version, proves func(broker.Verdict) bool) (broker.Token, error) {
	k := e.key()
	d, s := e.now() // the token of one registration is not shown to another
	src, _ := d.source(e.kind)
	if s.version != stale || !s.usable(m.now()) {
		return m.obtain(ctx, e, broker.Want{Cause: broker.CauseMissing})
	}
	verdict := broker.VerdictThrottled // of a platform that cannot be asked
	if checker, ok := src.Issuer.(broker.Checker); ok {
		var err error
		verdict, err = m.verdict(ctx, e, s, func(ctx context.Context) broker.Verdict {
			v, err := checker.Check(ctx, d.app, s.secret)
			if err != nil {
				m.log.WarnContext(ctx, "a reported token could not be checked", "app", k.App, "kind", k.Kind, "error", err)
			}
			return v
		})
		if err != nil {
			return broker.Token{}, err
		}
	}
	if proves(verdict) {
		return m.obtain(ctx, e, broker.Want{Cause: broker.CauseRejected, Stale: stale, Hearsay: verdict != broker.VerdictRejected})
	}
	return m.Token(ctx, k)
}

// verdict returns what the platform says about the snapshot's token: a recent answer
// where there is one, or that of the check under way, or of one made now.
func (m *Manager) verdict(ctx context.Context, e *entry, s *snapshot, check func(context.Context) broker.Verdict) (broker.Verdict, error) {
	m.closeMu.RLock()
	e.mu.Lock()
	if e.state.Load().version != s.version {
		// Replaced meanwhile, and what is known of its successor is not thrown away for it.
		e.mu.Unlock()
		m.closeMu.RUnlock()
		return broker.VerdictUnknown, nil
	}
	if e.doubt == nil || e.doubt.version != s.version {
		e.doubt = &doubt{version: s.version}
	}
	d := e.doubt
	if d.done == nil {
		if d.holds(m.now()) || m.closed {
			v := d.verdict
			e.mu.Unlock()
			m.closeMu.RUnlock()
			return v, nil
		}
		d.done = make(chan struct{})
		m.flights.Go(func() { m.check(context.WithoutCancel(ctx), e, d, check) })
	}
	done := d.done
	e.mu.Unlock()
	m.closeMu.RUnlock()
	select {
	case <-done:
		e.mu.Lock()
		defer e.mu.Unlock()
		return d.verdict, nil
	case <-ctx.Done():
		return broker.VerdictUnknown, noToken(ctx.Err())
	}
}

func (m *Manager) check(ctx context.Context, e *entry, d *doubt, check func(context.Context) broker.Verdict) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	v := broker.VerdictUnknown
	defer func() {
		if p := recover(); p != nil {
			m.metrics.panics.Inc()
		}
		e.mu.Lock()
		d.verdict, d.at = v, m.now()
		if v == broker.VerdictOK {
			d.streak++
		}
		close(d.done)
		d.done = nil
		e.mu.Unlock()
		m.metrics.check(e, v)
	}()
	v = check(ctx)
}
