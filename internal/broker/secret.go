package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

const redacted = "[secret]"

// Secret holds a value that must not be printed: an app secret or a token.
//
// The value sits behind a pointer in an unexported field, because fmt prints
// unexported fields in the clear wherever a String or Format method is not
// consulted; a pointer inside a struct is printed as an address on every path.
// The zero value is the empty secret.
type Secret struct{ p *string }

// NewSecret wraps a value. The empty string gives the zero Secret.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	value := s // s itself is then on the stack, also where there is nothing to keep.
	return Secret{p: &value}
}

// Reveal returns the value. Every call of it is a place to review.
func (s Secret) Reveal() string {
	if s.p == nil {
		return ""
	}
	return *s.p
}

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.p == nil }

// Equal compares two secrets in time that does not depend on where they differ.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

// Fingerprint names a secret without revealing it: 32 bits of its SHA-256.
// It tells the secrets of one app apart in a record; it does not identify one.
func (s Secret) Fingerprint() string {
	if s.p == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(*s.p))
	return hex.EncodeToString(sum[:4])
}

// String implements [fmt.Stringer] without revealing the value.
func (s Secret) String() string { return redacted }

// GoString implements [fmt.GoStringer] without revealing the value.
func (s Secret) GoString() string { return redacted }

// LogValue implements [slog.LogValuer] without revealing the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], so that JSON shows no value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Wrapped says what stands around a secret that came along when it was copied, and is in no
// secret: the quotes of a Chinese keyboard, and what cannot be seen, such as a byte order
// mark. "" is nothing.
func Wrapped(s string) string {
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	for _, c := range []rune{first, last} {
		switch {
		case strings.ContainsRune("“”‘’＂＇", c):
			return "a full-width quote (" + string(c) + ")"
		case unicode.Is(unicode.Cf, c):
			return fmt.Sprintf("a character that cannot be seen (%U)", c)
		}
	}
	return ""
}
