package whole_test

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// tokenOf is an app's token, as a client gets it.
func (m *many) tokenOf(t *testing.T, k *client, a *reg, kind broker.Kind) *cred {
	t.Helper()
	for _, v := range leaves(m.read(t, k, a, kind).body) {
		if c := m.byValue[v]; c != nil && (c.sort == sandbox.AppToken || c.sort == virtualToken) {
			return c
		}
	}
	t.Fatalf("%s gets no token of %s", k.name, a)
	return nil
}

// userOf is the token of a user of an app.
func (m *many) userOf(t *testing.T, a *reg) *cred {
	t.Helper()
	p := a.site.exchanges[0]
	got := m.do(t, at{app: a}.call(p.ask(a.appID, m.client("all").key, p.in)), nil)
	m.handed(t, "an exchange", got, nil, func(*cred) bool { return true }, nil)
	for _, v := range leaves(got.body) {
		if c := m.byValue[v]; c != nil && c.sort == sandbox.UserToken {
			return c
		}
	}
	t.Fatalf("there is no token of a user of %s: %s", a, got.body)
	return nil
}

// Every door of every platform opens for who may come in, in every way that its callers know:
// what the machine finds shut is shut for a reason.
func TestEveryDoorOpens(t *testing.T) {
	t.Parallel()
	inMany(t, func(t *testing.T, m *many) {
		all, opaque := m.client("all"), m.client("opaque")
		for _, a := range m.regs {
			for _, p := range a.site.tokens {
				encodings := []string{p.in}
				if p.in != inQuery {
					encodings = []string{inJSON, inForm}
				}
				if p.basic {
					encodings = append(encodings, "basic")
				}
				if a.site.name == "oauth2" || a.site.name == "wechat" { // These take nothing else.
					encodings = slices.DeleteFunc(encodings, func(e string) bool { return e != p.in && e != "basic" })
				}
				for _, encoding := range encodings {
					for _, x := range []at{{}, {app: a}} {
						got := m.do(t, x.call(p.ask(a.appID, all.key+"."+a.id, encoding)), nil)
						m.handed(t, "a token path", got, nil, m.ownTo(all, a, p.kind), nil)
						if !m.opened(got) || len(m.found(string(got.body))) == 0 {
							t.Errorf("%s %s of %s, as %s: %d %s", p.path, x, a, encoding, got.status, got.body)
						}
					}
				}
			}
			for _, p := range slices.Concat(a.site.calls, a.site.tickets) {
				kind := cmp.Or(p.opener, broker.AccessToken)
				shown := []*cred{m.tokenOf(t, all, a, kind)}
				if opaque.may(broker.Call, a.id) {
					shown = append(shown, m.tokenOf(t, opaque, a, kind))
				}
				for _, c := range shown {
					doors := []at{{app: a}, {app: a, key: all, header: "X-Hufu-Key"}}
					if !strings.HasPrefix(p.path, "/v1/") { // That is this server's own at the root.
						doors = append(doors, at{})
					}
					for _, x := range doors {
						if got := m.do(t, x.call(p.show(c.value)), c); !m.opened(got) {
							t.Errorf("%s %s with %s: %d %s", p.path, x, c, got.status, got.body)
						}
					}
				}
				none := p.show("none")
				delete(none.header, p.name)
				none.target = withQuery(p.path, p.more...)
				if got := m.do(t, at{app: a, key: all, header: bearerName}.call(none), nil); !m.opened(got) {
					t.Errorf("%s of %s with a key: %d %s", p.path, a, got.status, got.body)
				}
			}
		}
		for _, id := range []string{"fs", "lk", "ding", "acme"} {
			a := m.reg(id)
			user, p := m.userOf(t, a), a.site.users[0]
			x := at{app: a, key: all, header: "X-Hufu-Key"}
			if got := m.do(t, x.call(p.show(user.value)), user); !m.opened(got) {
				t.Errorf("%s %s: %d %s", p.path, x, got.status, got.body)
			}
		}
	})
}

// I8: a caller who takes an app for one of another platform shows that one's token where that
// one would look for it, and it goes to no platform. The same holds of what is not for any.
func TestI8WhatIsNotForThePlatformStaysHere(t *testing.T) {
	t.Parallel()
	inMany(t, func(t *testing.T, m *many) {
		all, opaque, fs, crm := m.client("all"), m.client("opaque"), m.reg("fs"), m.reg("crm")
		hr, ding := m.tokenOf(t, all, m.reg("hr"), broker.AccessToken), m.tokenOf(t, all, m.reg("ding"), broker.AccessToken)
		virtual := m.tokenOf(t, opaque, crm, broker.AccessToken)
		onFS, onCRM := at{app: fs, key: all, header: "X-Hufu-Key"}, at{app: crm, key: all, header: "X-Hufu-Key"}
		inQuery := func(c *cred) call { return queried("GET", "/cgi-bin/agent/get").show(c.value) }
		inHeader := func(name string, c *cred) call { return headed("GET", "/v1.0/microApp/allApps", name).show(c.value) }
		naming := m.hold(&cred{sort: clientKey, client: opaque.name, value: opaque.key + ".hr"})
		beside := inQuery(hr)
		beside.header[dingtalkName] = ding.value
		for name, x := range map[string]struct {
			call call
			c    *cred
			code string
		}{
			"WeCom's at Feishu":                    {onFS.call(inQuery(hr)), hr, "wrong_app"},
			"DingTalk's at Feishu":                 {onFS.call(inHeader(dingtalkName, ding)), ding, "wrong_app"},
			"a user's of DingTalk at Feishu":       {onFS.call(inHeader(dingtalkName, m.userOf(t, m.reg("ding")))), m.userOf(t, m.reg("ding")), "wrong_app"},
			"a virtual one in the query":           {onCRM.call(inQuery(virtual)), virtual, "wrong_app"},
			"another client's key in a header":     {onCRM.call(inHeader("X-Token", m.byValue[opaque.key])), m.byValue[opaque.key], "key_inside"},
			"another client's key for a user's":    {onFS.call(fs.site.users[0].show(opaque.key)), m.byValue[opaque.key], "key_inside"},
			"another client's key in the query":    {onFS.call(inQuery(m.byValue[opaque.key])), m.byValue[opaque.key], "key_inside"},
			"a key that names an app, in a header": {onCRM.call(inHeader("X-Token", naming)), naming, "key_inside"},
			"the same for a user's":                {onFS.call(fs.site.users[0].show(naming.value)), naming, "key_inside"},
			"the same in the query":                {onFS.call(inQuery(naming)), naming, "key_inside"},
			"percent-encoded, in the query":        {onFS.call(call{method: http.MethodGet, target: "/x?t=%" + hexed(hr.value)}), hr, "wrong_app"},
			"at the root, beside the right one":    {beside, ding, ""},
			"a token of the provider's other app":  {onCRM.call(inQuery(m.tokenOf(t, all, m.reg("erp"), broker.AccessToken))), m.tokenOf(t, all, m.reg("erp"), broker.AccessToken), "wrong_app"},
		} {
			got := m.do(t, x.call, x.c)
			code := fieldsOf(got.body, "code")
			if m.opened(got) || len(m.came) > 0 || x.code != "" && (len(code) != 1 || code[0] != x.code) {
				t.Errorf("%s: %d %s, and to the platforms came %v", name, got.status, got.body, m.came)
			}
		}
	})
}

// hexed writes the first character of a text as its code, for behind a percent sign.
func hexed(s string) string {
	const digits = "0123456789ABCDEF"
	return string([]byte{digits[s[0]>>4], digits[s[0]&15]}) + s[1:]
}

// I6, I8: what is imported is shown to the platform, unless it is known to be something else.
func TestI8AnImportShowsThePlatformNothingElse(t *testing.T) {
	t.Parallel()
	inMany(t, func(t *testing.T, m *many) {
		hr := m.reg("hr")
		for _, c := range []*cred{
			m.byValue[m.client("admin").key], m.byValue[m.client("opaque").key], m.byValue[hr.secret], m.userOf(t, m.reg("fs")),
			m.hold(&cred{sort: clientKey, client: "opaque", value: m.client("opaque").key + ".hr"}),
			m.tokenOf(t, m.client("opaque"), hr, broker.AccessToken), m.tokenOf(t, m.client("all"), m.reg("sales"), broker.AccessToken),
		} {
			put := post("/v1/apps/hr/tokens/access_token", map[string]any{"token": c.value, "expires_in": 3600, "replace": true}).as(m.admin().key)
			put.method = http.MethodPut
			if got := m.do(t, put, c); m.opened(got) || got.status != http.StatusBadRequest || len(m.came) > 0 {
				t.Errorf("%s: %d %s, and to the platforms came %v", c, got.status, got.body, m.came)
			}
		}
	})
}

func (m *many) admin() *client { return m.client("admin") }
