package renew

import "github.com/hufu-io/hufu/internal/broker"

// opened is what has been opened of one record. A box of a key that is not known may have
// the keyset's file read, so that boxes are opened while no lock is held, and what for is
// looked at again afterwards. An app that has become another one by then has none of it (I8).
type opened struct {
	current, previous       broker.Secret
	hasCurrent, hasPrevious bool
}

// opens opens what is wanted of the record and is not opened yet. It is called with e.mu
// held, and holds it when it returns, but not while it opens something: then it reports
// true, and what readers see may have changed.
func (m *Manager) opens(e *entry, r *broker.Record, o *opened, current, previous bool) bool {
	current = current && !o.hasCurrent && r.Current.Version != 0
	previous = previous && !o.hasPrevious
	if !current && !previous {
		return false
	}
	e.mu.Unlock()
	defer e.mu.Lock()
	if current {
		o.current, o.hasCurrent = m.open(r), true
	}
	if previous {
		o.previous, o.hasPrevious = m.openPrevious(r), true
	}
	return true
}

// wantsPrevious reports whether the token before the current one has to be opened to be
// found, where old is what readers see.
func (m *Manager) wantsPrevious(old *snapshot, r *broker.Record) bool {
	replaced := old.version != 0 && old.version != r.Current.Version // so old has it
	return !leaked(*r) && !replaced && r.Previous.Live(m.now())
}

// token is the record's current one.
func (o *opened) token(r *broker.Record) broker.Secret {
	if r.Current.Version == 0 {
		return broker.Secret{}
	}
	return o.current
}

// open opens the record's current token. One that cannot be opened is as good as
// none: it is counted, and a new one is issued.
func (m *Manager) open(r *broker.Record) broker.Secret {
	plain, err := m.cfg.Sealer.Open(r.Current.Box, []byte(r.Key.String()))
	if err != nil {
		m.metrics.unopened.Inc()
		m.log.Error("a stored token cannot be opened with this keyset", "app", r.Key.App, "kind", r.Key.Kind, "error", err)
		return broker.Secret{}
	}
	return broker.NewSecret(string(plain))
}

// openPrevious opens the token before the current one. What cannot be opened is found by
// nobody, and the current one is counted.
func (m *Manager) openPrevious(r *broker.Record) broker.Secret {
	plain, err := m.cfg.Sealer.Open(r.Previous.Box, []byte(r.Key.String()))
	if err != nil {
		return broker.Secret{}
	}
	return broker.NewSecret(string(plain))
}

// previousHash is the hash of the token before the current one, if that may still be
// in somebody's hands.
func (m *Manager) previousHash(old, s *snapshot, r *broker.Record, o *opened) uint64 {
	switch {
	case leaked(*r):
		return 0 // it stands for nothing any more
	case old.version != 0 && old.version != s.version:
		return m.byToken.hash(old.secret)
	case r.Previous.Version == 0:
		return 0
	}
	return m.byToken.hash(o.previous) // none, if it has expired
}
