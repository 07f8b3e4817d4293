package broker

import (
	"fmt"
	"net/url"
	"strings"
)

// Kind says what sort of token a key names.
type Kind string

// The kinds that are known across platforms.
const (
	AccessToken  Kind = "access_token"
	JSAPITicket  Kind = "jsapi_ticket"
	WxCardTicket Kind = "wx_card_ticket"
	// AppAccessToken is the token of an app itself on platforms where [AccessToken] acts for
	// a tenant: Feishu and Lark.
	AppAccessToken Kind = "app_access_token"
	// AgentConfigTicket signs for one agent of a WeCom corp, where [JSAPITicket] signs for
	// the corp.
	AgentConfigTicket Kind = "agent_config_ticket"
)

// Version numbers the writes of one record and the tokens in it. It grows with
// every write of the record and never goes back while the record exists; a token
// carries the version of the write that brought it, which is its ETag.
type Version int64

// Key names one token: whose it is, of what kind, and for which subject it acts.
// Tokens of different keys never answer for each other.
type Key struct {
	App     string // the app's id, [a-z0-9-]
	Kind    Kind
	Subject string // authorizer or corp; usually empty
}

// String gives the key's only textual form: app/kind or app/kind/subject, each
// part escaped so that different keys never share a form. It is the store's key
// and the associated data under which the key's tokens are sealed.
func (k Key) String() string {
	s := url.PathEscape(k.App) + "/" + url.PathEscape(string(k.Kind))
	if k.Subject != "" {
		s += "/" + url.PathEscape(k.Subject)
	}
	return s
}

// RefreshData is the associated data under which the key's refresh token is sealed. No key
// has it as its textual form, so that neither box opens in the place of the other.
func (k Key) RefreshData() []byte { return []byte("refresh//" + k.String()) }

// ParseKey is the inverse of [Key.String].
func ParseKey(s string) (Key, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return Key{}, fmt.Errorf("parse key %q: want app/kind or app/kind/subject", s)
	}
	for i, p := range parts {
		u, err := url.PathUnescape(p)
		if err != nil || u == "" {
			return Key{}, fmt.Errorf("parse key %q: part %d is empty or badly escaped", s, i+1)
		}
		parts[i] = u
	}
	k := Key{App: parts[0], Kind: Kind(parts[1])}
	if len(parts) == 3 {
		k.Subject = parts[2]
	}
	if k.String() != s {
		return Key{}, fmt.Errorf("parse key %q: not in canonical form", s)
	}
	return k, nil
}

// MaxAppID is the longest id an app may have.
const MaxAppID = 64

// ValidAppID reports whether id may name an app: 1 to 64 of a-z, 0-9 and "-",
// starting with a letter or a digit.
func ValidAppID(id string) bool {
	if id == "" || len(id) > MaxAppID || id[0] == '-' {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// MaxPlatformID is longer than any platform's name for an app.
const MaxPlatformID = 128

// ValidPlatformID reports whether s may be a platform's name for an app, which gets into
// URLs, logs and answers: printable ASCII without spaces. No platform has others; a quote
// from a Chinese keyboard is one of them that nobody sees.
func ValidPlatformID(s string) bool {
	return len(s) <= MaxPlatformID && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}
