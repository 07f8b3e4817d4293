package oauth2

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/hufu-io/hufu/internal/broker"
)

// assertionLife is how long an assertion is good for: as long as clocks may differ and a
// call takes.
const assertionLife = 2 * time.Minute

// claims are those of RFC 7523, section 3.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	ID       string `json:"jti"`
	Issued   int64  `json:"iat"`
	Expiry   int64  `json:"exp"`
}

// assertion is a JWT that proves who asks at a token endpoint. Each has an id of its own, so
// that a provider may take it once.
func assertion(id, audience string, o *broker.OAuth2, key broker.Secret) (string, error) {
	signer, err := signerOf(o, key)
	if err != nil {
		return "", badKey(err)
	}
	now := time.Now()
	payload, err := json.Marshal(claims{
		Issuer: id, Subject: id, Audience: audience, ID: rand.Text(), Issued: now.Unix(), Expiry: now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", badKey(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", badKey(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		return "", badKey(err)
	}
	return out, nil
}

func badKey(err error) error {
	return &broker.Error{
		Code: "bad_private_key", Class: broker.BadCredential, Err: err, Message: "no assertion can be signed with the app's private key",
		Hint: "set secret_file to the key as PEM (PKCS #8, or that of RSA or EC), without a password, and oauth2.algorithm to one that it can do",
	}
}

func signerOf(o *broker.OAuth2, secret broker.Secret) (jose.Signer, error) {
	key, err := parseKey(secret)
	if err != nil {
		return nil, err
	}
	can := algorithms(key)
	if len(can) == 0 {
		return nil, errors.New("the key is of a kind that no assertion is signed with")
	}
	alg := can[0]
	if o.Algorithm != "" {
		if alg = jose.SignatureAlgorithm(o.Algorithm); !slices.Contains(can, alg) {
			return nil, fmt.Errorf("the key is for %s", list(can))
		}
	}
	var opts jose.SignerOptions
	opts.WithType("JWT")
	if o.KeyID != "" {
		opts.WithHeader("kid", o.KeyID)
	}
	return jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &opts)
}

// parseKey reads a private key. No error quotes it.
func parseKey(secret broker.Secret) (any, error) {
	block, _ := pem.Decode([]byte(strings.TrimSpace(secret.Reveal())))
	if block == nil {
		return nil, errors.New("there is no PEM")
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return key, nil
		}
	case "EC PRIVATE KEY":
		if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return key, nil
		}
	case "PRIVATE KEY":
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			return key, nil
		}
	default:
		return nil, errors.New("the PEM is not that of a private key in the clear")
	}
	return nil, errors.New("the key in the PEM cannot be read")
}

// algorithms are those that a key can do, the usual one first.
func algorithms(key any) []jose.SignatureAlgorithm {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}
	case *ecdsa.PrivateKey:
		switch key.Curve.Params().BitSize {
		case 256:
			return []jose.SignatureAlgorithm{jose.ES256}
		case 384:
			return []jose.SignatureAlgorithm{jose.ES384}
		case 521:
			return []jose.SignatureAlgorithm{jose.ES512}
		}
	case ed25519.PrivateKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}
	}
	return nil
}

func list(algs []jose.SignatureAlgorithm) string {
	words := make([]string, len(algs))
	for i, a := range algs {
		words[i] = string(a)
	}
	return strings.Join(words, ", ")
}
