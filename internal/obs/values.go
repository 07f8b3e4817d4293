package obs

import "strings"

// maxValue bounds the search for the end of a value, and so the work on a hostile
// text. A value that is longer is taken to go to the end of the text.
const maxValue = 4 << 10

// window returns the end of the part of the text in which a value that starts at
// i has to end.
func (sc *scrubber) window(i int) int { return min(len(sc.s), i+maxValue) }

// isQuoted reports whether a quote, escaped or not, stands at i.
func (sc *scrubber) isQuoted(i int) bool {
	for i < len(sc.s) && sc.s[i] == '\\' {
		i++
	}
	return i < len(sc.s) && isQuote(sc.s[i])
}

// quoted returns the inside of the quoted text that starts at i, if one does. The
// quotes may be escaped, once or more, as in a JSON text within another; the
// closing one is escaped as often as the opening one. Without a closing one the
// text was cut off, and all of it is inside.
func (sc *scrubber) quoted(i int) (from, to int, ok bool) {
	end := sc.window(i)
	depth := 0
	for i < end && sc.s[i] == '\\' {
		depth++
		i++
	}
	if i == end || !isQuote(sc.s[i]) {
		return 0, 0, false
	}
	quote := sc.s[i]
	from = i + 1
	backslashes := 0
	for j := from; j < end; j++ {
		switch sc.s[j] {
		case '\\':
			backslashes++
			continue
		case quote:
			if backslashes == depth {
				return from, j - depth, true
			}
		}
		backslashes = 0
	}
	return from, len(sc.s), true
}

// runEnd returns the end of an unquoted value. A backslash ends it only where it
// escapes what would: a quote, or the & that JSON writes as \u0026.
func (sc *scrubber) runEnd(i int) int {
	for end := sc.window(i); i < end; i++ {
		switch c := sc.s[i]; {
		case isSpace(c), isQuote(c), c == '&', c == '<', c == '>', c == ';':
			return i
		case c == '%' && strings.HasPrefix(sc.s[i:], "%26"):
			return i
		case c == '\\':
			if i+1 < len(sc.s) && isQuote(sc.s[i+1]) || strings.HasPrefix(sc.s[i:], `\u0026`) {
				return i
			}
		}
	}
	return len(sc.s)
}

// until returns where the first of the given bytes stands from i on.
func (sc *scrubber) until(i int, bytes string) int {
	if n := strings.IndexAny(sc.s[i:sc.window(i)], bytes); n >= 0 {
		return i + n
	}
	return len(sc.s)
}

func (sc *scrubber) skipSpace(i int) int {
	for i < len(sc.s) && isSpace(sc.s[i]) {
		i++
	}
	return i
}

// looksRandom tells a credential from a word of a sentence, where nothing but its
// look can.
func looksRandom(v string) bool {
	v = strings.TrimRight(v, ".,:!?)]}")
	if len(v) >= 16 {
		return true
	}
	if len(v) < 8 {
		return false
	}
	for i := range len(v) {
		if v[i] < 'a' || v[i] > 'z' {
			return true
		}
	}
	return false
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '_' || c == '-' || c == '.' || c == '%'
}
