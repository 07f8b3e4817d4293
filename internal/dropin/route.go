package dropin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// endpoint is a path that is served, as one platform's.
type endpoint struct {
	platform *broker.Platform
	broker.TokenPath
	order    int    // among all
	at       string // the path as the platform compares it
	before   string // of a path that has segments that stand for any: what is before the first
	requests counters
}

// canonical is a path as the platform compares it.
func (e *endpoint) canonical(path string) string { return canonical(e.platform, path) }

// table knows which paths are token paths, and of whom. Looking for one costs the same
// however many platforms there are.
type table struct {
	exact map[string][]*endpoint // by their paths, folded
	open  []*endpoint            // those whose paths have segments that stand for any
	// first says what is wrong with calls that are of no platform.
	first *broker.Platform
	all   map[string]*broker.Platform
}

func newTable(platforms []broker.Platform, m *metrics) (*table, error) {
	t := &table{exact: map[string][]*endpoint{}, all: map[string]*broker.Platform{}}
	var errs []error
	order := 0
	for i := range platforms {
		p := &platforms[i]
		t.all[p.Name] = p
		if p.Upstream == nil {
			if len(p.TokenPaths) > 0 {
				errs = append(errs, fmt.Errorf("dropin: platform %s has token paths, and nothing that says in its words what is wrong with a call", p.Name))
			}
			continue
		}
		if t.first == nil {
			t.first = p
		}
		for _, path := range p.TokenPaths {
			if path.Name == "" || path.Method == "" || !strings.HasPrefix(path.Path, "/") || path.Ask == nil || path.Answer == nil {
				errs = append(errs, fmt.Errorf("dropin: the token path %q of platform %s is not complete", path.Path, p.Name))
			}
			t.add(&endpoint{platform: p, TokenPath: path, order: order, at: canonical(p, path.Path), requests: m.of(p.Name, path.Name)})
			order++
		}
	}
	if t.first == nil && len(errs) == 0 {
		errs = append(errs, errors.New("dropin: there is no platform in whose words to say what is wrong with a call"))
	}
	return t, errors.Join(errs...)
}

func (t *table) add(e *endpoint) {
	before, _, open := strings.Cut(e.at, "{")
	if open {
		e.before = strings.ToLower(before)
		t.open = append(t.open, e)
		return
	}
	at := fold(e.at)
	t.exact[at] = append(t.exact[at], e)
}

// find appends to found whose token path a path is, in the order of the platforms.
func (t *table) find(found []*endpoint, path string) []*endpoint {
	folded := fold(path)
	for _, e := range t.exact[folded] {
		if e.canonical(path) == e.at {
			found = append(found, e)
		}
	}
	plain := len(found)
	for _, e := range t.open {
		if strings.HasPrefix(folded, e.before) && fits(e.at, e.canonical(path)) {
			found = append(found, e)
		}
	}
	if plain > 0 && len(found) > plain {
		slices.SortFunc(found, func(a, b *endpoint) int { return a.order - b.order })
	}
	return found
}

func canonical(p *broker.Platform, path string) string {
	if p.Canonical != nil {
		return p.Canonical(path)
	}
	return plainPath(path)
}

// plainPath is a path as platforms compare it that say nothing of it.
func plainPath(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return strings.TrimRight(path, "/")
}

// fold makes one of all the ways to write a path that may be the same to some platform:
// those that [broker.Platform.Canonical] may take for one.
func fold(path string) string {
	if !folded(path) {
		segments := strings.Split(path, "/")
		for i, s := range segments {
			segments[i], _, _ = strings.Cut(s, ";")
		}
		path = plainPath(strings.ToLower(strings.Join(segments, "/")))
	}
	return strings.TrimRight(path, "/")
}

func folded(path string) bool {
	before := byte(0)
	for i := range len(path) {
		c := path[i]
		if 'A' <= c && c <= 'Z' || c == ';' || c > '~' || c == '/' && before == '/' {
			return false
		}
		before = c
	}
	return true
}

// fits reports whether a path is one of those that a pattern stands for.
func fits(pattern, path string) bool {
	for more := true; more; {
		var want, got string
		var longer bool
		want, pattern, more = strings.Cut(pattern, "/")
		got, path, longer = strings.Cut(path, "/")
		open := strings.HasPrefix(want, "{") && strings.HasSuffix(want, "}")
		if longer != more || want != got && !open {
			return false
		}
	}
	return true
}

// elsewhere reports whether a call is on an app whose platform has no such token path, so
// that the path is one like any other there. To strangers, and to clients that may not use
// it, there is no such app: they hear the same of every one.
func (h *Handler) elsewhere(r request, at []*endpoint) bool {
	a := h.svc.Lookup(r.app)
	if a == nil || slices.ContainsFunc(at, func(e *endpoint) bool { return e.platform.Name == a.Platform }) {
		return false
	}
	p := h.table.all[a.Platform]
	if p == nil || p.Upstream == nil {
		return false
	}
	if c := h.svc.Authenticate(r.bearer()); c != nil {
		return h.svc.Knows(c, a.ID)
	}
	shown := p.Upstream.Shown(r.Request)
	if !shown.Token.IsZero() {
		_, owner, _, ok := h.svc.Bearer(broker.Caller{}, shown.Token)
		return ok && owner.ID == a.ID
	}
	c, _ := h.svc.AuthenticateNamed(shown.Key.Reveal())
	return h.svc.Knows(c, a.ID)
}
