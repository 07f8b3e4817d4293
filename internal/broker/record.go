package broker

import (
	"slices"
	"time"
)

// SealedToken is a token as a record holds it: its secret sealed, its times in the
// clear. The zero value means that there is none.
type SealedToken struct {
	Version Version
	Box     []byte // sealed with the record's key as associated data
	Issued  time.Time
	Expiry  time.Time
	Until   time.Time
}

// Live reports whether the token may still work by the platform's figure.
func (t SealedToken) Live(now time.Time) bool { return t.Version != 0 && now.Before(t.Expiry) }

// Failure is what went wrong since the last success. The zero value means nothing.
type Failure struct {
	Class           Class
	Code            string
	Message         string
	Hint            string
	PlatformCode    string
	PlatformMessage string
	Attempts        int
	First           time.Time
	Last            time.Time
	// NotBefore is the end of the back-off, for the whole fleet.
	NotBefore time.Time
	// UnknownAt is when the first issue since the last success began whose outcome
	// is not known; zero if there was none. From then on the platform may have
	// replaced the current token.
	UnknownAt time.Time
}

// IsZero reports whether nothing failed.
func (f Failure) IsZero() bool { return f.Attempts == 0 }

// Foreign counts rotations by somebody else who uses the same secret.
type Foreign struct {
	Count int
	Last  time.Time
}

// Record is all that is kept of one key. Stores treat Box as opaque bytes.
type Record struct {
	Key      Key
	Version  Version // of this write; zero: not stored yet
	Current  SealedToken
	Previous SealedToken
	// Due is when the next planned attempt may start. No planned issue starts before
	// it, on any replica: promises rest on that.
	Due time.Time
	// Rejected is the version of a token that the platform is known to have killed.
	Rejected Version
	Failure  Failure
	Budget   Budget
	Foreign  Foreign
	// Secret is the fingerprint of the app secret that worked last.
	Secret string
	// Source names the registration that the tokens were issued for, see
	// [App.Source]. Tokens of another one are never handed out under this key.
	Source string
}

// Clone returns a copy that shares no memory with r.
func (r Record) Clone() Record {
	r.Current.Box = slices.Clone(r.Current.Box)
	r.Previous.Box = slices.Clone(r.Previous.Box)
	return r
}

// For returns the record as it stands for an app: where its tokens were issued for
// another registration, nothing but its version and its budget is left of it: replicas
// with different settings would else renew in turn without an end.
func (r Record) For(a *App) Record {
	if r.Source == a.Source() {
		return r
	}
	return Record{Key: r.Key, Version: r.Version, Budget: r.Budget, Source: a.Source()}
}

// Usable reports whether the current token may be handed out: it is not past its
// expiry and not known to be dead.
func (r Record) Usable(now time.Time) bool {
	return r.Current.Live(now) && r.Rejected != r.Current.Version
}

// ForeignRotation reports whether a rejection cannot be explained by anything this server
// did: the token is current and alive by its own book, and no issue is in doubt.
// Then somebody else uses the same secret, or the platform revoked the token.
func (r Record) ForeignRotation(w Want, now time.Time) bool {
	return w.Cause == CauseRejected && !w.Hearsay && r.Current.Version == w.Stale && r.Usable(now) && r.Failure.UnknownAt.IsZero()
}
