package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
)

const public = "public_url: https://hufu.example.com\n"

// appWith is [app] after a public URL, which moves its lines by one.
func appWith(lines string) string { return public + app(lines) }

func TestFaultsOfTheLogin(t *testing.T) {
	t.Parallel()
	runFaultCases(t, []faultCase{
		{
			"a login that no browser reaches", app("login: {redirect_uris: [https://a.test/]}\n"),
			`5: apps[0].login: needs public_url at the top of the file, which says where browsers reach this server, such as https://hufu.example.com`,
		},
		{"public URLs that are none", "public_url: hufu.example.com\n", `1: public_url: is not an absolute http or https URL; write one such as https://hufu.example.com`},
		{"another scheme", "public_url: ftp://hufu.example.com\n", `1: public_url: is not an absolute http or https URL; write one such as https://hufu.example.com`},
		{
			"a public URL with a path", "public_url: https://hufu.example.com/hufu\n",
			`1: public_url: has a path, a query or a fragment; write scheme, host and port only, such as https://hufu.example.com`,
		},
		{
			"a public URL with a query", "public_url: https://hufu.example.com?a\n",
			`1: public_url: has a path, a query or a fragment; write scheme, host and port only, such as https://hufu.example.com`,
		},
		{
			"a public URL with a fragment", "public_url: 'https://hufu.example.com/#'\n",
			`1: public_url: has a path, a query or a fragment; write scheme, host and port only, such as https://hufu.example.com`,
		},
		{"a public URL with a password", "public_url: https://u:hunter2@hufu.example.com\n", `1: public_url: contains a user or password; remove it`},
		{"a colon without a port", "public_url: 'https://hufu.example.com:'\n", `1: public_url: has no port after its colon; write one, or remove the colon`},
		{"a port that the scheme has anyway", "public_url: 'https://hufu.example.com:443'\n", `1: public_url: it names the port that its scheme has anyway: leave it out`},
		{"a host that ends in a dot", "public_url: https://hufu.example.com.\n", `1: public_url: its host is not of small letters, digits, dots and dashes (an international name is written as xn--…), or ends in a dot or a colon`},
		// A public URL that is a fault is not missing as well.
		{
			"one fault is told once", "public_url: nothing\n" + app("login: {redirect_uris: [https://a.test/]}\n"),
			`1: public_url: is not an absolute http or https URL; write one such as https://hufu.example.com`,
		},
		{
			"what is missing", appWith("login:\n"),
			`6: apps[0].login.redirect_uris: is missing; list the URLs that browsers may be sent back to, such as https://www.example.com/login/`,
		},
		{
			"empty lists", appWith("login: {redirect_uris: [], scopes: []}\n"),
			`6: apps[0].login.redirect_uris: is empty; list the URLs that browsers may be sent back to, such as https://www.example.com/login/
6: apps[0].login.scopes: is empty; list at least one scope, or remove it for the platform's usual ones`,
		},
		{"wrong forms", appWith("login: [a]\npage_hosts: a.test\n"), `6: apps[0].login: has to be a mapping (name: value), but a list stands here
7: apps[0].page_hosts: has to be a list (lines that start with -), but a single value stands here`},
		{"redirects", appWith(`login:
  redirect_uris:
    - /login
    - https://a.test/?x
    - https://a.test/#x
    - https://A.test/
    - https://a.test/../x
    - https://u@a.test/
    - https://a.test/
    - https://a.test/
`), `8: apps[0].login.redirect_uris[0]: "/login": it is not an absolute http or https URL
9: apps[0].login.redirect_uris[1]: "https://a.test/?x": it has a query: leave out the ? and what follows it
10: apps[0].login.redirect_uris[2]: "https://a.test/#x": it has a fragment: leave out the # and what follows it
11: apps[0].login.redirect_uris[3]: "https://A.test/": its host is not of small letters, digits, dots and dashes (an international name is written as xn--…), or ends in a dot or a colon
12: apps[0].login.redirect_uris[4]: "https://a.test/../x": its path has a . or .. for a segment, or an escaped one, a slash or a backslash
13: apps[0].login.redirect_uris[5]: "https://u@a.test/": it has a user name
15: apps[0].login.redirect_uris[7]: is there twice; keep one`},
		{"scopes and pages", appWith(`login:
  redirect_uris: [https://a.test/]
  scopes: [snsapi_bas, snsapi_login, snsapi_login]
  authorize_url: open.weixin.qq.com
  scope: x
page_hosts: [https://a.test, a.test, a.test]
`), `8: apps[0].login.scopes[0]: "snsapi_bas" is not known; did you mean "snsapi_base"?
8: apps[0].login.scopes[2]: is there twice; keep one
9: apps[0].login.authorize_url: is not an absolute URL; write one such as https://api.example.com
10: apps[0].login.scope: unknown field; did you mean "scopes"?
11: apps[0].page_hosts[0]: "https://a.test": it is not a host such as www.example.com, www.example.com:8443 or *.example.com, without https:// and without a path
11: apps[0].page_hosts[2]: is there twice; keep one`},
		{
			"too many", appWith("login:\n  redirect_uris: [" + hundredAndOne("https://a.test/") + "]\npage_hosts: [" + hundredAndOne("a.test:1") + "]\n"),
			`7: apps[0].login.redirect_uris: has 101 URLs; write at most 100: one allows all that lie below it
8: apps[0].page_hosts: has 101 hosts; write at most 100, with *. for all below a host`,
		},
		{"a platform without logins", public + `apps:
  - {platform: wecom, app_id: wx1, secret: "${SECRET}", login: {redirect_uris: [https://a.test/], scopes: [x]}, page_hosts: [a.test]}
`, `3: apps[0].login: is not possible: users do not log in to apps of the platform wecom; remove it
3: apps[0].page_hosts: has no meaning: the platform wecom has no JS-SDK; remove it`},
		{
			"session keys without users", client("key: ${KEY}\nallow: [read]\nsession_keys: true\n"),
			`6: clients[0].session_keys: gives the client the keys of sessions, but its allow has no users; add users there, or remove session_keys`,
		},
		{
			"session keys that are no flag", client("key: ${KEY}\nallow: [users]\nsession_keys: yes\n"),
			`6: clients[0].session_keys: "yes" is not known; write one of: true, false`,
		},
	})
}

// No experiment sends a browser to a real platform.
func TestTheSandboxHasLoginsOfItsOwn(t *testing.T) {
	t.Parallel()
	opt := options()
	opt.Sandbox = true
	_, err := load(t, appWith("base_url: http://127.0.0.1:9090\nlogin:\n  redirect_uris: [https://a.test/]\n  authorize_url: https://open.weixin.qq.com\n"), opt)
	want := "9: apps[0].login.authorize_url: the sandbox does not run beside apps that point at a real platform; start without --sandbox, or point the app at a loopback address"
	if got := faultLines(t, err); got != want {
		t.Errorf("%s", cmp.Diff(want, got))
	}
	mustLoad(t, appWith("base_url: http://127.0.0.1:9090\nlogin:\n  redirect_uris: [https://a.test/]\n"), opt)
	mustLoad(t, appWith("base_url: http://127.0.0.1:9090\nlogin:\n  redirect_uris: [https://a.test/]\n  authorize_url: http://127.0.0.1:9090\n"), opt)
}

func TestLoginsAreReadFieldByField(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://Hufu.Example.com/": "https://hufu.example.com", "http://127.0.0.1:8080": "http://127.0.0.1:8080", "http://[::1]:8080/": "http://[::1]:8080",
	} {
		if got := mustLoad(t, "public_url: "+text+"\n", options()).PublicURL; got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
	// Scopes are put into the platform's order, because the first is that of logins which name none.
	c := mustLoad(t, appWith("login: {redirect_uris: [http://127.0.0.1:3000/], scopes: [snsapi_userinfo, snsapi_base]}\n"), options())
	want := &broker.Login{Redirects: []string{"http://127.0.0.1:3000/"}, Scopes: []string{"snsapi_base", "snsapi_userinfo"}}
	if d := cmp.Diff(want, c.Apps[0].Login); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if c := mustLoad(t, app("mode: stable\n"), options()); c.Apps[0].Login != nil || c.Apps[0].PageHosts != nil || c.PublicURL != "" {
		t.Errorf("where nothing is said: %+v", c.Apps[0])
	}
	clients := mustLoad(t, client("key: ${KEY}\nallow: [admin]\nsession_keys: true\n"), options()).Clients
	if !clients[0].SessionKeys {
		t.Error("session_keys is not read")
	}
}

func hundredAndOne(prefix string) string {
	list := make([]string, broker.MaxRedirects+1)
	for i := range list {
		list[i] = fmt.Sprint(prefix, i)
	}
	return strings.Join(list, ", ")
}
