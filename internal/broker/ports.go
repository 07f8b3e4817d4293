package broker

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"
)

// IssueRequest is what an issuer is asked to do.
type IssueRequest struct {
	App    *App
	Key    Key
	Secret Secret // the one app secret to use; zero for derived kinds
	// Refresh is the refresh token to use, where tokens are issued by one; else zero.
	Refresh Secret
	Tokens  Tokens // for kinds that are derived from another token
}

// Issued is what a platform gave.
type Issued struct {
	Token Secret
	// Lifetime is what the platform says is left, counted from before the request
	// left, never from when the answer came.
	Lifetime time.Duration
	// Refresh is the refresh token that the next issue has to use; zero where the one that
	// was used stays good, or none was. It is set beside an error too, where the answer has
	// one but no token that is of use: the one that was used may not be good any more.
	Refresh Secret
}

// Issuer gets tokens from one platform. Issue has side effects that cannot be undone.
// It is called under a lease, returns before ctx's deadline, and may be called again.
// Its errors are *[Error]: refused (the platform said no, or the request provably
// never left), or with Unknown set. No error contains a secret.
type Issuer interface {
	Issue(ctx context.Context, req IssueRequest) (Issued, error)
}

// Forcer is an optional power of an issuer on a late platform: to replace a token
// before its time. It is scarce and budgeted.
type Forcer interface {
	Force(ctx context.Context, req IssueRequest) (Issued, error)
}

// Checker is an optional power of an issuer: to find out by a harmless call whether
// a token still opens the platform. It returns VerdictUnknown together with an error
// when the platform could not be asked.
type Checker interface {
	Check(ctx context.Context, app *App, token Secret) (Verdict, error)
}

// Verdict is what a platform's answer says about the token it was asked with.
type Verdict int

// The verdicts.
const (
	VerdictUnknown Verdict = iota
	VerdictOK
	VerdictRejected
	VerdictThrottled
)

// Tokens is what every consumer sees; issuers of derived kinds get one too. Both
// methods are safe for concurrent use and bounded by ctx.
type Tokens interface {
	// Token returns the best token there is, issuing one if there is none.
	Token(ctx context.Context, k Key) (Token, error)
	// Renew replaces the token that the caller saw rejected. Any number of callers
	// with the same stale version cause one issue.
	Renew(ctx context.Context, k Key, stale Version) (Token, error)
}

// Platform is everything that is known of one platform. It is a value in a table.
type Platform struct {
	Name  string
	Modes []string // ways to issue; the first is the default
	// Kinds says, for a mode, how each kind is issued and how it rotates.
	Kinds func(mode string) map[Kind]Source
	// BaseURL is the platform's own.
	BaseURL string
	// Base is where the calls of a path go in a mode, for platforms that are at several
	// hosts; nil: all go to BaseURL. An app's own base URL comes before both.
	Base func(mode, path string) string
	// Params are what the platform wants to know of an app besides its id and secret.
	Params []Param
	// OneToken says that an app id has one token on the platform, whatever the mode and the
	// params with which it is asked for, so that apps that differ in these only are one.
	OneToken bool
	// Needs names the params without which nothing can be asked for in a mode, though other
	// modes may do without. Nil: none.
	Needs func(mode string) []string
	// OAuth2 says that its apps say themselves where their tokens are got, see [App.OAuth2].
	OAuth2 bool
	// TokenPaths are the platform's own paths that give tokens, as SDKs call them.
	TokenPaths []TokenPath
	// Canonical is a path as it is compared, so that one is a token path exactly where the
	// gateway takes it for one. Paths that it takes for one differ in nothing but the case,
	// slashes that stand together or at the end, and what follows a semicolon in a segment.
	// Nil: a path is compared as it is, but for slashes that stand together or at its end.
	Canonical func(path string) string
	// Upstream is how its calls are passed on. Nil: they are not.
	Upstream Upstream
	// Examiner finds out what stands between an app and its tokens. Nil: nobody does.
	Examiner Examiner
	// Web is how users log in, in their browsers. Nil: they do not.
	Web WebAuthorization
	// Mini is how users of mini programs log in. Nil: there are none.
	Mini MiniProgram
	// Pages signs for the JS-SDK. Nil: there is none.
	Pages PageSigner
}

// Param is a thing that a platform wants to know of an app besides its id and secret.
type Param struct {
	Name string // [a-z0-9_]
	// Required says that there is no app without it; of the others apps have it or not.
	Required bool
	// Idle says that no token is asked for with it: which one comes is told by the app id and
	// the secret. Apps that differ in it have secrets of their own, or are one.
	Idle bool
	Help string // what it is, and where to find it
}

// Entry is the one name for all of a platform's own entries: its base URL for those of
// its hosts, and every other URL itself. Apps that differ in nothing but their way in are
// one app to the platform, whose tokens they would end for each other.
func (p *Platform) Entry(baseURL string) string {
	baseURL = strings.TrimRight(baseURL, "/")
	if baseURL == "" || p.Upstream != nil && slices.ContainsFunc(p.Upstream.Hosts(), func(host string) bool { return baseURL == "https://"+host }) {
		return strings.TrimRight(p.BaseURL, "/")
	}
	return baseURL
}

// At is where an app's calls of a path go. The platform's own base URL, which an app
// without one of its own is completed with, stands for all of the platform's hosts; every
// other one of an app is for all of its calls. "": nobody has said where.
func (p *Platform) At(a *App, path string) string {
	own := a.BaseURL == "" || a.BaseURL == strings.TrimRight(p.BaseURL, "/")
	if own && p.Base != nil {
		if base := p.Base(a.Mode, path); base != "" {
			return base
		}
	}
	if own {
		return p.BaseURL
	}
	return a.BaseURL
}

// Source is where tokens of one kind come from.
type Source struct {
	Rotation Rotation
	Issuer   Issuer
	// Derived kinds are issued against another token instead of the app secret, and
	// only once somebody asks for them.
	Derived bool
	// OnDemand kinds are issued by the app secret, but only once somebody asks for them as
	// well: few apps use them.
	OnDemand bool
}

// Waits reports whether tokens are only issued, and kept fresh, once somebody asks for them.
func (s Source) Waits() bool { return s.Derived || s.OnDemand }

// TokenStore keeps sealed records. All methods are safe for concurrent use and
// return promptly when ctx ends. Records go in and come out as copies.
type TokenStore interface {
	// Get returns ErrNotFound where there is no record.
	Get(ctx context.Context, k Key) (Record, error)
	// Put is compare-and-swap on r.Version (0: must not exist) and stores the record
	// at r.Version+1, which it returns. Where another write came first it returns
	// ErrConflict and nothing is changed.
	Put(ctx context.Context, r Record) (Version, error)
	// Delete removes the record if it is at version v, else ErrConflict; deleting
	// what is not there is ErrNotFound.
	Delete(ctx context.Context, k Key, v Version) error
	// All yields every record, in no order. It is for start-up and for re-sealing. One that
	// cannot be decoded is yielded as an error that is ErrUndecodable, together with its
	// key as far as that is known, and the others still come. After any other error none do.
	All(ctx context.Context) iter.Seq2[Record, error]
}

// Lease is a temporary right to work on something alone.
type Lease struct {
	Name   string
	Holder string
	// Term counts the acquisitions of this name; it never repeats.
	Term int64
	// Acquired and Expiry are on the store's clock.
	Acquired time.Time
	Expiry   time.Time
	// Abandoned is when the lease before this one was acquired, if that one ran out
	// without being released; else zero. Its holder may have died in mid-issue. Of
	// several that ran out one after the other it is the first.
	Abandoned time.Time
}

// Leaser saves quota, it does not protect data. Terms never repeat; expiry is on the
// store's clock.
type Leaser interface {
	// Acquire returns ErrLeaseHeld while another holder, or the same one, has it.
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (Lease, error)
	// Extend returns ErrLeaseLost if l is no longer held in its term.
	Extend(ctx context.Context, l Lease, ttl time.Duration) error
	// Release ends l at once; of a lease that is no longer held it is ErrLeaseLost.
	Release(ctx context.Context, l Lease) error
	// Clock returns the store's time.
	Clock(ctx context.Context) (time.Time, error)
}

// Change tells what was written: exactly one of its fields is set.
type Change struct {
	Record *Record // as this write, or a later one, left it
	App    string  // name of an app's definition that was put or deleted
	Client string  // name of a client's definition that was put or deleted
}

// Notifier tells servers of each other's writes. A store that one process owns has none.
type Notifier interface {
	// Watch yields what is written to records and definitions, whoever writes it, from
	// when it is called until ctx ends. A change may come more than once, and of several
	// to one thing only the last. While the store cannot be reached it goes on trying,
	// and then yields what was missed. After an error the sequence ends, because
	// something may be missing: the caller watches again and reads everything.
	Watch(ctx context.Context) iter.Seq2[Change, error]
	// Behind is how long ago a watch of this handle was last up to date, as far as that is
	// more than the time between two looks at the store.
	Behind() time.Duration
}

// Roll is the list of the servers that use a store together.
type Roll interface {
	// Beat notes that the server of this name is alive, for the nth time, counted from 1,
	// and returns the names of those that were noted within the given time, on the
	// store's clock: sorted, its own among them. A beat whose outcome is not known is
	// repeated with the same n. Where the last beat that the store remembers of it is
	// before n-1, nothing is noted and the error is ErrForgotten: what was written to the
	// store has been lost. The first beat is always noted.
	Beat(ctx context.Context, name string, n int64, within time.Duration) ([]string, error)
	// Leave strikes a server off the list. That it is not on it is no error.
	Leave(ctx context.Context, name string) error
}

// Definition is a stored app or client: its settings in the clear, as JSON, and its
// secrets sealed.
type Definition struct {
	Name    string
	Version Version
	Spec    []byte
	Sealed  []byte
}

// DefinitionStore keeps definitions of one sort under unique names, with the
// compare-and-swap of [TokenStore].
type DefinitionStore interface {
	Get(ctx context.Context, name string) (Definition, error)
	Put(ctx context.Context, d Definition) (Version, error)
	Delete(ctx context.Context, name string, v Version) error
	All(ctx context.Context) iter.Seq2[Definition, error]
}

// AuditEntry is one line of the audit: who did what to which app's token, from
// where, and what came of it.
type AuditEntry struct {
	ID        int64 // assigned by the store, growing
	At        time.Time
	Client    string
	Action    string // read | renew | replace | put_app | delete_app | put_client | …
	App       string
	Kind      Kind
	Target    string // what else was acted on: a client's name
	Version   Version
	Remote    string
	RequestID string
	Result    string // ok, or an error's code
	Count     int    // coalesced reads
}

// AuditFilter selects entries; zero fields select all.
type AuditFilter struct {
	Client, Action, App string
	From, To            time.Time // [From, To)
	Before              int64     // only entries with a smaller ID: the page after it
	Limit               int
}

// AuditLog is append-only: entries are added and grow old, nothing else.
type AuditLog interface {
	Append(ctx context.Context, entries ...AuditEntry) error
	// Query returns matching entries, newest first.
	Query(ctx context.Context, f AuditFilter) ([]AuditEntry, error)
	// Prune removes the oldest of the entries from before the given time, at most
	// limit of them, and returns how many there were. Ids are not used again.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
}

// Sealer seals what must not be read at rest. Open returns ErrUnknownKey of a box that
// another key sealed, which may become known. Implementations are safe for concurrent use.
type Sealer interface {
	Seal(plaintext, associated []byte) ([]byte, error)
	Open(box, associated []byte) ([]byte, error)
}

// Store is everything one storage engine keeps. The parts are narrow ports of their
// own; this bundle is for opening, wiring and conformance tests.
type Store interface {
	TokenStore
	Leaser
	Apps() DefinitionStore
	Clients() DefinitionStore
	Audit() AuditLog
	// Grants are what users have granted apps. They are read when they are used, so that no
	// watch tells of them.
	Grants() GrantStore
	// OneTime keeps what is used once, and soon.
	OneTime() OneTimeStore
	SettingStore
	Close() error
}

// SettingStore keeps what the replicas of a fleet have in common. Settings are few and
// small, such as the proof that a keyset is the right one.
type SettingStore interface {
	// Setting returns ErrNotFound for a name that was never put.
	Setting(ctx context.Context, name string) ([]byte, error)
	PutSetting(ctx context.Context, name string, value []byte) error
	// AddSetting is PutSetting where there is none yet, else ErrConflict.
	AddSetting(ctx context.Context, name string, value []byte) error
}
