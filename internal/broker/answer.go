package broker

import (
	"net/url"
	"strings"
)

// The parameters with which a browser is sent back to a business, by every protocol.
var answers = [...]string{"code", "state", "error", "error_description"}

// BringsAnswer reports whether the query of a URL that a browser is to be sent back to has one of
// the parameters of the answer already, or cannot be read in one way only. Whoever has a user
// follow a link could otherwise put a code of his own before, or after, the one that is added.
func BringsAnswer(redirect string) bool {
	_, raw, _ := strings.Cut(redirect, "?")
	values, err := url.ParseQuery(raw)
	if err != nil {
		return true
	}
	for name := range values {
		// Some languages pass over what stands before a name, and end it at a zero byte or a bracket.
		name = strings.TrimLeft(name, " \t\r\n\v\f\x00")
		if i := strings.IndexAny(name, "\x00["); i >= 0 {
			name = name[:i]
		}
		for _, a := range answers {
			if strings.EqualFold(strings.TrimSpace(name), a) {
				return true
			}
		}
	}
	return false
}
