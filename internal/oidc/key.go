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
	"github.com/tink-crypto/tink-go/v2/daead/subtle"
	zcrypto "github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// Setting is the name under which the sealed keys are stored.
	Setting = "oidc_keys"
	// sealedFor binds the sealed keys to their place.
	sealedFor = "hufu/oidc/keys"
	// rsaBits is what every client takes. ID tokens live for an hour.
	rsaBits = 2048
	sivSize = 64
)

// keys are those of all replicas: one that signs ID tokens, and one that seals what travels
// through others' hands. They are made once and stay what they are.
//
// The second is not the keyset's, because anybody can have requests sealed, as many
// as he likes, and the keyset's cipher bears a limited number of boxes; AES-SIV has no
// such bound. And so a rotation of the keyset ends no token.
type keys struct {
	id      string
	private *rsa.PrivateKey
	siv     *subtle.AESSIV
}

// storedKeys is how they lie in the store, sealed.
type storedKeys struct {
	RSA []byte `json:"rsa"` // PKCS #8
	SIV []byte `json:"siv"`
}

// openKeys returns the keys that are stored, or new ones that are stored first. Of replicas
// that start at once on an empty store one makes them, and the others take them.
func openKeys(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) (*keys, error) {
	plain, err := stored(ctx, settings, sealer)
	if errors.Is(err, broker.ErrNotFound) {
		if err := add(ctx, settings, sealer); err != nil {
			return nil, err
		}
		plain, err = stored(ctx, settings, sealer)
	}
	if err != nil {
		return nil, err
	}
	k, err := parseKeys(plain)
	if err != nil {
		return nil, fmt.Errorf("the keys of OpenID Connect are not what was stored: %w; restore the store's setting %q from a backup", err, Setting)
	}
	return k, nil
}

// Reseal seals the stored keys with the keyset's newest key. They themselves stay what they
// are, and with them all tokens.
func Reseal(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) error {
	plain, err := stored(ctx, settings, sealer)
	if err != nil {
		return err
	}
	box, err := sealer.Seal(plain, []byte(sealedFor))
	if err != nil {
		return fmt.Errorf("seal the keys of OpenID Connect: %w", err)
	}
	if err := settings.PutSetting(ctx, Setting, box); err != nil {
		return fmt.Errorf("store the keys of OpenID Connect: %w", err)
	}
	return nil
}

// add stores new keys, unless another replica has stored some.
func add(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) error {
	private, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return fmt.Errorf("make the keys of OpenID Connect: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("encode the keys of OpenID Connect: %w", err)
	}
	siv := make([]byte, sivSize)
	_, _ = rand.Read(siv) // never fails, see crypto/rand
	plain, err := json.Marshal(storedKeys{RSA: der, SIV: siv})
	if err != nil {
		return fmt.Errorf("encode the keys of OpenID Connect: %w", err)
	}
	box, err := sealer.Seal(plain, []byte(sealedFor))
	if err != nil {
		return fmt.Errorf("seal the keys of OpenID Connect: %w", err)
	}
	if err := settings.AddSetting(ctx, Setting, box); err != nil && !errors.Is(err, broker.ErrConflict) {
		return fmt.Errorf("store the keys of OpenID Connect: %w", err)
	}
	return nil
}

func stored(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) ([]byte, error) {
	box, err := settings.Setting(ctx, Setting)
	if err != nil {
		return nil, fmt.Errorf("read the keys of OpenID Connect: %w", err)
	}
	plain, err := sealer.Open(box, []byte(sealedFor))
	if err != nil {
		return nil, fmt.Errorf("the keys of OpenID Connect cannot be opened: %w; restore the keyset that has their key, or the store's setting %q, from a backup", err, Setting)
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
	siv, err := subtle.NewAESSIV(s.SIV)
	if err != nil {
		return nil, fmt.Errorf("the one for sealing has %d bytes, want %d", len(s.SIV), sivSize)
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
