package virtual

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// prefix tells virtual tokens from all others at a glance, to programs and to people
	// who find one in a log. No platform's tokens begin like this.
	prefix = "hv1_"
	// associated binds a token to its form: under another prefix the same bytes open
	// nothing.
	associated = "hufu/virtual/" + prefix
	// maxToken is what SDKs and platforms leave room for.
	maxToken = 512
	// overhead is the synthetic initialization vector, which authenticates.
	overhead = 16
	// minToken is that of a claim whose parts are all empty.
	minToken = len(prefix) + (overhead+fixed)*4/3
)

// encoding refuses bits that stand for nothing: each token is written in one way only.
var encoding = base64.RawURLEncoding.Strict()

// Codec implements [broker.VirtualTokens]. It is safe for concurrent use.
type Codec struct{ aead *subtle.AESSIV }

// New returns the codec for a key of [KeySize] bytes.
func New(key []byte) (*Codec, error) {
	aead, err := subtle.NewAESSIV(key)
	if err != nil {
		return nil, fmt.Errorf("a key for virtual tokens of %d bytes: want %d", len(key), KeySize)
	}
	return &Codec{aead: aead}, nil
}

var _ broker.VirtualTokens = (*Codec)(nil)

// errTooLong is for claims that nobody makes: names of clients, ids of apps and kinds
// have lengths that fit.
var errTooLong = errors.New("the claim of a virtual token is too long")

// Make implements [broker.VirtualTokens].
func (c *Codec) Make(claim broker.Claim) (broker.Secret, error) {
	plain, ok := appendClaim(make([]byte, 0, maxToken), claim)
	if !ok {
		return broker.Secret{}, errTooLong
	}
	box, err := c.aead.EncryptDeterministically(plain, []byte(associated))
	if err != nil {
		return broker.Secret{}, fmt.Errorf("make a virtual token: %w", err)
	}
	tok := string(encoding.AppendEncode([]byte(prefix), box))
	if len(tok) > maxToken {
		return broker.Secret{}, errTooLong
	}
	return broker.NewSecret(tok), nil
}

// Read implements [broker.VirtualTokens]. A token that is none of ours is told by its
// first bytes.
func (c *Codec) Read(tok broker.Secret) (broker.Claim, bool) {
	s := tok.Reveal()
	if len(s) < minToken || len(s) > maxToken || !strings.HasPrefix(s, prefix) {
		return broker.Claim{}, false
	}
	text := s[len(prefix):]
	box, err := encoding.DecodeString(text)
	// Line breaks are passed over in decoding, and stand in no token.
	if err != nil || encoding.EncodedLen(len(box)) != len(text) {
		return broker.Claim{}, false
	}
	plain, err := c.aead.DecryptDeterministically(box, []byte(associated))
	if err != nil {
		return broker.Claim{}, false
	}
	return parseClaim(plain)
}
