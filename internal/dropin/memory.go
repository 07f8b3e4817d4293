package dropin

import (
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/recent"
)

// maxRemembered bounds the memory: about 17 MB when full.
const maxRemembered = 100_000

// memory knows which token each client was told last of each app and kind, and until when
// its promise lasts.
type memory struct {
	told *recent.Map[holder, told]
}

type holder struct {
	client, app string
	kind        broker.Kind
}

type told struct {
	version broker.Version
	until   int64 // in nanoseconds since 1970
	// hurried is up to when this client does not wait for checks, because the last one
	// took too long.
	hurried int64
}

func newMemory(bound int) *memory {
	return &memory{recent.New[holder, told](bound)}
}

// again notes that a client is told a token and reports whether it was told the same
// one before, or already its successor, and should still have it.
func (m *memory) again(client string, t *access.Held) (early, hurried bool) {
	k := holder{client, t.Key.App, t.Key.Kind}
	now := t.Now.UnixNano()
	until := t.Now.Add(t.Promise()).UnixNano()
	was, ok := m.told.Get(k)
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
func (m *memory) note(k holder, x told, now int64) (was told) {
	m.told.Update(k, func(before told, _ bool) (told, bool) {
		was = before
		switch {
		case was.version == x.version:
			x.hurried = was.hurried
		case was.version > x.version && now < was.until:
			return told{}, false
		}
		return x, true
	})
	return was
}

// hurry remembers that a client waited too long for a check of a token.
func (m *memory) hurry(client string, of broker.Key, until time.Time) {
	m.told.Update(holder{client, of.App, of.Kind}, func(x told, known bool) (told, bool) {
		x.hurried = until.UnixNano()
		return x, known
	})
}
