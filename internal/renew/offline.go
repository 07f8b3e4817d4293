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
func (m *Manager) keepOffline(e *entry, r broker.Record, term int64) {
	d := e.app.def.Load()
	_, rot := d.source(e.kind)
	var o opened
	e.mu.Lock()
	old := e.state.Load()
	for {
		if d = e.app.def.Load(); e.gone || r.Source != d.app.Source() {
			e.mu.Unlock()
			return // the app has become another one meanwhile (I8)
		}
		if !m.opens(e, &r, &o, r.Current.Version != old.version, m.wantsPrevious(old, &r)) {
			break
		}
		old = e.state.Load()
	}
	e.offline, e.unsavedTerm = &r, term
	secret := old.secret
	if r.Current.Version != old.version {
		secret = o.token(&r)
	}
	s := newSnapshot(&r, secret)
	// Other replicas may have written this version meanwhile; what is in memory only
	// never hides what they wrote.
	s.record = old.record
	if !rot.KeepsOld() {
		// The others do not know of this and may issue at any time, so no more is promised
		// than was before; of a new token nothing, until it is stored.
		s.until = min(s.until, s.issued)
		if s.version == old.version {
			s.until = min(stamp(r.Current.Until), old.until)
		}
	}
	m.show(e, old, s, &r, &o)
	e.mu.Unlock()
	m.sched.set(e, m.now().Add(time.Second))
	if s.version != old.version && s.version != 0 {
		m.hub.tell(r.Key)
	}
}

// renewOffline renews without lease and store, where that is safe.
func (m *Manager) renewOffline(ctx context.Context, e *entry, d *definition, w broker.Want) error {
	_, rot := d.source(e.kind)
	r, issue, err := m.decideOffline(e, d, w)
	if !issue {
		return err
	}
	if !rot.HarmlessTwice() {
		wait := time.Duration(m.cfg.Rand() * float64(min(rot.IssueTimeout(), 5*time.Second)))
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		if stored, err := m.read(ctx, e); err == nil {
			m.adopt(e, stored)
			return errStoreLost // it is back: the next attempt does it properly
		}
		// It may have been back for a moment, and another replica's token with it.
		if r, issue, err = m.decideOffline(e, d, w); !issue {
			return err
		}
	}
	next, ev := m.issue(ctx, e, d, r, w, rot.IssueTimeout())
	if ev.Err == nil && !rot.HarmlessTwice() {
		// Others may have issued since, and nobody can tell.
		next.Current.Until = next.Current.Issued
	}
	m.keepOffline(e, next, 0)
	m.report(ctx, ev)
	return ev.fault(w)
}

// decideOffline says whether an issue may be made without a store, by what memory has, which it
// returns; if not, it says why, and nothing where none is needed.
func (m *Manager) decideOffline(e *entry, d *definition, w broker.Want) (r broker.Record, issue bool, err error) {
	_, rot := d.source(e.kind)
	r = m.remembered(e)
	if r.Source != d.app.Source() {
		return r, false, errStoreLost // the app was changed; what is known of it is in the store
	}
	now := m.now()
	switch do := broker.Decide(r, w, rot, now); do.Step {
	case broker.Fresh:
		return r, false, nil
	case broker.Hold:
		return r, false, do.Err
	case broker.Issue:
	}
	switch {
	case rot.UsesRefresh:
		return r, false, errStoreLost // what it would bring could not be kept, and is brought once
	case rot.HarmlessTwice():
		return r, true, nil
	case r.Usable(now) && w.Cause != broker.CauseRejected:
		return r, false, errStoreLost
	case r.Current.Version == 0:
		// Whether another replica has a token is not known, and ours would kill it.
		return r, false, errStoreLost
	}
	return r, true, nil
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

// reconcile brings what was issued while the store was away together with what is
// stored, and returns the result. After it the entry is not offline any more. It is
// called under the lease, so that no other replica is in the middle of an issue. Where the
// app has become another registration meanwhile, it returns errRedefined.
func (m *Manager) reconcile(ctx context.Context, e *entry, stored broker.Record, l broker.Lease) (broker.Record, error) {
	e.mu.Lock()
	ours, term := e.offline, e.unsavedTerm
	e.mu.Unlock()
	if ours == nil {
		return stored, nil
	}
	_, rot := e.app.def.Load().source(e.kind)
	if term != wasStored && l.Term != term+1 && !rot.KeepsOld() && m.distinct(stored.Key, ours.Current, stored.Current) {
		// Others have had the lease since. They may have issued what they could not store
		// either, and then ours is dying. Nothing is promised of it any more.
		doubted := ours.Clone()
		doubted.Current.Until = broker.Earlier(doubted.Current.Until, doubted.Current.Issued)
		e.mu.Lock()
		if e.offline == ours {
			e.offline = &doubted
		}
		ours = &doubted
		e.mu.Unlock()
	}
	for {
		var next broker.Record
		var changed bool
		if term == wasStored {
			next, changed = rejoin(stored, *ours, !m.distinct(stored.Key, stored.Current, ours.Current), rot)
		} else {
			next, changed = merge(stored, *ours, rot)
		}
		if v := ours.Current.Version; next.Current.Version < v || next.Current.Version == v && m.distinct(stored.Key, next.Current, ours.Current) {
			// Here later versions have been handed out, or this one for another token.
			next.Current.Version = ours.Current.Version + 1
			changed = true
		}
		if changed {
			v, err := m.put(ctx, next)
			if errors.Is(err, broker.ErrConflict) {
				if stored, err = m.read(ctx, e); err == nil {
					if stored.Source == ours.Source {
						continue
					}
					err = errRedefined // ours is not its token any more (I8)
				}
			}
			if err != nil {
				return stored, err
			}
			next.Version = v
		}
		e.mu.Lock()
		if e.offline == ours {
			e.offline = nil
		}
		e.mu.Unlock()
		m.adopt(e, next)
		return next, nil
	}
}

// distinct reports whether two sealed tokens are not known to be the same one.
func distinct(a, b broker.SealedToken) bool { return string(a.Box) != string(b.Box) }

// distinct is the function of the same name for boxes that may have been sealed apart.
func (m *Manager) distinct(k broker.Key, a, b broker.SealedToken) bool {
	if !distinct(a, b) {
		return false
	}
	x, errX := m.cfg.Sealer.Open(a.Box, []byte(k.String()))
	y, errY := m.cfg.Sealer.Open(b.Box, []byte(k.String()))
	return errX != nil || errY != nil || string(x) != string(y)
}

// doubted reports whether an issue that came after the given instant may have replaced
// the token of it. A single one in doubt that began before is that token's own, which
// another replica had to mourn.
func doubted(f broker.Failure, issued time.Time) bool {
	return f.Last.After(issued) && !f.UnknownAt.IsZero() && (f.Attempts > 1 || f.UnknownAt.After(issued))
}

// merge brings a record that could not be stored onto the stored one. The token that
// was issued last wins, and what is known of failures is kept. The refresh token is the
// stored one: of another that an issue has brought its caller knows. It reports false if
// there is nothing of ours to add.
func merge(stored, ours broker.Record, rot broker.Rotation) (broker.Record, bool) {
	next := ours
	next.Version = stored.Version
	next.Budget = stored.Budget.Join(ours.Budget)
	next.Foreign = stored.Foreign
	if ours.Foreign.Count > stored.Foreign.Count {
		next.Foreign = ours.Foreign
	}
	if next.Secret == "" {
		next.Secret = stored.Secret
	}
	next.Previous = stored.Previous
	next.Refresh, next.Seed = stored.Refresh, stored.Seed
	switch {
	case ours.Current.Version != 0 && ours.Current.Issued.After(stored.Current.Issued):
		if distinct(ours.Current, stored.Current) {
			next.Current.Version = max(ours.Current.Version, stored.Version+1, stored.Current.Version+1)
			next.Previous = stored.Current
		} else {
			next.Current.Version = stored.Current.Version
		}
		switch {
		case rot.KeepsOld():
		case doubted(stored.Failure, ours.Current.Issued):
			next.Failure, next.Due = stored.Failure, stored.Due
			next.Current.Until = ours.Current.Issued
		case !next.Current.Until.After(next.Current.Issued):
			// Nothing can be promised of this one, so it is renewed as soon as that can be
			// done in order.
			next.Due = broker.Earlier(next.Due, broker.Later(next.Current.Issued, next.Previous.Until))
		}
		return next, true
	case !ours.Failure.Last.After(stored.Failure.Last) || ours.Failure.Last.Before(stored.Current.Issued):
		return stored, false
	case stored.Version == ours.Version:
		next.Current = stored.Current
		next.Current.Until = ours.Current.Until
		return next, true
	case ours.Failure.UnknownAt.IsZero() || !stored.Failure.UnknownAt.IsZero():
		return stored, false
	}
	// Somebody wrote who could not know that an issue of ours has an unknown outcome.
	next.Current, next.Rejected, next.Due = stored.Current, stored.Rejected, broker.Later(stored.Due, ours.Failure.NotBefore)
	if !rot.KeepsOld() {
		next.Due = broker.Later(next.Due, stored.Current.Until)
	}
	return next, true
}
