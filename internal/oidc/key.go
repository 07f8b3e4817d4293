package oidc

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	zcrypto "github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleetkey"
)

// rsaBits is what every client takes. ID tokens live for an hour.
const rsaBits = 2048

// keys are those of all replicas: one that signs ID tokens, and one that seals what travels
// through others' hands. They are made once and stay what they are.
//
// The second is not the keyset's, because anybody can have requests sealed, as many
// as he likes, and the keyset's cipher bears a limited number of boxes; AES-SIV has no
// such bound. And so a rotation of the keyset ends no token.
type keys struct {
	id      string
	private *rsa.PrivateKey
	siv     fleetkey.SIV
}

// storedKeys is how they lie in the store, sealed.
type storedKeys struct {
	RSA []byte `json:"rsa"` // PKCS #8
	SIV []byte `json:"siv"`
}

// Key is what is stored of them.
var Key = fleetkey.Key{Setting: "oidc_keys", SealedFor: "hufu/oidc/keys", What: "the keys of OpenID Connect"}

// openKeys returns the keys of all servers over one store.
func openKeys(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) (*keys, error) {
	plain, err := Key.Open(ctx, settings, sealer, newKeys)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says which keys they are
	}
	k, err := parseKeys(plain)
	if err != nil {
		return nil, Key.Faulty(err) //nolint:wrapcheck // as above
	}
	return k, nil
}

func newKeys() ([]byte, error) {
	private, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("make a key for signing: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encode a key for signing: %w", err)
	}
	siv, err := fleetkey.NewSIV()
	if err != nil {
		return nil, fmt.Errorf("make a key for sealing: %w", err)
	}
	plain, err := json.Marshal(storedKeys{RSA: der, SIV: siv})
	if err != nil {
		return nil, errors.New("encode the keys: they have no form")
	}
	return plain, nil
}

// parseKeys shows nothing of what it reads in its errors.
func parseKeys(plain []byte) (*keys, error) {
	var s storedKeys
	if json.Unmarshal(plain, &s) != nil {
		return nil, errors.New("they have no form")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(s.RSA)
	private, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("the one for signing is no RSA key")
	}
	siv, err := fleetkey.SIVOf(s.SIV)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what is wrong
	}
	thumb, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, errors.New("the one for signing has no fingerprint")
	}
	return &keys{id: base64.RawURLEncoding.EncodeToString(thumb), private: private, siv: siv}, nil
}

// sign makes a JSON Web Token.
func (k *keys) sign(claims any) (string, error) {
	signer, err := op.SignerFromKey(signing{k})
	if err != nil {
		return "", fmt.Errorf("sign an ID token: %w", err)
	}
	tok, err := zcrypto.Sign(claims, signer)
	if err != nil {
		return "", fmt.Errorf("sign an ID token: %w", err)
	}
	return tok, nil
}

// KeySet implements [op.KeyProvider] with what everybody may know.
func (k *keys) KeySet(context.Context) ([]op.Key, error) { return []op.Key{public{k}}, nil }

// VerifySignature implements [oidc.KeySet] for tokens that come back here.
func (k *keys) VerifySignature(_ context.Context, jws *jose.JSONWebSignature) ([]byte, error) {
	b, err := jws.Verify(k.private.Public())
	if err != nil {
		return nil, fmt.Errorf("verify a token: %w", err)
	}
	return b, nil
}

// signing and public are the two halves of the pair, as the library wants to see them.
type (
	signing struct{ k *keys }
	public  struct{ k *keys }
)

func (s signing) ID() string                                  { return s.k.id }
func (s signing) Key() any                                    { return s.k.private }
func (s signing) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (p public) ID() string                                   { return p.k.id }
func (p public) Key() any                                     { return p.k.private.Public() }
func (p public) Algorithm() jose.SignatureAlgorithm           { return jose.RS256 }
func (p public) Use() string                                  { return oidc.KeyUseSignature }
