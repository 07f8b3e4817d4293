package declared

import (
	"cmp"
	"maps"
	"net/url"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// described is a definition, made ready for use. Nothing of it changes any more.
type described struct {
	def      Definition
	caller   *platform.Caller
	surfaces []*surface // the longest prefix first
	places   []Place    // of all of them
	codes    map[said]Code
	modes    []*mode
	managed  []pattern           // paths that give tokens
	rules    []rule              // paths that the app's access token does not open
	given    map[string][]string // fields in which tokens of users stand, by the canonical path
	hosts    []string
}

// mode is a [Mode] and what is derived of it.
type mode struct {
	Mode
	tokens []*token
	kinds  map[broker.Kind]broker.Source
}

// token is a [Token] and what is derived of it.
type token struct {
	Token
	request *request
}

// request is a [Request] with its templates read.
type request struct {
	Request
	path                      template
	query, header, json, form map[string]template
	uses                      map[string]bool // slots
}

func newRequest(r Request) *request {
	x := &request{Request: r, path: parsed(r.Path), uses: map[string]bool{}}
	note := func(t template) {
		for _, p := range t {
			x.uses[p.slot] = true
		}
	}
	note(x.path)
	for _, g := range []struct {
		from map[string]string
		to   *map[string]template
	}{{r.Query, &x.query}, {r.Header, &x.header}, {r.JSON, &x.json}, {r.Form, &x.form}} {
		if g.from == nil {
			continue
		}
		*g.to = make(map[string]template, len(g.from))
		for name, s := range g.from {
			t := parsed(s)
			(*g.to)[name] = t
			note(t)
		}
	}
	return x
}

// New makes a platform of its definition. Its calls are made by c. The error names
// everything that is wrong with the definition, which is not to be changed any more.
func New(def Definition, c *platform.Caller) (broker.Platform, error) {
	if err := def.Err(); err != nil {
		return broker.Platform{}, err
	}
	d := &described{def: def, caller: c, codes: map[said]Code{}}
	for _, s := range def.Surfaces {
		d.surfaces = append(d.surfaces, newSurface(s, def.Words))
		d.places = append(d.places, s.Attach)
	}
	slices.SortFunc(d.surfaces, func(a, b *surface) int { return cmp.Compare(len(b.Prefix), len(a.Prefix)) })
	for _, c := range def.Codes {
		d.codes[said{c.Code, c.At}] = c
	}
	for _, m := range def.Modes {
		d.modes = append(d.modes, d.newMode(m))
	}
	d.rules, d.given = def.rules(), def.given()
	d.hosts = def.hosts()
	p := broker.Platform{
		Name: def.Name, BaseURL: def.BaseURL, Params: d.params(), OneToken: def.OneToken, Canonical: platform.Canonical,
		Upstream: upstream{d}, Kinds: d.kinds, Needs: d.needs, Base: d.baseOfPath, TokenPaths: d.tokenPaths(),
	}
	// Routes have to be known before it can be said whose token opens a check.
	for _, m := range d.modes {
		p.Modes = append(p.Modes, m.Name)
		m.kinds = d.sources(m)
	}
	p.Examiner = d.examiner()
	return p, nil
}

func (d *described) newMode(m Mode) *mode {
	x := &mode{Mode: m}
	for _, t := range m.Tokens {
		x.tokens = append(x.tokens, &token{t, newRequest(t.Request)})
		d.managed = append(d.managed, newPattern(t.Request.Path))
	}
	return x
}

// params are those of the definition. One that no request for a token names is idle.
func (d *described) params() []broker.Param {
	list := slices.Clone(d.def.Params)
	for i := range list {
		list[i].Idle = !slices.ContainsFunc(d.modes, func(m *mode) bool {
			return slices.ContainsFunc(m.tokens, func(t *token) bool { return t.request.uses[slotParam+list[i].Name] })
		})
	}
	return list
}

// sources says how each kind of a mode is issued.
func (d *described) sources(m *mode) map[broker.Kind]broker.Source {
	by := cmp.Or(m.Check, d.def.Check)
	kinds := map[broker.Kind]broker.Source{}
	for _, t := range m.tokens {
		src := broker.Source{Rotation: t.Rotation, OnDemand: t.OnDemand}
		plain := issuer{d, m, t}
		switch {
		case t.From != "":
			src.Issuer, src.Derived = ticketIssuer(plain), true
		case by != nil && cmp.Or(d.route(by.Path).Kind, broker.AccessToken) == t.Kind:
			src.Issuer = checkedIssuer{plain, &check{newRequest(Request{Method: by.Method, Path: by.Path, Query: by.Query, JSON: by.JSON}), by.Field}}
		default:
			src.Issuer = plain
		}
		kinds[t.Kind] = src
	}
	return kinds
}

// mode finds a mode; nil: there is none of this name.
func (d *described) mode(name string) *mode {
	if name == "" {
		return d.modes[0]
	}
	i := slices.IndexFunc(d.modes, func(m *mode) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return d.modes[i]
}

func (d *described) kinds(name string) map[broker.Kind]broker.Source {
	m := d.mode(name)
	if m == nil {
		return nil
	}
	return maps.Clone(m.kinds)
}

// needs are the params in the paths of a mode, which cannot be left out as those elsewhere in
// a request are.
func (d *described) needs(name string) []string {
	m := d.mode(name)
	if m == nil {
		return nil
	}
	var names []string
	for _, p := range d.def.Params {
		if slices.ContainsFunc(m.tokens, func(t *token) bool { return t.request.path.has(slotParam + p.Name) }) {
			names = append(names, p.Name)
		}
	}
	return names
}

func (d *described) baseOfPath(mode, path string) string {
	return d.baseOf(d.mode(mode), d.surface(path))
}

// hosts are those of everything that is the platform's own.
func (d *Definition) hosts() []string {
	bases := []string{d.BaseURL}
	for _, m := range d.Modes {
		bases = append(bases, m.BaseURL)
		for _, t := range m.Tokens {
			bases = append(bases, t.Request.BaseURL)
		}
	}
	for _, s := range d.Surfaces {
		bases = append(bases, s.BaseURL)
	}
	var hosts []string
	for _, b := range bases {
		if u, err := url.Parse(b); err == nil && u.Host != "" && !slices.Contains(hosts, u.Host) {
			hosts = append(hosts, u.Host)
		}
	}
	return hosts
}
