package login_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestAuthorizeRefusesI7: what is not in order begins nothing, stores nothing and leads nowhere.
func TestAuthorizeRefusesI7(t *testing.T) {
	t.Parallel()
	challenge := strings.Repeat("A", 43)
	const secret = "STATE-OF-A-BUSINESS"
	for name, c := range map[string]struct {
		path   string
		status int
		title  string
		detail string
	}{
		"an app that there is not":       {authorize("nothing", "redirect_uri", business), 404, "No login here", ""},
		"an app without a login":         {authorize("plain", "redirect_uri", business), 404, "No login here", ""},
		"an app whose platform has none": {authorize("other", "redirect_uri", business), 404, "No login here", ""},
		"no redirect_uri":                {authorize("shop"), 400, "The login could not begin", "redirect_uri is missing"},
		"another host":                   {authorize("shop", "redirect_uri", "https://www.example.com.evil.test/login/"), 400, "The login was stopped", "not among"},
		"another scheme":                 {authorize("shop", "redirect_uri", "http://www.example.com/login/"), 400, "The login was stopped", ""},
		"another path":                   {authorize("shop", "redirect_uri", "https://www.example.com/logout"), 400, "The login was stopped", ""},
		"a path that leads out":          {authorize("shop", "redirect_uri", business+"..;/x"), 400, "The login was stopped", ""},
		"a user name":                    {authorize("shop", "redirect_uri", "https://www.example.com@evil.test/login/"), 400, "The login was stopped", ""},
		"a line break":                   {authorize("shop", "redirect_uri", business+"\r\nSet-Cookie: a=b"), 400, "The login was stopped", ""},
		"a fragment":                     {authorize("shop", "redirect_uri", business+"#x"), 400, "The login was stopped", ""},
		"a script":                       {authorize("shop", "redirect_uri", "javascript:alert(1)//www.example.com/login/"), 400, "The login was stopped", ""},
		"a redirect_uri of another app":  {authorize("club", "redirect_uri", "https://m.example.cn/"), 400, "The login was stopped", ""},
		"a code planted before ours":     {authorize("shop", "redirect_uri", business+"?code=X"), 400, "The login could not begin", "leave them out"},
		"one that is written otherwise":  {authorize("shop", "redirect_uri", business+"?a=1&%43ode=X"), 400, "The login could not begin", ""},
		"one that PHP reads as ours":     {authorize("shop", "redirect_uri", business+"?+code=X"), 400, "The login could not begin", ""},
		"a state planted before ours":    {authorize("shop", "redirect_uri", business+"?STATE=X"), 400, "The login could not begin", ""},
		"a query of two readings":        {authorize("shop", "redirect_uri", business+"?a=1;code=X"), 400, "The login could not begin", ""},
		"two redirect_uris":              {authorize("shop", "redirect_uri", business, "redirect_uri", business+"x"), 400, "The login could not begin", "twice"},
		"two states":                     {authorize("shop", "redirect_uri", business, "state", secret, "state", "b"), 400, "The login could not begin", "twice"},
		"a query that cannot be read":    {"/oauth/shop/authorize?redirect_uri=" + url.QueryEscape(business) + ";state=" + secret, 400, "The login could not begin", ""},
		"a query of 9 KiB":               {authorize("shop", "redirect_uri", business, "x", strings.Repeat("y", 9<<10)), 400, "The login could not begin", "too long"},
		"a scope that is not asked for":  {authorize("club", "redirect_uri", business, "scope", "snsapi_base"), 400, "The login could not begin", "login.scopes"},
		"a scope that there is not":      {authorize("shop", "redirect_uri", business, "scope", "snsapi_login"), 400, "The login could not begin", ""},
		"two scopes":                     {authorize("shop", "redirect_uri", business, "scope", "snsapi_base snsapi_userinfo"), 400, "The login could not begin", ""},
		"a state that is too long":       {authorize("shop", "redirect_uri", business, "state", secret+strings.Repeat("s", 512)), 400, "The login could not begin", "512"},
		"a state that is not ASCII":      {authorize("shop", "redirect_uri", business, "state", secret+"é"), 400, "The login could not begin", ""},
		"a state with a line break":      {authorize("shop", "redirect_uri", business, "state", secret+"\r\nX: y"), 400, "The login could not begin", ""},
		"a plain challenge":              {authorize("shop", "redirect_uri", business, "code_challenge", challenge, "code_challenge_method", "plain"), 400, "The login could not begin", "S256"},
		"a challenge without its method": {authorize("shop", "redirect_uri", business, "code_challenge", challenge), 400, "The login could not begin", "S256"},
		"a method without a challenge":   {authorize("shop", "redirect_uri", business, "code_challenge_method", "S256"), 400, "The login could not begin", "missing"},
		"a challenge that is none":       {authorize("shop", "redirect_uri", business, "code_challenge", challenge[1:]+"+", "code_challenge_method", "S256"), 400, "The login could not begin", "43"},
		"a challenge for another's code": {authorize("shop", "redirect_uri", business, "code_challenge", challenge, "code_challenge_method", "S256", "mode", "code"), 400, "The login could not begin", "mode=code"},
		"a mode that there is not":       {authorize("shop", "redirect_uri", business, "mode", "token"), 400, "The login could not begin", "mode"},
		"a path below":                   {"/oauth/shop/authorize/?redirect_uri=" + business, 404, "There is nothing here", ""},
		"a path that is escaped":         {"/oauth/shop%2Fauthorize?redirect_uri=" + business, 404, "There is nothing here", ""},
		"an app that is escaped":         {"/oauth/%73hop/%61uthorize/?redirect_uri=" + business, 404, "There is nothing here", ""},
		"a path of two slashes":          {"/oauth//shop/authorize?redirect_uri=" + business, 404, "There is nothing here", ""},
		"an app that can be none":        {"/oauth/SHOP/authorize?redirect_uri=" + business, 404, "There is nothing here", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			a := s.browser(t).get(t, c.path)
			wantPage(t, a, c.status, c.title, secret)
			if !strings.Contains(a.body, c.detail) {
				t.Errorf("the page does not say %q: %s", c.detail, a.body)
			}
			if strings.Contains(a.body, "href=") {
				t.Errorf("the page leads on: %s", a.body)
			}
			if a.Header.Get("Set-Cookie") != "" {
				t.Errorf("the browser was given %q", a.Header.Get("Set-Cookie"))
			}
			if done := s.oneTime.done(); len(done) != 0 {
				t.Errorf("the store was asked: %v", done)
			}
			clean(t, s.log.String(), secret, "evil.test")
		})
	}
}

// TestAuthorizeAsks: what the platform is asked for.
func TestAuthorizeAsks(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for _, c := range []struct{ app, scope, want string }{
		{"shop", "", "snsapi_base"},
		{"shop", "snsapi_userinfo", "snsapi_userinfo"},
		{"club", "", "snsapi_userinfo"},
	} {
		params := []string{"redirect_uri", business, "response_type", "code", "client_id", "a", "client_id", "b"}
		if c.scope != "" {
			params = append(params, "scope", c.scope)
		}
		if got := begin(t, s.browser(t), c.app, params...).scope; got != c.want {
			t.Errorf("a login to %s with the scope %q asks for %q, want %q", c.app, c.scope, got, c.want)
		}
	}
	if a := s.browser(t).get(t, authorize("shop", "redirect_uri", "https://m.example.cn")); a.StatusCode != http.StatusSeeOther {
		t.Errorf("an address without a path is refused: %d", a.StatusCode)
	}
}

// TestProgramsDoNotLogIn: previews of links and prefetching use nothing up, and neither does what
// is no GET.
func TestProgramsDoNotLogIn(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	b := s.browser(t)
	tr := begin(t, b, "shop")
	back := tr.callback(s.platform.agree("shop", "o-1", tr.scope))
	for _, method := range []string{http.MethodHead, http.MethodPost, http.MethodOptions, http.MethodPut} {
		for _, to := range []string{back, authorize("shop", "redirect_uri", business)} {
			if a := b.do(t, method, to); a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "GET" || len(a.Cookies()) != 0 {
				t.Errorf("%s is answered %d, %v", method, a.StatusCode, a.Header)
			}
		}
	}
	for name, value := range map[string]string{
		"Sec-Purpose": "prefetch;prerender", "Purpose": "Prefetch", "X-Purpose": "preview", "X-Moz": "prefetch",
	} {
		b.header = http.Header{name: {value}}
		wantPage(t, b.get(t, back), http.StatusServiceUnavailable, "A moment, please")
		wantPage(t, b.get(t, authorize("shop", "redirect_uri", business)), http.StatusServiceUnavailable, "A moment, please")
	}
	b.header = nil
	sentBack(t, b.get(t, back))
}

// TestABrowserKeepsThreeLogins: tabs do not disturb each other, and cookies do not pile up.
func TestABrowserKeepsThreeLogins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t)
		b := s.browser(t)
		var trips []trip
		for range 5 {
			trips = append(trips, begin(t, b, "shop"))
			time.Sleep(time.Second)
		}
		other := begin(t, b, "club") // of another app, which counts for itself
		if n := len(b.cookies("shop")); n != 4 {
			t.Errorf("the browser has %d cookies, want three and one", n)
		}
		for i, tr := range trips {
			a := b.get(t, tr.callback(s.platform.agree("shop", "o-1", tr.scope)))
			if i < 2 {
				wantPage(t, a, http.StatusForbidden, "Please log in again")
			} else {
				sentBack(t, a)
			}
		}
		sentBack(t, b.get(t, other.callback(s.platform.agree("club", "o-2", other.scope))))
	})
}

// TestTheOldestLoginIsDropped, in whatever order a browser sends its cookies.
func TestTheOldestLoginIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t)
		b := s.browser(t)
		for range 3 {
			begin(t, b, "shop")
			time.Sleep(time.Second)
		}
		all := b.cookies("shop")
		oldest := all[0].Name
		last := s.browser(t)
		last.header = http.Header{"Cookie": {all[2].String() + "; " + all[1].String() + "; " + all[0].String()}}
		removed := 0
		for _, c := range last.get(t, authorize("shop", "redirect_uri", business)).Cookies() {
			if c.MaxAge < 0 {
				removed++
				if c.Name != oldest {
					t.Errorf("another login than the oldest was dropped: %s", c.Name)
				}
			}
		}
		if removed != 1 {
			t.Errorf("%d logins were dropped", removed)
		}
	})
}

// TestCookiesFitThroughProxies: a proxy that takes 8 KiB of cookies is not overrun by long logins.
func TestCookiesFitThroughProxies(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.relay.Continue(&protocol{})
	b := s.browser(t)
	for range 4 {
		startedTrip(t, "shop", s.starts(t, b, "shop", "", strings.Repeat("r", 2048)))
		size := 0
		for _, c := range b.cookies("shop") {
			size += len(c.String()) + 2
		}
		if size > 6<<10 {
			t.Errorf("the cookies have %d bytes", size)
		}
	}
}

// TestCookiesOfManyAppsFitThroughProxies: a page that opens the logins of all apps, one after
// the other, would else keep the browser from logging in anywhere until the cookies have run
// out: the proxy refuses it.
func TestCookiesOfManyAppsFitThroughProxies(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	b := s.browser(t)
	var last trip
	for i := range 12 {
		id := fmt.Sprintf("app-%d", i)
		s.apps[id] = &broker.App{ID: id, Platform: "wechat", Login: &broker.Login{Redirects: []string{business}}}
		last = begin(t, b, id, "redirect_uri", business+strings.Repeat("x", 900), "state", strings.Repeat("s", 500))
		size := 0
		for _, c := range b.cookies(id) {
			size += len(c.String()) + 2
		}
		if size > 6<<10 {
			t.Errorf("the cookies have %d bytes", size)
		}
	}
	if n := len(b.cookies("shop")); n < 2 {
		t.Errorf("the browser has %d cookies", n)
	}
	sentBack(t, b.get(t, last.callback(s.platform.agree(last.app, "o-1", last.scope))))
}

// TestCookiesOfOthersAreRemoved: what somebody has planted goes with the next login.
func TestCookiesOfOthersAreRemoved(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	b := s.browser(t)
	u, _ := url.Parse(public + "/")
	var planted []*http.Cookie
	for _, name := range []string{"00000000", "11111111", "22222222", "33333333"} {
		planted = append(planted, &http.Cookie{Name: "__Host-hufu_login_shop_" + name, Value: "x", Path: "/", Secure: true})
	}
	b.jar.SetCookies(u, append(planted, &http.Cookie{Name: "theirs", Value: "x", Path: "/"}))
	begin(t, b, "shop")
	if n := len(b.cookies("shop")); n != 2 {
		t.Errorf("the browser has %d cookies, want ours and the stranger's", n)
	}
}

// TestAnAppThatIsSetUpWrongBeginsNothing.
func TestAnAppThatIsSetUpWrongBeginsNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.platform.page = &broker.Error{Code: "bad_authorize_url", Class: broker.Misconfigured, Message: "it is none"}
	a := s.browser(t).get(t, authorize("shop", "redirect_uri", business))
	wantPage(t, a, http.StatusBadGateway, "This app cannot log anybody in")
	if len(href.FindAllString(a.body, -1)) != 1 {
		t.Errorf("the page leads to more than the login: %s", a.body) // nobody has shown yet that it is hers
	}
	if len(a.Cookies()) != 0 || s.count(t, "misconfigured") != 1 || !strings.Contains(s.log.String(), "it is none") {
		t.Errorf("cookies %v, log %s", a.Cookies(), s.log)
	}
}
