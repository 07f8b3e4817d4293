package broker

import (
	"slices"
	"strings"
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
	// Refresh is the refresh token that the next issue has to use, sealed with
	// [Key.RefreshData] as associated data. Nil: none has come with a token yet.
	Refresh []byte
	// Seed is the fingerprint of the configured refresh token that the one in Refresh
	// descends from, and behind commas those of others that came before it. They are used
	// up: a server that still has one configured goes on with what is on record.
	Seed string
}

// Clone returns a copy that shares no memory with r.
func (r Record) Clone() Record {
	r.Current.Box = slices.Clone(r.Current.Box)
	r.Previous.Box = slices.Clone(r.Previous.Box)
	r.Refresh = slices.Clone(r.Refresh)
	return r
}

// For returns the record as it stands for an app: where its tokens were issued for
// another registration, nothing but its version and its budget is left of it: replicas
// with different settings would else renew in turn without an end. A refresh token stays as
// well where the app still names the one that it descends from, which is used up: the
// grant would else be lost with a change of scopes (I5).
func (r Record) For(a *App) Record {
	if r.Source == a.Source() {
		return r
	}
	next := Record{Key: r.Key, Version: r.Version, Budget: r.Budget, Source: a.Source()}
	if r.begun(a.Refresh) {
		next.Refresh, next.Seed = r.Refresh, r.Seed
	}
	return next
}

// Chained reports whether the app's next issue has to use the refresh token that is on
// record, rather than the configured one.
func (r Record) Chained(a *App) bool {
	return len(r.Refresh) > 0 && (a.Refresh.IsZero() || r.begun(a.Refresh))
}

// maxSeeds bounds how many configured refresh tokens a record remembers.
const maxSeeds = 8

// begun reports whether a configured refresh token has been used to begin with.
func (r Record) begun(s Secret) bool {
	return !s.IsZero() && slices.Contains(strings.Split(r.Seed, ","), s.Fingerprint())
}

// SeedWith is the record's Seed once an issue has used a chain that the configured refresh
// token belongs to, or has begun one with it.
func (r Record) SeedWith(configured Secret) string {
	if configured.IsZero() || r.begun(configured) {
		return r.Seed
	}
	seeds := []string{configured.Fingerprint()}
	if r.Seed != "" {
		seeds = append(seeds, strings.Split(r.Seed, ",")...)
	}
	return strings.Join(seeds[:min(len(seeds), maxSeeds)], ",")
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
