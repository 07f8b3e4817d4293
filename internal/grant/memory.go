package grant

import (
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/recent"
)

const (
	// maxRemembered bounds the users who are remembered: some 20 MB when full.
	maxRemembered = 20_000
	// rememberedFor is how old a memory may be that stands for the store: what was deleted at
	// another server is not handed out for longer.
	rememberedFor = 10 * time.Minute
)

// memory is what the store said of users lately. It is asked only while the store is away.
// Boxes stay sealed in it.
type memory struct {
	users *recent.Map[userKey, remembered]
}

type userKey struct{ app, user string }

type remembered struct {
	// epoch counts what was written of the user here, so that what was read before is not
	// remembered afterwards.
	epoch  uint64
	at     time.Time // zero: nothing is remembered
	grants []broker.Grant
}

func newMemory() *memory { return &memory{recent.New[userKey, remembered](maxRemembered)} }

func (m *memory) epoch(app, user string) uint64 {
	r, _ := m.users.Get(userKey{app, user})
	return r.epoch
}

func (m *memory) remember(app, user string, grants []broker.Grant, now time.Time, epoch uint64) {
	m.users.Update(userKey{app, user}, func(was remembered, known bool) (remembered, bool) {
		if was.epoch != epoch || !known && len(grants) == 0 {
			return was, known
		}
		return remembered{epoch: epoch, at: now, grants: grants}, true
	})
}

func (m *memory) recall(app, user string, now time.Time) ([]broker.Grant, bool) {
	r, ok := m.users.Get(userKey{app, user})
	if !ok || r.at.IsZero() || now.Sub(r.at) > rememberedFor {
		return nil, false
	}
	return r.grants, true
}

// wrote puts what was just written in the place of what is remembered of it, so that a token
// which was renewed is not gone with the store. Where that is not plainly older, such as when
// the user was deleted at another server, the user is forgotten.
func (m *memory) wrote(g broker.Grant) {
	m.users.Update(userKey{g.Key.App, g.Key.Subject}, func(was remembered, _ bool) (remembered, bool) {
		now := remembered{epoch: was.epoch + 1}
		i := slices.IndexFunc(was.grants, func(x broker.Grant) bool { return x.Key == g.Key })
		if i < 0 || was.grants[i].Version >= g.Version {
			return now, true
		}
		now.at, now.grants = was.at, slices.Clone(was.grants)
		now.grants[i] = g
		return now, true
	})
}

// drop forgets a user who was deleted.
func (m *memory) drop(app, user string) {
	m.users.Update(userKey{app, user}, func(was remembered, _ bool) (remembered, bool) {
		return remembered{epoch: was.epoch + 1}, true
	})
}
