package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// company has one account at the platform, and two sites that its users log in to.
type company struct {
	sandbox, server *process
	one, two        *site
}

// ended is on every page on which a login ends otherwise than at the site.
const ended = "footer code"

const loginApp = "wxlogin000000001"

// readerKey is that of a client that may read the app's own tokens and nothing of its users.
const readerKey = "e2e-reader-key-0123456789abcdef0123456789ab"

// newCompany has a server that browsers know by a name.
func newCompany(t *testing.T, sandboxArgs ...string) *company {
	t.Helper()
	return newCompanyWith(t, "hufu.test", nil, sandboxArgs)
}

// newCompanyAt has a server that browsers know by the given host, with more places that
// users may be sent back to.
func newCompanyAt(t *testing.T, host string, redirects ...string) *company {
	t.Helper()
	return newCompanyWith(t, host, redirects, nil)
}

func newCompanyWith(t *testing.T, host string, redirects, sandboxArgs []string) *company {
	t.Helper()
	c := &company{one: newSite(t, "www.one.test"), two: newSite(t, "shop.two.test")}
	c.sandbox = start(t, t.TempDir(), append([]string{"sandbox", "--listen", "127.0.0.1:0", "--app", loginApp + "=" + secret}, sandboxArgs...)...)
	address := freeAddress(t)
	public := "http://" + strings.Replace(address, "127.0.0.1", host, 1)
	redirects = append([]string{c.one.url + "/login/", c.two.url + "/login/"}, redirects...)
	dir := t.TempDir()
	text := fmt.Sprintf(`listen: %[1]s
public_url: %[2]s
apps:
  - id: shop
    platform: wechat
    app_id: %[3]s
    secret: %[4]s
    base_url: %[5]s
    login:
      authorize_url: %[5]s
      redirect_uris: ["%[6]s"]
clients:
  - {name: one, key: one-%[7]s, apps: [shop], allow: [users]}
  - {name: two, key: two-%[7]s, apps: [shop], allow: [users]}
  - {name: reader, key: %[8]s, apps: [shop], allow: [read]}
  - {name: e2e, key: %[7]s, apps: ["*"], allow: [admin]}
`, address, public, loginApp, secret, c.sandbox.url, strings.Join(redirects, `", "`), key, readerKey)
	if err := os.WriteFile(filepath.Join(dir, "hufu.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c.server = start(t, dir, "serve")
	for s, name := range map[*site]string{c.one: "one", c.two: "two"} {
		s.server, s.public, s.app, s.key = c.server, public, "shop", name+"-"+key
	}
	return c
}

// stored counts what is kept of users.
func (c *company) stored(t *testing.T) int {
	t.Helper()
	var page struct {
		Grants []struct {
			OpenID string `json:"openid"`
		} `json:"grants"`
	}
	c.one.ask(http.MethodGet, "/users", nil, &page)
	return len(page.Grants)
}

func wantText(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s says %q: want %q in it", what, got, w)
		}
	}
}

func TestBrowserTwoSitesOfOneAccountGetTheRightUsers(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	c := newCompany(t)
	alice, ming := b.person(), b.person()

	alice.open(c.one.url+"/login", "#agree")
	alice.do(chromedp.Click(chromedp.CSS("#user-alice")))
	alice.click("#agree", "#who")
	first := alice.read("#who")
	wantText(t, "the first site", first, "Alice ", " user")

	ming.open(c.two.url+"/login", "#agree")
	ming.do(chromedp.Click(chromedp.CSS("#user-xiaoming")))
	ming.click("#agree", "#who")
	wantText(t, "the second site", ming.read("#who"), "小明 ", " user")

	alice.open(c.two.url+"/login", "#agree")
	alice.do(chromedp.Click(chromedp.CSS("#user-alice")))
	alice.click("#agree", "#who")
	if second := alice.read("#who"); second != first {
		t.Errorf("the second site sees %q, the first %q: want the same user", second, first)
	}
	if n := c.stored(t); n != 2 {
		t.Errorf("%d users are kept: want 2", n)
	}
}

// Every login that does not succeed ends in a page that says so, and leaves nothing.
func TestBrowserLoginsThatEndOtherwiseSaySoAndLeaveNothing(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	c := newCompany(t)
	begin := func(p *person) { p.open(c.one.url+"/login", "#agree") }
	// callback is where the platform would send the browser that is on its page.
	callback := func(p *person, code string) string {
		u, err := url.Parse(p.where())
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {u.Query().Get("state")}}.Encode()
	}
	for _, end := range []struct {
		name  string
		title string
		do    func(t *testing.T, p *person)
	}{
		{"refused", "You did not log in", func(_ *testing.T, p *person) {
			begin(p)
			p.click("#refuse", ended)
		}},
		{"a state from another browser", "Please log in again", func(_ *testing.T, p *person) {
			other := b.person()
			begin(other)
			p.open(callback(other, c.code(t, "alice")), ended)
		}},
		{"a state of another login, swapped in", "Please log in again", func(_ *testing.T, p *person) {
			other := b.person()
			begin(other)
			begin(p)
			mine, theirs := callback(p, c.code(t, "bob")), callback(other, "")
			u, _ := url.Parse(mine)
			v, _ := url.Parse(theirs)
			q := u.Query()
			q.Set("state", v.Query().Get("state"))
			u.RawQuery = q.Encode()
			p.open(u.String(), ended)
		}},
		{"a state that was changed", "This link is not valid", func(_ *testing.T, p *person) {
			begin(p)
			to := callback(p, c.code(t, "alice"))
			p.open(to[:len(to)-1]+map[bool]string{true: "1", false: "0"}[to[len(to)-1] == '0'], ended)
		}},
		{"a foreign redirect_uri", "The login was stopped", func(_ *testing.T, p *person) {
			p.open(c.one.public+"/oauth/shop/authorize?scope=snsapi_base&redirect_uri="+url.QueryEscape("http://evil.test/login/done"), ended)
		}},
		{"a code that the platform does not know", "The login took too long", func(_ *testing.T, p *person) {
			begin(p)
			p.open(callback(p, "0nosuchcode"), ended)
		}},
	} {
		t.Run(end.name, func(t *testing.T) {
			p := b.person()
			p.t = t
			end.do(t, p)
			wantText(t, "the page", p.read("h1"), end.title)
			if n := c.stored(t); n != 0 {
				t.Errorf("%d users are kept: want none", n)
			}
		})
	}
}

// code has a user authorize the app at the platform, and returns the code.
func (c *company) code(t *testing.T, user string) string {
	t.Helper()
	return sandboxCode(t, c.sandbox, user)
}

func TestBrowserACodeThatHasExpiredEndsInAPage(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	c := newCompany(t, "--code-lifetime", "1s")
	p := b.person()
	p.open(c.one.url+"/login", "#agree")
	u, err := url.Parse(p.where())
	if err != nil {
		t.Fatal(err)
	}
	code := c.code(t, "alice")
	<-time.After(1100 * time.Millisecond) // the platform's own clock runs
	p.open(u.Query().Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {u.Query().Get("state")}}.Encode(), ended)
	wantText(t, "the page", p.read("h1"), "The login took too long")
	if n := c.stored(t); n != 0 {
		t.Errorf("%d users are kept: want none", n)
	}
}

func TestBrowserAReplayedCallbackEndsInAPageAndChangesNothing(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	c := newCompany(t)
	p := b.person()
	var seen atomic.Value
	p.listen(func(url string) {
		if strings.Contains(url, "/oauth/shop/callback?") {
			seen.Store(url)
		}
	})
	p.open(c.one.url+"/login", "#agree")
	p.click("#agree", "#who")
	callback, _ := seen.Load().(string)
	if callback == "" {
		t.Fatal("the browser did not come by the callback")
	}
	p.open(callback, ended)
	if title := p.read("h1"); title != "This login has ended" && title != "Please log in again" {
		t.Errorf("the page says %q: want one that says that the login has ended", title)
	}
	if got := exchanges(t, c.sandbox); got != 1 {
		t.Errorf("%d codes were exchanged: want 1", got)
	}
	if n := c.stored(t); n != 1 {
		t.Errorf("%d users are kept: want 1", n)
	}
}

// sandboxCode has a user authorize the app at the platform, without a browser, and returns
// the code.
func sandboxCode(t *testing.T, sandbox *process, user string) string {
	t.Helper()
	res, err := http.Post(sandbox.url+"/_sandbox/apps/"+loginApp+"/code", "application/json", strings.NewReader(`{"user":"`+user+`","scope":"snsapi_userinfo"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var made struct {
		Code string `json:"code"`
	}
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || made.Code == "" {
		t.Fatalf("the platform gives no code: %v %s", err, res.Status)
	}
	return made.Code
}

// exchanges counts the codes that the platform has exchanged.
func exchanges(t *testing.T, sandbox *process) int {
	t.Helper()
	s, raw := sandbox.state(t, loginApp)
	if len(s.Apps) != 1 {
		t.Fatalf("the platform does not know the app: %s", raw)
	}
	return s.Apps[0].Counts.Exchanges
}

// freeAddress is one of this machine where nobody listens just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
