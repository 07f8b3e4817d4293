package gateway

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPath bounds paths. The longest of a platform's has a tenth of it.
const maxPath = 2048

// place is a path of a platform.
type place struct {
	path string // decoded, with single slashes: what rules are about
	wire string // the same as it was written, which is how it is passed on
}

// parsePlace reads a path as it was written. It refuses what two readers could take for
// different paths: segments of dots, slashes that are written otherwise, what is encoded
// twice, parameters, and everything that is not text. So the path that was looked at is
// the one that the platform sees.
func parsePlace(written string) (place, bool) {
	if len(written) > maxPath {
		return place{}, false
	}
	if plainPath(written) {
		return place{written, written}, true
	}
	return takeApart(written)
}

// plainPath reports whether a path can only mean what it says, as most do.
func plainPath(s string) bool {
	before := byte(0)
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', 'A' <= c && c <= 'Z', c == '-', c == '_':
		case c == '.' && before != '/', c == '/' && before != '/' && before != '.':
		default:
			return false
		}
		before = c
	}
	return strings.HasPrefix(s, "/") && before != '.'
}

// takeApart reads a path segment by segment.
func takeApart(written string) (place, bool) {
	var path, wire strings.Builder
	for segment := range strings.SplitSeq(written, "/") {
		if segment == "" {
			continue
		}
		plain, err := url.PathUnescape(segment)
		if err != nil || !plainSegment(plain) {
			return place{}, false
		}
		path.WriteByte('/')
		path.WriteString(plain)
		wire.WriteByte('/')
		wire.WriteString(segment)
	}
	if path.Len() == 0 || strings.HasSuffix(written, "/") {
		path.WriteByte('/')
		wire.WriteByte('/')
	}
	return place{path.String(), wire.String()}, true
}

func plainSegment(s string) bool {
	if strings.HasSuffix(s, ".") || !utf8.ValidString(s) {
		return false // Some readers take dots at the end for nothing, and two of them for a way up.
	}
	for _, c := range s {
		if c < ' ' || c == 0x7f || c == utf8.RuneError || unicode.IsSpace(c) || strings.ContainsRune(`/\%;?#`, c) {
			return false
		}
	}
	return true
}

// at returns the place at a base URL.
func (p place) at(base *url.URL, query string) *url.URL {
	u := &url.URL{Scheme: base.Scheme, Host: base.Host, Path: base.Path + p.path, RawQuery: query}
	if p.wire != p.path || base.RawPath != "" {
		u.RawPath = base.EscapedPath() + p.wire
	}
	return u
}
