// Package query reads and changes the queries of URLs, which hold credentials, without
// making maps of them. What it reads is what net/url reads.
package query

import (
	"net/url"
	"strings"
)

// Value returns the first value of a parameter of a query, as [url.Values.Get] does.
func Value(query, name string) string {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if strings.Contains(pair, ";") {
			continue // net/url does not take it for a pair
		}
		key, value, _ := strings.Cut(pair, "=")
		if key != name && !escaped(key) {
			continue
		}
		if k, err := unescape(key); err != nil || k != name {
			continue
		}
		if v, err := unescape(value); err == nil {
			return v
		}
	}
	return ""
}

// Param is one parameter of a query, in the clear.
type Param struct{ Name, Value string }

// Replace returns a query in which each of the parameters stands exactly once, and
// those with an empty value not at all, whatever stood there before. The others stay as
// they were written, in their order.
//
// What is put in is not to be overridden by what a caller wrote, however the platform
// reads queries: whether it takes the first value or the last, minds the case of names
// or not, or splits at semicolons as well. So a parameter of the same name goes in every
// encoding and case; what is put in comes first; a semicolon and a number sign, at which
// some readers split or stop, are escaped; and what has a name that cannot be decoded is
// dropped, as net/url drops it.
func Replace(query string, params ...Param) string {
	n := len(query)
	for _, p := range params {
		n += len(p.Name) + len(p.Value) + 2
	}
	var b strings.Builder
	b.Grow(n)
	for _, p := range params {
		if p.Value != "" {
			separate(&b)
			b.WriteString(url.QueryEscape(p.Name))
			b.WriteByte('=')
			b.WriteString(url.QueryEscape(p.Value))
		}
	}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" || replaced(pair, params) {
			continue
		}
		separate(&b)
		if strings.ContainsAny(pair, ";#") {
			pair = strings.ReplaceAll(strings.ReplaceAll(pair, ";", "%3B"), "#", "%23")
		}
		b.WriteString(pair)
	}
	return b.String()
}

func separate(b *strings.Builder) {
	if b.Len() > 0 {
		b.WriteByte('&')
	}
}

// replaced reports whether a pair has the name of one of the parameters, or one that
// cannot be decoded.
func replaced(pair string, params []Param) bool {
	name, _, _ := strings.Cut(pair, "=")
	name, err := unescape(name)
	if err != nil {
		return true
	}
	for _, p := range params {
		if strings.EqualFold(name, p.Name) {
			return true
		}
	}
	return false
}

func escaped(s string) bool { return strings.ContainsAny(s, "%+") }

func unescape(s string) (string, error) {
	if !escaped(s) {
		return s, nil
	}
	return url.QueryUnescape(s) //nolint:wrapcheck // only whether it is one is looked at
}
