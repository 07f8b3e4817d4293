package oidc

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	zcrypto "github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleetkey"
)

// rsaBits is what every client takes. ID tokens live for an hour.
const rsaBits = 2048

const (
	// keyAhead is how long a new key is published before it signs: longer than anybody keeps
	// the published ones, and than a server goes without looking at what is stored.
	keyAhead = 2 * time.Hour
	// keyOverlap is how long the key before it stays published after that: as long as tokens
	// live that it signed, and an hour more for clocks that differ.
	keyOverlap = tokenLifetime + time.Hour
)

// keys are those of all replicas: those that sign ID tokens, and one that seals what travels
// through others' hands. The second is made once and stays what it is.
//
// It is not the keyset's, because anybody can have requests sealed, as many
// as he likes, and the keyset's cipher bears a limited number of boxes; AES-SIV has no
// such bound. And so a rotation of the keyset ends no token.
type keys struct {
	first signingKey
	next  *signingKey // nil: the first was never replaced
	siv   fleetkey.SIV
}

// signingKey signs ID tokens from an instant on.
type signingKey struct {
	id      string
	private *rsa.PrivateKey
	from    time.Time // zero: it always did
}

// storedKeys is how they lie in the store, sealed.
type storedKeys struct {
	RSA  []byte   `json:"rsa"` // PKCS #8
	SIV  []byte   `json:"siv"`
	Next *nextKey `json:"next,omitempty"`
}

// nextKey is what takes the place of the first.
type nextKey struct {
	RSA  []byte    `json:"rsa"`
	From time.Time `json:"from"`
}

// Key is what is stored of them.
var Key = fleetkey.Key{Setting: "oidc_keys", SealedFor: "hufu/oidc/keys", What: "the keys of OpenID Connect"}

// openKeys returns the keys of all servers over one store.
func openKeys(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) (*keys, error) {
	plain, err := Key.Open(ctx, settings, sealer, newKeys)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says which keys they are
	}
	return parseKeys(plain)
}

// readKeys returns those that are stored.
func readKeys(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer) (*keys, error) {
	plain, err := Key.Stored(ctx, settings, sealer)
	if err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	return parseKeys(plain)
}

// RotateKey has another key sign ID tokens, two hours from now; servers that follow the store
// and their clients know it by then. The one before it stays published until its last tokens
// have expired, and until then nothing is done. Nobody else changes the keys meanwhile.
func RotateKey(ctx context.Context, settings broker.SettingStore, sealer broker.Sealer, now time.Time) error {
	return Key.Change(ctx, settings, sealer, func(plain []byte) ([]byte, error) { return rotated(plain, now) }) //nolint:wrapcheck // it says which keys they are
}

// rotated returns the stored keys with another one that is to sign.
func rotated(plain []byte, now time.Time) ([]byte, error) {
	var s storedKeys
	if json.Unmarshal(plain, &s) != nil {
		return nil, errors.New("they have no form")
	}
	if s.Next != nil {
		if now.Before(s.Next.From.Add(keyOverlap)) {
			return plain, nil
		}
		s.RSA = s.Next.RSA
	}
	der, err := newSigningKey()
	if err != nil {
		return nil, err
	}
	s.Next = &nextKey{RSA: der, From: now.Add(keyAhead)}
	return s.encode()
}

func newKeys() ([]byte, error) {
	der, err := newSigningKey()
	if err != nil {
		return nil, err
	}
	siv, err := fleetkey.NewSIV()
	if err != nil {
		return nil, fmt.Errorf("make a key for sealing: %w", err)
	}
	return storedKeys{RSA: der, SIV: siv}.encode()
}

func newSigningKey() ([]byte, error) {
	private, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("make a key for signing: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encode a key for signing: %w", err)
	}
	return der, nil
}

func (s storedKeys) encode() ([]byte, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, errors.New("encode the keys: they have no form")
	}
	return plain, nil
}

// parseKeys shows nothing of what it reads in its errors.
func parseKeys(plain []byte) (*keys, error) {
	var s storedKeys
	if json.Unmarshal(plain, &s) != nil {
		return nil, Key.Faulty(errors.New("they have no form")) //nolint:wrapcheck // it says which keys they are
	}
	var k keys
	var next signingKey
	var err, errNext, errSIV error
	k.first, err = parseSigningKey(s.RSA)
	if s.Next != nil {
		next, errNext = parseSigningKey(s.Next.RSA)
		next.from = s.Next.From
		k.next = &next
	}
	k.siv, errSIV = fleetkey.SIVOf(s.SIV)
	if err = cmp.Or(err, errNext, errSIV); err != nil {
		return nil, Key.Faulty(err) //nolint:wrapcheck // as above
	}
	return &k, nil
}

func parseSigningKey(der []byte) (signingKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return signingKey{}, errors.New("the one for signing is no RSA key")
	}
	thumb, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return signingKey{}, errors.New("the one for signing has no fingerprint")
	}
	return signingKey{id: base64.RawURLEncoding.EncodeToString(thumb), private: private}, nil
}

// signer is the key that signs.
func (k *keys) signer(now time.Time) signingKey {
	if k.next != nil && !now.Before(k.next.from) {
		return *k.next
	}
	return k.first
}

// published are the keys that everybody may know, and should.
func (k *keys) published(now time.Time) published {
	var list published
	if k.next == nil || now.Before(k.next.from.Add(keyOverlap)) {
		list = append(list, public{k.first})
	}
	if k.next != nil {
		list = append(list, public{*k.next})
	}
	return list
}

// sign makes a JSON Web Token.
func (k signingKey) sign(claims any) (string, error) {
	signer, err := op.SignerFromKey(k)
	if err != nil {
		return "", fmt.Errorf("sign an ID token: %w", err)
	}
	tok, err := zcrypto.Sign(claims, signer)
	if err != nil {
		return "", fmt.Errorf("sign an ID token: %w", err)
	}
	return tok, nil
}

// VerifySignature implements [oidc.KeySet] for tokens that come back here, however old:
// until the key that signed them has been replaced twice.
func (k *keys) VerifySignature(_ context.Context, jws *jose.JSONWebSignature) ([]byte, error) {
	b, err := jws.Verify(k.first.private.Public())
	if err != nil && k.next != nil {
		b, err = jws.Verify(k.next.private.Public())
	}
	if err != nil {
		return nil, fmt.Errorf("verify a token: %w", err)
	}
	return b, nil
}

// published implements [op.KeyProvider].
type published []op.Key

func (p published) KeySet(context.Context) ([]op.Key, error) { return p, nil }

// A signingKey and its public half, as the library wants to see them.

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) Key() any                                    { return k.private }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

type public struct{ k signingKey }

func (p public) ID() string                         { return p.k.id }
func (p public) Key() any                           { return p.k.private.Public() }
func (p public) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (p public) Use() string                        { return oidc.KeyUseSignature }
