package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// platforms reads the platforms that the file describes, which from then on are in the
// table as the others are.
func (d *decoder) platforms(v value, c *Config) {
	items, _ := v.list()
	for _, item := range items {
		def, ok := d.platform(item)
		if !ok {
			continue
		}
		d.opt.Platforms = append(slices.Clip(d.opt.Platforms), described(def))
		c.Platforms = append(c.Platforms, def)
	}
}

// platform reads one of them. The second result says that apps can name it, whatever else
// is wrong with it.
func (d *decoder) platform(v value) (declared.Definition, bool) {
	o := v.object()
	if o == nil {
		return declared.Definition{}, false
	}
	before := len(d.faults.List)
	name := o.field("name")
	def := declared.Definition{Name: name.word(), BaseURL: o.field("base_url").platformURL(), Params: params(o.field("params"))}
	def.OneToken = o.field("one_token").flag(false)
	def.Modes = modes(o)
	def.Surfaces = each(o.field("surfaces"), surface)
	def.Codes = each(o.field("codes"), code)
	def.Words = words(o.field("words"))
	def.Check = check(o.field("check"))
	def.Denied = wordsOf(o.field("denied"))
	def.Exchanges = each(o.field("exchanges"), exchange)
	def.Users, def.Foreign = wordsOf(o.field("users")), wordsOf(o.field("foreign"))
	def.Gives, def.Either = each(o.field("gives"), giving), o.field("either").flag(false)
	def.Kinds = map[string]broker.Kind{}
	for pattern, kind := range o.field("kinds").texts() {
		def.Kinds[pattern] = broker.Kind(kind)
	}
	o.done()
	told := slices.Clone(d.faults.List[before:])
	for _, f := range def.Faults() {
		o.describe(f, told)
	}
	taken := slices.ContainsFunc(d.opt.Platforms, func(p broker.Platform) bool { return p.Name == def.Name })
	if taken {
		name.fault("is that of another platform, which is built in or described above; give it a name of its own")
	}
	return def, def.Name != "" && !taken
}

// describe reports what is wrong with a definition, unless something was told of the same
// place.
func (o *object) describe(f declared.Fault, told []Fault) {
	at := o.find(f.Field)
	if slices.ContainsFunc(told, func(x Fault) bool { return inside(x.Path, at.path) || inside(at.path, x.Path) }) {
		return
	}
	says := f.Wrong
	if near := broker.Nearest(lastName(f.Field), f.Known); near != "" {
		says += "; did you mean " + strconv.Quote(near) + "?"
	}
	at.fault("%s", says)
}

// lastName is the one in brackets at the end of a field; "" where there is none.
func lastName(field string) string {
	i := strings.LastIndex(field, `["`)
	if i < 0 {
		return ""
	}
	name, _ := strconv.Unquote(strings.TrimSuffix(field[i+1:], "]"))
	return name
}

// inside reports whether a path is another one or one inside of it.
func inside(path, of string) bool {
	rest, ok := strings.CutPrefix(path, of)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// find goes to the place of a field, such as modes[0].tokens[1].request.json.to, or as near
// to it as the file goes.
func (o *object) find(field string) value {
	if o.nodes["modes"] == nil { // There is one mode, and what is of it stands here.
		field = strings.TrimPrefix(field, "modes[0].")
	}
	at := o.value
	for field != "" {
		next, rest, ok := at.step(field)
		if !ok {
			// What is not there is named, at the line of what it belongs into.
			name, _, _ := strings.Cut(field, ".")
			if !strings.ContainsAny(name, "[]") {
				at.path = at.member(name)
			}
			return at
		}
		at, field = next, rest
	}
	return at
}

// step goes to the next part of a field's name.
func (v value) step(field string) (next value, rest string, ok bool) {
	switch v.node.Kind {
	case yaml.SequenceNode:
		for i, n := range v.node.Content {
			item := v.item(i, n)
			if rest, ok = cutName(field, strings.TrimPrefix(item.path, v.path)); ok {
				return item, rest, true
			}
		}
	case yaml.MappingNode:
		// Names may have dots in them, so the longest that fits is the one.
		longest := -1
		for i := 0; i+1 < len(v.node.Content); i += 2 {
			key := v.node.Content[i].Value
			for _, name := range []string{key, `["` + key + `"]`} {
				if r, fits := cutName(field, name); fits && len(name) > longest {
					next, rest, ok, longest = value{d: v.d, node: v.node.Content[i+1], path: v.member(key)}, r, true, len(name)
				}
			}
		}
	case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode:
	}
	return next, rest, ok
}

// cutName takes a name off the beginning of a field's.
func cutName(field, name string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(field, name)
	if name == "" || !ok || rest != "" && rest[0] != '.' && rest[0] != '[' {
		return "", false
	}
	return strings.TrimPrefix(rest, "."), true
}

// described is a platform as far as apps of the file have to do with it. One with a fault is
// one too, so that they are not at fault for it.
func described(def declared.Definition) broker.Platform {
	if p, err := declared.New(def, nil); err == nil {
		return p
	}
	p := broker.Platform{Name: def.Name, BaseURL: def.BaseURL, Params: def.Params}
	kinds := map[broker.Kind]broker.Source{}
	for _, m := range def.Modes {
		p.Modes = append(p.Modes, m.Name)
		for _, t := range m.Tokens {
			kinds[t.Kind] = broker.Source{Rotation: t.Rotation}
		}
	}
	p.Kinds = func(string) map[broker.Kind]broker.Source { return maps.Clone(kinds) }
	return p
}

func params(v value) []broker.Param {
	return each(v, func(o *object) broker.Param {
		return broker.Param{Name: o.field("name").word(), Required: o.field("required").flag(false), Help: o.field("help").word()}
	})
}

func exchange(o *object) declared.Exchange {
	return declared.Exchange{
		Method: o.field("method").method(), Path: o.field("path").word(), In: o.field("in").choice("query", "query", "form", "json", "basic"),
		AppID: o.field("app_id").word(), Secret: o.field("secret").word(), Tokens: wordsOf(o.field("tokens")),
	}
}

func giving(o *object) declared.Giving {
	return declared.Giving{Path: o.field("path").word(), Tokens: wordsOf(o.field("tokens"))}
}

// check returns nil where there is none.
func check(v value) *declared.Check {
	if !v.present() {
		return nil
	}
	o := v.object()
	if o == nil {
		return nil
	}
	defer o.done()
	return &declared.Check{
		Method: o.field("method").method(), Path: o.field("path").word(), Query: o.field("query").texts(), JSON: o.field("json").texts(), Field: o.field("field").word(),
	}
}
