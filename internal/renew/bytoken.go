package renew

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// tokenIndex finds the key that a token belongs to, because business calls carry the
// token and nothing else. It holds a keyed hash of each current and previous token,
// never the tokens; the seed is this process's own, so that nobody can look for
// collisions.
type tokenIndex struct {
	seed   maphash.Seed
	shards [shards]struct {
		mu      sync.RWMutex
		entries map[uint64]*entry
	}
}

func newTokenIndex() *tokenIndex {
	x := &tokenIndex{seed: maphash.MakeSeed()}
	for i := range x.shards {
		x.shards[i].entries = map[uint64]*entry{}
	}
	return x
}

// hash of a token; zero stands for none.
func (x *tokenIndex) hash(tok broker.Secret) uint64 {
	if tok.IsZero() {
		return 0
	}
	return max(maphash.String(x.seed, tok.Reveal()), 1)
}

func (x *tokenIndex) get(h uint64) *entry {
	s := &x.shards[h%shards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.entries[h]
}

func (x *tokenIndex) add(h uint64, e *entry) {
	if h == 0 {
		return
	}
	s := &x.shards[h%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	// The first one stays: a platform that answers with another app's token does not
	// take over what is asked for with it.
	if s.entries[h] == nil {
		s.entries[h] = e
	}
}

func (x *tokenIndex) remove(h uint64, e *entry) {
	if h == 0 {
		return
	}
	s := &x.shards[h%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[h] == e {
		delete(s.entries, h)
	}
}

// outlived is a token that is not one of the newest two, because these were replaced out of
// turn or live on beside it, and that callers may still have, because they were told that it
// would last.
type outlived struct {
	hash  uint64
	until time.Time // it has expired by then
}

// maxOutlived bounds them. More are replaced out of turn only where somebody else uses
// the same secret, which no memory mends.
const maxOutlived = 16

// indexTokens makes e's tokens findable: the one that readers get now, the one before it,
// and until the given instant also what was there before; zero: that is forgotten. It is
// called with e.mu held.
func (m *Manager) indexTokens(e *entry, current, previous uint64, until time.Time) {
	if current == e.hashes[0] && current != 0 && previous == 0 {
		previous = e.hashes[1]
	}
	now := m.now()
	older := e.older()
	for _, old := range e.hashes {
		if old != 0 && old != current && old != previous && now.Before(until) {
			older = append(slices.Clip(older), outlived{old, until})
		}
		if old != current && old != previous && !now.Before(until) {
			m.byToken.remove(old, e)
		}
	}
	kept := make([]outlived, 0, min(len(older), maxOutlived))
	for i, o := range older {
		if current != 0 && o.hash != current && o.hash != previous && now.Before(o.until) && i >= len(older)-maxOutlived {
			m.byToken.add(o.hash, e)
			kept = append(kept, o)
		} else if o.hash != current && o.hash != previous {
			m.byToken.remove(o.hash, e)
		}
	}
	if len(kept) > 0 || len(older) > 0 {
		e.outlived.Store(&kept)
	}
	m.byToken.add(current, e)
	m.byToken.add(previous, e)
	e.hashes = [2]uint64{current, previous}
}

// forgetOlder makes only the newest two of e's tokens findable. It is called with e.mu held.
func (m *Manager) forgetOlder(e *entry) {
	for _, o := range e.older() {
		m.byToken.remove(o.hash, e)
	}
	e.outlived.Store(nil)
}

// older lists the tokens that are findable beside the newest two. The list is not changed.
func (e *entry) older() []outlived {
	if p := e.outlived.Load(); p != nil {
		return *p
	}
	return nil
}

// ByToken finds the key of a token that was handed out here and may still be in use: the
// current one, the one before it, and those before that have not expired and were promised
// for longer.
func (m *Manager) ByToken(seen broker.Secret) (broker.Key, bool) {
	h := m.byToken.hash(seen)
	if h == 0 {
		return broker.Key{}, false
	}
	e := m.byToken.get(h)
	if e == nil || e.hasExpired(h, m.now()) {
		return broker.Key{}, false
	}
	return e.key(), true
}

// hasExpired reports whether a token that is in the index although it is not one of the newest
// two has expired since.
func (e *entry) hasExpired(h uint64, now time.Time) bool {
	for _, o := range e.older() {
		if o.hash == h {
			return !now.Before(o.until)
		}
	}
	return false
}
