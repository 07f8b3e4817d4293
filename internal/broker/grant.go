package broker

import (
	"context"
	"iter"
	"slices"
	"time"
)

// SessionKey is the kind of what a mini program's login brings: a key that is shared
// with the platform, by which what the program sends can be verified and opened.
const SessionKey Kind = "session_key"

// Bounds of what is kept of a user, in bytes. What platforms give is shorter.
const (
	MaxOpenID    = 128 // of a union id and a scope too
	MaxUserToken = 2048
)

// Grant is what one user has granted one app, as it is stored: its tokens sealed, its
// times in the clear. Stores treat Box as opaque bytes.
//
// A user who logs in with different scopes has a grant of each: the narrower one neither
// ends nor replaces the wider one.
type Grant struct {
	// Key names it: the app, the kind, which for the web authorization is the scope, and as
	// its subject the user's open id.
	Key     Key
	Version Version // of this write; zero: not stored yet
	// Box holds the tokens, sealed with the key as associated data. Empty: the grant has
	// ended and there are none.
	Box []byte
	// Token is the version of the write that brought the access token.
	Token Version
	// UnionID is who the user is for all apps of one company. Empty: not said.
	UnionID string
	// Scope is what was granted, in the platform's own words.
	Scope string
	// Snapshot says that this is no real user, but one whom the platform makes up for
	// pages that are looked at without a login.
	Snapshot bool
	// Authorized is when the user last logged in, or when the grant was imported.
	Authorized time.Time
	// Issued is when the request left that last brought the access token, and Expiry its
	// end by the platform's own figure. Zero: there is no access token.
	Issued, Expiry time.Time
	// Deadline is when the refresh token ends. Zero: there is no refresh token.
	Deadline time.Time
	// Ended is when the platform was seen to end the grant, and Failure says why. Only the
	// user can make it anew, by logging in. Zero: it has not ended.
	Ended time.Time
	// Failure is what went wrong since the access token was last renewed.
	Failure Failure
	// Claim is who renews the access token just now.
	Claim RenewalClaim
	// Source names the registration that the user granted it to, see [App.Source].
	Source string
}

// UselessSince is when the grant is, or will be, of no use any more, as far as is known: it
// has ended, its refresh token has, or, where it has none, its access token. A mini program's session
// counts from its login. Zero: that is not known.
func (g Grant) UselessSince() time.Time {
	switch {
	case !g.Ended.IsZero():
		return Later(g.Ended, g.Expiry)
	case !g.Deadline.IsZero():
		return Later(g.Deadline, g.Expiry)
	case !g.Expiry.IsZero():
		return g.Expiry
	default:
		return g.Authorized
	}
}

// RenewalClaim is a lease within a grant: who renews its access token, and until when
// others leave that to him. It saves calls and protects nothing; what is stored is decided by
// the grant's version. The zero value is that nobody does.
type RenewalClaim struct {
	Holder string
	Until  time.Time
}

// Clone returns a copy that shares no memory with g.
func (g Grant) Clone() Grant {
	g.Box = slices.Clone(g.Box)
	return g
}

// User is a user who has just logged in, by the grant that the login left.
type User struct {
	Key      Key // of the grant; its subject is the open id
	UnionID  string
	Scope    string
	Snapshot bool
}

// GrantState is what may be told of a grant: all but its tokens.
type GrantState struct {
	User
	Token      Version
	Authorized time.Time
	Expiry     time.Time // of the access token; zero: there is none
	Deadline   time.Time // of the refresh token; zero: there is none
	Ended      time.Time // zero: it has not
	Failure    *Error    // nil: nothing failed
}

// Granted is what a platform gave for a user's login, or for a refresh token.
type Granted struct {
	Kind     Kind // the grant's, by its scope
	OpenID   string
	UnionID  string
	Scope    string
	Snapshot bool
	Access   Secret
	// Lifetime is what is left of the access token, counted from before the request left.
	Lifetime time.Duration
	Refresh  Secret // zero: there is none
	// RefreshLifetime is how long a refresh token lasts that is new.
	RefreshLifetime time.Duration
}

// Session is what a platform gave for the login of a mini program.
type Session struct {
	OpenID  string
	UnionID string
	Key     Secret
}

// GrantStore keeps grants under their keys, with the compare-and-swap of [TokenStore]. It
// may hold millions: only All looks at all of them. All methods are safe for concurrent
// use; grants go in and come out as copies.
type GrantStore interface {
	// Get returns ErrNotFound where there is no grant.
	Get(ctx context.Context, k Key) (Grant, error)
	// Put stores g at g.Version+1, which it returns, if the stored one is at g.Version
	// (0: must not exist), else it is ErrConflict. When it returns, the grant is as durable as the
	// store makes anything. A key that lacks its app, kind or subject is refused.
	Put(ctx context.Context, g Grant) (Version, error)
	// Delete removes the grant if it is at version v, else ErrConflict; deleting
	// what is not there is ErrNotFound.
	Delete(ctx context.Context, k Key, v Version) error
	// Page returns the app's grants after the given one, in the order of subject and then
	// kind, both as bytes: at most limit of them, and none after the last. After is the zero
	// Key for the first page, and need not be there. A key without a kind stands before all of its
	// subject's.
	Page(ctx context.Context, app string, after Key, limit int) ([]Grant, error)
	// All yields every grant, in no order.
	All(ctx context.Context) iter.Seq2[Grant, error]
}

// OneTimeStore keeps small things for a short time, such as the codes of logins, each
// of which is used at most once, on whichever server. Ends are on the store's clock.
type OneTimeStore interface {
	// Add keeps a value under a name. Where there is one that has not run out it is
	// ErrConflict, whoever added it. The ttl must be positive.
	Add(ctx context.Context, name string, value []byte, ttl time.Duration) error
	// Look returns the value and leaves it there. ErrNotFound: there is none, it was taken or it has run out.
	Look(ctx context.Context, name string) ([]byte, error)
	// Take is Look, and removes the value: of any number of callers one gets it.
	Take(ctx context.Context, name string) ([]byte, error)
	// Sweep removes at most limit values that have run out, and returns how many there
	// were. Stores that do so by themselves return zero.
	Sweep(ctx context.Context, limit int) (int, error)
}
