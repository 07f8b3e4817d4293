package sandbox_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/sandbox"
)

const callback = "https://www.example.com/callback?shop=1"

// browser looks at the pages of a sandbox.
type browser struct {
	t  testing.TB
	sb *sandbox.Sandbox
}

// page is what a browser is answered.
type page struct {
	status   int
	location string
	text     string
	header   http.Header
}

// asking is the query of a page, with changes to what is usual; an empty value leaves one out.
func asking(scope string, changes ...string) string {
	q := url.Values{"appid": {appID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {scope}, "state": {"abc123"}}
	for i := 0; i < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return "?" + q.Encode()
}

func (b browser) request(method, path, form string, header ...string) page {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, "http://127.0.0.1:8090"+path, strings.NewReader(form))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.sb.Handler().ServeHTTP(w, r)
	text, err := io.ReadAll(w.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{w.Code, w.Header().Get("Location"), html.UnescapeString(string(text)), w.Header()}
}

// submit presses a button of a page.
func (b browser) submit(path, user, answer string) page {
	b.t.Helper()
	return b.request("POST", path, url.Values{"user": {user}, "answer": {answer}}.Encode())
}

const (
	inWeChat = "/connect/oauth2/authorize"
	onSite   = "/connect/qrconnect"
)

func TestABrowserComesBackWithWhatTheUserChose(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		path, scope, answer string
		cfg                 sandbox.Config
		want                string // instead of a code
	}{
		{path: inWeChat, scope: sandbox.ScopeBase, answer: "agree"},
		{path: inWeChat, scope: sandbox.ScopeUserInfo, answer: "agree"},
		{path: onSite, scope: sandbox.ScopeLogin, answer: "agree"},
		{path: inWeChat, scope: sandbox.ScopeUserInfo, answer: "refuse", want: callback + "&code=authdeny&state=abc123"},
		{
			path: inWeChat, scope: sandbox.ScopeUserInfo, answer: "refuse", want: callback + "&state=abc123",
			cfg: sandbox.Config{RefuseWithoutCode: true},
		},
		{path: onSite, scope: sandbox.ScopeLogin, answer: "refuse", want: callback + "&state=abc123"},
	} {
		t.Run(fmt.Sprintf("%s %s %v", tc.scope, tc.answer, tc.cfg.RefuseWithoutCode), func(t *testing.T) {
			t.Parallel()
			bubble(t, tc.cfg, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
				b := browser{t, sb}
				p := b.submit(tc.path+asking(tc.scope), "xiaoming", tc.answer)
				if p.status != http.StatusFound {
					t.Fatalf("status %d: %s", p.status, p.text)
				}
				if tc.want != "" {
					if p.location != tc.want {
						t.Errorf("to %s, want %s", p.location, tc.want)
					}
					return
				}
				to, err := url.Parse(p.location)
				if err != nil {
					t.Fatal(err)
				}
				if q := to.Query(); !strings.HasPrefix(p.location, callback+"&code=") || q.Get("state") != "abc123" {
					t.Errorf("to %s", p.location)
				}
				g := c.exchange(to.Query().Get("code"))
				if g.OpenID != sandbox.OpenID(appID, "xiaoming") || g.Scope != tc.scope || g.Snapshot != 0 {
					t.Errorf("grant %+v", g)
				}
				if len(sb.Misuses()) != 0 {
					t.Errorf("misuses %v", sb.Misuses())
				}
			})
		})
	}
}

// Looking at a page does nothing, and what there is to choose has stable ids.
func TestThePageAsksWhatWeChatAsks(t *testing.T) {
	t.Parallel()
	b := browser{t, newControlled()}
	for _, tc := range []struct {
		path, scope string
		want, not   []string
	}{
		{inWeChat, sandbox.ScopeBase, []string{`id="agree">Continue<`}, []string{`id="refuse"`}},
		{inWeChat, sandbox.ScopeUserInfo, []string{`id="agree">Agree<`, `id="refuse">Refuse<`}, nil},
		{onSite, sandbox.ScopeLogin, []string{`id="agree">Agree<`, `id="refuse">Refuse<`, "QR code"}, nil},
	} {
		p := b.request("GET", tc.path+asking(tc.scope), "")
		for _, want := range append(tc.want, appID, tc.scope, "www.example.com") {
			if !strings.Contains(p.text, want) {
				t.Errorf("%s: the page has no %s", tc.scope, want)
			}
		}
		for _, u := range sandbox.Users() {
			if !strings.Contains(p.text, `id="user-`+u.ID+`"`) {
				t.Errorf("%s: the page has no user %s", tc.scope, u.ID)
			}
		}
		for _, not := range tc.not {
			if strings.Contains(p.text, not) {
				t.Errorf("%s: the page has %s", tc.scope, not)
			}
		}
		csp := p.header.Get("Content-Security-Policy")
		if p.status != 200 || p.location != "" || !strings.Contains(csp, "default-src 'none'") || strings.Contains(p.text, "<script") {
			t.Errorf("%s: status %d, policy %q", tc.scope, p.status, csp)
		}
	}
}

func TestThePageSpeaksTheReadersLanguage(t *testing.T) {
	t.Parallel()
	b := browser{t, newControlled()}
	for _, tc := range []struct{ lang, accept, want string }{
		{"", "", "Agree"},
		{"", "zh-CN,zh;q=0.9,en;q=0.8", "同意"},
		{"", "de-DE,zh;q=0.1", "Agree"},
		{"en", "zh-CN", "Agree"},
		{"cn", "en", "同意"},
		{"zh", "", "同意"},
	} {
		p := b.request("GET", inWeChat+asking(sandbox.ScopeUserInfo, "lang", tc.lang), "", "Accept-Language", tc.accept)
		if !strings.Contains(p.text, `id="agree">`+tc.want) {
			t.Errorf("%+v: the page does not say %s", tc, tc.want)
		}
	}
}

func TestErrorPagesSayWhatWeChatSays(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{
		{ID: appID, Secret: secret, CallbackDomains: []string{"www.example.com", "dev.example.com:8443"}},
		{ID: other, Secret: "other-" + secret},
	}})
	if err := sb.Freeze(other, sandbox.FrozenAccount); err != nil {
		t.Fatal(err)
	}
	b := browser{t, sb}
	const info, login = sandbox.ScopeUserInfo, sandbox.ScopeLogin
	for _, tc := range []struct {
		path, query string
		code        int // zero: without one
		says        string
	}{
		{inWeChat, asking(info, "appid", ""), 10012, "appid 不能为空"},
		{inWeChat, asking(info, "appid", "wxnobody"), 0, "AppID 参数错误"},
		{inWeChat, asking(info, "appid", other), 10004, "此公众号被封禁"},
		{inWeChat, asking(info, "redirect_uri", ""), 10011, "redirect_uri 不能为空"},
		{inWeChat, asking(info, "redirect_uri", "https://evil.example/"), 10003, "redirect_uri 域名与后台配置不一致"},
		{inWeChat, asking(info, "redirect_uri", "https://sub.www.example.com/"), 10003, "redirect_uri 域名与后台配置不一致"},
		{inWeChat, asking(info, "redirect_uri", "https://www.example.com@evil.example/"), 10003, "redirect_uri 域名与后台配置不一致"},
		{inWeChat, asking(info, "redirect_uri", "https://evil.example@www.example.com/"), 10003, "redirect_uri 域名与后台配置不一致"},
		{inWeChat, asking(info, "redirect_uri", "https://dev.example.com/"), 10003, "redirect_uri 域名与后台配置不一致"},
		{inWeChat, asking(info, "redirect_uri", "//www.example.com/"), 10003, "redirect_uri 域名与后台配置不一致"},
		{inWeChat, asking(info, "redirect_uri", "javascript://www.example.com/%0aalert(1)"), 10003, "redirect_uri 域名与后台配置不一致"},
		{onSite, asking(login, "redirect_uri", "https://evil.example/"), 10003, "redirect_uri 域名与后台配置不一致"},
		{inWeChat, asking(info, "response_type", "token"), 0, "response_type 参数错误"},
		{inWeChat, asking(info, "scope", ""), 10010, "scope 不能为空"},
		{inWeChat, asking("snsapi_everything"), 10005, "Scope 参数错误或没有 Scope 权限"},
		{inWeChat, asking(login), 10005, "Scope 参数错误或没有 Scope 权限"},
		{onSite, asking(info), 10005, "Scope 参数错误或没有 Scope 权限"},
		{onSite, asking(sandbox.ScopeBase), 10005, "Scope 参数错误或没有 Scope 权限"},
		{inWeChat, asking(info, "state", strings.Repeat("a", 129)), 0, "state 超过 128 字节"},
	} {
		before := sb.Counts(appID).ByErrcode[tc.code] + sb.Counts(other).ByErrcode[tc.code] + sb.Counts("").ByErrcode[tc.code]
		for _, p := range []page{
			b.request("GET", tc.path+tc.query+"&lang=zh", ""),
			b.request("POST", tc.path+tc.query+"&lang=zh", "user=alice&answer=agree"),
		} {
			if p.status != 200 || p.location != "" || !strings.Contains(p.text, `id="error">`+tc.says) || strings.Contains(p.text, "<form") {
				t.Errorf("%s%s: status %d, to %q, want %s", tc.path, tc.query, p.status, p.location, tc.says)
			}
			if got := strings.Contains(p.text, fmt.Sprintf(`id="errcode">%d<`, tc.code)); got != (tc.code != 0) {
				t.Errorf("%s%s: code shown: %v, want %d", tc.path, tc.query, got, tc.code)
			}
		}
		after := sb.Counts(appID).ByErrcode[tc.code] + sb.Counts(other).ByErrcode[tc.code] + sb.Counts("").ByErrcode[tc.code]
		if tc.code != 0 && after != before+2 {
			t.Errorf("%s%s: counted %d times, want 2", tc.path, tc.query, after-before)
		}
	}
	for _, allowed := range []string{"https://www.example.com/x", "http://WWW.example.com:8080/x", "https://dev.example.com:8443/"} {
		if p := b.submit(inWeChat+asking(info, "redirect_uri", allowed), "alice", "agree"); p.status != 302 || !strings.HasPrefix(strings.ToLower(p.location), strings.ToLower(allowed)+"?code=") {
			t.Errorf("%s: status %d, to %s", allowed, p.status, p.location)
		}
	}
	for _, form := range []string{"", "user=alice", "user=nobody&answer=agree", "answer=agree", "user=alice&answer=perhaps", "user=%zz&answer=agree"} {
		if p := b.request("POST", inWeChat+asking(info), form); p.status != 200 || p.location != "" {
			t.Errorf("the form %q: status %d, to %s", form, p.status, p.location)
		}
	}
	if p := b.submit(inWeChat+asking(sandbox.ScopeBase), "alice", "refuse"); p.location != "" {
		t.Error("snsapi_base can be refused")
	}
	if p := b.request("GET", "/connect/nothing", ""); p.status != 404 {
		t.Errorf("another page: status %d", p.status)
	}
	if p := b.request("PUT", inWeChat+asking(info), ""); p.status != 405 {
		t.Errorf("PUT: status %d", p.status)
	}
}

func TestAStateOfForeignCharactersIsAMisuse(t *testing.T) {
	t.Parallel()
	sb := newControlled()
	b := browser{t, sb}
	for _, fine := range []string{"", "abcXYZ019", strings.Repeat("a", 128)} {
		if p := b.submit(inWeChat+asking(sandbox.ScopeUserInfo, "state", fine), "alice", "refuse"); p.location != callback+"&code=authdeny&state="+fine {
			t.Errorf("state %q: to %s", fine, p.location)
		}
	}
	if len(sb.Misuses()) != 0 {
		t.Errorf("misuses %v", sb.Misuses())
	}
	const odd = "a-b_c&code=x 中"
	p := b.submit(inWeChat+asking(sandbox.ScopeUserInfo, "state", odd), "alice", "refuse")
	to, err := url.Parse(p.location)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"shop": {"1"}, "code": {"authdeny"}, "state": {odd}}
	if diff := cmp.Diff(want, to.Query()); diff != "" {
		t.Errorf("the state is not what it was (-want +got):\n%s", diff)
	}
	if m := sb.Misuses(); len(m) != 1 || m[0].What != sandbox.BadState || m[0].App != appID {
		t.Errorf("misuses %v", m)
	}
}

// What a query holds is shown as text, and faults reach browsers like anybody else.
func TestPagesRunNothingOfTheirQuery(t *testing.T) {
	t.Parallel()
	sb := newControlled()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://x"+inWeChat+asking(sandbox.ScopeUserInfo,
		"state", `"><script>1</script>`, "lang", `"><i>`, "redirect_uri", `https://a"><b>.example/`), http.NoBody)
	w := httptest.NewRecorder()
	sb.Handler().ServeHTTP(w, r)
	for _, bad := range []string{"<script>", "<i>", "<b>.", "<b>Mallory"} {
		if strings.Contains(w.Body.String(), bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	sb.Inject(sandbox.Fault{Path: "/connect/", Kind: sandbox.FaultStatus, Times: 1})
	if p := (browser{t, sb}).request("GET", inWeChat+asking(sandbox.ScopeBase), ""); p.status != 502 {
		t.Errorf("with a fault: status %d", p.status)
	}
}

func TestPortraits(t *testing.T) {
	t.Parallel()
	b := browser{t, newControlled()}
	for id, want := range map[string]int{"alice": 200, "xiaoming": 200, "snapshot": 200, "stranger": 200, "mallory": 404, "nobody": 404, "": 404} {
		p := b.request("GET", "/_sandbox/portrait/"+id+"/132", "")
		if p.status != want || want == 200 && p.header.Get("Content-Type") != "image/svg+xml" {
			t.Errorf("%q: status %d, want %d", id, p.status, want)
		}
	}
}
