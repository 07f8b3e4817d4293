package oauth2_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/hufu-io/hufu/internal/broker"
)

func signing(key, alg string) func(*broker.App) {
	return func(a *broker.App) {
		a.Secrets = []broker.Secret{broker.NewSecret(key)}
		a.OAuth2.Auth, a.OAuth2.KeyID, a.OAuth2.Algorithm = broker.AuthPrivateKeyJWT, "key-1", alg
	}
}

func TestSignsAsRFC7523Says(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind, alg string
		want      jose.SignatureAlgorithm
	}{
		{"rsa", "", jose.RS256},
		{"rsa pkcs1", "", jose.RS256},
		{"rsa", "PS256", jose.PS256},
		{"rsa", "RS512", jose.RS512},
		{"p256", "", jose.ES256},
		{"p256 sec1", "ES256", jose.ES256},
		{"p384", "", jose.ES384},
		{"p521", "", jose.ES512},
		{"ed25519", "EdDSA", jose.EdDSA},
	} {
		synctest.Test(t, func(t *testing.T) {
			key, public := keyPEM(t, tt.kind)
			p := says(200, good)
			ids := map[string]bool{}
			for range 2 {
				if _, err := issue(t.Context(), p, app(signing("\n"+key+"\n", tt.alg))); err != nil {
					t.Fatalf("%s: %v", tt.kind, err)
				}
			}
			for _, r := range p.requests() {
				if _, _, basic := r.BasicAuth(); basic || r.form.Has("client_secret") || r.form.Get("client_id") != clientID ||
					r.form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
					t.Errorf("%s: asked with %v", tt.kind, r.form)
				}
				jws, err := jose.ParseSignedCompact(r.form.Get("client_assertion"), []jose.SignatureAlgorithm{tt.want})
				if err != nil {
					t.Fatalf("%s: %v", tt.kind, err)
				}
				payload, err := jws.Verify(public)
				if err != nil {
					t.Fatalf("%s: %v", tt.kind, err)
				}
				var c struct {
					Iss, Sub, Aud, Jti string
					Iat, Exp           int64
				}
				if err := json.Unmarshal(payload, &c); err != nil {
					t.Fatal(err)
				}
				now := time.Now().Unix()
				if c.Iss != clientID || c.Sub != clientID || c.Aud != tokenURL || c.Iat != now || c.Exp != now+120 || len(c.Jti) < 20 || ids[c.Jti] {
					t.Errorf("%s: claims %s", tt.kind, payload)
				}
				ids[c.Jti] = true
				if h := jws.Signatures[0].Protected; h.KeyID != "key-1" || h.ExtraHeaders["typ"] != "JWT" {
					t.Errorf("%s: header %+v", tt.kind, h)
				}
			}
		})
	}
}

func TestKeysThatAreNoneAreSaidSo(t *testing.T) {
	t.Parallel()
	rsaKey, _ := keyPEM(t, "rsa")
	p224, _ := keyPEM(t, "p224")
	edKey, _ := keyPEM(t, "ed25519")
	for name, tt := range map[string]struct{ key, alg string }{
		"no PEM": {"mustnotbeseen", ""}, "half a key": {strings.Replace(rsaKey, "\n", "\nAAAA", 2), ""},
		"a certificate": {strings.ReplaceAll(rsaKey, "PRIVATE KEY", "CERTIFICATE"), ""}, "a password": {strings.ReplaceAll(rsaKey, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), ""},
		"another curve": {p224, ""}, "RSA for ES256": {rsaKey, "ES256"}, "a shared secret": {rsaKey, "HS256"}, "nothing": {rsaKey, "none"}, "Ed25519 for RS256": {edKey, "RS256"},
	} {
		p := says(200, good)
		_, err := issue(t.Context(), p, app(signing(tt.key, tt.alg)))
		if e := broker.AsError(err); e.Code != "bad_private_key" || e.Class != broker.BadCredential || e.Hint == "" || e.Unknown || len(p.requests()) > 0 {
			t.Errorf("%s: %v", name, err)
		}
		keeps(t, err, tt.key, "mustnotbeseen")
	}
}
