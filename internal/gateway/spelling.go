package gateway

import (
	"slices"
	"strconv"
	"strings"
)

// escapable reports whether a character is written in another way by some who write URLs or
// JSON. What has none of these is looked for as it is.
func escapable(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
}

// spellings appends to found in which ways a value stands in a text: each of its characters as
// it is, percent-encoded, or escaped as JSON may do, of which some escape more than others.
func spellings(found []string, text, value string) []string {
	for i := 0; i < len(text); i++ {
		n := spelled(text[i:], value)
		if n == 0 {
			continue
		}
		if w := text[i : i+n]; !slices.Contains(found, w) {
			found = append(found, w)
		}
		i += n - 1
	}
	return found
}

// spelled is how much of a text is the value at its beginning; 0: it does not begin so.
func spelled(text, value string) int {
	rest := text
	for i := range len(value) {
		n := character(rest, value[i])
		if n == 0 {
			return 0
		}
		rest = rest[n:]
	}
	return len(text) - len(rest)
}

// character is how much of a text is one character at its beginning.
func character(text string, c byte) int {
	switch {
	case text == "":
		return 0
	case text[0] == '\\':
		if len(text) > 1 && text[1] == c && strings.IndexByte(`"/\`, c) >= 0 {
			return 2
		}
		if len(text) > 5 && text[1] == 'u' && isHex(text[2:6], c) {
			return 6
		}
	case text[0] == '%' && len(text) > 2 && isHex(text[1:3], c):
		return 3
	case text[0] == '+' && c == ' ':
		return 1
	}
	if text[0] == c {
		return 1
	}
	return 0
}

func isHex(digits string, c byte) bool {
	n, err := strconv.ParseUint(digits, 16, 16)
	return err == nil && n == uint64(c)
}
