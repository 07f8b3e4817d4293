package renew

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// read gets the stored record of e as it stands for its app, or an empty one.
func (m *Manager) read(ctx context.Context, e *entry) (broker.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	k := e.key()
	d, seen := e.now()
	r, err := m.cfg.Store.Get(ctx, k)
	switch {
	case errors.Is(err, broker.ErrNotFound):
		r = broker.Record{Key: k, Source: d.app.Source()}
	case err != nil:
		return broker.Record{}, fmt.Errorf("read record %q: %w", k, err)
	}
	if r = r.For(d.app); m.regressed(e, r, seen) {
		m.restore(ctx, []*entry{e})
	}
	return r, nil
}

// load reads the record and adopts it.
func (m *Manager) load(ctx context.Context, e *entry) (broker.Record, error) {
	r, err := m.read(ctx, e)
	if err != nil {
		return broker.Record{}, err
	}
	m.adopt(e, r)
	return r, nil
}

// reload is load for those who only want the snapshot to be new.
func (m *Manager) reload(ctx context.Context, e *entry) error {
	_, err := m.load(ctx, e)
	return err
}

// put writes the record once, whoever has stopped waiting for it.
func (m *Manager) put(ctx context.Context, r broker.Record) (broker.Version, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	v, err := m.cfg.Store.Put(ctx, r)
	if err != nil {
		return 0, fmt.Errorf("write record %q: %w", r.Key, err)
	}
	return v, nil
}

// save writes the record of a renewal, of which the others hear from the store, and makes
// it current here. If somebody else wrote meanwhile, what they wrote and what the platform gave us
// are brought together: the token that was issued last wins, and nothing is lost.
func (m *Manager) save(ctx context.Context, e *entry, next broker.Record) error {
	return m.saveOver(ctx, e, next, next.Refresh)
}

// saveOver is save for a record that may bring another refresh token than the one that it
// was made of, which is over.
func (m *Manager) saveOver(ctx context.Context, e *entry, next broker.Record, over []byte) error {
	_, rot := e.app.def.Load().source(e.kind)
	for {
		if e.removed() {
			return nil // its record is deleted, and stays so
		}
		v, err := m.put(ctx, next)
		if err == nil {
			next.Version = v
			m.adopt(e, next)
			return nil
		}
		if !errors.Is(err, broker.ErrConflict) {
			return err
		}
		stored, err := m.read(ctx, e)
		if err != nil {
			return err
		}
		merged, changed := stored, false
		if stored.Source == next.Source {
			merged, changed = merge(stored, next, rot)
		} // Else the app was changed meanwhile, and this is not its token any more (I8).
		if succeeds(stored, next, over) {
			merged.Refresh, merged.Seed, changed = next.Refresh, next.Seed, true
		} else {
			over = merged.Refresh
		}
		if !changed {
			m.adopt(e, stored)
			return nil
		}
		if merged.Current.Version != next.Current.Version {
			m.metrics.conflicts.Inc()
		}
		next = merged
	}
}

// adopt makes a record that was read or written the one that readers see, unless
// they see a newer one already. Watchers are told of a new token.
func (m *Manager) adopt(e *entry, r broker.Record) {
	var o opened
	e.mu.Lock()
	for {
		// Under the lock: an app that becomes another one forgets under it too (I8).
		now, old := r.For(e.app.def.Load().app), e.state.Load()
		if now.Source != r.Source && r.Current.Version == 0 {
			// Perhaps it has nothing because it was read for what the app was before. Of what
			// there is for the app as it is now, that says nothing.
			e.mu.Unlock()
			return
		}
		if e.gone || e.offline != nil || now.Version < old.record || now.Version == old.record && old != noSnapshot && old.madeOf(&now) {
			e.mu.Unlock()
			return
		}
		secret := old.secret
		other := now.Current.Version != old.version || stamp(now.Current.Issued) != old.issued || now.Current.Version != 0 && secret.IsZero()
		if m.opens(e, &now, &o, other, m.wantsPrevious(old, &now)) {
			continue // and see what has changed meanwhile
		}
		if other {
			secret = o.token(&now)
		}
		s := newSnapshot(&now, secret)
		m.show(e, old, s, &now, &o)
		e.mu.Unlock()
		m.arm(e, m.now())
		if s.version != old.version && s.version != 0 {
			m.hub.tell(r.Key)
		}
		return
	}
}

// show makes s, which was made of r, what readers see, and its tokens findable. It is
// called with e.mu held.
func (m *Manager) show(e *entry, old, s *snapshot, r *broker.Record, o *opened) {
	e.state.Store(s)
	if leaked(*r) {
		m.forgetOlder(e) // Neither do those before it stand for anything any more.
	}
	m.indexTokens(e, m.byToken.hash(s.secret), m.previousHash(old, s, r, o), m.keepUntil(e, old, s, *r))
}

// keepUntil is how long the token before the previous one may still be in somebody's
// hands; zero where it is not. It was issued before the one that was now replaced, and so
// has expired by when that would have. By plan it is over before it falls out of the two,
// but where tokens live to their own ends and are renewed often.
func (m *Manager) keepUntil(e *entry, old, s *snapshot, r broker.Record) time.Time {
	if leaked(r) || old.version == 0 || old.version == s.version {
		return time.Time{}
	}
	if _, rot := e.app.def.Load().source(e.kind); rot.Family != broker.Independent && m.now().UnixNano() >= old.due {
		return time.Time{}
	}
	return unstamp(old.expiry)
}

// leaked reports whether the token before the current one was replaced because it had
// leaked. It stands for nothing any more, and neither do those before it.
func leaked(r broker.Record) bool { return r.Previous.Version != 0 && len(r.Previous.Box) == 0 }

// forget drops what memory has of the key. It is called with e.mu held.
func (m *Manager) forget(e *entry) {
	e.state.Store(noSnapshot)
	e.offline, e.doubt = nil, nil
	m.indexTokens(e, 0, 0, time.Time{})
}
