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
	requests counters
}

// canonical is a path as the platform compares it.
func (e *endpoint) canonical(path string) string { return canonical(e.platform, path) }

// table knows which paths are token paths, and of whom.
type table struct {
	platforms []served
	// first says what is wrong with calls that are of no platform.
	first *broker.Platform
	all   map[string]*broker.Platform
}

// served is what is served of one platform.
type served struct {
	platform *broker.Platform
	exact    map[string][]*endpoint
	open     []*endpoint // those whose paths have segments that stand for any
}

func newTable(platforms []broker.Platform, m *metrics) (*table, error) {
	t := &table{all: map[string]*broker.Platform{}}
	var errs []error
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
		s := served{platform: p, exact: map[string][]*endpoint{}}
		for _, path := range p.TokenPaths {
			if path.Name == "" || path.Method == "" || !strings.HasPrefix(path.Path, "/") || path.Ask == nil || path.Answer == nil {
				errs = append(errs, fmt.Errorf("dropin: the token path %q of platform %s is not complete", path.Path, p.Name))
			}
			e := &endpoint{platform: p, TokenPath: path, requests: m.of(p.Name, path.Name)}
			if strings.Contains(path.Path, "{") {
				s.open = append(s.open, e)
				continue
			}
			at := e.canonical(path.Path)
			s.exact[at] = append(s.exact[at], e)
		}
		if len(p.TokenPaths) > 0 {
			t.platforms = append(t.platforms, s)
		}
	}
	if t.first == nil && len(errs) == 0 {
		errs = append(errs, errors.New("dropin: there is no platform in whose words to say what is wrong with a call"))
	}
	return t, errors.Join(errs...)
}

// find appends to found whose token path a path is, in the order of the platforms.
func (t *table) find(found []*endpoint, path string) []*endpoint {
	plain := plainPath(path)
	for i := range t.platforms {
		s, at := &t.platforms[i], plain
		if s.platform.Canonical != nil {
			at = s.platform.Canonical(path)
		}
		found = append(found, s.exact[at]...)
		for _, e := range s.open {
			if fits(e.Path, at) {
				found = append(found, e)
			}
		}
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
// that the path is one like any other there. To strangers there is no such app: they hear
// the same of every one.
func (h *Handler) elsewhere(r request, at []*endpoint) bool {
	a := h.svc.Lookup(r.app)
	if a == nil || slices.ContainsFunc(at, func(e *endpoint) bool { return e.platform.Name == a.Platform }) {
		return false
	}
	p := h.table.all[a.Platform]
	if p == nil || p.Upstream == nil {
		return false
	}
	if key := r.bearer(); key != "" && h.svc.Authenticate(key) != nil {
		return true
	}
	shown := p.Upstream.Shown(r.Request)
	if !shown.Token.IsZero() {
		_, owner, _, ok := h.svc.Bearer(broker.Caller{}, shown.Token)
		return ok && owner.ID == a.ID
	}
	c, _ := h.svc.AuthenticateNamed(shown.Key.Reveal())
	return c != nil
}
