package broker

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// OAuth2 says how an app's tokens are got from a provider of OAuth 2.0 (RFC 6749). A value
// that has been handed over is not changed any more.
type OAuth2 struct {
	// TokenURL is the provider's token endpoint. Empty: it is found at Issuer.
	TokenURL string
	// Issuer is the provider's name, at which its metadata are (RFC 8414).
	Issuer string
	// Auth is how the app proves itself. Empty: [AuthBasic].
	Auth ClientAuth
	// Scopes are asked for; none: what the provider gives by itself.
	Scopes []string
	// Audience and Resource say whom the token is for, as some providers want to know it:
	// the one by custom, the other by RFC 8707.
	Audience string
	Resource string
	// Extra are further parameters of the request.
	Extra map[string]string
	// Lifetime is that of tokens of which the provider does not say it. Zero: it has to.
	Lifetime time.Duration
	// KeyID and Algorithm are those of the key in the app secret's place, for
	// [AuthPrivateKeyJWT].
	KeyID     string
	Algorithm string
}

// RefreshMode is the mode of apps with [App.OAuth2] whose tokens are got by a refresh token.
const RefreshMode = "refresh_token"

// WantsRefresh reports whether the app's tokens are got by a refresh token.
func (a *App) WantsRefresh() bool { return a.OAuth2 != nil && a.Mode == RefreshMode }

// Origin is the scheme and the host that tokens come from, as far as the settings say it.
func (o *OAuth2) Origin() string {
	s := cmp.Or(o.TokenURL, o.Issuer)
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return scheme + "://" + rest
}

// ClientAuth is how an app proves itself at a token endpoint.
type ClientAuth string

// The ways.
const (
	AuthBasic ClientAuth = "basic" // RFC 6749, section 2.3.1
	AuthBody  ClientAuth = "body"  // the same, in the form
	// AuthPrivateKeyJWT signs an assertion with a private key, which stands in the app
	// secret's place as PEM (RFC 7523).
	AuthPrivateKeyJWT ClientAuth = "private_key_jwt"
)

// identity appends what makes tokens different ones: from where, for whom and for what.
func (o *OAuth2) identity(b []byte) []byte {
	parts := []string{o.TokenURL, o.Issuer, o.Audience, o.Resource}
	parts = append(parts, strconv.Itoa(len(o.Scopes)))
	parts = append(parts, slices.Sorted(slices.Values(o.Scopes))...)
	for _, name := range slices.Sorted(maps.Keys(o.Extra)) {
		parts = append(parts, name, o.Extra[name])
	}
	for _, s := range parts {
		b = append(strconv.AppendInt(b, int64(len(s)), 10), ':')
		b = append(b, s...)
	}
	return b
}
