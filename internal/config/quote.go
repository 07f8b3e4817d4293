package config

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// secretLength is the length from which a text is not quoted in a message: the app
// secrets of the platforms and the keys of clients are at least this long.
const secretLength = 32

// shown gives a value's own text, as it stands in the file and never as the environment
// completes it, in the form in which a message may quote it.
func (v value) shown() string {
	if s := v.node.Value; len(s) < secretLength {
		return strconv.Quote(s)
	}
	return "the value"
}

// shownPath is shown for a value that is a path. Long paths are common and need to be
// seen, so it is the names in the path that have to be short.
func (v value) shownPath() string {
	s := v.node.Value
	for part := range strings.SplitSeq(s, "/") {
		if len(part) >= secretLength {
			return "the file"
		}
	}
	return strconv.Quote(s)
}

var fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// nameLike reports whether a key of the file may stand in a path or message.
func nameLike(s string) bool { return len(s) < secretLength && fieldName.MatchString(s) }

var (
	segment = `[A-Za-z0-9._~-]{0,31}`
	urlPath = regexp.MustCompile(`^(/` + segment + `)+\*?$`)
)

// pathLike reports whether a key of the file may stand in a path or message because it is a
// pattern of paths, whose parts have to be short, or nothing at all, which says something too.
func pathLike(s string) bool { return s == "" || urlPath.MatchString(s) }

// meant is the end of a message that names the option that was probably meant.
func meant(s string, options []string) string {
	if near := broker.Nearest(s, options); near != "" {
		return "; did you mean " + strconv.Quote(near) + "?"
	}
	return "; write one of: " + strings.Join(options, ", ")
}
