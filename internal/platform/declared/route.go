package declared

import (
	"maps"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// pattern is a path, segment by segment. A segment in braces stands for any.
type pattern []string

// newPattern reads the template of a path. Slots keep their case, which tells them.
func newPattern(path string) pattern {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	for i, s := range segments {
		if !open(s) {
			segments[i] = strings.ToLower(s)
		}
	}
	return segments
}

// String is the pattern as a path.
func (p pattern) String() string { return "/" + strings.Join(p, "/") }

func open(segment string) bool { return strings.HasPrefix(segment, "{") }

// match compares with a canonical path.
func (p pattern) match(path string) bool {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	return len(segments) == len(p) && p.ends(segments)
}

// ends reports whether the last segments are those of the pattern.
func (p pattern) ends(segments []string) bool {
	if len(segments) < len(p) {
		return false
	}
	segments = segments[len(segments)-len(p):]
	for i, s := range p {
		if !open(s) && s != segments[i] || open(s) && segments[i] == "" {
			return false
		}
	}
	return true
}

// rule says what the paths of a pattern are.
type rule struct {
	path  string // canonical
	below bool   // and all that begin like it
	route broker.Route
}

func (r rule) match(path string) bool {
	return path == r.path || r.below && strings.HasPrefix(path, r.path)
}

func newRule(path string, route broker.Route) rule {
	begin, below := strings.CutSuffix(path, "*")
	if !below {
		begin = platform.Canonical(path)
	}
	return rule{strings.ToLower(begin), below, route}
}

// rules are looked through in their order.
func (d *Definition) rules() []rule {
	var rs []rule
	for _, x := range d.Exchanges {
		rs = append(rs, newRule(x.Path, broker.Route{Sort: broker.CallExchange, Body: x.In == inJSON || x.In == inForm}))
	}
	for _, p := range d.Users {
		rs = append(rs, newRule(p, broker.Route{Sort: broker.CallUser}))
	}
	for _, p := range d.Foreign {
		rs = append(rs, newRule(p, broker.Route{Sort: broker.CallForeign}))
	}
	// Of two patterns the longer says more.
	kinds := slices.SortedFunc(maps.Keys(d.Kinds), func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	for _, p := range kinds {
		rs = append(rs, newRule(p, broker.Route{Sort: broker.CallApp, Metered: true, Kind: d.Kinds[p]}))
	}
	return rs
}

// given are the fields in which tokens of users stand in answers, by their canonical paths.
func (d *Definition) given() map[string][]string {
	fields := map[string][]string{}
	for _, g := range d.Gives {
		fields[platform.Canonical(g.Path)] = g.Tokens
	}
	for _, x := range d.Exchanges {
		if len(x.Tokens) > 0 {
			fields[platform.Canonical(x.Path)] = x.Tokens
		}
	}
	return fields
}

// route says what a path is. One of a surface that is told by how its paths begin is known
// to be the platform's own.
func (d *described) route(path string) broker.Route {
	path = platform.Canonical(path)
	r := d.routeOf(path)
	r.Own = d.surface(path).Prefix != ""
	r.Either = d.def.Either && r.Sort == broker.CallApp
	return r
}

func (d *described) routeOf(path string) broker.Route {
	for _, p := range d.managed {
		if p.match(path) {
			return broker.Route{Sort: broker.CallManaged}
		}
	}
	for _, r := range d.rules {
		if r.match(path) {
			return r.route
		}
	}
	return broker.Route{Sort: broker.CallApp, Metered: true}
}
