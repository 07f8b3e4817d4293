package oauth2

import "strings"

const authenticateHeader = "WWW-Authenticate"

// bearer reads the parameters of the first challenge of the scheme Bearer in a header
// WWW-Authenticate (RFC 9110, section 11.6.1; RFC 6750, section 3). Nil: there is none.
func bearer(header string) map[string]string {
	var found map[string]string
	for header = strings.TrimLeft(header, " \t,"); header != ""; header = strings.TrimLeft(header, " \t,") {
		name, rest := token(header)
		if name == "" {
			return found // nothing that can be read
		}
		after := strings.TrimLeft(rest, " \t")
		value, isParam := strings.CutPrefix(after, "=")
		if !isParam || strings.HasPrefix(value, "=") {
			// A scheme; what may follow it without a name is not of Bearer.
			if found != nil {
				return found
			}
			if strings.EqualFold(name, "Bearer") {
				found = map[string]string{}
			}
			header = strings.TrimLeft(after, "=")
			continue
		}
		var text string
		if text, header = quoted(strings.TrimLeft(value, " \t")); found != nil {
			found[strings.ToLower(name)] = text
		}
	}
	return found
}

// token takes a word off the beginning.
func token(s string) (word, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`=,;"()<>@:\[]?{}`, r)
	})
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// quoted takes a word or a quoted text off the beginning.
func quoted(s string) (text, rest string) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s, ", \t")
		if i < 0 {
			return s, ""
		}
		return s[:i], s[i:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case '"':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}
