package registry

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// A client key reads hufu_ + 32 random characters + 6 of checksum. The prefix makes a
// leaked key recognizable to scanners, and the checksum tells a mistyped key from a
// revoked one without a look-up. 32 characters of 62 are 190 bits.
const (
	keyPrefix   = "hufu_"
	keyRandom   = 32
	keyChecksum = 6
	alphabet    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// NewKey makes a client key.
func NewKey() broker.Secret {
	var b strings.Builder
	b.WriteString(keyPrefix)
	buf := make([]byte, 2*keyRandom)
	for n := 0; n < keyRandom; {
		_, _ = rand.Read(buf) // never fails, see crypto/rand
		for _, c := range buf {
			// Bytes past the largest multiple of 62 would make some characters likelier.
			if c < 248 && n < keyRandom {
				b.WriteByte(alphabet[c%62])
				n++
			}
		}
	}
	return broker.NewSecret(b.String() + checksum(b.String()))
}

// MistypedKey reports whether s looks like a key of ours whose checksum is wrong.
func MistypedKey(s string) bool {
	if !strings.HasPrefix(s, keyPrefix) {
		return false
	}
	if len(s) != len(keyPrefix)+keyRandom+keyChecksum {
		return true
	}
	body := s[:len(s)-keyChecksum]
	return checksum(body) != s[len(body):]
}

func checksum(s string) string {
	sum := crc32.ChecksumIEEE([]byte(s))
	out := make([]byte, keyChecksum)
	for i := keyChecksum - 1; i >= 0; i-- {
		out[i] = alphabet[sum%62]
		sum /= 62
	}
	return string(out)
}

// HashKey hashes a client key for storing and look-up.
func HashKey(key string) broker.KeyHash { return sha256.Sum256([]byte(key)) }
