package dropin

import (
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

// maxRemembered bounds the memory: about 15 MB when full.
const maxRemembered = 100_000

// memory knows which token each client was told last of each app, and until when its
// promise lasts. It is bounded by keeping two generations: when the younger one is half
// the bound, the older one is dropped, with those who have not asked since.
type memory struct {
	half int

	mu    sync.RWMutex
	young map[holder]told
	old   map[holder]told
}

type holder struct{ client, app string }

type told struct {
	version broker.Version
	until   int64 // in nanoseconds since 1970
	// hurried is up to when this client does not wait for checks, because the last one
	// took too long.
	hurried int64
}

func newMemory(bound int) *memory {
	return &memory{half: bound / 2, young: map[holder]told{}}
}

// again notes that a client is told a token and reports whether it was told the same
// one before, or already its successor, and should still have it.
func (m *memory) again(client, app string, t *access.Held) (early, hurried bool) {
	k := holder{client, app}
	now := t.Now.UnixNano()
	until := t.Now.Add(t.Promise()).UnixNano()
	m.mu.RLock()
	was, ok := m.young[k]
	m.mu.RUnlock()
	// The ends of two promises on one token differ by what was cut off to whole seconds.
	if !ok || was.version != t.Version || until-was.until > int64(time.Second) {
		was = m.note(k, told{version: t.Version, until: until}, now)
	}
	// Calls at the same time overtake each other: one that read the token before it was
	// renewed may come here after one that was told the new one.
	return was.version >= t.Version && now < was.until, was.version == t.Version && now < was.hurried
}

// note remembers what a client is told, unless that was overtaken by something newer,
// and returns what it was told before.
func (m *memory) note(k holder, x told, now int64) told {
	m.mu.Lock()
	defer m.mu.Unlock()
	was, ok := m.young[k]
	if !ok {
		was = m.old[k]
	}
	switch {
	case was.version == x.version:
		x.hurried = was.hurried
	case was.version > x.version && now < was.until:
		return was
	}
	if len(m.young) >= m.half {
		m.old, m.young = m.young, make(map[holder]told, m.half/8)
	}
	m.young[k] = x
	return was
}

// hurry remembers that a client waited too long for a check of a token.
func (m *memory) hurry(client, app string, until time.Time) {
	k := holder{client, app}
	m.mu.Lock()
	defer m.mu.Unlock()
	if x, ok := m.young[k]; ok {
		x.hurried = until.UnixNano()
		m.young[k] = x
	}
}
