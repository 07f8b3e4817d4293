package gateway

import (
	"hash/maphash"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/recent"
)

// maxUsers bounds the memory of users' tokens: some 10 MB when full.
const maxUsers = 200_000

// Users remembers of tokens that belong to users of apps which app that is, so that they
// can be told from the apps' own tokens, and so that a call that shows nothing else finds
// its app. It holds keyed hashes, never the tokens. It is a help and not relied upon: a
// restart forgets all. It is safe for concurrent use.
type Users struct {
	seed maphash.Seed
	apps *recent.Map[uint64, string]
}

// NewUsers returns a memory of users' tokens with nothing in it.
func NewUsers() *Users { return newUsers(maxUsers) }

func newUsers(most int) *Users {
	return &Users{seed: maphash.MakeSeed(), apps: recent.New[uint64, string](most)}
}

// Add remembers that a token belongs to a user of an app.
func (u *Users) Add(app string, tok broker.Secret) {
	if !tok.IsZero() {
		u.apps.Set(maphash.String(u.seed, tok.Reveal()), app)
	}
}

// Has reports whether a token is known to belong to a user of some app.
func (u *Users) Has(tok broker.Secret) bool { return u.app(tok) != "" }

// app returns the app whose user a token belongs to; "" if that is not known.
func (u *Users) app(tok broker.Secret) string {
	if tok.IsZero() {
		return ""
	}
	app, _ := u.apps.Get(maphash.String(u.seed, tok.Reveal()))
	return app
}
