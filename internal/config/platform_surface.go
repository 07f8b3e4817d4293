package config

import (
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// What is said of a code of which nothing is said.
const (
	defaultHint = "look the code up in the platform's documentation"
	longestWait = 24 * time.Hour
)

func surface(o *object) declared.Surface {
	s := declared.Surface{Prefix: o.field("prefix").mayBeEmpty(), BaseURL: o.field("base_url").platformURL()}
	if a := o.field("attach").object(); a != nil {
		s.Attach = declared.Place{Query: a.field("query").word(), Header: a.field("header").word(), Scheme: a.field("scheme").word()}
		a.done()
	}
	if e := o.field("errors").object(); e != nil {
		s.Errors = declared.Errors{
			Code: wordsOf(e.field("code")), OK: wordsOf(e.field("ok")), NeedCode: e.field("need_code").flag(false), ByStatus: e.field("by_status").flag(false),
			Message: wordsOf(e.field("message")), Detail: wordsOf(e.field("detail")), Status: e.field("status").status(), RequestID: e.field("request_id").word(), Wait: e.field("wait").word(),
		}
		e.done()
	}
	s.Words = words(o.field("words"))
	return s
}

func code(o *object) declared.Code {
	c := declared.Code{
		Code: o.field("code").word(), At: declared.At(o.field("at").choice("", string(declared.AtIssue), string(declared.AtCall))), Name: o.field("name").word(),
		Class: broker.Class(o.field("class").choice(string(broker.Transient), string(broker.Transient), string(broker.Throttled), string(broker.BadCredential),
			string(broker.Misconfigured), string(broker.Denied), string(broker.NotFound), string(broker.Invalid))),
		Says: o.field("says").word(), Hint: o.field("hint").word(),
		Reset:   map[string]broker.Reset{"minute": broker.ResetMinute, "day": broker.ResetDay}[o.field("reset").choice("", "minute", "day")],
		Retry:   o.field("retry").duration(time.Second, longestWait),
		Rejects: o.field("rejects").flag(false), Lives: o.field("lives").flag(false), Unknown: o.field("unknown").flag(false), Beside: o.field("beside").word(),
	}
	if c.Says == "" {
		c.Says = "the platform refused: " + c.Name
	}
	if c.Hint == "" {
		c.Hint = defaultHint
	}
	return c
}

func words(v value) map[string]declared.Word {
	if !v.present() {
		return nil
	}
	o := v.object()
	if o == nil {
		return nil
	}
	list := make(map[string]declared.Word, len(o.nodes))
	for name, node := range o.nodes {
		if w := (value{d: v.d, node: node, path: v.member(name)}).object(); w != nil {
			list[name] = declared.Word{Code: w.field("code").word(), Message: w.field("message").word(), Status: w.field("status").status(), Extra: w.field("extra").texts()}
			w.done()
		}
	}
	return list
}

func (v value) status() int { return int(v.number(0, 200, 499)) }

func (v value) method() string { return v.choice("GET", "GET", "POST") }

// each reads the items of a list, each of which is a mapping.
func each[T any](v value, read func(*object) T) []T {
	items, _ := v.list()
	var list []T
	for _, item := range items {
		if o := item.object(); o != nil {
			list = append(list, read(o))
			o.done()
		} else {
			list = append(list, *new(T)) // The others keep their place.
		}
	}
	return list
}

// platformURL is the URL of a platform; "" where there is none.
func (v value) platformURL() string {
	base, _, _ := v.baseURL()
	return base
}

// word is a text; "" where there is none.
func (v value) word() string {
	s, _ := v.text()
	return s
}

// mayBeEmpty is word for what says something when it is empty, if that is written out.
func (v value) mayBeEmpty() string {
	if v.present() && v.node.Kind == yaml.ScalarNode && v.node.Value == "" && !isNull(v.node) {
		return ""
	}
	return v.word()
}

// wordsOf reads a list of texts.
func wordsOf(v value) []string {
	items, _ := v.list()
	var list []string
	for _, item := range items {
		list = append(list, item.word())
	}
	return list
}
