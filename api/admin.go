package api

import (
	"encoding/json"
	"fmt"
	"time"
)

// Duration is written as Go writes it ("1h30m") and never as a bare number.
type Duration time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("duration %q: want a form such as \"90s\" or \"1h30m\"", b)
	}
	*d = Duration(v)
	return nil
}

// Secrets is one app secret or a list of them that is tried in order. It only goes
// in; the server never sends it.
type Secrets []string

// UnmarshalJSON accepts a string or a list of strings.
func (s *Secrets) UnmarshalJSON(b []byte) error {
	var one string
	if err := json.Unmarshal(b, &one); err == nil {
		*s = Secrets{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("secret: want a string or a list of strings")
	}
	*s = list
	return nil
}

// App is a registered app: the body of PUT /v1/apps/{app} and, without its secrets
// and with Origin and Tokens, the answer of GET.
type App struct {
	ID       string  `json:"id"`
	Platform string  `json:"platform"`
	AppID    string  `json:"app_id"`
	Secret   Secrets `json:"secret,omitempty"`
	Mode     string  `json:"mode,omitempty"`
	BaseURL  string  `json:"base_url,omitempty"`
	// Params are what the platform wants to know of the app besides its id and secret.
	Params map[string]string `json:"params,omitempty"`
	// OAuth2 says how tokens are got by OAuth 2.0. Only on the platform oauth2.
	OAuth2 *OAuth2 `json:"oauth2,omitempty"`
	// RefreshToken is the one to begin with, in the mode refresh_token. It only goes in; the
	// server never sends it. Left out, the app keeps the one that it has.
	RefreshToken string `json:"refresh_token,omitempty"`
	// Overlap and Renew are left out where the defaults hold.
	Overlap Duration `json:"overlap,omitzero"`
	Renew   Renew    `json:"renew,omitzero"`
	Sinks   []Sink   `json:"sinks,omitempty"`
	// Deny are the paths, or patterns with *, that only administrators may call through
	// the gateway. Nil, which is left out: the platform's own list. An empty list: nothing
	// is denied.
	Deny *[]string `json:"deny,omitempty"`
	// Login says how users log in to the app in their browsers. Nil: they do not.
	Login *Login `json:"login,omitempty"`
	// PageHosts are the hosts, with their ports where they name any, whose pages may use the
	// app's JS-SDK. "*.example.com" stands for all below it.
	PageHosts []string `json:"page_hosts,omitempty"`
	// Origin is "file" (read-only here) or "api". Only in answers.
	Origin string `json:"origin,omitempty"`
	// Tokens tells how each kind stands. In the body of PUT those that have a Token are
	// imported with the app, and the others mean nothing.
	Tokens []TokenState `json:"tokens,omitempty"`
}

// OAuth2 says how an app's tokens are got from a provider of OAuth 2.0. Exactly one of
// TokenURL and Issuer is there.
type OAuth2 struct {
	TokenURL string `json:"token_url,omitempty"`
	// Issuer is the provider's name, at which its token endpoint is found (RFC 8414).
	Issuer string `json:"issuer,omitempty"`
	// Auth is how the app proves itself: basic, body or private_key_jwt. Empty: basic.
	Auth     string            `json:"auth,omitempty"`
	Scopes   []string          `json:"scopes,omitempty"`
	Audience string            `json:"audience,omitempty"`
	Resource string            `json:"resource,omitempty"` // RFC 8707
	Extra    map[string]string `json:"extra,omitempty"`    // further parameters of the request
	// Lifetime is that of tokens of which the provider does not say it.
	Lifetime Duration `json:"lifetime,omitzero"`
	// KeyID and Algorithm are those of the private key, which is the app's secret, for
	// private_key_jwt.
	KeyID     string `json:"key_id,omitempty"`
	Algorithm string `json:"algorithm,omitempty"`
}

// Login says how users log in to an app in their browsers.
type Login struct {
	// RedirectURIs are where browsers may be sent back to, and everything below them.
	RedirectURIs []string `json:"redirect_uris"`
	// Scopes may be asked for; the first is that of logins that name none. Empty: the
	// platform's usual ones.
	Scopes []string `json:"scopes,omitempty"`
	// AuthorizeURL is where the platform's pages are. Empty: the platform's own.
	AuthorizeURL string `json:"authorize_url,omitempty"`
}

// Renew says when an app's tokens are renewed.
type Renew struct {
	Every        Duration `json:"every,omitzero"`
	Ahead        Duration `json:"ahead,omitzero"`
	InitialDelay Duration `json:"initial_delay,omitzero"`
}

// Sink is a place that a renewed token is also written to.
type Sink struct {
	Type string `json:"type"` // properties, json, redis or webhook
	// Path is the file; of another server, where it is, without what opens it.
	Path         string `json:"path"`
	Key          string `json:"key,omitempty"`
	Kind         string `json:"kind,omitempty"`
	Format       string `json:"format,omitempty"`        // of a redis sink
	IncludeToken bool   `json:"include_token,omitempty"` // of a webhook sink
}

// TokenState tells how one kind of token stands, without the token. With the token it is
// one that was issued elsewhere: the body of PUT /v1/apps/{app}/tokens/{kind}, and what PUT
// /v1/apps/{app} imports.
type TokenState struct {
	Kind    string    `json:"kind"`
	Version int64     `json:"version,omitempty"`
	Usable  bool      `json:"usable"`
	Expiry  time.Time `json:"expiry,omitzero"`
	Due     time.Time `json:"due,omitzero"` // of the next renewal
	Problem *Problem  `json:"problem,omitempty"`
	// Token is a token that was issued elsewhere. It only goes in, with how many seconds it
	// lives (ExpiresIn) or when it ends (Expiry).
	Token     string `json:"token,omitempty"`
	ExpiresIn int64  `json:"expires_in,omitempty"`
	// Replace has it take the place of another token that lives here.
	Replace bool `json:"replace,omitempty"`
	// Result is what became of it, in the answer to its import: [ImportDone] or
	// [ImportUnchanged].
	Result string `json:"result,omitempty"`
}

// ImportUnchanged is the result of a token that was here already.
const ImportUnchanged = "unchanged"

// Client is a business server that may ask for tokens: the body of POST /v1/clients
// and the answers about clients.
type Client struct {
	Name  string   `json:"name"`
	Apps  []string `json:"apps"`
	Allow []string `json:"allow"`
	// Paths limits the right to call to these paths of the platform, or patterns with *.
	// None: all that the app does not deny.
	Paths []string `json:"paths,omitempty"`
	// Handout says what the client gets in the place of access tokens: "real" ones, or
	// "virtual" ones, which are good for calls through the gateway only, so that they need
	// the right to call.
	Handout string `json:"handout,omitempty"`
	SDK     string `json:"sdk,omitempty"`
	// SessionKeys says that the client may have the keys of mini programs' sessions.
	SessionKeys bool   `json:"session_keys,omitempty"`
	Origin      string `json:"origin,omitempty"`
	// Key is the client's new key. It is sent once, in the answer to its creation.
	Key string `json:"key,omitempty"`
}

// AuditEntry is one line of the audit.
type AuditEntry struct {
	ID        int64     `json:"id"`
	At        time.Time `json:"at"`
	Client    string    `json:"client,omitempty"` // empty: the server itself
	Action    string    `json:"action"`
	App       string    `json:"app,omitempty"`
	Kind      string    `json:"kind,omitempty"`
	Target    string    `json:"target,omitempty"`
	Version   int64     `json:"version,omitempty"`
	Remote    string    `json:"remote,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	Result    string    `json:"result"`
	Count     int       `json:"count,omitempty"` // reads that this entry stands for
}

// AuditPage is the answer of GET /v1/audit, newest first.
type AuditPage struct {
	Entries []AuditEntry `json:"entries"`
	// Next is the value of ?before= for the page after this one; zero: there is none.
	Next int64 `json:"next,omitempty"`
}

// KeyRotation is the answer of POST /v1/keys/rotate: what became of a rotation of the
// keyset.
type KeyRotation struct {
	Primary  uint32 `json:"primary"`  // id of the key that seals from now on
	Resealed int    `json:"resealed"` // definitions and records that were sealed anew
	Removed  int    `json:"removed"`  // keys that nothing was sealed with any more
}
