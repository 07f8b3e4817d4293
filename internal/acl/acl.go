// Package acl decides what a client may do. It is one pure function: no state, no
// I/O, and no default that allows anything.
package acl

import (
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// Allow reports whether the client may use a right on an app. An empty app asks for
// a right that is about the server as a whole, such as managing clients; only a
// client whose rights reach every app has those.
func Allow(c *broker.Client, r broker.Right, app string) bool {
	if c == nil || !c.Rights.Has(r) {
		return false
	}
	for _, p := range c.Apps {
		if p == "*" || app != "" && Match(p, app) {
			return true
		}
	}
	return false
}

// Match reports whether an app's id matches a pattern, in which * stands for any
// number of characters and everything else for itself. Its time grows with the
// product of the two lengths at worst.
func Match(pattern, id string) bool {
	// After a mismatch the latest star takes one character more and matching goes on
	// from there; earlier stars need not be tried again.
	p, i, star, mark := 0, 0, -1, 0
	for i < len(id) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == id[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// Prefixes returns what the ids of the apps begin with that a client's rights may reach,
// in order: what stands in its patterns before the first star. All others need not be
// looked at.
func Prefixes(c *broker.Client) []string {
	ps := make([]string, len(c.Apps))
	for i, p := range c.Apps {
		ps[i], _, _ = strings.Cut(p, "*")
	}
	slices.Sort(ps)
	return slices.Compact(ps)
}

// Skip returns how many of the sorted ids, the first of which the client may not use,
// come before the next one that begins with a prefix.
func Skip(ids, prefixes []string) int {
	if len(ids) == 0 {
		return 0
	}
	next := len(ids)
	for _, p := range prefixes {
		if strings.HasPrefix(ids[0], p) {
			return 1
		}
		if p > ids[0] {
			i, _ := slices.BinarySearch(ids, p)
			next = min(next, i)
			break // the prefixes after it come later
		}
	}
	return next
}
