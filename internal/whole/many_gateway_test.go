package whole_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// at is how a call is made here: at the root or on an app, with a key in a header or without.
type at struct {
	app    *reg
	key    *client
	header string // in which the key stands
}

func (x at) call(c call) call {
	if c.header = maps.Clone(c.header); c.header == nil {
		c.header = map[string]string{}
	}
	if x.app != nil {
		c.target = "/gateway/" + x.app.id + c.target
	}
	switch {
	case x.key == nil:
	case x.header == bearerName:
		c.header[bearerName] = "Bearer " + x.key.key
	default:
		c.header[x.header] = x.key.key
	}
	return c
}

// mayCall reports whether the key in the header is one for calls on the app.
func (x at) mayCall() bool { return x.key != nil && x.app != nil && x.key.may(broker.Call, x.app.id) }

// drawAt draws one. Where the platform's credential is in the header Authorization, the key is
// in the other one.
func (m *many) drawAt(t *rapid.T, c *cred, taken bool) at {
	var x at
	near := m.near(t, c)
	if rapid.IntRange(0, 2).Draw(t, "on an app") > 0 {
		x.app = near
	}
	if rapid.Bool().Draw(t, "with a key") {
		x.key = m.able(t, func(k *client) bool { return k.may(broker.Call, near.id) })
		x.header = "X-Hufu-Key"
		if !taken && rapid.Bool().Draw(t, "bearer") {
			x.header = bearerName
		}
	}
	return x
}

// show is a call of a path that a token opens, with something in the token's place.
func (p tokenPath) show(value string) call {
	c := call{method: p.method, target: withQuery(p.path, p.more...), header: map[string]string{}}
	if p.method == http.MethodPost {
		c.header["Content-Type"], c.body = "application/json", `{"what":"ever"}`
	}
	if p.inHeader() {
		c.header[p.name] = p.scheme + value
	} else {
		c.target = withQuery(p.path, append(slices.Clone(p.more), p.name, value)...)
	}
	return c
}

// owner is the app whose token opens a call: the credential's, if it is an app's token that is
// known here, or a virtual one whose client may make calls.
func (m *many) owner(c *cred) *reg {
	if c.sort == sandbox.AppToken || c.sort == virtualToken && m.client(c.client).may(broker.Call, c.app) {
		return m.reg(c.app)
	}
	return nil
}

// putTicketToken asks platforms' paths of tickets with a credential in the place of the token.
func (m *many) putTicketToken(t *rapid.T, c *cred) {
	s := m.near(t, c).site
	if len(s.tickets) == 0 {
		return
	}
	p := rapid.SampledFrom(s.tickets).Draw(t, "path")
	x := m.drawAt(t, c, p.name == bearerName)
	got := m.do(t, x.call(p.show(c.value)), c)
	const what = "the path of tickets"
	a := m.madeOn(x, p, c)
	if !x.mayCall() && m.owner(c) != nil && c.scope != string(broker.AccessToken) {
		a = nil
	}
	if a == nil || !slices.ContainsFunc(a.site.tickets, func(q tokenPath) bool { return q.path == p.path }) {
		m.handed(t, what, got, c, nobodys, nil)
		if m.opened(got) && (a == nil || len(m.came) == 0) {
			t.Fatalf("%s: %s opens it: %s", what, c, got.body)
		}
		return
	}
	kind := broker.Kind("")
	for _, q := range a.site.tickets {
		if q.path == p.path {
			kind = q.kind
		}
	}
	m.handed(t, what, got, c, func(y *cred) bool { return y.sort == sandbox.Ticket && m.isOf(y, a) && y.scope == string(kind) }, nil)
}

// answeredBy expects that a call came to no platform but an app's, with that one's token, and
// that an answer to it is about that app. Where a is nil, it expects that nothing came.
func (m *many) answeredBy(t rapid.TB, what string, a *reg, path string, got *answer, c *cred) {
	for _, x := range m.came {
		if x.path != path {
			continue // a renewal, or a check
		}
		if a == nil || x.site != a.site {
			t.Fatalf("%s with %s came to %s with %v: %s", what, c, x.site.name, x.creds, got.body)
		}
		if !slices.ContainsFunc(x.creds, func(y *cred) bool { return y.of(sandbox.AppToken, a.id) }) {
			t.Fatalf("%s with %s came without a token of %s: %v", what, c, a, x.creds)
		}
	}
	if !m.opened(got) {
		return
	}
	if a == nil || !slices.ContainsFunc(m.came, func(x arrival) bool { return x.path == path }) {
		t.Fatalf("%s with %s was answered: %s", what, c, got.body)
	}
	about := func(field string) []string { return fieldsOf(got.body, field) }
	if ids, agents := about("app_id"), about("agent"); a.site.name != "wechat" && (len(ids) != 1 || ids[0] != a.appID) || a.agent != "" && (len(agents) != 1 || agents[0] != a.agent) {
		t.Fatalf("%s with %s on %s is answered by another app: %s", what, c, a, got.body)
	}
}

// fieldsOf are the texts of all fields of a name in a JSON document.
func fieldsOf(body []byte, name string) []string {
	var doc any
	_ = json.Unmarshal(body, &doc)
	var found []string
	var walk func(any)
	walk = func(v any) {
		o, _ := v.(map[string]any)
		for field, v := range o {
			if s, ok := v.(string); ok && field == name {
				found = append(found, s)
			}
			walk(v)
		}
	}
	walk(doc)
	return found
}

// madeOn is the app on which a call is made: the one that the base URL names, for who may make
// calls on it, or that of the token. Nil: none.
func (m *many) madeOn(x at, p tokenPath, c *cred) *reg {
	a, k := m.owner(c), m.keyOf(c)
	switch {
	case x.mayCall():
		return x.app
	case x.app != nil && x.key == nil && k != nil && p.name == bearerName && k.may(broker.Call, x.app.id):
		return x.app // the key stands where the token does
	case x.app != nil && (x.key != nil || x.app != a):
		return nil // At the root keys in headers say nothing.
	}
	return a
}

// putCallToken makes calls that an app's token opens.
func (m *many) putCallToken(t *rapid.T, c *cred) {
	p := rapid.SampledFrom(m.near(t, c).site.calls).Draw(t, "path")
	x := m.drawAt(t, c, p.name == bearerName)
	got := m.do(t, x.call(p.show(c.value)), c)
	a := m.madeOn(x, p, c)
	m.handed(t, "a call", got, c, nobodys, nil)
	m.answeredBy(t, "a call "+x.String()+" of "+p.path, a, p.path, got, c)
	looks := func(s *site) bool {
		return slices.ContainsFunc(s.calls, func(q tokenPath) bool { return q.path == p.path && q.name == p.name })
	}
	if other := m.owner(c); x.mayCall() && other != nil && other != x.app && (c.sort == virtualToken || m.standing(c)) && looks(x.app.site) && m.opened(got) {
		t.Fatalf("a call on %s with the token of %s is made: %s", x.app, other, got.body)
	}
}

func (x at) String() string {
	s := "at the root"
	if x.app != nil {
		s = "on " + x.app.id
	}
	if x.key != nil {
		s += " for " + x.key.name
	}
	return s
}

// putCallKey makes calls with a credential where a client's key belongs, and nothing else.
func (m *many) putCallKey(t *rapid.T, c *cred) {
	a := m.near(t, c)
	p := rapid.SampledFrom(a.site.calls).Draw(t, "path")
	ask := p.show("none")
	delete(ask.header, p.name)
	ask.target = "/gateway/" + a.id + withQuery(p.path, p.more...)
	if rapid.Bool().Draw(t, "X-Hufu-Key") {
		ask.header["X-Hufu-Key"] = c.value
	} else {
		ask.header[bearerName] = "Bearer " + c.value
	}
	got := m.do(t, ask, c)
	m.handed(t, "a call", got, c, nobodys, nil)
	k := m.keyOf(c)
	own := p.name == bearerName && m.owner(c) == a
	if (k == nil || !k.may(broker.Call, a.id)) && !own {
		a = nil
	}
	m.answeredBy(t, "the key of a call of "+p.path, a, p.path, got, c)
}

// putUserToken makes calls that a user's token opens.
func (m *many) putUserToken(t *rapid.T, c *cred) {
	s := m.near(t, c).site
	if len(s.users) == 0 {
		return
	}
	p := rapid.SampledFrom(s.users).Draw(t, "path")
	x := m.drawAt(t, c, p.name == bearerName)
	got := m.do(t, x.call(p.show(c.value)), c)
	m.handed(t, "a user's call", got, c, nobodys, nil)
	// To a platform that has no such path for users it is a call like any other. What is not
	// known to be such an app's token may be taken for a user's of one that has it.
	a := m.madeOn(x, p, c)
	came := func(y arrival) bool { return a != nil && y.site == a.site && y.path == p.path }
	if a != nil && !opens(a.site.users, p.path) && (x.app != nil || m.known(c) || slices.ContainsFunc(m.came, came)) {
		m.answeredBy(t, "a call "+x.String()+" of "+p.path, a, p.path, got, c)
		return
	}
	right := c.sort == sandbox.UserToken && opens(m.reg(c.app).site.users, p.path)
	if x.app != nil {
		right = right && m.reg(c.app).site == x.app.site
	}
	if m.opened(got) && !right {
		t.Fatalf("a user's call %s of %s: %s opens it: %s", x, p.path, c, got.body)
	}
	for _, y := range m.came {
		if x.app != nil && y.site != x.app.site {
			t.Fatalf("a user's call %s with %s came to %s", x, c, y.site.name)
		}
	}
}

// putInside makes a call that is opened by a key, with a credential where no platform looks for
// one: that is the caller's own doing, unless it is the key itself.
func (m *many) putInside(t *rapid.T, c *cred) {
	a := m.near(t, c)
	k := m.able(t, func(k *client) bool { return k.may(broker.Call, a.id) })
	p := rapid.SampledFrom(a.site.calls).Draw(t, "path")
	ask := p.show("none")
	delete(ask.header, p.name)
	ask.target = withQuery(p.path, p.more...)
	switch rapid.SampledFrom([]string{"query", "header", "body"}).Draw(t, "place") {
	case "query":
		ask.target = withQuery(p.path, append(slices.Clone(p.more), "note", c.value)...)
	case "header":
		ask.header["X-Note"] = c.value
	default:
		ask.method, ask.body = http.MethodPost, `{"note":"`+c.value+`"}`
		ask.header["Content-Type"] = "application/json"
	}
	x := at{app: a, key: k, header: rapid.SampledFrom([]string{bearerName, "X-Hufu-Key"}).Draw(t, "header of the key")}
	m.loose = m.keyOf(c) != k
	got := m.do(t, x.call(ask), c)
	m.handed(t, "a call", got, c, nobodys, nil)
	if !x.mayCall() || m.keyOf(c) == k {
		a = nil
	}
	m.answeredBy(t, "a call "+x.String()+" with something inside", a, p.path, got, c)
}
