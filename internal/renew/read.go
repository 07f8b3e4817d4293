package renew

import (
	"context"
	"errors"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Peek returns the token in memory, if there is a usable one. It neither waits nor
// allocates.
func (m *Manager) Peek(app string, kind broker.Kind) (broker.Token, time.Time, bool) {
	x := m.apps.get(app)
	if x == nil {
		return broker.Token{}, time.Time{}, false
	}
	e := x.find(kind, "")
	if e == nil {
		return broker.Token{}, time.Time{}, false
	}
	s, now := e.state.Load(), m.now()
	if !s.usable(now) {
		return broker.Token{}, now, false
	}
	return s.token(broker.Key{App: x.def.Load().app.ID, Kind: e.kind}), now, true
}

// Token implements [broker.Tokens]: the best token there is. It waits for the
// platform only where no usable token exists.
func (m *Manager) Token(ctx context.Context, k broker.Key) (broker.Token, error) {
	return m.Lasting(ctx, k, 0)
}

// Lasting returns a token that will last for at least minTTL, renewing for it if the
// platform allows; else the best there is.
func (m *Manager) Lasting(ctx context.Context, k broker.Key, minTTL time.Duration) (broker.Token, error) {
	e, err := m.entry(k)
	if err != nil {
		return broker.Token{}, err
	}
	now := m.now()
	s := e.state.Load()
	if !s.usable(now) {
		return m.obtain(ctx, e, broker.Want{Cause: broker.CauseMissing})
	}
	t := s.token(k)
	if minTTL <= 0 || t.Promise(now) >= minTTL {
		return t, nil
	}
	return m.obtain(ctx, e, broker.Want{Cause: broker.CauseDemanded, MinTTL: minTTL})
}

// Renew implements [broker.Tokens]. The rejection is believed: it is for callers
// that saw the platform's answer themselves.
func (m *Manager) Renew(ctx context.Context, k broker.Key, stale broker.Version) (broker.Token, error) {
	e, err := m.entry(k)
	if err != nil {
		return broker.Token{}, err
	}
	if err := m.catchUp(ctx, e, stale); err != nil {
		return broker.Token{}, err
	}
	return m.obtain(ctx, e, broker.Want{Cause: broker.CauseRejected, Stale: stale})
}

// Report takes a client's word that a version was rejected. Where the platform can
// be asked cheaply it is asked first, and a token that lives is returned as it is.
func (m *Manager) Report(ctx context.Context, k broker.Key, stale broker.Version) (broker.Token, error) {
	e, err := m.entry(k)
	if err != nil {
		return broker.Token{}, err
	}
	if err := m.catchUp(ctx, e, stale); err != nil {
		return broker.Token{}, err
	}
	return m.suspect(ctx, e, stale, provesReport)
}

// ReportToken is [Manager.Report] by the token's value. A value that is not the
// current token is an older one, of which nothing needs to be done.
func (m *Manager) ReportToken(ctx context.Context, k broker.Key, seen broker.Secret) (broker.Token, error) {
	e, err := m.entry(k)
	if err != nil {
		return broker.Token{}, err
	}
	s := e.state.Load()
	if s.version != 0 && !s.secret.Equal(seen) {
		// Another replica may have handed out a newer one.
		if err := m.refresh(ctx, e); err != nil {
			return broker.Token{}, err
		}
		s = e.state.Load()
	}
	if s.version == 0 || !s.secret.Equal(seen) {
		return m.Token(ctx, k)
	}
	return m.suspect(ctx, e, s.version, provesReport)
}

// Suspect checks the current token at the platform, for callers that cannot say
// which one they saw rejected, and renews it only if it is really dead.
func (m *Manager) Suspect(ctx context.Context, k broker.Key) (broker.Token, error) {
	e, err := m.entry(k)
	if err != nil {
		return broker.Token{}, err
	}
	s := e.state.Load()
	if !s.usable(m.now()) {
		return m.obtain(ctx, e, broker.Want{Cause: broker.CauseMissing})
	}
	return m.suspect(ctx, e, s.version, provesSuspicion)
}

// SuspectVersion is [Manager.Suspect] for callers that were given a certain version and
// ask again early. Of any other version there is nothing to suspect.
func (m *Manager) SuspectVersion(ctx context.Context, k broker.Key, given broker.Version) (broker.Token, error) {
	e, err := m.entry(k)
	if err != nil {
		return broker.Token{}, err
	}
	if e.state.Load().version != given {
		return m.Token(ctx, k)
	}
	return m.suspect(ctx, e, given, provesSuspicion)
}

// Replace renews the token although nobody saw it rejected, because it leaked.
func (m *Manager) Replace(ctx context.Context, k broker.Key) (broker.Token, error) {
	e, err := m.entry(k)
	if err != nil {
		return broker.Token{}, err
	}
	return m.obtain(ctx, e, broker.Want{Cause: broker.CauseLeaked, Stale: e.state.Load().version})
}

// Newer waits until there is a token with another version than seen, or ctx ends.
func (m *Manager) Newer(ctx context.Context, k broker.Key, seen broker.Version) (broker.Token, error) {
	sub := m.hub.subscribe(k.App)
	defer sub.Close()
	for {
		t, err := m.Token(ctx, k)
		if err != nil || t.Version != seen {
			return t, err
		}
		if _, err := sub.Next(ctx); err != nil {
			return t, nil // the wait is over, and the token is as the caller knows it
		}
	}
}

// obtain joins or starts flights until the want is satisfied or cannot be.
func (m *Manager) obtain(ctx context.Context, e *entry, w broker.Want) (broker.Token, error) {
	k := e.key()
	var err error
	// A flight may have been started for another want; then its end decides nothing
	// about ours. More than a few rounds only happen when tokens die as fast as they come.
	for range 4 {
		now, s := m.now(), e.state.Load()
		d := e.app.def.Load()
		_, rot := d.source(e.kind)
		if s.record != 0 || s.version != 0 {
			switch d := broker.Decide(s.outline(k, ""), w, rot, now); {
			case d.Step == broker.Fresh && s.usable(now):
				return s.token(k), nil
			case d.Step == broker.Hold && s.failure != nil && now.Before(s.failure.NotBefore) && err == nil:
				err = d.Err // on record already, and known without asking the store once more
			}
		}
		if err != nil {
			break
		}
		err = m.join(ctx, e, w)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	if s := e.state.Load(); s.version != w.Stale && s.usable(m.now()) {
		// The want failed, but the token that is here may still work (I3). Stale is zero
		// unless the caller knows a version to be dead.
		return s.token(k), nil
	}
	if err == nil {
		err = broker.ErrNoToken
	}
	return broker.Token{}, noToken(err)
}

// noToken turns what went wrong into what callers are told.
func noToken(err error) error {
	if _, said := errors.AsType[*broker.Error](err); said {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &broker.Error{
			Code: broker.ErrNoToken.Code, Class: broker.Transient, RetryAfter: time.Second, Err: err,
			Message: "no live token yet: the platform has not answered in time",
		}
	}
	return err
}

// catchUp reads the record again if the caller has seen a newer version than this
// replica has.
func (m *Manager) catchUp(ctx context.Context, e *entry, seen broker.Version) error {
	if seen <= e.state.Load().version {
		return nil
	}
	return m.refresh(ctx, e)
}

// refresh reads the record again; a store that cannot be reached is no fault while
// there is something in memory.
func (m *Manager) refresh(ctx context.Context, e *entry) error {
	if err := m.reload(ctx, e); err != nil && e.state.Load() == noSnapshot {
		return err
	}
	return nil
}
