package login_test

import (
	"crypto/rand"
	"errors"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/login"
)

// TestEndings: every way in which a login does not succeed ends on a page that says so in the user's
// language, from which she can go on, and has left nothing behind that it should not.
func TestEndings(t *testing.T) {
	t.Parallel()
	type scene struct {
		s    *stack
		b    *browser
		trip trip
		code string
	}
	platformSays := func(class broker.Class, code string) func(*scene) {
		return func(c *scene) {
			c.s.platform.fail = &broker.Error{Code: code, Class: class, Message: "the platform's words"}
		}
	}
	for name, c := range map[string]struct {
		arrange func(*scene)
		status  int
		english string
		chinese string
		outcome string
		links   bool   // the flow is known to be this browser's
		oauth   string // of the link back
		kept    bool   // the cookie, because nothing was done yet
		used    int    // times that the store was asked to use a login up
		asked   int    // exchanges
	}{
		"a state of nobody":        {func(c *scene) { c.trip.state = "abc" }, 400, "This link is not valid", "链接无效", "forged", false, "", true, 0, 0},
		"no state":                 {func(c *scene) { c.trip.state = "" }, 400, "This link is not valid", "链接无效", "forged", false, "", true, 0, 0},
		"a state that is altered":  {func(c *scene) { c.trip.state = flip(c.trip.state) }, 400, "This link is not valid", "链接无效", "forged", false, "", true, 0, 0},
		"a state that is too long": {func(c *scene) { c.trip.state += "00000000000000000000000000" }, 400, "This link is not valid", "链接无效", "forged", false, "", true, 0, 0},
		"a code that is none":      {func(c *scene) { c.code = "a\r\nb" }, 400, "This link is not valid", "链接无效", "forged", false, "", true, 0, 0},
		"a code that is too long":  {func(c *scene) { c.code = strings.Repeat("c", 513) }, 400, "This link is not valid", "链接无效", "forged", false, "", true, 0, 0},
		"two codes":                {func(c *scene) { c.trip.state += "&code=x" }, 400, "This link is not valid", "链接无效", "forged", false, "", true, 0, 0},
		"another app's callback":   {func(c *scene) { c.trip.app = "club" }, 400, "This link is not valid", "链接无效", "forged", false, "", true, 0, 0},
		"an app that is gone":      {func(c *scene) { delete(c.s.apps, "shop") }, 404, "No login here", "此处无法登录", "no_login", false, "", true, 0, 0},
		"another browser":          {func(c *scene) { c.b = c.s.browser(t) }, 403, "Please log in again", "请重新登录", "elsewhere", false, "", false, 0, 0},
		"an address no more theirs": {func(c *scene) {
			c.s.apps["shop"].Login = &broker.Login{Redirects: []string{"https://new.example.com/"}}
		}, 400, "The login was stopped", "登录已停止", "bad_redirect", false, "", true, 0, 0},
		"a user who does not agree":  {func(c *scene) { c.code = "" }, 403, "You did not log in", "您没有登录", "refused", true, "access_denied", false, 1, 0},
		"authdeny":                   {func(c *scene) { c.code = "authdeny" }, 403, "You did not log in", "您没有登录", "refused", true, "access_denied", false, 1, 0},
		"a code that is spent":       {func(c *scene) { c.code = "unknown" }, 410, "The login took too long", "登录已过期", "spent", true, "server_error", false, 1, 1},
		"a user who is not let in":   {platformSays(broker.Denied, "login_blocked"), 403, "You cannot log in with this account", "此账号无法登录", "denied", true, "access_denied", false, 1, 1},
		"a platform that is away":    {platformSays(broker.Transient, "platform_unreachable"), 503, "The platform does not answer", "平台暂时没有响应", "platform_away", true, "temporarily_unavailable", false, 1, 1},
		"a platform that throttles":  {platformSays(broker.Throttled, "minute_quota"), 503, "The platform does not answer", "平台暂时没有响应", "platform_away", true, "temporarily_unavailable", false, 1, 1},
		"a wrong secret":             {platformSays(broker.BadCredential, "bad_secret"), 502, "This app cannot log anybody in", "这个应用目前无法登录", "misconfigured", true, "server_error", false, 1, 1},
		"a wrong setting":            {platformSays(broker.Misconfigured, "ip_not_allowed"), 502, "This app cannot log anybody in", "这个应用目前无法登录", "misconfigured", true, "server_error", false, 1, 1},
		"grants that are not stored": {func(c *scene) { c.s.platform.fail = broker.StoreAway(errors.New("x")) }, 503, "The login does not work just now", "暂时无法登录", "store_away", true, "temporarily_unavailable", false, 1, 1},
		"a fault of ours":            {func(c *scene) { c.s.platform.fail = errors.New("x") }, 500, "Something went wrong", "出了点问题", "error", true, "server_error", false, 1, 1},
		"a store that is away": {func(c *scene) {
			c.s.oneTime.fail = func(string) (bool, error) { return false, errors.New("x") }
		}, 503, "The login does not work just now", "暂时无法登录", "store_away", true, "temporarily_unavailable", true, 1, 0},
		"a login that has ended": {func(c *scene) {
			kept := c.b.cookies("shop")
			sentBack(t, c.b.get(t, c.trip.callback(c.code)))
			u, _ := url.Parse(public)
			c.b.jar.SetCookies(u, []*http.Cookie{{Name: kept[0].Name, Value: kept[0].Value, Path: "/", Secure: true}})
		}, 409, "This login has ended", "这次登录已经完成", "used", true, "server_error", false, 2, 1},
		"the back button": {func(c *scene) { sentBack(t, c.b.get(t, c.trip.callback(c.code))) }, 403, "Please log in again", "请重新登录", "elsewhere", false, "", false, 1, 1},
	} {
		for _, language := range []string{"en-GB,en;q=0.9", "zh-CN,zh;q=0.9,en;q=0.8"} {
			t.Run(name+" "+language[:2], func(t *testing.T) {
				t.Parallel()
				s := newStack(t)
				sc := &scene{s: s, b: s.browser(t)}
				sc.trip = begin(t, sc.b, "shop", "redirect_uri", business+"?next=1", "state", "S&1", "scope", "snsapi_userinfo")
				sc.code = s.platform.agree("shop", "o-1", sc.trip.scope)
				cookie := sc.b.cookies("shop")[0].Value
				c.arrange(sc)
				sc.b.language = language
				title := map[string]string{"en": c.english, "zh": c.chinese}[language[:2]]

				state := sc.trip.state
				if i := strings.IndexByte(state, '&'); i >= 0 { // two codes
					state = state[:i]
				}
				to := sc.trip.callback(sc.code)
				if state != sc.trip.state {
					to = strings.Replace(to, url.QueryEscape(sc.trip.state), sc.trip.state, 1)
				}
				a := sc.b.get(t, to)
				wantPage(t, a, c.status, title, sc.code, state, cookie, "the platform's words")
				clean(t, s.log.String(), sc.code, state, cookie, "S&1", "o-1")
				if c.status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
					t.Error("the page does not say when to come again")
				}
				if n := s.count(t, c.outcome); n != 1 {
					t.Errorf("%d logins are counted as %s", n, c.outcome)
				}
				if kept := len(sc.b.cookies("shop")) == 1; kept != c.kept {
					t.Errorf("the cookie was kept: %v", kept)
				}
				if n := s.oneTime.done()["add login"]; n != c.used {
					t.Errorf("the store was asked %d times to use a login up, want %d", n, c.used)
				}
				if n := s.platform.exchanges(t); n != c.asked || len(s.audit) != c.asked {
					t.Errorf("the platform was asked %d times, and %d are in the audit; want %d", n, len(s.audit), c.asked)
				}
				wantLinks(t, a, c.links, c.oauth)
			})
		}
	}
}

// flip alters the last character of a state.
func flip(s string) string {
	if strings.HasSuffix(s, "0") {
		return s[:len(s)-1] + "1"
	}
	return s[:len(s)-1] + "0"
}

var href = regexp.MustCompile(`href="([^"]*)"`)

// wantLinks expects the links by which a user goes on.
func wantLinks(t *testing.T, a answer, known bool, oauth string) {
	t.Helper()
	links := href.FindAllStringSubmatch(a.body, -1)
	if !known {
		if len(links) != 0 {
			t.Errorf("the page of an unknown login leads to %v", links)
		}
		return
	}
	if len(links) != 2 {
		t.Fatalf("the page leads to %v", links)
	}
	again, err := url.Parse(html.UnescapeString(links[0][1]))
	if err != nil || again.Path != "/oauth/shop/authorize" || again.Host != "" {
		t.Errorf("one logs in again at %q", links[0][1])
	}
	want := url.Values{"redirect_uri": {business + "?next=1"}, "state": {"S&1"}, "scope": {"snsapi_userinfo"}}
	if got := again.Query().Encode(); got != want.Encode() {
		t.Errorf("one logs in again with %s, want %s", got, want.Encode())
	}
	back, err := url.Parse(html.UnescapeString(links[1][1]))
	if err != nil || back.Host != "www.example.com" || back.Path != "/login/" {
		t.Fatalf("the way back is %q", links[1][1])
	}
	q := back.Query()
	if q.Get("error") != oauth || q.Get("error_description") == "" || q.Get("state") != "S&1" || q.Get("next") != "1" || len(q) != 4 {
		t.Errorf("the site is told %v, want %s", q, oauth)
	}
	if !strings.Contains(a.body, "www.example.com</a>") {
		t.Error("the page does not say where the way back leads")
	}
}

// TestALoginIsFinishedInTime, on the clock of the server.
func TestALoginIsFinishedInTime(t *testing.T) {
	t.Parallel()
	for late, ok := range map[time.Duration]bool{10*time.Minute - time.Second: true, 10 * time.Minute: false} {
		synctest.Test(t, func(t *testing.T) {
			s := newStack(t)
			b := s.browser(t)
			tr := begin(t, b, "shop")
			code := s.platform.agree("shop", "o-1", tr.scope)
			time.Sleep(late)
			a := b.get(t, tr.callback(code))
			if ok {
				sentBack(t, a)
				return
			}
			wantPage(t, a, http.StatusGone, "The login took too long", code, tr.state)
			if s.count(t, "too_old") != 1 || len(s.oneTime.done()) != 0 {
				t.Errorf("an old login was used: %v", s.oneTime.done())
			}
		})
	}
}

// TestALateLoginIsKnownWhereItsCookieIs: she can log in again, and goes back to no address that is not
// allowed any more.
func TestALateLoginIsKnownWhereItsCookieIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t)
		b := s.browser(t)
		tr := begin(t, b, "shop", "redirect_uri", business+"?next=1", "state", "S&1", "scope", "snsapi_userinfo")
		b.header = http.Header{"Cookie": {b.cookies("shop")[0].String()}}
		time.Sleep(11 * time.Minute)
		a := b.get(t, tr.callback("x"))
		wantPage(t, a, http.StatusGone, "The login took too long")
		wantLinks(t, a, true, "server_error")
		s.apps["shop"].Login = &broker.Login{Redirects: []string{"https://new.example.com/"}}
		if a := b.get(t, tr.callback("x")); strings.Contains(a.body, `href="https:`) {
			t.Errorf("the page leads to an address that is not allowed: %s", a.body)
		}
	})
}

// TestOneStateOneExchange: however often and wherever a browser comes back, the platform is
// shown the code once.
func TestOneStateOneExchange(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	b := s.browser(t)
	tr := begin(t, b, "shop")
	to := tr.callback(s.platform.agree("shop", "o-1", tr.scope))
	cookie := b.cookies("shop")[0]
	servers := []http.Handler{s.relay, s.replica(t), s.replica(t)}
	var wg sync.WaitGroup
	answers := make([]answer, 50)
	for i := range answers {
		each := s.browser(t)
		u, _ := url.Parse(public)
		each.jar.SetCookies(u, []*http.Cookie{{Name: cookie.Name, Value: cookie.Value, Path: "/", Secure: true}})
		each.handler = servers[i%len(servers)]
		wg.Go(func() { answers[i] = each.get(t, to) })
	}
	wg.Wait()
	sent := 0
	for _, a := range answers {
		if a.StatusCode == http.StatusSeeOther {
			sent++
			if _, err := s.relay.Redeem(t.Context(), s.apps["shop"], sentBack(t, a).Get("code"), "", business); err != nil {
				t.Errorf("the browser was sent back with a code that is not good: %v", err)
			}
		} else {
			wantPage(t, a, http.StatusConflict, "This login has ended")
		}
	}
	if n := s.platform.exchanges(t); sent != 1 || n != 1 {
		t.Errorf("%d were sent back, and the platform was asked %d times", sent, n)
	}
}

// TestAPlantedCookieLogsNobodyIn: somebody who can set cookies for the user's browser cannot
// have her finish a login of his own.
func TestAPlantedCookieLogsNobodyIn(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	attacker, victim := s.browser(t), s.browser(t)
	his := begin(t, attacker, "shop")
	hers := begin(t, victim, "shop")
	code := s.platform.agree("shop", "o-attacker", his.scope)
	planted := attacker.cookies("shop")[0]

	// His state with her cookie, her state with his cookie, and his cookie beside hers.
	wantPage(t, victim.get(t, his.callback(code)), http.StatusForbidden, "Please log in again")
	name := victim.cookies("shop")[0].Name
	u, _ := url.Parse(public)
	saved := victim.cookies("shop")[0].Value
	victim.jar.SetCookies(u, []*http.Cookie{{Name: name, Value: planted.Value, Path: "/", Secure: true}})
	wantPage(t, victim.get(t, hers.callback(code)), http.StatusForbidden, "Please log in again")
	for _, both := range []string{name + "=" + saved + "; " + name + "=" + planted.Value, name + "=" + planted.Value + "; " + name + "=" + saved} {
		two := s.browser(t)
		two.header = http.Header{"Cookie": {both}}
		wantPage(t, two.get(t, hers.callback(code)), http.StatusForbidden, "Please log in again")
	}
	if n := s.platform.exchanges(t); n != 0 {
		t.Errorf("the platform was asked %d times", n)
	}
}

// TestNothingIsTakenForAnotherI8: what was sealed as one thing or for one app opens as no other.
func TestNothingIsTakenForAnotherI8(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	b := s.browser(t)
	shop, club := begin(t, b, "shop"), begin(t, b, "club")
	u, _ := url.Parse(public)
	for _, c := range b.cookies("shop") {
		if strings.Contains(c.Name, "_shop_") { // the same login, as the other app's
			name := strings.Replace(c.Name, "_shop_", "_club_", 1)
			b.jar.SetCookies(u, []*http.Cookie{{Name: name, Value: c.Value, Path: "/", Secure: true}})
		}
	}
	shop.app = "club"
	wantPage(t, b.get(t, shop.callback("x")), http.StatusBadRequest, "This link is not valid")
	sentBack(t, b.get(t, club.callback(s.platform.agree("club", "o-1", club.scope))))
}

// TestModeCode: the platform's own code is sent on, and is not used here.
func TestModeCode(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	b := s.browser(t)
	tr := begin(t, b, "shop", "redirect_uri", business, "mode", "code", "state", "s")
	code := s.platform.agree("shop", "o-1", tr.scope)
	q := sentBack(t, b.get(t, tr.callback(code)))
	if q.Get("code") != code || q.Get("state") != "s" {
		t.Errorf("the browser was sent back with %v", q)
	}
	if s.platform.exchanges(t) != 0 || s.count(t, "relayed") != 1 || s.oneTime.done()["add code"] != 0 {
		t.Error("the code was used here")
	}
	// Once, like every other login.
	wantPage(t, b.get(t, tr.callback(code)), http.StatusForbidden, "Please log in again")
	// And the way to log in again is the same.
	b = s.browser(t)
	tr = begin(t, b, "shop", "redirect_uri", business, "mode", "code")
	if a := b.get(t, tr.callback("")); !strings.Contains(a.body, "mode=code") {
		t.Errorf("one logs in again otherwise: %s", a.body)
	}
	clean(t, s.log.String(), code)
}

// TestACrowdWaitsAndIsToldSo: no more than 64 of an app's logins are at the platform, and the
// others lose nothing.
func TestACrowdWaitsAndIsToldSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t)
		gate := make(chan struct{})
		s.platform.before = func() { <-gate }
		var wg sync.WaitGroup
		for range 64 {
			b := s.browser(t)
			tr := begin(t, b, "shop")
			to := tr.callback(s.platform.agree("shop", "o-1", tr.scope))
			wg.Go(func() { sentBack(t, b.get(t, to)) })
		}
		synctest.Wait()
		late := s.browser(t)
		tr := begin(t, late, "shop")
		to := tr.callback(s.platform.agree("shop", "o-2", tr.scope))
		start := time.Now()
		a := late.get(t, to)
		wantPage(t, a, http.StatusServiceUnavailable, "A moment, please")
		if waited := time.Since(start); waited != 2*time.Second {
			t.Errorf("it waited for %v", waited)
		}
		if n := s.oneTime.done()["add login"]; n != 64 || s.count(t, "busy") != 1 {
			t.Errorf("%d logins were used", n)
		}
		// Another app is not held up, and who waits gets the next place.
		s.platform.before = nil
		other := s.browser(t)
		otherTrip := begin(t, other, "club")
		sentBack(t, other.get(t, otherTrip.callback(s.platform.agree("club", "o-3", otherTrip.scope))))
		wg.Go(func() { sentBack(t, late.get(t, to)) })
		synctest.Wait()
		close(gate)
		wg.Wait()
		if n := s.count(t, "ok"); n != 66 {
			t.Errorf("%d have logged in", n)
		}
	})
}

// TestStrangersDoNotFillTheLog: what they bring about is counted, and some of it is logged.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &lockedBuffer{}
		s := newStack(t, func(c *login.Config) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) })
		b := s.browser(t)
		for _, code := range []string{"x", ""} {
			for range 200 {
				wantPage(t, b.get(t, trip{"shop", "abc", ""}.callback(code)), http.StatusBadRequest, "This link is not valid")
				sentBack(t, b.get(t, begin(t, b, "shop", "redirect_uri", business, "mode", "code").callback(rand.Text())))
			}
			time.Sleep(time.Second)
		}
		if n := strings.Count(log.String(), "\n"); n < 20 || n > 60 {
			t.Errorf("%d lines were logged in two seconds", n)
		}
		if n := s.count(t, "forged") + s.count(t, "relayed"); n != 800 {
			t.Errorf("%d were counted", n)
		}
	})
}
