package renew

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// A record is written with a version that only grows. One that is older in the store than
// it was known to be, or another one of the same version, means that the store has lost
// writes: it was restored from a backup, or failed over to a server that had less. What
// the store has then may be dead, while memory knows what came after. So memory's is kept
// and brought together with what is stored, under the lease, as what was issued without
// the store is ([Manager.reconcile]): nothing is issued for it, and promises are kept.

// wasStored is the term of a record that was kept in memory because the store lost it.
const wasStored = -1

// differs reports whether a record that was read is not the one that the snapshot was
// made of, although it should be that one or a later one.
func (s *snapshot) differs(r *broker.Record) bool {
	return r.Version < s.record || r.Version == s.record && !s.madeOf(r)
}

// madeOf reports whether the snapshot says of its token what the record says.
func (s *snapshot) madeOf(r *broker.Record) bool {
	return s.version == r.Current.Version && s.issued == stamp(r.Current.Issued) && s.expiry == stamp(r.Current.Expiry) &&
		s.rejected == r.Rejected && s.due == stamp(r.Due)
}

// regressed keeps what memory knows of a record that the store has lost, to be stored
// again soon. seen is what was in memory before the record was read; where that is no
// more, nothing can be said. It reports whether there was a loss.
func (m *Manager) regressed(e *entry, stored broker.Record, seen *snapshot) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.state.Load()
	if s.record == 0 || e.gone || e.offline != nil || !seen.differs(&stored) || s != seen && !s.differs(&stored) {
		return false
	}
	m.metrics.regressed.Inc()
	if s.version == 0 || s.secret.IsZero() {
		e.state.Store(noSnapshot) // nothing here is worth more than what is stored
		return true
	}
	k := stored.Key
	r := s.outline(k, e.app.def.Load().app.Source())
	box, err := m.cfg.Sealer.Seal([]byte(s.secret.Reveal()), []byte(k.String()))
	if err != nil {
		m.log.Error("a token that the store has lost could not be sealed", "app", k.App, "kind", k.Kind, "error", err)
		return false
	}
	r.Current.Box = box
	if s.leaked {
		r.Previous.Version = 1 // one without a box: it stands for nothing
	}
	next := *s
	next.record = stored.Version
	e.offline, e.unsavedTerm = &r, wasStored
	e.state.Store(&next)
	m.sched.set(e, m.now().Add(time.Duration(m.cfg.Rand()*float64(time.Second))))
	return true
}

// rejoin brings what memory knows together with what is left in a store that has lost
// writes. The token that was issued last wins; what is known of it and of the budget is
// joined. same says that both have the same token. It reports false if what is stored may
// stay as it is.
func rejoin(stored, ours broker.Record, same bool, rot broker.Rotation) (broker.Record, bool) {
	next := stored
	next.Budget = stored.Budget.Join(ours.Budget)
	version := max(stored.Current.Version, ours.Current.Version)
	switch {
	case same:
		known := ours.Failure.Last.After(stored.Failure.Last) || ours.Current.Issued.After(stored.Current.Issued) ||
			ours.Rejected == ours.Current.Version && stored.Rejected != stored.Current.Version
		if known {
			next.Current, next.Failure, next.Due = ours.Current, ours.Failure, ours.Due
			next.Refresh, next.Seed = ours.Refresh, ours.Seed
			if ours.Rejected == ours.Current.Version {
				next.Rejected = version
			}
		} else if stored.Rejected == stored.Current.Version {
			next.Rejected = version
		}
		next.Current.Version = version
	case ours.Current.Issued.After(stored.Current.Issued):
		next.Current, next.Due, next.Rejected = ours.Current, ours.Due, 0
		next.Refresh, next.Seed = ours.Refresh, ours.Seed
		next.Current.Version = version
		if version == stored.Current.Version {
			next.Current.Version++ // it names another token in the store
		}
		if ours.Rejected == ours.Current.Version {
			next.Rejected = next.Current.Version
		}
		next.Previous = stored.Current
		if leaked(ours) {
			next.Previous.Box = nil
		}
		if stored.Failure.Last.After(ours.Current.Issued) && stored.Failure.Last.After(ours.Failure.Last) {
			// Somebody who did not know of our token tried to replace the one before it.
			if !rot.KeepsOld() && !stored.Failure.UnknownAt.IsZero() {
				next.Current.Until = ours.Current.Issued
			}
			next.Due = broker.Later(ours.Due, stored.Failure.NotBefore)
		} else {
			next.Failure = ours.Failure
		}
	default: // somebody has issued since, who knew what was left or less
		if stored.Current.Version <= ours.Current.Version {
			next.Current.Version = ours.Current.Version + 1
			if stored.Rejected == stored.Current.Version {
				next.Rejected = next.Current.Version
			}
		}
	}
	s := newSnapshot(&stored, broker.Secret{})
	return next, !s.madeOf(&next) || next.Budget != stored.Budget || next.Failure != stored.Failure || next.Current.Until != stored.Current.Until ||
		!bytes.Equal(next.Refresh, stored.Refresh)
}

// Resync reads every record and takes in what is news. What the store has lost is stored
// again. It is for when changes may have been missed, and for a store that was restored.
func (m *Manager) Resync(ctx context.Context) error {
	// One at a time, because each may read a million records.
	select {
	case m.resyncing <- struct{}{}:
		defer func() { <-m.resyncing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	m.cfg.Defined(broker.Change{})
	known := m.onRecord()
	var mu sync.Mutex
	var lost []*entry
	err := m.loadAll(ctx, func(r broker.Record) {
		e, err := m.entry(r.Key)
		if err != nil {
			return
		}
		r = r.For(e.app.def.Load().app)
		mu.Lock()
		seen := known[e]
		delete(known, e)
		mu.Unlock()
		if seen != nil && m.regressed(e, r, seen) {
			mu.Lock()
			lost = append(lost, e)
			mu.Unlock()
		}
		m.adopt(e, r)
	}, func(k broker.Key) {
		// The store has it, whatever it says. What is in memory goes on being good.
		if e, err := m.entry(k); err == nil {
			mu.Lock()
			delete(known, e)
			mu.Unlock()
		}
	})
	if err != nil {
		return err
	}
	for e, seen := range known { // those that the store does not have
		if m.regressed(e, broker.Record{Key: e.key(), Source: e.app.def.Load().app.Source()}, seen) {
			lost = append(lost, e)
		}
	}
	m.restore(ctx, lost)
	return nil
}

// onRecord lists what is in memory of stored records.
func (m *Manager) onRecord() map[*entry]*snapshot {
	known := map[*entry]*snapshot{}
	m.apps.each(func(a *app) {
		for _, e := range a.entries() {
			if s := e.state.Load(); s.record != 0 {
				known[e] = s
			}
		}
	})
	return known
}

// restore has what the store has lost stored again: spread, because it may be all there is.
func (m *Manager) restore(ctx context.Context, lost []*entry) {
	if len(lost) == 0 {
		return
	}
	const some = 5
	var keys []string
	for _, e := range lost[:min(len(lost), some)] {
		keys = append(keys, e.key().String())
	}
	m.log.ErrorContext(ctx, "the store has lost what was written to it; what is in memory is stored again", "records", len(lost), "some_keys", keys)
	width := min(time.Duration(len(lost))*spreadPerApp, maxSpread)
	for _, e := range lost {
		if !e.removed() {
			m.sched.set(e, m.now().Add(time.Duration(m.cfg.Rand()*float64(width))))
		}
	}
}
