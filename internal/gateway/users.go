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
	seed   maphash.Seed
	owners *recent.Map[uint64, owner]
}

// owner is the app whose user a token belongs to.
type owner struct {
	app string
	// registration is a hash of what the app was then: its id may stand for another one by now.
	registration uint64
}

// NewUsers returns a memory of users' tokens with nothing in it.
func NewUsers() *Users { return newUsers(maxUsers) }

func newUsers(most int) *Users {
	return &Users{seed: maphash.MakeSeed(), owners: recent.New[uint64, owner](most)}
}

// Add remembers that a token belongs to a user of an app, which has that registration now.
func (u *Users) Add(app, registration string, tok broker.Secret) {
	if !tok.IsZero() {
		u.owners.Set(maphash.String(u.seed, tok.Reveal()), owner{app, maphash.String(u.seed, registration)})
	}
}

// Has reports whether a token is known to belong to a user of some app.
func (u *Users) Has(tok broker.Secret) bool {
	_, known := u.owner(tok)
	return known
}

// owner returns whose user's a token is, if that is known.
func (u *Users) owner(tok broker.Secret) (owner, bool) {
	if tok.IsZero() {
		return owner{}, false
	}
	return u.owners.Get(maphash.String(u.seed, tok.Reveal()))
}

// is reports whether an app has the registration that a token's user knows it as.
func (g *Gateway) is(o owner, a *broker.App) bool {
	return a != nil && maphash.String(g.users.seed, g.svc.Registration(a)) == o.registration
}
