package renew

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// storeTimeout bounds one access to the store.
const storeTimeout = 5 * time.Second

// attempt makes one attempt at a renewal: lease, read again and decide again, issue,
// compare-and-swap, release. It returns ErrLeaseHeld if another process is
// at it.
func (m *Manager) attempt(ctx context.Context, e *entry, w broker.Want) error {
	k := e.key()
	d := e.app.def.Load()
	_, rot := d.source(e.kind)
	if m.isInsisting(e) {
		return errUnsaved
	}
	before := m.cfg.Now()
	if m.outage.spared(before) {
		return m.renewOffline(ctx, e, d, w)
	}
	leaseCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	lease, err := m.cfg.Leaser.Acquire(leaseCtx, "renew/"+k.String(), m.cfg.Holder, rot.LeaseTTL())
	cancel()
	if errors.Is(err, broker.ErrLeaseHeld) {
		return err
	}
	after := m.cfg.Now()
	m.sawStore(err)
	if err != nil {
		m.metrics.storeErrors.Inc()
		return m.renewOffline(ctx, e, d, w)
	}
	m.clock.observe(lease.Acquired, before, after)
	// What the lease before ours left behind, too, is known from its end only, until it
	// is in the record.
	unsaved := !lease.Abandoned.IsZero()
	defer func() {
		if !unsaved || rot.HarmlessTwice() {
			m.release(ctx, lease)
		}
		// Else the platform may have replaced the token and no other replica knows. A lease
		// that runs out tells them that they have to be as careful as after a crash.
	}()

	r, err := m.read(ctx, e)
	if err != nil {
		m.metrics.storeErrors.Inc()
		return m.renewOffline(ctx, e, d, w)
	}
	switch {
	case e.removed():
		return broker.ErrUnknownApp
	case r.Source != d.app.Source():
		return errRedefined
	}
	if r, err = m.mournAbandoned(ctx, r, lease, rot); err != nil {
		return err
	}
	unsaved = false
	if rot.UsesRefresh && !lease.Abandoned.IsZero() {
		// A lease that runs out after one that has run out is told of as one. So no issue is
		// made under it: what became of that could be taken for known.
		return errMourned
	}
	// Only now: what another replica may have issued since is on record, and what this
	// one could not store is not promised as if it had not.
	if r, err = m.reconcile(ctx, e, r, lease); errors.Is(err, errRedefined) {
		return err
	} else if err != nil {
		m.metrics.storeErrors.Inc()
		return m.renewOffline(ctx, e, d, w)
	}
	m.adopt(e, r)
	planned := w.Cause == broker.CausePlanned
	if m.unreadable(e, r) {
		// It is as good as dead, and within the budget for dead ones: a server that cannot
		// open anything would else renew without an end.
		r.Rejected = r.Current.Version
		w = broker.Want{Cause: broker.CauseRejected, Stale: r.Current.Version}
	}
	if mourns(r, rot, m.now()) {
		return r.Failure.Error(m.now())
	}
	switch do := broker.Decide(r, w, rot, m.now()); do.Step {
	case broker.Fresh:
		return nil
	case broker.Hold:
		if w.Cause == broker.CauseRejected && !w.Hearsay && r.Current.Version == w.Stale && r.Rejected != w.Stale {
			m.log.WarnContext(ctx, "a dead token has to wait for its renewal", "app", k.App, "kind", k.Kind, "code", do.Err.Code, "until", do.Until)
			if err := m.save(ctx, e, broker.PlanHeld(r, w, do, m.now())); err != nil {
				m.metrics.storeErrors.Inc()
			}
		} else if planned {
			m.postpone(e, do.Until)
		}
		return do.Err
	case broker.Issue:
	}
	// What is left of the lease bounds the issue, however long the store took.
	timeout := min(rot.IssueTimeout(), lease.Expiry.Sub(m.now())-time.Second/4)
	if rot.UsesRefresh && timeout <= 0 {
		return errStoreLost // the lease is over before the issue could be, and another may begin
	}
	next, ev := m.issue(ctx, e, d, r, w, timeout)
	if err := m.saveOver(ctx, e, next, r.Refresh); err != nil {
		// The platform has acted, so this is the truth, stored or not.
		m.metrics.storeErrors.Inc()
		if unsaved = !bytes.Equal(next.Refresh, r.Refresh); unsaved {
			m.insist(ctx, e, unsavedRecord{next, r.Refresh, lease, ev})
			return errUnsaved
		}
		m.keepOffline(e, next, lease.Term)
		unsaved = ev.Err == nil || broker.AsError(ev.Err).Unknown
	}
	m.report(ctx, ev)
	return ev.fault(w)
}

// errGivenAgain is the error of a renewal of a leaked token that the platform does not replace.
var errGivenAgain = &broker.Error{
	Code: "given_again", Class: broker.Denied, Message: "the platform gave the same token again: it has no other one before this one ends",
	Hint: "reset the app secret at the platform if that ends its tokens, or wait for the token's end",
}

// fault is why the renewal is not what was wanted.
func (ev Event) fault(w broker.Want) error {
	if ev.Err == nil && w.Cause == broker.CauseLeaked && ev.Version == w.Stale {
		return errGivenAgain
	}
	return ev.Err
}

// mournAbandoned looks at the lease before ours. If it ran out without being
// released, its holder may have died after the platform had acted: an issue whose
// outcome is not known.
func (m *Manager) mournAbandoned(ctx context.Context, r broker.Record, l broker.Lease, rot broker.Rotation) (broker.Record, error) {
	known := r.Current.Version == 0 || !r.Current.Issued.Before(l.Abandoned) || r.Failure.Last.After(l.Abandoned)
	if rot.UsesRefresh {
		known = knownAfter(r, l.Abandoned)
	}
	if l.Abandoned.IsZero() || rot.HarmlessTwice() || known {
		return r, nil
	}
	lost := &broker.Error{
		Code: codeAbandoned, Class: broker.Transient, Unknown: true,
		Message: "a server stopped in the middle of a renewal, so the platform may have replaced the token",
		Hint:    "nothing to do: the renewal is repeated when no promise depends on the old token any more",
	}
	if rot.UsesRefresh {
		lost.RetryAfter = abandonedPause
		lost.Message = "a server stopped in the middle of a renewal, so the provider may have used the refresh token up"
		lost.Hint = "nothing to do: the renewal is repeated with the same refresh token, after a while in which that server could still store the next one"
	}
	now := m.now()
	next := broker.PlanFailed(r, broker.Want{Cause: broker.CausePlanned}, lost, l.Abandoned, now, rot, m.cfg.Rand())
	next.Budget = next.Budget.Spend(broker.CausePlanned, now)
	if rot.UsesRefresh {
		next.Due = broker.Later(r.Due, next.Due)
	}
	v, err := m.put(ctx, next)
	if err != nil {
		return r, err
	}
	next.Version = v
	return next, nil
}

// issue asks the platform and returns the record as it is to be stored.
func (m *Manager) issue(ctx context.Context, e *entry, d *definition, r broker.Record, w broker.Want, timeout time.Duration) (broker.Record, Event) {
	src, rot := d.source(e.kind)
	k := e.key()
	begun, clock := m.now(), m.cfg.Now()
	ev := Event{Key: k, Cause: w.Cause, Foreign: r.ForeignRotation(w, begun)}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	got := m.ask(ctx, e, d, src, rot, &r, w)
	now := m.now()
	ev.Took = m.cfg.Now().Sub(clock) // The store's time may have been read anew meanwhile.
	link, err := m.link(&r, d.app, got)
	if err != nil {
		got.err = err
	}
	if got.err == nil {
		got.err = m.plan(e, d, rot, &r, w, got, link)
	}
	if ev.Foreign = ev.Foreign && (got.err != nil || r.Current.Version != w.Stale); ev.Foreign {
		r.Foreign.Count++
		r.Foreign.Last = begun
	}
	if got.err != nil {
		r = broker.PlanFailed(r, w, got.err, got.started, now, rot, m.cfg.Rand())
		if link.box != nil {
			r.Refresh, r.Seed = link.box, link.seed
		}
		if (got.err.Class == broker.BadCredential || got.err.Is(broker.ErrRefreshEnded)) && !got.err.Unknown && !src.Derived {
			r.Secret = refused(d.app)
		}
		ev.Err = got.err
		return r, ev
	}
	ev.Version = r.Current.Version
	return r, ev
}

// plan seals what the platform gave into the record.
func (m *Manager) plan(e *entry, d *definition, rot broker.Rotation, r *broker.Record, w broker.Want, got answer, l link) *broker.Error {
	s := broker.Success{
		Want: w, Started: got.started, Lifetime: got.issued.Lifetime, Fingerprint: got.fingerprint, Rnd: m.cfg.Rand(),
		Same: m.holds(e, *r, got.issued.Token), Refresh: l.box, Seed: l.seed,
	}
	if !s.Same {
		box, err := m.cfg.Sealer.Seal([]byte(got.issued.Token.Reveal()), []byte(r.Key.String()))
		if err != nil {
			return &broker.Error{
				Code: "seal_failed", Class: broker.Misconfigured, Unknown: true, Err: err,
				Message: "the new token could not be sealed", Hint: "check the keyset file and restart",
			}
		}
		s.Box = box
	}
	*r = broker.PlanIssued(*r, s, rot, d.app.Renew())
	return nil
}

// unreadable reports whether the record has a token that could not be opened here.
func (m *Manager) unreadable(e *entry, r broker.Record) bool {
	s := e.state.Load()
	return r.Current.Version != 0 && s.version == r.Current.Version && s.secret.IsZero()
}

// holds reports whether the record's current token has this value.
func (m *Manager) holds(e *entry, r broker.Record, tok broker.Secret) bool {
	s := e.state.Load()
	return r.Current.Version != 0 && s.version == r.Current.Version && s.secret.Equal(tok)
}

// answer is what came of asking a platform.
type answer struct {
	issued      broker.Issued
	used        broker.Secret // the refresh token that it was asked with, if any
	started     time.Time     // when the request left that brought it
	fingerprint string
	err         *broker.Error
}

// ask makes the calls at the platform and counts them in the record's budget. The
// app's secrets are tried in turn, the one that worked last first.
func (m *Manager) ask(ctx context.Context, e *entry, d *definition, src broker.Source, rot broker.Rotation, r *broker.Record, w broker.Want) answer {
	req := broker.IssueRequest{App: d.app, Key: r.Key, Tokens: m.Of(d.app)}
	if rot.UsesRefresh {
		var err *broker.Error
		if req.Refresh, err = m.refreshToken(r, d.app); err != nil {
			return answer{started: m.now(), err: err}
		}
	}
	secrets := inOrder(d.app.Secrets, r.Secret)
	if src.Derived || len(secrets) == 0 {
		secrets = []broker.Secret{{}}
	}
	var a answer
	for i, secret := range secrets {
		req.Secret = secret
		a = m.call(ctx, req, src.Issuer.Issue)
		r.Budget = r.Budget.Spend(w.Spends(*r), a.started)
		if a.err == nil || a.err.Class != broker.BadCredential || a.err.Unknown || i == len(secrets)-1 {
			break
		}
		if now := m.now(); now.Before(r.Budget.Allow(w.Spends(*r), rot.Limits, now)) {
			break // the rest of the list waits, as every attempt does
		}
	}
	if a.err != nil || w.Cause != broker.CauseRejected && w.Cause != broker.CauseLeaked || r.Current.Version != w.Stale || !m.holds(e, *r, a.issued.Token) {
		return a
	}
	// The platform gave the token again that is to be replaced.
	forcer, ok := src.Issuer.(broker.Forcer)
	if !ok {
		// It has no way to give another one, and says that this one is good.
		return a
	}
	if until := r.Budget.AllowForce(rot.Limits, m.now()); m.now().Before(until) {
		// In its last minutes the token is replaced without force.
		until = broker.Earlier(until, broker.NextRenewal(r.Current.Issued, r.Current.Expiry, rot, d.app.Renew(), m.cfg.Rand()))
		a.err = &broker.Error{
			Code: "force_spent", Class: broker.Throttled, RetryAfter: until.Sub(m.now()),
			Message: "the platform replaces this token only by force, and the forced renewals that are allowed are used up for now",
			Hint:    "find out who reports or kills this app's tokens: see the audit and the foreign rotations",
		}
		return a
	}
	req.Secret = a.secretOf(secrets)
	forced := m.call(ctx, req, forcer.Force)
	r.Budget = r.Budget.SpendForce(forced.started)
	if forced.err == nil && m.holds(e, *r, forced.issued.Token) {
		forced.err = &broker.Error{
			Code: "force_ignored", Class: broker.Throttled, RetryAfter: rot.Limits.ForceGap,
			Message: "the platform was asked to replace the token by force and gave the same one again",
			Hint:    "forced renewals must be some time apart; the next attempt waits for it",
		}
	}
	return forced
}

// call asks the platform once. A panic of the issuer counts as a call whose outcome is
// not known, so that it is not repeated without a back-off.
func (m *Manager) call(ctx context.Context, req broker.IssueRequest, f func(context.Context, broker.IssueRequest) (broker.Issued, error)) (a answer) {
	a = answer{started: m.now(), fingerprint: req.Secret.Fingerprint(), used: req.Refresh}
	defer func() {
		if p := recover(); p != nil {
			m.metrics.panics.Inc()
			// The value of the panic is not printed: it may hold what must not be seen.
			a.err = &broker.Error{
				Code: "internal", Class: broker.Transient, Unknown: true, Message: fmt.Sprintf("the issuer ended in a panic of type %T", p),
				Hint: "this is a fault of the server: report it, with the version that it says",
			}
		}
	}()
	got, err := f(ctx, req)
	a.issued.Refresh = got.Refresh
	switch {
	case err != nil:
		a.err = broker.AsError(err)
	case got.Token.IsZero() || got.Lifetime <= 0:
		a.err = &broker.Error{Code: "platform_garbage", Class: broker.Transient, Unknown: true, Message: "the platform gave no token, or one without a lifetime"}
	default:
		a.issued = got
	}
	return a
}

func (a answer) secretOf(secrets []broker.Secret) broker.Secret {
	for _, s := range secrets {
		if s.Fingerprint() == a.fingerprint {
			return s
		}
	}
	return broker.Secret{}
}

// inOrder puts the secret with the given fingerprint first.
func inOrder(secrets []broker.Secret, fingerprint string) []broker.Secret {
	for i, s := range secrets {
		if i > 0 && s.Fingerprint() == fingerprint {
			out := append([]broker.Secret{s}, secrets[:i]...)
			return append(out, secrets[i+1:]...)
		}
	}
	return secrets
}

// refusedMark begins what stands for secrets that were all refused, in the place of the
// fingerprint of one that worked.
const refusedMark = "refused:"

// refused stands for an app's secrets that were all refused, and for the refresh token that
// was configured when that on record had ended.
func refused(a *broker.App) string {
	var all strings.Builder
	for _, s := range a.Secrets {
		all.WriteString(s.Fingerprint())
	}
	all.WriteString(a.Refresh.Fingerprint())
	return refusedMark + broker.NewSecret(all.String()).Fingerprint()
}

// release gives the lease back. One that was lost meanwhile needs no release.
func (m *Manager) release(ctx context.Context, l broker.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := m.cfg.Leaser.Release(ctx, l); err != nil && !errors.Is(err, broker.ErrLeaseLost) {
		m.log.WarnContext(ctx, "lease not released, it will run out", "lease", l.Name, "error", err)
	}
}
