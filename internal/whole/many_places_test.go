package whole_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func nobodys(*cred) bool { return false }

// refused expects that a call got nobody anything, and that what it showed came to no platform.
func (m *many) refused(t rapid.TB, what string, got *answer, c *cred) {
	if m.opened(got) || slices.ContainsFunc(m.came, func(x arrival) bool { return slices.Contains(x.creds, c) }) {
		t.Fatalf("%s: %s opens it: %d %s, and to the platforms came %v", what, c, got.status, got.body, m.came)
	}
	m.handed(t, what, got, c, nobodys, nil)
}

func (m *many) putKeyOfRead(t *rapid.T, c *cred) {
	a := m.near(t, c)
	kind := rapid.SampledFrom(a.kinds()).Draw(t, "kind")
	got := m.do(t, get("/v1/apps/"+a.id+"/tokens/"+string(kind)).as(c.value), c)
	if k := m.keyOf(c); k != nil {
		m.handed(t, "a read", got, c, m.ownTo(k, a, kind), virtualTo(k, a, kind))
	} else {
		m.refused(t, "the key of a read", got, c)
	}
}

// putReported reports a credential as a token that was rejected. One of anything else costs
// nothing, even where the app's own is dead.
func (m *many) putReported(t *rapid.T, c *cred) {
	a := m.near(t, c)
	kind := rapid.SampledFrom(a.kinds()).Draw(t, "kind")
	k := m.able(t, func(k *client) bool { return k.may(broker.Renew, a.id) })
	m.read(t, m.client("all"), a, kind)
	if rapid.Bool().Draw(t, "dead") {
		if _, err := m.trouble(a, "kill"); err != nil {
			t.Fatal(err)
		}
	}
	before := m.spent(a)
	got := m.do(t, post("/v1/apps/"+a.id+"/tokens/"+string(kind)+"/renew", map[string]string{"token": c.value}).as(k.key), c)
	own := m.isOf(c, a) && c.scope == string(kind)
	if now := m.spent(a); now != before && !own {
		t.Fatalf("the report of %s as the %s of %s has cost %d issues: %s", c, kind, a, now-before, got.body)
	}
	m.handed(t, "a report", got, c, func(x *cred) bool { return m.ownTo(k, a, kind)(x) && k.may(broker.Renew, a.id) }, virtualTo(k, a, kind))
}

// putImported imports what is known here as an app's token. What else an administrator says to
// be one, nobody can know better.
func (m *many) putImported(t *rapid.T, c *cred) {
	a := m.near(t, c)
	known := m.known(c) || c.of(theSecret, a.id)
	kind := rapid.SampledFrom(a.kinds()).Draw(t, "kind")
	own := c.of(sandbox.AppToken, a.id) && c.scope == string(kind)
	if !known && !own {
		return
	}
	k := m.client("admin")
	if rapid.Bool().Draw(t, "by anybody") {
		k = rapid.SampledFrom(m.clients).Draw(t, "client")
	}
	put := post("/v1/apps/"+a.id+"/tokens/"+string(kind), map[string]any{"token": c.value, "expires_in": 3600, "replace": rapid.Bool().Draw(t, "replace")}).as(k.key)
	put.method = http.MethodPut
	got := m.do(t, put, c)
	if !own || k.name != "admin" {
		m.refused(t, "the import of "+string(kind)+" of "+a.id, got, c)
		return
	}
	m.handed(t, "an import", got, c, nobodys, nil)
}

// ask is a call of a path that a secret opens.
func (p secretPath) ask(appID, secret, encoding string) call {
	fields := maps.Clone(p.more)
	if fields == nil {
		fields = map[string]string{}
	}
	c := call{method: p.method, target: p.path, header: map[string]string{}}
	if encoding == "basic" {
		c.header[bearerName] = "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(appID)+":"+url.QueryEscape(secret)))
		encoding = p.in
	} else {
		fields[p.id], fields[p.secret] = appID, secret
	}
	values := url.Values{}
	for name, v := range fields {
		values.Set(name, v)
	}
	switch encoding {
	case inQuery:
		c.target += "?" + values.Encode()
	case inForm:
		c.form, c.body = true, values.Encode()
	default:
		b, _ := json.Marshal(fields)
		c.header["Content-Type"], c.body = "application/json", string(b)
	}
	return c
}

// drawAsk draws how a secret is shown, and whose app is named beside it: by the platform's id
// and, maybe, by ours.
func (m *many) drawAsk(t *rapid.T, c *cred, p secretPath) (ask call, shown *reg, named string) {
	shown = m.near(t, c)
	secret := c.value
	if rapid.IntRange(0, 2).Draw(t, "named") == 0 {
		named = m.near(t, c).id
		if rapid.Bool().Draw(t, "the same") {
			named = shown.id
		}
		secret += "." + named
	}
	encodings := []string{p.in}
	if p.in != inQuery {
		encodings = []string{inJSON, inForm}
	}
	if p.basic {
		encodings = append(encodings, "basic")
	}
	return p.ask(shown.appID, secret, rapid.SampledFrom(encodings).Draw(t, "encoding")), shown, named
}

// meant is the app that somebody means on a path of several platforms, by the platform's id and
// by what ours it names: of the first platform that has it for him. Nil: none, or it cannot be
// told.
func (m *many) meant(served func(*site) bool, appID string, names []string, may func(string) bool) *reg {
	for _, s := range m.sites {
		if !served(s) {
			continue
		}
		var found []*reg
		for _, a := range m.regs {
			other := slices.ContainsFunc(names, func(n string) bool { return n != a.id })
			if a.site == s && a.appID == appID && may(a.id) && !other {
				found = append(found, a)
			}
		}
		if len(found) == 1 {
			return found[0]
		}
		if len(found) > 1 {
			return nil
		}
	}
	return nil
}

func serving(paths func(*site) []secretPath, p secretPath) func(*site) bool {
	return func(s *site) bool {
		return slices.ContainsFunc(paths(s), func(x secretPath) bool { return x.path == p.path && x.method == p.method })
	}
}

func tokensOf(s *site) []secretPath    { return s.tokens }
func exchangesOf(s *site) []secretPath { return s.exchanges }

// names are our ids that a call names.
func names(x at, named string) []string {
	var all []string
	if x.app != nil {
		all = append(all, x.app.id)
	}
	if named != "" {
		all = append(all, named)
	}
	return all
}

// putSecret asks platforms' token paths with a credential in the place of the secret.
func (m *many) putSecret(t *rapid.T, c *cred) {
	p := rapid.SampledFrom(m.near(t, c).site.tokens).Draw(t, "path")
	const what = "the secret of a token path"
	may := func(k *client, app string) bool { return k.mayHaveKind(app, p.kind) }
	if got, k, a := m.putAsSecret(t, c, what, p, serving(tokensOf, p), may); a != nil {
		m.handed(t, what, got, c, m.ownTo(k, a, p.kind), virtualTo(k, a, p.kind))
	}
}

// putAsSecret calls a path with a credential in the place of the secret, and returns whose key
// it is and the app that is meant. Where there is no such app, the call has to be refused, and
// the app is nil.
func (m *many) putAsSecret(t *rapid.T, c *cred, what string, p secretPath, served func(*site) bool, may func(k *client, app string) bool) (got *answer, k *client, a *reg) {
	ask, shown, named := m.drawAsk(t, c, p)
	var x at
	if rapid.Bool().Draw(t, "on an app") {
		x.app = m.near(t, c)
	}
	got = m.do(t, x.call(ask), c)
	if k = m.keyOf(c); k != nil {
		a = m.meant(served, shown.appID, names(x, named), func(app string) bool { return may(k, app) })
	}
	if a == nil {
		m.refused(t, what, got, c)
	}
	return got, k, a
}

// putExchangeSecret has a user's token, or session, given for a code.
func (m *many) putExchangeSecret(t *rapid.T, c *cred) {
	s := m.near(t, c).site
	if len(s.exchanges) == 0 {
		return
	}
	p := rapid.SampledFrom(s.exchanges).Draw(t, "path")
	const what = "the secret of an exchange"
	got, _, a := m.putAsSecret(t, c, what, p, serving(exchangesOf, p), func(k *client, app string) bool { return k.may(broker.Call, app) })
	if a == nil {
		return
	}
	for _, y := range m.came {
		if y.site != a.site {
			t.Fatalf("%s of %s with %s came to %s", what, a, c, y.site.name)
		}
	}
	m.handed(t, what, got, c, func(y *cred) bool {
		return (y.sort == sandbox.UserToken || y.sort == sandbox.SessionKey) && y.app == a.id
	}, nil)
}
