package broker

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net/url"
	"slices"
	"strings"
)

const (
	maxScopes = 64
	maxExtra  = 32
)

// The ways of [ClientAuth], and the algorithms that sign assertions.
func clientAuths() []string {
	return []string{string(AuthBasic), string(AuthBody), string(AuthPrivateKeyJWT)}
}

func signingAlgorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// ownParameters are those of a token request that [OAuth2.Extra] may not have.
func ownParameters() []string {
	return []string{
		"grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", "refresh_token", "audience", "resource",
	}
}

// oauth2 checks how an app gets its tokens.
func (l *settingFaults) oauth2(a *App) {
	o := a.OAuth2
	switch {
	case o.TokenURL == "" && o.Issuer == "":
		l.missing("oauth2.token_url", "give the provider's token endpoint, or its issuer instead")
	case o.TokenURL != "" && o.Issuer != "":
		l.add("oauth2.issuer", "is given beside token_url; keep one of them")
	case o.TokenURL != "":
		// A token endpoint may have a query (RFC 6749, section 3.2), and a base URL none.
		at, _, _ := strings.Cut(o.TokenURL, "?")
		if _, _, err := ParseBaseURL(at); err != nil {
			l.add("oauth2.token_url", "%s", err)
		} else if strings.Contains(o.TokenURL, "#") {
			l.add("oauth2.token_url", "has a fragment; remove it")
		}
	default:
		if _, _, err := ParseBaseURL(o.Issuer); err != nil {
			l.add("oauth2.issuer", "%s", err)
		}
	}
	if o.Auth != "" && !slices.Contains(clientAuths(), string(o.Auth)) {
		l.unknown([]string{"oauth2", "auth"}, clientAuths())
	}
	l.signing(a)
	l.scopes(o.Scopes)
	if o.Audience != "" && !shortText(o.Audience) {
		l.add("oauth2.audience", "is none: write at most %d bytes of printable text", MaxParam)
	}
	if o.Resource != "" {
		if u, err := url.Parse(o.Resource); err != nil || !u.IsAbs() || strings.Contains(o.Resource, "#") || !shortText(o.Resource) {
			l.add("oauth2.resource", "is not an absolute URI without a fragment; write one such as https://api.example.com")
		}
	}
	if len(o.Extra) > maxExtra {
		l.add("oauth2.extra", "has %d parameters; write at most %d", len(o.Extra), maxExtra)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Extra)) {
		switch path := []string{"oauth2", "extra", name}; {
		case slices.Contains(ownParameters(), strings.ToLower(name)):
			l.at(path, "is a parameter that this server sets itself; remove it")
		case !shortText(name) || !shortText(o.Extra[name]):
			l.at(path, "is no parameter: write 1 to %d bytes of printable text", MaxParam)
		}
	}
	if o.Lifetime != 0 && (o.Lifetime < MinPeriod || o.Lifetime > MaxPeriod) {
		l.add("oauth2.lifetime", "is %v: want %v to %v", o.Lifetime, MinPeriod, MaxPeriod)
	}
}

// scopes checks what is asked for, as RFC 6749 writes it in section 3.3.
func (l *settingFaults) scopes(scopes []string) {
	if len(scopes) > maxScopes {
		l.add("oauth2.scopes", "has %d scopes; write at most %d", len(scopes), maxScopes)
		return
	}
	for i, s := range scopes {
		bad := func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }
		switch {
		case s == "" || len(s) > MaxParam || strings.ContainsFunc(s, bad):
			l.add("oauth2.scopes", "has an entry that is no scope: want printable ASCII without spaces, quotation marks and backslashes")
		case slices.Contains(scopes[:i], s):
			l.add("oauth2.scopes", "has an entry twice; keep one")
		default:
			continue
		}
		return
	}
}

// signing checks how an app signs assertions, and that what stands in the place of its
// secrets are keys for it.
func (l *settingFaults) signing(a *App) {
	o := a.OAuth2
	if o.Auth != AuthPrivateKeyJWT {
		for _, f := range [][2]string{{"oauth2.key_id", o.KeyID}, {"oauth2.algorithm", o.Algorithm}} {
			if f[1] != "" {
				l.add(f[0], "is only for auth: %s; remove it", AuthPrivateKeyJWT)
			}
		}
		// A private key is no secret that the two share: it would be sent as it is.
		if slices.ContainsFunc(a.Secrets, func(s Secret) bool { return strings.Contains(s.Reveal(), "PRIVATE KEY-----") }) {
			l.add("secret", "is a private key, which the provider is not to see; set oauth2.auth to %s", AuthPrivateKeyJWT)
		}
		return
	}
	if o.KeyID != "" && !shortText(o.KeyID) {
		l.add("oauth2.key_id", "is none: write at most %d bytes of printable text", MaxParam)
	}
	if o.Algorithm != "" && !slices.Contains(signingAlgorithms(), o.Algorithm) {
		l.unknown([]string{"oauth2", "algorithm"}, signingAlgorithms())
		return
	}
	for _, s := range a.Secrets {
		switch algorithms := keyAlgorithms(s); {
		case algorithms == nil:
			l.add("secret", "is not a private key; with auth: %s give one as PEM, of RSA with at least 2048 bits, of P-256, P-384 or P-521, or of Ed25519", AuthPrivateKeyJWT)
		case o.Algorithm != "" && !slices.Contains(algorithms, o.Algorithm):
			l.add("oauth2.algorithm", "does not fit the key, which signs by %s", strings.Join(algorithms, ", "))
		default:
			continue
		}
		return
	}
}

// keyAlgorithms are those that a private key in PEM signs by, the usual one first; nil: it
// is none.
func keyAlgorithms(s Secret) []string {
	block, rest := pem.Decode([]byte(s.Reveal()))
	if block == nil || strings.TrimSpace(string(rest)) != "" {
		return nil
	}
	switch key := privateKey(block.Bytes).(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() >= 2048 {
			return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
		}
	case *ecdsa.PrivateKey:
		switch key.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		case elliptic.P521():
			return []string{"ES512"}
		}
	case ed25519.PrivateKey:
		return []string{"EdDSA"}
	}
	return nil
}

// privateKey reads a key in one of the three usual forms.
func privateKey(der []byte) any {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	return nil
}
