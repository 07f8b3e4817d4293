package gateway

import (
	"hash/maphash"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/recent"
)

// maxUsers bounds the memory of users' tokens: some 10 MB when full.
const maxUsers = 200_000

// users remembers of tokens that belong to users of apps which app that is, so that they
// can be told from the apps' own tokens, and so that a call that shows nothing else finds
// its app. It holds keyed hashes, never the tokens. It is a help and not relied upon: a
// restart forgets all.
type users struct {
	seed maphash.Seed
	apps *recent.Map[uint64, string]
}

func newUsers(most int) *users {
	return &users{seed: maphash.MakeSeed(), apps: recent.New[uint64, string](most)}
}

func (u *users) add(app string, toks []broker.Secret) {
	for _, t := range toks {
		u.apps.Set(maphash.String(u.seed, t.Reveal()), app)
	}
}

// app returns the app whose user a token belongs to; "" if that is not known.
func (u *users) app(tok broker.Secret) string {
	if tok.IsZero() {
		return ""
	}
	app, _ := u.apps.Get(maphash.String(u.seed, tok.Reveal()))
	return app
}
