package renew

import (
	"context"
	"errors"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// While the store cannot be reached, reads go on from memory. Renewals go on where
// issuing twice is harmless; on eager platforms only once the token is really dead,
// because every replica may be thinking the same. What was issued is kept in memory
// and stored when the store is back.

var errStoreLost = &broker.Error{
	Code: "store_unreachable", Class: broker.Transient,
	Message: "the store cannot be reached, so no new token is issued yet",
	Hint:    "bring the store back; tokens that live are served from memory meanwhile",
}

func (m *Manager) isOffline(e *entry) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.offline != nil
}

// keepOffline makes a record current here that could not be stored.
func (m *Manager) keepOffline(e *entry, r broker.Record) {
	e.mu.Lock()
	old := e.state.Load()
	e.offline = &r
	secret := old.secret
	if r.Current.Version != old.version {
		secret = m.open(r)
	}
	s := newSnapshot(&r, secret)
	// Other replicas may have written this version meanwhile; what is in memory only
	// never hides what they wrote.
	s.record = old.record
	e.state.Store(s)
	m.indexTokens(e, m.byToken.hash(secret), m.previousHash(old, s, r))
	e.mu.Unlock()
	m.sched.set(e, m.now().Add(time.Second))
	if s.version != old.version && s.version != 0 {
		m.hub.tell(r.Key)
	}
}

// renewOffline renews without lease and store, where that is safe.
func (m *Manager) renewOffline(ctx context.Context, e *entry, w broker.Want) error {
	_, rot := e.app.def.Load().source(e.kind)
	r := m.remembered(e)
	switch d := broker.Decide(r, w, rot, m.now()); d.Step {
	case broker.Fresh:
		return nil
	case broker.Hold:
		return d.Err
	case broker.Issue:
	}
	if !rot.HarmlessTwice() {
		if r.Usable(m.now()) && w.Cause != broker.CauseRejected {
			return errStoreLost
		}
		if r.Current.Version == 0 {
			// Whether another replica has a token is not known, and ours would kill it.
			return errStoreLost
		}
		wait := time.Duration(m.cfg.Rand() * float64(min(rot.IssueTimeout(), 5*time.Second)))
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		if stored, err := m.read(ctx, e); err == nil {
			m.adopt(e, stored)
			return errStoreLost // it is back: the next attempt does it properly
		}
	}
	next, ev := m.issue(ctx, e, r, w, rot.IssueTimeout())
	m.keepOffline(e, next)
	m.report(ctx, ev)
	return ev.Err
}

// remembered is the record as far as memory has it.
func (m *Manager) remembered(e *entry) broker.Record {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.offline != nil {
		return e.offline.Clone()
	}
	return e.state.Load().outline(e.key(), e.app.def.Load().app.Source())
}

// reconcile stores what was issued while the store was away. After it the entry is
// not offline any more.
func (m *Manager) reconcile(ctx context.Context, e *entry) error {
	e.mu.Lock()
	ours := e.offline
	e.mu.Unlock()
	if ours == nil {
		return nil
	}
	stored, err := m.read(ctx, e)
	if err != nil {
		return err
	}
	next, changed := merge(stored, *ours)
	if changed {
		v, err := m.put(ctx, next)
		if err != nil && !errors.Is(err, broker.ErrConflict) {
			return err
		}
		if err != nil {
			return errStoreLost // somebody writes right now; the next attempt looks again
		}
		next.Version = v
	}
	e.mu.Lock()
	if e.offline == ours {
		e.offline = nil
	}
	e.mu.Unlock()
	m.adopt(e, next)
	if changed {
		m.publish(ctx, next)
	}
	return nil
}
