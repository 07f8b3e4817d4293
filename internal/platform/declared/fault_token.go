package declared

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// token finds the token of a kind; nil: there is none.
func (m *Mode) token(kind broker.Kind) *Token {
	i := slices.IndexFunc(m.Tokens, func(t Token) bool { return t.Kind == kind })
	if i < 0 {
		return nil
	}
	return &m.Tokens[i]
}

func (d *Definition) checkMode(fs *faults, i int) {
	m := &d.Modes[i]
	fs.must(isName(m.Name), "name", "has to be of a-z, 0-9 and _, and to begin with a letter")
	fs.must(slices.IndexFunc(d.Modes, func(n Mode) bool { return n.Name == m.Name }) == i, "name", "is there twice")
	fs.baseURL(m.BaseURL)
	fs.must(m.token(broker.AccessToken) != nil, "tokens", "have none of the kind %s, which opens the platform's calls", broker.AccessToken)
	for i := range m.Tokens {
		fs.within(fmt.Sprintf("tokens[%d]", i), func() { d.checkToken(fs, m, i) })
	}
	if m.Check != nil {
		fs.within("check", func() { d.checkCheck(fs, m.Check) })
	}
}

func (d *Definition) checkToken(fs *faults, m *Mode, i int) {
	t := &m.Tokens[i]
	fs.must(isName(string(t.Kind)), "kind", "has to be of a-z, 0-9 and _, and to begin with a letter")
	fs.must(slices.IndexFunc(m.Tokens, func(u Token) bool { return u.Kind == t.Kind }) == i, "kind", "is there twice in the mode")
	if t.From != "" {
		from := m.token(t.From)
		fs.must(from != nil && from.From == "", "from", "has to be the kind of another token of the mode, one that is got by the app secret itself")
	}
	fs.must(t.DropIn == "" || isName(t.DropIn), "drop_in", "has to be of a-z, 0-9 and _, and to begin with a letter")
	fs.within("request", func() { d.checkRequest(fs, t) })
	fs.within("answer", func() { t.Answer.check(fs) })
	fs.within("rotation", func() { checkRotation(fs, t.Rotation) })
}

func (x Answer) check(fs *faults) {
	if !fs.must(x.Token != "", "token", "is missing: the field in which the token stands") {
		return
	}
	fs.must(x.Lifetime != "" || x.Default > 0, "lifetime", "is missing: the field in which it stands, or a default")
	fs.must(x.Default == 0 || x.Default >= time.Second && x.Default <= broker.MaxPeriod, "default", "has to be %v to %v", time.Second, broker.MaxPeriod)
	if _, err := x.success(); err != nil {
		fs.add("extra", "does not make one JSON object together with token and lifetime: %v", err)
	}
}

func checkRotation(fs *faults, r broker.Rotation) {
	if !fs.must(r.Family >= broker.Eager && r.Family <= broker.Independent, "family", "has to be eager, late, fixed, sliding or independent") {
		return
	}
	fs.must((r.Overlap > 0) == (r.Family == broker.Eager), "overlap", "has to be there for the family eager, and for no other")
	fs.must((r.Window > 0) == (r.Family == broker.Late), "window", "has to be there for the family late, and for no other")
	fs.must(r.Lifetime <= 0 || r.Overlap <= r.Lifetime, "overlap", "is longer than the lifetime, and no token lives on for longer than it lives")
	fs.must(r.Lifetime <= 0 || r.Window <= r.Lifetime, "window", "is longer than the lifetime, of which it is the end")
	fs.must(r.Lifetime >= 0 && r.Overlap >= 0 && r.Window >= 0, "lifetime", "and the other times may not be negative")
	fs.must(r.Lifetime > 0 || !r.AgeUnknown, "lifetime", "is missing: it is all that is known where the age is not")
	if fs.must(r.Limits.PerDay > 0, "per_day", "has to be more than 0: how often a token may be got in a day") {
		fs.must(r.Limits.Unplanned > 0 && r.Limits.Unplanned <= r.Limits.PerDay, "unplanned", "has to be 1 to per_day: the part that is for rejected tokens")
	}
	fs.must(r.Limits.Forced == 0, "forced", "cannot be done by a platform that is described")
}

func (d *Definition) checkRequest(fs *faults, t *Token) {
	r := &t.Request
	fs.method(r.Method)
	fs.baseURL(r.BaseURL)
	fs.must(len(r.JSON) == 0 || len(r.Form) == 0, "form", "is there beside json: a request has one body")
	fs.must(r.Method != http.MethodGet || len(r.JSON)+len(r.Form) == 0, "method", "is GET, which has no body")
	slots := map[string]bool{}
	fs.template("path", r.Path, slots, d.Params)
	fs.must(!slots[slotSecret], "path", "has the secret in it, which would be logged on the way")
	fs.must(len(r.Path) > 1 && plain(r.Path) && !strings.Contains(r.Path, "*"), "path", notPlain)
	for s := range strings.SplitSeq(r.Path, "/") {
		fs.must(!strings.Contains(s, "{") || strings.HasPrefix(s, "{") && strings.IndexByte(s, '}') == len(s)-1, "path", "has a segment that is neither a text nor one thing in braces")
	}
	for _, g := range []struct {
		name string
		m    map[string]string
	}{{"query", r.Query}, {"header", r.Header}, {"json", r.JSON}, {"form", r.Form}} {
		for _, name := range slices.Sorted(maps.Keys(g.m)) {
			fs.must(name != "" && (g.name != "header" || isHeaderName(name)), g.name, "has a name in it that is none")
			fs.must(g.name != "header" || !ownHeader(name), g.name, "has one in it that this server writes itself")
			fs.template(g.name+"."+name, g.m[name], slots, d.Params)
		}
	}
	switch {
	case t.From != "":
		fs.must(!slots[slotSecret] && !r.Basic, "", "has the secret in it, though a token opens it")
	case fs.must(slots[slotSecret] || r.Basic, "", "has nowhere the {secret}") && t.DropIn != "":
		fs.must(r.Basic || newRequest(*r).readable(), "", "cannot be read when it is served here: let the {secret} and the {app_id} each stand alone in a field")
	}
}

// readable reports whether what stands for the id and the secret can be read out of a
// request.
func (r *request) readable() bool {
	found := map[string]bool{}
	for _, f := range r.fields() {
		var full strings.Builder
		slots := 0
		for _, p := range f.t {
			full.WriteString(p.text)
			if p.slot != "" {
				slots++
			}
		}
		if slots == 1 {
			slot, _, ok := f.t.invert(full.String())
			found[slot] = found[slot] || ok
		}
	}
	return found[slotSecret] && (found[slotAppID] || r.path.has(slotAppID))
}

// template checks a template, and notes its slots.
func (fs *faults) template(field, s string, slots map[string]bool, params []broker.Param) {
	t, err := parseTemplate(s)
	if err != nil {
		fs.add(field, "%v", err)
		return
	}
	for _, p := range t {
		slots[p.slot] = true
		if name, ok := strings.CutPrefix(p.slot, slotParam); ok {
			fs.must(slices.ContainsFunc(params, func(q broker.Param) bool { return q.Name == name }), field, "names a parameter that is not among params")
		}
	}
}

// checkShared checks tokens that are asked for at one path: they are answered in one form,
// and can be told apart.
func (d *Definition) checkShared(fs *faults) {
	type place struct {
		field string
		t     *Token
	}
	first := map[string][]place{}
	for i := range d.Modes {
		for j := range d.Modes[i].Tokens {
			t := &d.Modes[i].Tokens[j]
			if t.DropIn == "" {
				continue
			}
			at := t.Request.Method + " " + newPattern(t.Request.Path).String()
			field := fmt.Sprintf("modes[%d].tokens[%d]", i, j)
			for _, other := range first[at] {
				u := other.t
				fs.must(u.DropIn == t.DropIn, field+".drop_in", "differs from that of %s at the same path", other.field)
				fs.must(u.Answer.Token == t.Answer.Token && u.Answer.Lifetime == t.Answer.Lifetime && maps.Equal(u.Answer.Extra, t.Answer.Extra),
					field+".answer", "differs from that of %s at the same path", other.field)
				fs.must(u.Kind == t.Kind || toldApart(newRequest(u.Request), newRequest(t.Request)),
					field+".request", "is told from that of %s at the same path by no value that is always the same", other.field)
			}
			first[at] = append(first[at], place{field, t})
		}
	}
}

// toldApart reports whether two requests have different texts in a field.
func toldApart(a, b *request) bool {
	return slices.ContainsFunc(a.literals(), func(f field) bool {
		return slices.ContainsFunc(b.literals(), func(g field) bool { return f.name == g.name && f.text != g.text })
	})
}
