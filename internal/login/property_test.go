package login_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestABrowserIsSentToNoOtherSite: whatever addresses are allowed and whatever address is asked for, a
// browser is sent to an allowed scheme and host, as every reader of URLs reads them, or stays here.
func TestABrowserIsSentToNoOtherSite(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{
		"https://", "http://", "https:", "//", "/", `\`, "www.example.com", "m.example.cn", "evil.test", "@", ":", ":8443", ":443", ".", "..", "%2e%2e",
		"%2f", "%5c", "%00", "%0d%0a", "\t", "\r\n", " ", "?", "#", "&", "=", ";", "code=", "state", "login", "login/", "[::1]", "é", "javascript:", "data:", "HTTPS://",
		"%40", "%zz", "a", "1",
	})
	weird := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(piece, 0, 9).Draw(t, "pieces"), "") })
	base := rapid.SampledFrom([]string{"https://www.example.com/login/", "https://m.example.cn", "http://127.0.0.1:8080/cb", "https://[::1]:8443/a"})
	around := newStack(t)
	rapid.Check(t, func(rt *rapid.T) {
		allowed := rapid.SliceOfN(rapid.OneOf(base, weird), 1, 3).Draw(rt, "allowed")
		asked := rapid.OneOf(
			weird,
			rapid.Custom(func(t *rapid.T) string { return rapid.SampledFrom(allowed).Draw(t, "one") + weird.Draw(t, "more") }),
			rapid.Custom(func(t *rapid.T) string { return base.Draw(t, "base") + "?" + weird.Draw(t, "query") }),
		).Draw(rt, "asked")
		apps := map[string]*broker.App{"shop": {ID: "shop", Platform: "wechat", Login: &broker.Login{Redirects: allowed}}}
		s := &stack{cfg: around.cfg, platform: around.platform}
		s.cfg.App, s.cfg.Registerer = func(id string) *broker.App { return apps[id] }, nil
		s.relay = s.replica(t)
		b := s.browser(t)
		a := b.get(t, authorize("shop", "redirect_uri", asked, "state", "s"))
		if a.StatusCode != http.StatusSeeOther {
			if a.Header.Get("Location") != "" || strings.Contains(a.body, "href=") {
				rt.Errorf("%q is refused and leads on", asked)
			}
			return
		}
		tr := startedTrip(t, "shop", a)
		code, want := s.platform.agree("shop", "o-1", tr.scope), "code"
		if rapid.Bool().Draw(rt, "does not agree") {
			code, want = "", "error"
		}
		a = b.get(t, tr.callback(code))
		to := a.Header.Get("Location")
		if code == "" {
			links := href.FindAllStringSubmatch(a.body, -1)
			to = html.UnescapeString(links[len(links)-1][1])
		}
		if !slices.ContainsFunc(allowed, func(one string) bool { return sameSite(one, to) }) {
			rt.Errorf("with %q allowed, %q leads to %q", allowed, asked, to)
		}
		u, err := url.Parse(to)
		if err != nil {
			rt.Fatalf("the browser is sent to %q: %v", to, err)
		}
		if q := u.Query(); len(q[want]) != 1 || !slices.Equal(q["state"], []string{"s"}) {
			rt.Errorf("the site reads %v of %q", q, to)
		}
	})
}

// sameSite compares schemes and hosts without parsing: a reader of URLs that disagrees with
// net/url has nothing to disagree about.
func sameSite(allowed, to string) bool {
	u, err := url.Parse(allowed)
	if err != nil || u.Host == "" {
		return false
	}
	rest, ok := strings.CutPrefix(strings.ToLower(to), u.Scheme+"://"+u.Host)
	return ok && (rest == "" || rest[0] == '/' || rest[0] == '?') && !strings.ContainsAny(to, "\\\t\r\n #")
}

// TestTheStateComesBackAsItWas, whatever a business puts into it.
func TestTheStateComesBackAsItWas(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	rapid.Check(t, func(rt *rapid.T) {
		state := string(rapid.SliceOfN(rapid.ByteRange(' ', '~'), 1, 512).Draw(rt, "state"))
		b := s.browser(t)
		tr := begin(t, b, "shop", "redirect_uri", business, "state", state)
		code := ""
		if rapid.Bool().Draw(rt, "agrees") {
			code = s.platform.agree("shop", "o-1", tr.scope)
		}
		a := b.get(t, tr.callback(code))
		if code != "" {
			if got := sentBack(t, a)["state"]; !slices.Equal(got, []string{state}) {
				rt.Errorf("the state %q comes back as %q", state, got)
			}
			return
		}
		links := href.FindAllStringSubmatch(a.body, -1)
		for _, l := range links {
			u, err := url.Parse(html.UnescapeString(l[1]))
			if err != nil || u.Query().Get("state") != state {
				rt.Errorf("the state %q is in %q, %v", state, l[1], err)
			}
		}
	})
}

// FuzzCallback: of what strangers send to the callback, nothing is used and nobody is sent on.
func FuzzCallback(f *testing.F) {
	s := newStack(f)
	b := s.browser(f)
	tr := begin(f, b, "shop")
	cookie := b.cookies("shop")[0]
	_, valid, _ := strings.Cut(tr.callback("CODE"), "?")
	id := strings.TrimPrefix(cookie.Name, "__Host-hufu_login_shop_")
	f.Add(valid, "", "")
	f.Add(valid, cookie.Name, cookie.Value[:len(cookie.Value)-1])
	f.Add(valid, "__Host-hufu_login_club_"+id, cookie.Value)
	f.Add("code=CODE&state="+tr.state+"&state="+tr.state, cookie.Name, cookie.Value)
	f.Add("code=CODE;state="+tr.state, cookie.Name, cookie.Value)
	f.Add("state=%zz", cookie.Name, "AQ")
	f.Add("state=00&code=%00", cookie.Name, "")
	f.Add(strings.Repeat("&", 9000), cookie.Name, cookie.Value)
	f.Fuzz(func(t *testing.T, query, name, value string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, public+"/oauth/shop/callback", http.NoBody)
		r.URL.RawQuery = query
		r.Header["Cookie"] = []string{name + "=" + value}
		rec := httptest.NewRecorder()
		s.relay.ServeHTTP(rec, r)
		values, err := url.ParseQuery(query)
		if genuine := err == nil && name == cookie.Name && value == cookie.Value && len(values["state"]) == 1 && strings.EqualFold(values.Get("state"), tr.state); genuine {
			return
		}
		if rec.Header().Get("Location") != "" || !slices.Contains([]int{400, 403}, rec.Code) || strings.Contains(rec.Body.String(), "href=") {
			t.Errorf("%q with %s=%q is answered %d, %v", query, name, value, rec.Code, rec.Header())
		}
		if done := s.oneTime.done(); len(done) != 0 || s.platform.exchanges(t) != 0 {
			t.Errorf("%q with %s=%q did something: %v", query, name, value, done)
		}
	})
}
