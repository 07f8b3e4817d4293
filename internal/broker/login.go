package broker

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Login says how users log in to an app in their browsers. A value that has been handed
// over is not changed any more.
type Login struct {
	// Redirects are where browsers may be sent back to: absolute URLs, of which scheme, host and
	// port are to be the same and the path is one that the asked path lies at or below.
	Redirects []string
	// Scopes may be asked for, the narrowest first. Empty: the platform's default.
	Scopes []string
	// AuthorizeURL is where the platform's pages are. Empty: the platform's own.
	AuthorizeURL string
}

// ScopesOf returns what may be asked for, the narrowest first.
func (l *Login) ScopesOf(web WebAuthorization) []string {
	if len(l.Scopes) > 0 {
		return l.Scopes
	}
	return web.DefaultScopes()
}

// NarrowestFirst returns scopes in the platform's order.
func NarrowestFirst(web WebAuthorization, scopes []string) []string {
	known := web.Scopes()
	return slices.SortedFunc(slices.Values(scopes), func(a, b string) int { return slices.Index(known, a) - slices.Index(known, b) })
}

// Sites returns how many sites browsers may be sent back to: whatever differs in scheme, host
// or port may be in other hands.
func (l *Login) Sites() int {
	sites := map[string]bool{}
	for _, allowed := range l.Redirects {
		if u, err := redirect(allowed); err == nil {
			sites[u.Scheme+"://"+u.Host] = true
		}
	}
	return len(sites)
}

// Bounds of [Login.Redirects]: how many there may be, and how many bytes such a URL has, as
// well as one below it that a browser is sent back to.
const (
	MaxRedirects = 100
	MaxRedirect  = 1024
)

// CheckRedirect says what is wrong with a URL as one of [Login.Redirects].
func CheckRedirect(s string) error {
	u, err := redirect(s)
	switch {
	case err != nil:
		return err
	case u.RawQuery != "" || u.ForceQuery:
		return errors.New("it has a query: leave out the ? and what follows it")
	default:
		return nil
	}
}

// redirect parses what a browser may be sent to.
func redirect(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || s == "" || len(s) > MaxRedirect || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '\\' }):
		return nil, fmt.Errorf("it is not a URL of at most %d printable ASCII characters", MaxRedirect)
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Opaque != "":
		return nil, errors.New("it is not an absolute http or https URL")
	case u.User != nil:
		return nil, errors.New("it has a user name")
	case u.Fragment != "" || strings.Contains(s, "#"):
		return nil, errors.New("it has a fragment: leave out the # and what follows it")
	case u.Hostname() == "" || strings.ContainsFunc(u.Host, oddInHost) || strings.HasSuffix(u.Host, ":") || strings.HasSuffix(u.Hostname(), "."):
		return nil, errors.New("its host is not of small letters, digits, dots and dashes (an international name is written as xn--…), or ends in a dot or a colon")
	case u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443":
		return nil, errors.New("it names the port that its scheme has anyway: leave it out")
	}
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		// Some servers take what follows a semicolon for no part of the segment.
		name, _, _ := strings.Cut(segment, ";")
		switch low := strings.ToLower(segment); {
		case name == "." || name == "..", strings.Contains(low, "%2e"), strings.Contains(low, "%2f"), strings.Contains(low, "%5c"):
			return nil, errors.New("its path has a . or .. for a segment, or an escaped one, a slash or a backslash")
		}
	}
	return u, nil
}

// oddInHost keeps out what browsers turn into another host than the one that is read, and
// wildcards, which stand for nothing here.
func oddInHost(c rune) bool {
	return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-._:[]", c)
}

// Allows reports whether a browser may be sent back to s. Scheme, host and port are
// compared as they are written; the path is the same as an allowed one or below it, where one
// that ends in a slash allows all that begins with it.
func (l *Login) Allows(s string) bool {
	u, err := redirect(s)
	if l == nil || err != nil {
		return false
	}
	return slices.ContainsFunc(l.Redirects, func(allowed string) bool {
		a, err := redirect(allowed)
		if err != nil || a.Scheme != u.Scheme || a.Host != u.Host {
			return false
		}
		below, path := a.EscapedPath(), u.EscapedPath()
		return path == below || below == "" || strings.HasPrefix(path, strings.TrimSuffix(below, "/")+"/")
	})
}

// AuthorizeRequest is what a platform's page for logging in is to ask the user.
type AuthorizeRequest struct {
	App      *App
	Scope    string
	Callback string // where the platform sends the browser afterwards
	State    string // comes back with it; letters and digits, at most 128
}

// WebAuthorization is a platform's way to log users in, in their browsers. Its errors are
// *[Error], and no error contains a secret. All methods are safe for concurrent use.
type WebAuthorization interface {
	// Scopes are all that there are, the narrowest first.
	Scopes() []string
	// DefaultScopes are those of them that an app may ask for which says nothing itself.
	DefaultScopes() []string
	// KindOf is the kind of the grants of a scope; empty for a scope that there is not.
	KindOf(scope string) Kind
	// AuthorizeURL is the platform's page that a browser is sent to.
	AuthorizeURL(r AuthorizeRequest) (string, error)
	// Exchange has a code turned into tokens. The platform takes a code once: after an
	// error with Unknown set nobody knows whether it was used up. A secret that the platform refuses
	// is of the class [BadCredential], and the code can be tried with another one.
	Exchange(ctx context.Context, app *App, secret, code Secret) (Granted, error)
	// Refresh renews an access token. What it returns has a refresh token, which is the
	// same one or replaces it. Where the grant has ended the error is [ErrGrantEnded], and no
	// other error of it is of the class [Denied]: what the platform has against the app
	// ends no grant.
	Refresh(ctx context.Context, app *App, k Key, refresh Secret) (Granted, error)
	// CheckUser finds out by a harmless call whether a user's token still lives. There is an
	// error with [VerdictUnknown], and with nothing else.
	CheckUser(ctx context.Context, app *App, user string, token Secret) (Verdict, error)
	// Profile returns what the user shows of herself, by the user's own token. A token that
	// is not good, or an app's own, is [ErrUserTokenRejected], a grant that does not reach so far
	// [ErrScopeLacking]. Language is zh_CN, zh_TW, en or empty.
	Profile(ctx context.Context, app *App, user string, token Secret, language string) (Profile, error)
	// Subscription returns what the app knows of a user who follows it, by the app's token. One
	// that is not good is [ErrRejected].
	//
	// SubscriptionPath is the path that it calls, small and without a slash at its end: clients may
	// call it, and the platform counts it, as if they had.
	SubscriptionPath() string
	Subscription(ctx context.Context, app *App, user string, token Secret, language string) (Subscription, error)
}

// MiniProgram is a platform's way to log users in who use a mini program.
type MiniProgram interface {
	// Session has the code of a mini program's login turned into a session. The platform takes a code once.
	Session(ctx context.Context, app *App, secret, code Secret) (Session, error)
	// Verify reports whether data that the mini program sends was signed with the session's key.
	Verify(key Secret, rawData, signature string) bool
	// Decrypt opens what the platform has sealed for the app. The error says what is wrong without
	// showing anything of it.
	Decrypt(app *App, key Secret, data, iv string) ([]byte, error)
}

// PageSigner makes the signatures by which pages of an app may use its JS-SDK. It does no
// I/O.
type PageSigner interface {
	// Stamp is a time as it is signed, which is in seconds or in parts of them.
	Stamp(t time.Time) int64
	// SignPage signs a page's URL, of which the fragment does not count.
	SignPage(ticket Secret, page, nonce string, timestamp int64) string
}

// CardSigner is an optional power of a [PageSigner].
type CardSigner interface {
	// SignCard signs what a page does with cards and coupons: the values, whatever their
	// order, together with the ticket.
	SignCard(ticket Secret, values ...string) string
}

// Profile is what a user shows of herself.
type Profile struct {
	OpenID, UnionID         string
	Nickname                string
	Sex                     int // 0: not said, 1: male, 2: female
	Province, City, Country string
	Portrait                string // a URL
	Privilege               []string
}

// Subscription is what an app knows of a user who follows it.
type Subscription struct {
	OpenID, UnionID string
	Subscribed      bool
	Language        string
	SubscribedAt    time.Time // zero: not said
	Remark          string
	GroupID         int64
	Tags            []int64
	Scene           string
	QRScene         int64
	QRSceneText     string
}

// Sentinels of grants, compared with errors.Is.
var (
	ErrNoGrant = &Error{
		Code: "no_grant", Class: NotFound, Message: "nothing that this user granted the app is kept here",
		Hint: "have the user log in: /oauth/APP/authorize; open ids differ from app to app",
	}
	ErrGrantEnded = &Error{
		Code: "authorization_ended", Class: Denied, Message: "what the user granted the app has ended",
		Hint: "have the user log in again",
	}
	ErrScopeLacking = &Error{
		Code: "scope_lacking", Class: Denied, Message: "what the user granted the app does not reach so far",
		Hint: "have the user log in with the scope that is wanted",
	}
	ErrGrantSealed = &Error{
		Code: "grant_sealed", Class: Misconfigured, Message: "what is kept of the user cannot be opened with this keyset",
		Hint: "restore the keyset that has the key, or have the user log in again",
	}
	ErrUserTokenRejected = &Error{
		Code: "user_token_rejected", Class: Denied, Message: "the platform rejects the user's token",
		Hint: "get a new one with its refresh token, or let the user authorize again; the app's own token is not good here",
	}
	// ErrWrongUser is of answers about somebody else than was asked about (I8).
	ErrWrongUser = &Error{
		Code: "wrong_user", Class: Misconfigured, Unknown: true, Message: "the platform's answer is about another user",
		Hint: "nothing of it was taken; check that base_url is the platform's own and that nothing on the way keeps answers",
	}
	ErrNoLogin = &Error{
		Code: "no_login", Class: NotFound, Message: "users cannot log in to this app here",
		Hint: "give the app a login with redirect_uris in the configuration",
	}
)
