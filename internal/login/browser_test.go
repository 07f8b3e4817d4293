package login_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// browser keeps cookies as browsers do.
type browser struct {
	handler  http.Handler
	jar      http.CookieJar
	language string
	header   http.Header // sent along
}

func (s *stack) browser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{handler: s.relay, jar: jar}
}

// answer is what a browser was answered.
type answer struct {
	*http.Response
	body string
}

func (b *browser) do(t testing.TB, method, to string) answer {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	if !u.IsAbs() {
		base, _ := url.Parse(public)
		u = base.ResolveReference(u)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, u.String(), http.NoBody)
	maps.Copy(r.Header, b.header)
	if b.language != "" {
		r.Header.Set("Accept-Language", b.language)
	}
	for _, c := range b.jar.Cookies(u) {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	b.handler.ServeHTTP(rec, r)
	resp := rec.Result()
	b.jar.SetCookies(u, resp.Cookies())
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; ") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("the policy is %q", csp)
	}
	if resp.Header.Get("X-Request-Id") == "" {
		t.Error("the answer has no id")
	}
	return answer{resp, string(body)}
}

func (b *browser) get(t testing.TB, to string) answer {
	t.Helper()
	return b.do(t, http.MethodGet, to)
}

// cookies are those that the browser has for an app.
func (b *browser) cookies(app string) []*http.Cookie {
	u, _ := url.Parse(public + "/oauth/" + app + "/callback")
	return b.jar.Cookies(u)
}

// authorize is the address that begins a login.
func authorize(app string, params ...string) string {
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Add(params[i], params[i+1])
	}
	return "/oauth/" + app + "/authorize?" + q.Encode()
}

// trip is a login that a browser has begun.
type trip struct{ app, state, scope string }

// begin follows a browser to the platform.
func begin(t testing.TB, b *browser, app string, params ...string) trip {
	t.Helper()
	if len(params) == 0 {
		params = []string{"redirect_uri", business, "state", "S&<1>"}
	}
	a := b.get(t, authorize(app, params...))
	if a.StatusCode != http.StatusSeeOther || a.body != "" {
		t.Fatalf("the login does not begin: %d %s", a.StatusCode, a.body)
	}
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil || u.Host != "open.weixin.qq.com" {
		t.Fatalf("the browser is sent to %q", a.Header.Get("Location"))
	}
	q := u.Query()
	if got, want := q.Get("redirect_uri"), public+"/oauth/"+app+"/callback"; got != want {
		t.Fatalf("the callback is %q, want %q", got, want)
	}
	return trip{app, q.Get("state"), q.Get("scope")}
}

// callback is where the platform sends the browser back to.
func (tr trip) callback(code string) string {
	q := url.Values{"state": {tr.state}}
	if code != "" {
		q.Set("code", code)
	}
	return "/oauth/" + tr.app + "/callback?" + q.Encode()
}

// sentBack returns the parameters with which a browser came to the business' page.
func sentBack(t testing.TB, a answer) url.Values {
	t.Helper()
	to := a.Header.Get("Location")
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, business) || a.body != "" {
		t.Fatalf("the browser was not sent back, but: %d %q %s", a.StatusCode, to, a.body)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// wantPage expects a page, and no secret on it.
func wantPage(t testing.TB, a answer, status int, title string, secrets ...string) {
	t.Helper()
	if a.StatusCode != status || !strings.Contains(a.body, "<h1>"+title+"</h1>") || a.Header.Get("Location") != "" {
		t.Errorf("status %d, location %q, page %s\nwant %d and %q", a.StatusCode, a.Header.Get("Location"), a.body, status, title)
	}
	if !strings.Contains(a.body, "<code>"+a.Header.Get("X-Request-Id")+"</code>") {
		t.Error("the page does not name the request")
	}
	clean(t, a.body+fmt.Sprint(a.Header), secrets...)
}

// clean expects that none of the secrets is in a text.
func clean(t testing.TB, in string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if s != "" && strings.Contains(in, s) {
			t.Errorf("a secret is in: %s", in)
		}
	}
}
