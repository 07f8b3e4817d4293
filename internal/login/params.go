package login

import (
	"crypto/sha256"
	"net/url"
	"strings"

	"github.com/hufu-io/hufu/internal/query"
)

// maxQuery is more than all parameters together may have, each byte of them escaped.
const maxQuery = 8 << 10

// params are the parameters of a query of which each stands there once at most: of two,
// somebody else might read the other one.
type params map[string]string

// parseParams returns false for a query that could be read in several ways. The names that are
// asked for are known; what else there is has no meaning here, and may stand there as often as
// it likes.
func parseParams(raw string, names ...string) (params, bool) {
	if len(raw) > maxQuery {
		return nil, false
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, false
	}
	p := make(params, len(names))
	for _, name := range names {
		switch vs := values[name]; len(vs) {
		case 0:
		case 1:
			p[name] = vs[0]
		default:
			return nil, false
		}
	}
	return p, true
}

// printable reports whether s is ASCII that can be seen, or blanks.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// with adds parameters to a URL whose other characters stay as they are. Those without a value
// are left out.
func with(redirect string, ps ...query.Param) string {
	base, raw, _ := strings.Cut(redirect, "?")
	return base + "?" + query.Replace(raw, ps...)
}

// challengeSize is that of a SHA-256, in base64url.
const challengeSize = 43

// isChallenge reports whether s can be the challenge of a verifier (RFC 7636, 4.2).
func isChallenge(s string) bool {
	b, err := text.DecodeString(s)
	return err == nil && len(b) == sha256.Size && len(s) == challengeSize
}

// challengeOf returns a verifier's challenge, and nothing for what is no verifier (RFC 7636, 4.1).
func challengeOf(verifier string) string {
	if len(verifier) < 43 || len(verifier) > 128 {
		return ""
	}
	for i := range len(verifier) {
		c := verifier[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~", rune(c)) {
			return ""
		}
	}
	sum := sha256.Sum256([]byte(verifier))
	return text.EncodeToString(sum[:])
}
