package dropin

import (
	"net/url"
	"strings"
)

// param returns the first value of a query parameter, like url.Values.Get after
// url.ParseQuery, without making a map of all of them.
func param(query, name string) string {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if strings.Contains(pair, ";") {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if key != name && !escaped(key) {
			continue
		}
		k, err := unescape(key)
		if err != nil || k != name {
			continue
		}
		if v, err := unescape(value); err == nil {
			return v
		}
	}
	return ""
}

func escaped(s string) bool { return strings.ContainsAny(s, "%+") }

func unescape(s string) (string, error) {
	if !escaped(s) {
		return s, nil
	}
	return url.QueryUnescape(s)
}
