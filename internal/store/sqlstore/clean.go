package sqlstore

import (
	"strings"
	"unicode/utf8"
)

// clean makes of a text what every database takes as text. Platforms and callers
// send what they like; it must not be what keeps a record or an audit entry from
// being written.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
