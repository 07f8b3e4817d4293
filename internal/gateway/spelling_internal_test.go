package gateway

import (
	"encoding/json"
	"net/url"
	"slices"
	"testing"
)

// FuzzSpellings holds that a value is found however JSON or a URL writes it (I6), and that
// nothing else is.
func FuzzSpellings(f *testing.F) {
	f.Add("an odd/secret+with&signs", "before")
	f.Add(`a"b\c`, `\`)
	f.Add("%41+ /", "%")
	f.Fuzz(func(t *testing.T, value, around string) {
		if value == "" {
			return
		}
		quoted, err := json.Marshal(value)
		var read string
		if err != nil || json.Unmarshal(quoted, &read) != nil || read != value || slices.ContainsFunc([]byte(value), func(c byte) bool { return c < ' ' || c > '~' }) {
			return // secrets and tokens have none of these
		}
		for _, w := range []string{string(quoted[1 : len(quoted)-1]), url.QueryEscape(value), url.PathEscape(value)} {
			if n := spelled(w, value); n != len(w) && w != value { // which is looked for as it is
				t.Errorf("I6: %q is not found in %q, but for %d", value, w, n)
			}
		}
		for _, w := range spellings(nil, around, value) {
			plain, err := url.QueryUnescape(string(unescaped([]byte(w))))
			if err == nil && plain != value && string(unescaped([]byte(w))) != value && w != value {
				t.Errorf("%q is taken for %q", w, value)
			}
		}
	})
}
