package declared

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/query"
)

// grantType is the field whose value is checked by name.
const grantType = "grant_type"

// tokenPath is a path that gives tokens as it is served here. Of several tokens what a call
// says besides tells which one it wants.
type tokenPath struct {
	*described
	method string
	path   pattern
	tokens []*token // of which the first has the path as the platform writes it
	answer document
}

// tokenPaths are the paths of all tokens that are served here.
func (d *described) tokenPaths() []broker.TokenPath {
	var paths []*tokenPath
	for _, m := range d.modes {
		for _, t := range m.tokens {
			if t.DropIn == "" {
				continue
			}
			path := newPattern(t.Request.Path)
			i := slices.IndexFunc(paths, func(p *tokenPath) bool { return p.method == t.Request.Method && p.path.String() == path.String() })
			if i < 0 {
				n, _ := t.Answer.success() // It has been checked.
				paths = append(paths, &tokenPath{described: d, method: t.Request.Method, path: path, answer: n.document()})
				i = len(paths) - 1
			}
			paths[i].tokens = append(paths[i].tokens, t)
		}
	}
	out := make([]broker.TokenPath, len(paths))
	for i, p := range paths {
		first := p.tokens[0]
		out[i] = broker.TokenPath{Name: first.DropIn, Method: p.method, Path: first.Request.Path, Ask: p.ask, Answer: p.give}
	}
	return out
}

// success is the object in which a token is given.
func (x Answer) success() (*node, error) {
	n := &node{}
	if err := n.putAll(x.Extra); err != nil {
		return nil, err
	}
	if err := n.put(x.Token, "", holeToken); err != nil {
		return nil, err
	}
	if x.Lifetime == "" {
		return n, nil
	}
	return n, n.put(x.Lifetime, "", holeLifetime)
}

func (p *tokenPath) give(b []byte, tok string, expiresIn int64) []byte {
	return p.answer.append(b, func(b []byte, h hole) []byte {
		if h == holeToken {
			return appendText(b, tok)
		}
		return strconv.AppendInt(b, expiresIn, 10)
	})
}

// call is what a caller of a token path sent.
type call struct {
	r    *http.Request
	body fields
}

// ask reads what a caller shows. What it does not show is left empty.
func (p *tokenPath) ask(r *http.Request, body []byte) (broker.Asked, *broker.Error) {
	in := call{r: r}
	wanted := slices.ContainsFunc(p.tokens, func(t *token) bool { return len(t.Request.JSON)+len(t.Request.Form) > 0 })
	blank := len(strings.TrimSpace(string(body))) == 0
	if wanted && blank {
		return broker.Asked{}, broker.ErrEmptyBody
	}
	if !blank {
		var ok bool
		if in.body, ok = readBody(body, r.Header.Get("Content-Type")); !ok && wanted {
			return broker.Asked{}, broker.ErrBadBody
		}
	}
	t, wrong := p.meant(in)
	a := broker.Asked{Kind: t.Kind, Wrong: wrong}
	if t.From != "" {
		a.ByToken, a.Token = true, p.surface(r.URL.Path).Attach.shown(r)
	}
	p.read(&a, t.request, in)
	return a, nil
}

// meant is the token that a call wants, and what is wrong with how it says so. A field with
// a value that is always the same has that, or is left out where there is no doubt.
func (p *tokenPath) meant(in call) (*token, *broker.Error) {
	for _, t := range p.tokens {
		if slices.ContainsFunc(t.request.literals(), func(l field) bool {
			v := in.value(t.request, l)
			return l.name != grantType && v != l.text && (v != "" || len(p.tokens) > 1)
		}) {
			continue
		}
		for _, l := range t.request.literals() {
			if l.name == grantType && in.value(t.request, l) != l.text {
				return t, wanted(broker.ErrBadGrant, grantType, l.text)
			}
		}
		return t, nil
	}
	return p.tokens[0], p.wantedArgument(in)
}

// wantedArgument names the first field of the call that is wrong for every token, or else the
// first that is wrong for one, with all that may stand there.
func (p *tokenPath) wantedArgument(in call) *broker.Error {
	wants := map[string][]string{}
	var names []string
	right := map[string]bool{}
	for _, t := range p.tokens {
		for _, l := range t.request.literals() {
			if l.name == grantType {
				continue
			}
			if !slices.Contains(names, l.name) {
				names = append(names, l.name)
			}
			if !slices.Contains(wants[l.name], l.text) {
				wants[l.name] = append(wants[l.name], l.text)
			}
			v := in.value(t.request, l)
			right[l.name] = right[l.name] || v == l.text || v == "" && len(p.tokens) == 1
		}
	}
	if len(names) == 0 {
		return broker.ErrBadArgument
	}
	i := max(0, slices.IndexFunc(names, func(name string) bool { return !right[name] }))
	return wanted(broker.ErrBadArgument, names[i], wants[names[i]]...)
}

// wanted is an error that names a field and what it wants there. What the call has there is
// not said again: it may be a secret in the wrong place. Nor is a long text of the
// description: it may be a key that all callers of the platform have in common.
func wanted(err *broker.Error, name string, texts ...string) *broker.Error {
	e := *err
	e.Hint = name + ": want " + strings.Join(texts, " or ")
	if slices.ContainsFunc(texts, func(s string) bool { return len(s) >= longText }) {
		e.Hint = name + ": want what the platform's description has"
	}
	return &e
}

// longText is the length from which a text may be a key.
const longText = 20

// field is a template in one of the places of a request.
type field struct {
	in, name string
	t        template
	text     string // of one that is always the same
}

// fields are all of the query, the body and the header.
func (r *request) fields() []field {
	var all []field
	for in, m := range map[string]map[string]template{inQuery: r.query, inJSON: r.json, inForm: r.form, inHeader: r.header} {
		for name, t := range m {
			all = append(all, field{in: in, name: name, t: t})
		}
	}
	slices.SortFunc(all, func(a, b field) int { return cmp.Or(cmp.Compare(a.in, b.in), cmp.Compare(a.name, b.name)) })
	return all
}

const inHeader = "header"

// literals are the fields of the query and the body that are always the same.
func (r *request) literals() []field {
	var found []field
	for _, f := range r.fields() {
		if text, ok := f.t.literal(); ok && f.in != inHeader {
			f.text = text
			found = append(found, f)
		}
	}
	return found
}

// value is what a call has in the place of a field. What we send in the query of a POST is
// also taken from a form.
func (c call) value(r *request, f field) string {
	switch f.in {
	case inHeader:
		return c.r.Header.Get(f.name)
	case inQuery:
		if v := query.Value(c.r.URL.RawQuery, f.name); v != "" || r.Method != http.MethodPost {
			return v
		}
	}
	return c.body.text(f.name)
}

// Names of RFC 6749, which are known where a caller may choose between HTTP Basic and them.
const (
	clientID     = "client_id"
	clientSecret = "client_secret"
)

// read finds the id, the key and the parameters in a call.
func (p *tokenPath) read(a *broker.Asked, r *request, in call) {
	take := func(t template, text string) {
		slot, v, ok := t.invert(text)
		switch {
		case !ok || v == "":
		case slot == slotAppID:
			a.AppID = v
		case slot == slotSecret:
			a.Key = broker.NewSecret(v)
		default:
			if a.Params == nil {
				a.Params = map[string]string{}
			}
			a.Params[strings.TrimPrefix(slot, slotParam)] = v
		}
	}
	basic := r.Basic
	for _, f := range r.fields() {
		take(f.t, in.value(r, f))
		basic = basic || f.name == clientSecret
	}
	if segments := strings.FieldsFunc(in.r.URL.Path, func(c rune) bool { return c == '/' }); len(segments) == len(p.path) {
		for i, s := range p.path {
			if open(s) {
				take(parsed(s), segments[i])
			}
		}
	}
	if !basic {
		return
	}
	if id, key, ok := in.r.BasicAuth(); ok {
		a.AppID, a.Key = unescaped(id), broker.NewSecret(unescaped(key))
	} else if r.Basic && a.AppID == "" && a.Key.IsZero() {
		a.AppID, a.Key = in.body.text(clientID), broker.NewSecret(in.body.text(clientSecret))
	}
}

// unescaped reads what RFC 6749 has callers encode in HTTP Basic, and some do not.
func unescaped(s string) string {
	if v, err := url.QueryUnescape(s); err == nil && strings.Contains(s, "%") {
		return v
	}
	return s
}
