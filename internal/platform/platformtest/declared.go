package platformtest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// DeclaredHarness describes a platform that is a definition to the contract. What is not
// said follows from the definition.
type DeclaredHarness struct {
	Definition declared.Definition
	// New makes the platform, as the server does. Nil: of the definition alone.
	New func(*platform.Caller) broker.Platform
	// App is a registration with one secret, and with its parameters.
	App broker.App
	// Documented has every code of the facts that the definition relies on, and what it is
	// called here. It is written out again, so that a slip in the definition is seen.
	Documented map[string]string
	// Calls are paths of business calls: for every surface one that the app's access token
	// opens, and others that are worth a look, by their sort.
	Calls map[string]broker.CallSort
	// OK are bodies in which the platform says yes to such a call, whatever the surface.
	OK []string
	// CheckOK is the body that says to a check that the token is good.
	CheckOK string
	// Open makes a new simulated platform, see [Harness].
	Open func(t *testing.T) Sandbox
}

// Declared holds a platform that is a definition to the contracts of [Run], [Upstream] and
// [TokenPaths].
func Declared(t *testing.T, h DeclaredHarness) {
	t.Helper()
	if err := h.Definition.Err(); err != nil {
		t.Fatal(err)
	}
	if h.New == nil {
		h.New = func(c *platform.Caller) broker.Platform {
			p, err := declared.New(h.Definition, c)
			if err != nil {
				t.Error(err)
			}
			return p
		}
	}
	d := definition{h.Definition}
	t.Run("has the documented codes", func(t *testing.T) { d.documents(t, h.Documented) })
	t.Run("issues", func(t *testing.T) { Run(t, d.harness(h)) })
	t.Run("gives tokens as it gets them", func(t *testing.T) { TokenPaths(t, h.New, h.App, d.served) })
	for _, s := range d.Surfaces {
		if d.closed(s, h) {
			continue
		}
		t.Run("passes calls on/"+s.Prefix, func(t *testing.T) { Upstream(t, d.upstream(t, s, h)) })
	}
	t.Run("attaches no other token", func(t *testing.T) { d.attachesAlone(t, h) })
}

// definition is what follows from a definition, told in another way than the engine does.
type definition struct{ declared.Definition }

// unheardOf are codes that no platform documents.
var unheardOf = []string{"123456789", "nobody.has.heard/of it"}

func (d definition) documents(t *testing.T, documented map[string]string) {
	t.Parallel()
	snake := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, c := range d.Codes {
		want, ok := documented[c.Code]
		if !ok && documented != nil {
			t.Errorf("the code %s is in no document", c.Code)
		}
		// One that is said with two meanings is documented with one of them.
		if ok && want != c.Name && !slices.ContainsFunc(d.Codes, func(o declared.Code) bool { return o.Code == c.Code && o.Name == want }) {
			t.Errorf("the code %s is called %s, want %s", c.Code, c.Name, want)
		}
		if !snake.MatchString(c.Name) {
			t.Errorf("the code %s is called %q", c.Code, c.Name)
		}
	}
	for code := range documented {
		if !slices.ContainsFunc(d.Codes, func(c declared.Code) bool { return c.Code == code }) {
			t.Errorf("the documented code %s is missing", code)
		}
	}
}

// lookup is what a code says at a place.
func (d definition) lookup(code string, at declared.At) (found declared.Code, ok bool) {
	for _, c := range d.Codes {
		if c.Code == code && (c.At == at || c.At == "" && !ok) {
			found, ok = c, true
		}
	}
	return found, ok
}

// refusals are all codes and what they say at a place.
func (d definition) refusals(at declared.At) []Refusal {
	var codes []string
	for _, c := range d.Codes {
		codes = append(codes, c.Code)
	}
	slices.Sort(codes)
	var out []Refusal
	for _, code := range append(slices.Compact(codes), unheardOf...) {
		want := broker.Error{Code: "platform_refused", Class: broker.Transient}
		if c, ok := d.lookup(code, at); ok {
			want = broker.Error{Code: c.Name, Class: c.Class, Reset: c.Reset, Unknown: c.Unknown}
		}
		out = append(out, Refusal{code, want})
	}
	return out
}

// those are the codes of which something holds at calls.
func (d definition) those(holds func(declared.Code) bool) []string {
	var out []string
	for _, r := range d.refusals(declared.AtCall) {
		if c, ok := d.lookup(r.Code, declared.AtCall); ok && holds(c) {
			out = append(out, r.Code)
		}
	}
	return out
}

func (d definition) rejected() []string {
	return d.those(func(c declared.Code) bool { return c.Rejects })
}

func (d definition) throttled() []string {
	return d.those(func(c declared.Code) bool { return c.Class == broker.Throttled })
}

// surface is that of a path.
func (d definition) surface(path string) declared.Surface {
	var found declared.Surface
	for _, s := range d.Surfaces {
		if strings.HasPrefix(strings.ToLower(path), strings.ToLower(s.Prefix)) && len(s.Prefix) >= len(found.Prefix) {
			found = s
		}
	}
	return found
}

// refuses writes a refusal of a surface.
func (d definition) refuses(s declared.Surface) func(code, message string) string {
	return func(code, message string) string {
		body := map[string]any{}
		put(body, s.Errors.Message[0], message)
		if c, ok := d.lookup(code, declared.AtCall); ok && c.Beside != "" && len(s.Errors.Detail) > 0 {
			put(body, s.Errors.Detail[0], code)
			code = c.Beside
		}
		put(body, s.Errors.Code[0], number(code))
		return written(body)
	}
}

// put writes into the field of a dotted name.
func put(into map[string]any, name string, v any) {
	outer, inner, nested := strings.Cut(name, ".")
	if !nested {
		into[name] = v
		return
	}
	next, ok := into[outer].(map[string]any)
	if !ok {
		next = map[string]any{}
		into[outer] = next
	}
	put(next, inner, v)
}

// number is a whole number as one, and another text as it is.
func number(s string) any {
	if regexp.MustCompile(`^(0|-?[1-9][0-9]{0,14})$`).MatchString(s) {
		return json.RawMessage(s)
	}
	return s
}

func written(v any) string {
	b, _ := json.Marshal(v) // of texts, numbers and objects
	return string(b)
}

// gives writes the answer in which a token stands.
func (d definition) gives(t declared.Token) func(token, lifetime string) string {
	errs := d.surface(t.Request.Path).Errors
	return func(token, lifetime string) string {
		body := map[string]any{}
		if len(errs.OK) > 0 {
			put(body, errs.Code[0], number(errs.OK[0]))
		}
		put(body, t.Answer.Token, token)
		if lifetime != "" && t.Answer.Lifetime != "" {
			put(body, t.Answer.Lifetime, json.RawMessage(lifetime))
		}
		return written(body)
	}
}

// served reports whether the path of a kind is served here.
func (d definition) served(mode string, kind broker.Kind) bool {
	return slices.ContainsFunc(d.Modes, func(m declared.Mode) bool {
		return m.Name == mode && slices.ContainsFunc(m.Tokens, func(t declared.Token) bool { return t.Kind == kind && t.DropIn != "" })
	})
}

// harness is that of the issuers.
func (d definition) harness(h DeclaredHarness) Harness {
	out := Harness{New: h.New, App: h.App, Open: h.Open}
	for _, m := range d.Modes {
		check := cmp.Or(m.Check, d.Check)
		for _, t := range m.Tokens {
			s := d.surface(t.Request.Path)
			c := Case{
				Mode: m.Name, Kind: t.Kind, Success: d.gives(t), Default: t.Answer.Default, Silent: t.Answer.Lifetime == "",
				Refuse: d.refuses(s), RefuseStatus: s.Errors.Status, Refusals: d.refusals(declared.AtIssue), Rejected: d.rejected(),
			}
			if t.From != "" {
				c.Refusals = d.refusals(declared.AtCall)
			}
			if check != nil && t.From == "" {
				at := d.surface(check.Path)
				c.Check, c.CheckStatus, c.CheckOK = d.refuses(at), at.Errors.Status, h.CheckOK
				c.Throttled, c.Lives = d.throttled(), d.those(func(c declared.Code) bool { return c.Lives })
			}
			out.Cases = append(out.Cases, c)
		}
	}
	return out
}

// upstream is the harness of the calls on one surface.
func (d definition) upstream(t *testing.T, s declared.Surface, h DeclaredHarness) UpstreamHarness {
	t.Helper()
	out := UpstreamHarness{
		Platform: h.New(platform.NewCaller(nil)), Routes: map[string]broker.Route{}, OK: h.OK, Partial: true,
		Refuse: d.refuses(s), RefuseStatus: s.Errors.Status,
		Codes: d.refusals(declared.AtCall), Rejected: d.rejected(), Throttled: d.throttled(),
	}
	for i := range out.Codes {
		out.Codes[i].Want.Unknown = false // A call is no issue.
	}
	for path, sort := range h.Calls {
		if d.surface(path).Prefix == s.Prefix {
			r := out.Platform.Upstream.Route(path)
			out.Routes[path] = broker.Route{Sort: sort, Metered: sort == broker.CallApp, Kind: r.Kind, Body: r.Body, Own: s.Prefix != "", Either: d.Either && sort == broker.CallApp}
		}
	}
	for _, m := range d.Modes {
		for _, tok := range m.Tokens {
			if path := slots.ReplaceAllString(tok.Request.Path, "any"); d.surface(path).Prefix == s.Prefix {
				out.Routes[path] = broker.Route{Sort: broker.CallManaged, Own: s.Prefix != ""}
			}
		}
	}
	return out
}

// closed reports whether there are calls on a surface, and all of other sorts than those
// that the app's token opens.
func (d definition) closed(s declared.Surface, h DeclaredHarness) bool {
	closed := false
	for path, sort := range h.Calls {
		if d.surface(path).Prefix == s.Prefix {
			if sort == broker.CallApp {
				return false
			}
			closed = true
		}
	}
	return closed
}

// slots are what stands in braces.
var slots = regexp.MustCompile(`\{[^}]*\}`)

// attachesAlone puts a token into every place where the platform looks for one: the one
// that is attached drives all of them out.
func (d definition) attachesAlone(t *testing.T, h DeclaredHarness) {
	t.Parallel()
	up := h.New(platform.NewCaller(nil)).Upstream
	for path, sort := range h.Calls {
		if sort != broker.CallApp {
			continue
		}
		k := upstream{h: UpstreamHarness{Platform: broker.Platform{BaseURL: host}}, up: up}
		r := k.request(t, path)
		for _, s := range d.Surfaces {
			if s.Attach.Query != "" {
				r.URL.RawQuery += "&" + s.Attach.Query + "=" + shownToken
				continue
			}
			r.Header.Set(s.Attach.Header, strings.TrimLeft(s.Attach.Scheme+" "+shownToken, " "))
		}
		up.Attach(r, broker.NewSecret(given))
		seen := see(t, r)
		if all := written(seen); strings.Contains(all, shownToken) || strings.Count(all, given) != 1 {
			t.Errorf("I8: %s has become %s", path, all)
		}
		at := d.surface(path).Attach
		if at.Query != "" && r.URL.Query().Get(at.Query) != given || at.Query == "" && r.Header.Get(at.Header) != strings.TrimLeft(at.Scheme+" "+given, " ") {
			t.Errorf("%s: the token stands elsewhere than described: %s", path, written(seen))
		}
		if r.Method != http.MethodPost || r.URL.Path != path {
			t.Errorf("%s has become %s %s", path, r.Method, r.URL.Path)
		}
	}
}
