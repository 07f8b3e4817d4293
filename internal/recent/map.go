// Package recent has a map of bounded size that forgets what was not used lately. It is
// for what can be found out again, or is only a help.
package recent

import "sync"

// Map keeps what was used last. It holds two generations: what is used is in the younger
// one, and when that is half the bound, the older one is dropped and it takes its place.
// So what was used is forgotten only after half the bound of other keys were, and no list
// has to be kept in order.
//
// It is safe for concurrent use. A key that is in the younger generation is found under a
// shared lock and without garbage.
type Map[K comparable, V any] struct {
	half int

	mu         sync.RWMutex
	young, old map[K]V
}

// New returns an empty map for at most so many keys, and two at least.
func New[K comparable, V any](bound int) *Map[K, V] {
	return &Map[K, V]{half: max(bound/2, 1), young: map[K]V{}}
}

// Get returns the value of a key, and whether there is one. The key counts as used.
func (m *Map[K, V]) Get(k K) (V, bool) {
	m.mu.RLock()
	v, young := m.young[k]
	known := young
	if !young {
		v, known = m.old[k]
	}
	m.mu.RUnlock()
	if known && !young {
		// Another may have set it meanwhile, so that it is looked for again.
		m.Update(k, func(now V, still bool) (V, bool) {
			v, known = now, still
			return now, still
		})
	}
	return v, known
}

// Set gives a key a value.
func (m *Map[K, V]) Set(k K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(k, v)
}

// Update gives a key the value that f makes of the one it has, unless f returns false.
// Nobody else reads or changes the map meanwhile, so that f must not use it.
func (m *Map[K, V]) Update(k K, f func(was V, known bool) (now V, keep bool)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was, known := m.young[k]
	if !known {
		was, known = m.old[k]
	}
	if now, keep := f(was, known); keep {
		m.set(k, now)
	}
}

// set expects mu to be held.
func (m *Map[K, V]) set(k K, v V) {
	if len(m.young) >= m.half {
		if _, young := m.young[k]; !young {
			m.old, m.young = m.young, make(map[K]V, m.half/8)
		}
	}
	m.young[k] = v
}
