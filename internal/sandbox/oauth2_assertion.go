package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// maxAssertion is how far in the future an assertion may end.
const maxAssertion = 10 * time.Minute

// parsePublicKey reads a public key as PEM.
func parsePublicKey(text string) (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the public key is no PEM")
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}

// asserted finds out whose call it is by an assertion that the app has signed (RFC 7523).
func (p *Platform) asserted(c *call, form url.Values) (*account, string) {
	if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return p.nobody, "invalid_request"
	}
	parts := strings.Split(form.Get("client_assertion"), ".")
	var header struct {
		Algorithm string `json:"alg"`
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience any    `json:"aud"`
		ID       string `json:"jti"`
		Expiry   int64  `json:"exp"`
	}
	if len(parts) != 3 || !decodePart(parts[0], &header) || !decodePart(parts[1], &claims) {
		return p.nobody, "invalid_client"
	}
	m := p.known(claims.Subject)
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	expiry := time.Unix(claims.Expiry, 0)
	switch {
	case m == p.nobody, m.publicKey == nil, err != nil, claims.Issuer != claims.Subject,
		form.Has("client_id") && form.Get("client_id") != claims.Subject,
		!meant(claims.Audience, c.base+"/"+oauth2Name), !c.at.Before(expiry), expiry.Sub(c.at) > maxAssertion,
		!verifies(m.publicKey, header.Algorithm, parts[0]+"."+parts[1], signature):
		return m, "invalid_client"
	}
	return m, p.once(c.at, claims.Subject+"\n"+claims.ID, claims.ID, expiry)
}

// once takes the id of an assertion, which is good once.
func (p *Platform) once(at time.Time, name, id string, expiry time.Time) string {
	if p.assertions == nil {
		p.assertions = map[string]time.Time{}
	}
	for old, end := range p.assertions {
		if !at.Before(end) {
			delete(p.assertions, old)
		}
	}
	if _, used := p.assertions[name]; used || id == "" {
		return "invalid_client"
	}
	p.assertions[name] = expiry
	return ""
}

// meant reports whether an assertion is for this server.
func meant(audience any, issuer string) bool {
	list, ok := audience.([]any)
	if !ok {
		list = []any{audience}
	}
	for _, a := range list {
		if a == issuer || a == issuer+oauth2TokenPath {
			return true
		}
	}
	return false
}

func decodePart(part string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, v) == nil
}

// verifies checks a signature of RFC 7518.
func verifies(key crypto.PublicKey, algorithm, text string, signature []byte) bool {
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[strings.TrimLeft(algorithm, "RSPE")]
	digest := func() []byte {
		h := hash.New()
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch {
		case hash == 0:
			return false
		case strings.HasPrefix(algorithm, "RS"):
			return rsa.VerifyPKCS1v15(key, hash, digest(), signature) == nil
		case strings.HasPrefix(algorithm, "PS"):
			return rsa.VerifyPSS(key, hash, digest(), signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
	case *ecdsa.PublicKey:
		size := (key.Curve.Params().BitSize + 7) / 8
		curve := map[string]int{"ES256": 256, "ES384": 384, "ES512": 521}[algorithm]
		if curve != key.Curve.Params().BitSize || len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(key, digest(), r, s)
	case ed25519.PublicKey:
		return algorithm == "EdDSA" && ed25519.Verify(key, []byte(text), signature)
	}
	return false
}
