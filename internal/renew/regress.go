package renew

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// A record is written with a version that only grows, so one that is older in the store
// than in memory means that the store has lost writes: it was restored from a backup, or
// failed over to a server that had less. What the store has then may be dead, while
// memory knows what came after. It is stored again, as what was issued while the store
// was away is ([Manager.reconcile]), with nothing issued for it and every promise kept.

// wasStored is the term of a record that was kept in memory because the store lost it:
// nothing about it is in doubt, as it would be if it had been issued without the store.
const wasStored = -1

// Resync reads every record and takes in what is news. Records that the store has lost, in
// whole or in part, are stored again. It is for when changes may have been missed, and for
// a store that was restored.
func (m *Manager) Resync(ctx context.Context) error {
	m.cfg.Defined(broker.Change{})
	known := m.onRecord()
	var mu sync.Mutex
	var older []*entry
	err := m.loadAll(ctx, func(r broker.Record) {
		e, err := m.entry(r.Key)
		if err != nil {
			return
		}
		m.adopt(e, r)
		mu.Lock()
		defer mu.Unlock()
		if r.Version < known[e] {
			older = append(older, e)
		}
		delete(known, e)
	})
	if err != nil {
		return err
	}
	for e := range known { // those that the store does not have
		older = append(older, e)
	}
	return m.restore(ctx, older)
}

// onRecord lists what is in memory of stored records, with their versions.
func (m *Manager) onRecord() map[*entry]broker.Version {
	known := map[*entry]broker.Version{}
	m.apps.each(func(a *app) {
		for _, e := range a.entries() {
			if v := e.state.Load().record; v != 0 {
				known[e] = v
			}
		}
	})
	return known
}

// restore stores again what the store has lost of the given entries. It is spread, because
// all of them may be there.
func (m *Manager) restore(ctx context.Context, lost []*entry) error {
	width := min(time.Duration(len(lost))*spreadPerApp, maxSpread)
	for _, e := range lost {
		// load looks for itself. It has the last word: what All yields is of when it began.
		if _, err := m.load(ctx, e); err != nil {
			return fmt.Errorf("read again what the store has lost: %w", err)
		}
		if m.isOffline(e) {
			m.sched.set(e, m.now().Add(time.Duration(m.cfg.Rand()*float64(width))))
		}
	}
	return nil
}

// regressed notices a record that is older in the store than it was known to be before it
// was read, and keeps what memory knows, to be stored again.
func (m *Manager) regressed(ctx context.Context, e *entry, stored broker.Record, known broker.Version) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.state.Load()
	if stored.Version >= known || e.gone || s.record < known {
		return
	}
	m.metrics.regressed.Inc()
	m.log.WarnContext(ctx, "the store went back in time; what was written since is stored again",
		"app", stored.Key.App, "kind", stored.Key.Kind, "stored", int64(stored.Version), "known", int64(known))
	next := *s
	next.record = stored.Version
	if s.version == 0 || s.secret.IsZero() {
		next = *noSnapshot // nothing here is worth more than what is stored
	} else if e.offline == nil {
		k := stored.Key
		r := s.outline(k, e.app.def.Load().app.Source())
		box, err := m.cfg.Sealer.Seal([]byte(s.secret.Reveal()), []byte(k.String()))
		if err != nil {
			m.log.ErrorContext(ctx, "a token that the store has lost could not be sealed", "app", k.App, "kind", k.Kind, "error", err)
			return
		}
		r.Current.Box = box
		e.offline, e.unsavedTerm = &r, wasStored
	}
	e.state.Store(&next)
}
