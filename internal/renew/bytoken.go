package renew

import (
	"hash/maphash"
	"sync"

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

// indexTokens makes e's tokens findable: the one that readers get now, and the one
// before it. It is called with e.mu held.
func (m *Manager) indexTokens(e *entry, current, previous uint64) {
	if current == e.hashes[0] && current != 0 && previous == 0 {
		previous = e.hashes[1]
	}
	for _, old := range e.hashes {
		if old != current && old != previous {
			m.byToken.remove(old, e)
		}
	}
	m.byToken.add(current, e)
	m.byToken.add(previous, e)
	e.hashes = [2]uint64{current, previous}
}

// ByToken finds the key whose current or previous token this is.
func (m *Manager) ByToken(seen broker.Secret) (broker.Key, bool) {
	h := m.byToken.hash(seen)
	if h == 0 {
		return broker.Key{}, false
	}
	e := m.byToken.get(h)
	if e == nil {
		return broker.Key{}, false
	}
	return e.key(), true
}
