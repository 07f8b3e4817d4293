package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/login"
)

// TestLoginI5I6: the whole way of a login, over two servers.
func TestLoginI5I6(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	b := s.browser(t)
	tr := begin(t, b, "shop", "redirect_uri", business+"?next=/a%26b", "state", "S&<1> ", "scope", "snsapi_userinfo")
	if got := s.oneTime.done(); len(got) != 0 {
		t.Errorf("beginning a login did something to the store: %v", got)
	}
	if len(tr.state) > 128 || strings.Trim(tr.state, "0123456789abcdef") != "" {
		t.Errorf("the platform does not take the state %q", tr.state)
	}
	cookies := b.cookies("shop")
	if len(cookies) != 1 || !strings.HasPrefix(cookies[0].Name, "__Host-hufu_login_shop_") {
		t.Fatalf("the browser has the cookies %v", cookies)
	}

	b.handler = s.replica(t) // the browser comes back to another server
	code := s.platform.agree("shop", "o-1", tr.scope)
	a := b.get(t, tr.callback(code))
	q := sentBack(t, a)
	ours := q.Get("code")
	if len(ours) != 43 || q.Get("state") != "S&<1> " || q.Get("next") != "/a&b" || len(q) != 3 {
		t.Errorf("the browser was sent back with %v", q)
	}
	if left := b.cookies("shop"); len(left) != 0 {
		t.Errorf("the cookies %v were left", left)
	}

	u, err := s.relay.Redeem(t.Context(), s.apps["shop"], ours, "", business+"?next=/a%26b")
	want := broker.User{Key: broker.Key{App: "shop", Kind: "snsapi_userinfo", Subject: "o-1"}, UnionID: "u-o-1", Scope: "snsapi_userinfo"}
	if diff := cmp.Diff(want, u); err != nil || diff != "" {
		t.Errorf("the code stands for (-want +got, %v):\n%s", err, diff)
	}
	if _, err := s.relay.Redeem(t.Context(), s.apps["shop"], ours, "", business); broker.AsError(err).Code != login.ErrBadCode.Code {
		t.Errorf("the code was redeemed again: %v", err)
	}
	if n := s.platform.exchanges(t); n != 1 {
		t.Errorf("the platform was asked %d times", n)
	}
	if len(s.audit) != 1 || s.audit[0].app != "shop" || s.audit[0].user != want || s.audit[0].err != nil || s.audit[0].id != a.Header.Get("X-Request-Id") {
		t.Errorf("the audit has %+v", s.audit)
	}
	clean(t, s.log.String(), tr.state, code, ours, cookies[0].Value, "S&<1>", "o-1")
}

// TestCookie: what a browser is told of the cookie depends on how it comes here.
func TestCookie(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]http.Cookie{
		"https://hufu.example.com": {Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 600},
		"http://127.0.0.1:8080":    {Path: "/oauth/shop/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 600},
	} {
		s := newStack(t, func(c *login.Config) { c.PublicURL = origin })
		a := s.browser(t).get(t, authorize("shop", "redirect_uri", business))
		got := a.Cookies()
		if len(got) != 1 {
			t.Fatalf("%s: the cookies are %v", origin, got)
		}
		if name := got[0].Name; strings.HasPrefix(name, "__Host-") != want.Secure || !strings.Contains(name, "hufu_login_shop_") {
			t.Errorf("%s: the cookie is called %q", origin, name)
		}
		c := http.Cookie{Path: got[0].Path, Secure: got[0].Secure, HttpOnly: got[0].HttpOnly, SameSite: got[0].SameSite, MaxAge: got[0].MaxAge, Domain: got[0].Domain}
		if diff := cmp.Diff(want, c); diff != "" {
			t.Errorf("%s: the cookie (-want +got):\n%s", origin, diff)
		}
	}
}

// TestTheLongestCookieIsKept: browsers drop cookies of more than 4096 bytes without a word.
func TestTheLongestCookieIsKept(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	id := strings.Repeat("a", broker.MaxAppID)
	s.apps[id] = &broker.App{ID: id, Platform: "wechat", Login: &broker.Login{Redirects: []string{business}}}
	s.relay.Continue(&protocol{})
	longest := map[string]answer{
		"of a business": s.browser(t).get(t, authorize(id, "redirect_uri", business+strings.Repeat(`"`, broker.MaxRedirect-len(business)),
			"state", strings.Repeat(`"`, 512), "scope", "snsapi_userinfo", "code_challenge", strings.Repeat("A", 43), "code_challenge_method", "S256")),
		"of a protocol": s.starts(t, s.browser(t), id, "snsapi_userinfo", strings.Repeat(`"`, 2048)),
	}
	for what, a := range longest {
		line := a.Header.Get("Set-Cookie")
		if a.StatusCode != http.StatusSeeOther || len(line) < 2000 || len(line) > 4096 {
			t.Errorf("the cookie %s has %d bytes, status %d", what, len(line), a.StatusCode)
		}
		u, _ := url.Parse(a.Header.Get("Location"))
		if state := u.Query().Get("state"); len(state) == 0 || len(state) > 128 {
			t.Errorf("the state %s has %d characters", what, len(state))
		}
	}
}

func TestNewRefusesAPublicURLThatIsNone(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for _, bad := range []string{
		"", "hufu.example.com", "https://hufu.example.com/", "https://hufu.example.com/x", "ftp://hufu.example.com", "https://a@hufu.example.com",
		"https://hufu.example.com?x", "https://HUFU.example.com", "https://hufu.example.com:443", "javascript:alert(1)",
	} {
		cfg := s.cfg
		cfg.PublicURL, cfg.Registerer = bad, nil
		if _, err := login.New(cfg); err == nil {
			t.Errorf("%q is taken for a public URL", bad)
		}
	}
	if _, err := login.New(login.Config{PublicURL: public}); err == nil {
		t.Error("a relay of nothing was made")
	}
}
