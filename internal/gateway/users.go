package gateway

import (
	"hash/maphash"
	"sync"

	"github.com/hufu-io/hufu/internal/broker"
)

// maxUsers bounds the memory of users' tokens: some 10 MB when full.
const maxUsers = 200_000

// users remembers of tokens that belong to users of apps which app that is, so that they
// can be told from the apps' own tokens, and so that a call that shows nothing else finds
// its app. It holds keyed hashes, never the tokens, and is bounded by keeping two
// generations. It is a help and not relied upon: a restart forgets all.
type users struct {
	seed maphash.Seed
	half int

	mu         sync.RWMutex
	young, old map[uint64]string
}

func newUsers(most int) *users {
	return &users{seed: maphash.MakeSeed(), half: most / 2, young: map[uint64]string{}}
}

func (u *users) add(app string, toks []broker.Secret) {
	if len(toks) == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, t := range toks {
		if len(u.young) >= u.half {
			u.old, u.young = u.young, make(map[uint64]string, u.half/8)
		}
		u.young[maphash.String(u.seed, t.Reveal())] = app
	}
}

// app returns the app whose user a token belongs to; "" if that is not known.
func (u *users) app(tok broker.Secret) string {
	if tok.IsZero() {
		return ""
	}
	h := maphash.String(u.seed, tok.Reveal())
	u.mu.RLock()
	defer u.mu.RUnlock()
	if app, ok := u.young[h]; ok {
		return app
	}
	return u.old[h]
}
