package sandbox_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/sandbox"
)

const user = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"

// grantReply is what an exchange or a refresh answers.
type grantReply struct {
	RefreshToken string `json:"refresh_token"`
	OpenID       string `json:"openid"`
	Scope        string `json:"scope"`
	UnionID      string `json:"unionid"`
	Snapshot     int    `json:"is_snapshotuser"`
	SessionKey   string `json:"session_key"`
	reply
}

func (c caller) sns(path string, pairs ...string) grantReply {
	c.t.Helper()
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	raw := c.raw("GET", "/sns/"+path+"?"+q.Encode(), "")
	var r grantReply
	if err := json.Unmarshal([]byte(raw), &r); err != nil {
		c.t.Fatalf("%v in %s", err, raw)
	}
	return r
}

func (c caller) exchange(code string) grantReply {
	c.t.Helper()
	return c.sns("oauth2/access_token", "appid", appID, "secret", secret, "code", code, "grant_type", "authorization_code")
}

func (c caller) refresh(token string) grantReply {
	c.t.Helper()
	return c.sns("oauth2/refresh_token", "appid", appID, "grant_type", "refresh_token", "refresh_token", token)
}

func newCode(t *testing.T, sb *sandbox.Sandbox, scope string) string {
	t.Helper()
	code, err := sb.NewCode(appID, user, scope)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestACodeIsExchangedOnce(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		code := newCode(t, sb, sandbox.ScopeUserInfo)
		g := c.exchange(code)
		want := grantReply{OpenID: user, Scope: "snsapi_userinfo", reply: reply{ExpiresIn: 7200}}
		got := g
		got.AccessToken, got.RefreshToken, got.UnionID = "", "", ""
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(grantReply{})); diff != "" {
			t.Errorf("grant (-want +got):\n%s", diff)
		}
		if g.AccessToken == "" || g.RefreshToken == "" || g.UnionID == "" || !sb.LiveUser(g.AccessToken) {
			t.Errorf("grant %+v", g)
		}
		again := c.exchange(code)
		if again.code() != 40163 || !strings.HasPrefix(again.Errmsg, "code been used, hints: [ req_id: ") {
			t.Errorf("again: %+v", again)
		}
		if never := c.exchange("nonsense"); never.code() != 40029 || !strings.HasPrefix(never.Errmsg, "invalid code, rid: ") {
			t.Errorf("unknown code: %+v", never)
		}
		late := newCode(t, sb, sandbox.ScopeBase)
		time.Sleep(5 * time.Minute)
		if got := c.exchange(late).code(); got != 42003 {
			t.Errorf("an old code: errcode %d, want 42003", got)
		}
		if n := sb.Counts(appID); n.Exchanges != 1 || n.Issues != 0 {
			t.Errorf("%d exchanges and %d issues, want 1 and none", n.Exchanges, n.Issues)
		}
	})
}

func TestExchangesValidateBeforeTheCodeIsUsedUp(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		code := newCode(t, sb, sandbox.ScopeBase)
		const path, grant = "oauth2/access_token", "authorization_code"
		for _, tc := range []struct {
			want  int
			pairs []string
		}{
			{41002, nil},
			{41004, []string{"appid", appID}},
			{41008, []string{"appid", appID, "secret", secret}},
			{40013, []string{"appid", "wx", "secret", secret, "code", code, "grant_type", grant}},
			{40002, []string{"appid", appID, "secret", secret, "code", code}},
			{40125, []string{"appid", appID, "secret", "wrong", "code", code, "grant_type", grant}},
			{40029, []string{"appid", other, "secret", "other-" + secret, "code", code, "grant_type", grant}},
		} {
			if got := c.sns(path, tc.pairs...).code(); got != tc.want {
				t.Errorf("%v: errcode %d, want %d", tc.pairs, got, tc.want)
			}
		}
		if got := c.sns("jscode2session", "appid", appID, "secret", secret, "js_code", code, "grant_type", grant).code(); got != 40029 {
			t.Errorf("as a mini program's: errcode %d, want 40029", got)
		}
		if g := c.exchange(code); g.code() != 0 || g.UnionID != "" {
			t.Errorf("after all that: %+v", g)
		}
		for _, tc := range []struct{ app, user, scope string }{
			{"wxunknown", user, sandbox.ScopeBase}, {appID, "", sandbox.ScopeBase}, {appID, user, "snsapi_everything"},
		} {
			if _, err := sb.NewCode(tc.app, tc.user, tc.scope); err == nil {
				t.Errorf("there is a code for %v", tc)
			}
		}
	})
}

func TestARefreshProlongsATokenThatLivesAndReplacesOneThatDoesNot(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		g := c.exchange(newCode(t, sb, sandbox.ScopeBase))
		time.Sleep(time.Hour)
		a := c.refresh(g.RefreshToken)
		if a.AccessToken != g.AccessToken || a.ExpiresIn != 7200 || a.RefreshToken != g.RefreshToken || a.OpenID != user {
			t.Errorf("of a token that lives: %+v", a)
		}
		time.Sleep(2*time.Hour - time.Nanosecond)
		auth := func(token string) int {
			t.Helper()
			return c.sns("auth", "access_token", token, "openid", user).code()
		}
		if got := auth(g.AccessToken); got != 0 {
			t.Errorf("at the end of its longer life: errcode %d", got)
		}
		time.Sleep(time.Nanosecond)
		if got := auth(g.AccessToken); got != 42001 {
			t.Errorf("after that: errcode %d, want 42001", got)
		}
		b := c.refresh(g.RefreshToken)
		if b.AccessToken == g.AccessToken || auth(b.AccessToken) != 0 || auth(g.AccessToken) != 42001 {
			t.Errorf("of a token that does not live: %+v", b)
		}
		if got := c.refresh("nonsense"); got.code() != 40030 || !strings.HasPrefix(got.Errmsg, "invalid refresh_token, rid: ") {
			t.Errorf("unknown: %+v", got)
		}
		if got := c.refresh("").code(); got != 41003 {
			t.Errorf("none: errcode %d, want 41003", got)
		}
		if got := c.sns("oauth2/refresh_token", "appid", other, "grant_type", "refresh_token", "refresh_token", g.RefreshToken).code(); got != 40030 {
			t.Errorf("another app's: errcode %d, want 40030", got)
		}
		time.Sleep(30 * 24 * time.Hour)
		if got := c.refresh(g.RefreshToken).code(); got != 42002 {
			t.Errorf("after thirty days: errcode %d, want 42002", got)
		}
	})
}

func TestUserInfoNeedsTheScopeAndTheUser(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		info := func(token, openID string) grantReply {
			t.Helper()
			return c.sns("userinfo", "access_token", token, "openid", openID, "lang", "en")
		}
		poor := c.exchange(newCode(t, sb, sandbox.ScopeBase)).AccessToken
		rich := c.exchange(newCode(t, sb, sandbox.ScopeUserInfo)).AccessToken
		if r := info(rich, user); r.code() != 0 || r.OpenID != user || r.UnionID == "" {
			t.Errorf("%+v", r)
		}
		if r := info(poor, user); r.code() != 48001 || !strings.HasPrefix(r.Errmsg, "api unauthorized, rid: ") {
			t.Errorf("scope: %+v", r)
		}
		if got := info(rich, "o-somebody-else").code(); got != 40003 {
			t.Errorf("somebody else: errcode %d, want 40003", got)
		}
		if got := info("", user).code(); got != 41001 {
			t.Errorf("no token: errcode %d, want 41001", got)
		}
		const want = "invalid credential, access_token is invalid or not latest, rid: "
		if r := info("83_nowhere", user); r.code() != 40001 || !strings.HasPrefix(r.Errmsg, want) {
			t.Errorf("a token from nowhere: %+v", r)
		}
	})
}

func TestMiniProgramsExchangeTheirCodeForASession(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		code, err := sb.NewJSCode(appID, user)
		if err != nil {
			t.Fatal(err)
		}
		session := func(code string) grantReply {
			t.Helper()
			return c.sns("jscode2session", "appid", appID, "secret", secret, "js_code", code, "grant_type", "authorization_code")
		}
		if got := c.exchange(code).code(); got != 40029 {
			t.Errorf("as a web authorization's: errcode %d, want 40029", got)
		}
		if r := session(code); r.OpenID != user || len(r.SessionKey) != 24 || r.Errcode != nil || r.AccessToken != "" {
			t.Errorf("session %+v", r)
		}
		if got := session(code).code(); got != 40163 {
			t.Errorf("again: errcode %d, want 40163", got)
		}
		if got := session("").code(); got != 41008 {
			t.Errorf("no code: errcode %d, want 41008", got)
		}
	})
}

// I8: tokens of apps and of users never open each other's paths, and who tries
// is found out.
func TestI8TokensOfAppsAndUsersNeverOpenEachOthersPaths(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		classic, stable := c.token().AccessToken, c.stable().AccessToken
		g := c.exchange(newCode(t, sb, sandbox.ScopeUserInfo))
		if sb.Live(g.AccessToken) || sb.LiveUser(classic) || len(sb.Misuses()) != 0 {
			t.Fatal("mixed up before anybody did anything")
		}
		for what, got := range map[string]int{
			"a user's token on cgi-bin":     c.use(g.AccessToken),
			"a refresh token on cgi-bin":    c.use(g.RefreshToken),
			"an upload with a user's token": c.send("/cgi-bin/media/upload?type=image&access_token="+g.AccessToken, picture("x")).code(),
			"the app's token on userinfo":   c.sns("userinfo", "access_token", classic, "openid", user).code(),
			"the app's token on auth":       c.sns("auth", "access_token", stable, "openid", user).code(),
		} {
			if got != 40001 {
				t.Errorf("%s: errcode %d, want 40001", what, got)
			}
		}
		if got := c.refresh(stable).code(); got != 40030 {
			t.Errorf("the app's token as a refresh token: errcode %d, want 40030", got)
		}
		for _, m := range sb.Misuses() {
			if m.What != sandbox.MixedUpToken || m.App != appID || m.Detail == "" || strings.Contains(m.Detail, "83_") {
				t.Errorf("misuse %+v", m)
			}
		}
		if n := len(sb.Misuses()); n != 6 {
			t.Errorf("%d misuses, want 6", n)
		}
		if c.use(stable) != 0 || c.sns("auth", "access_token", g.AccessToken, "openid", user).code() != 0 {
			t.Error("a token did not survive its misuse")
		}
	})
}

func TestScriptsMakeCodes(t *testing.T) {
	t.Parallel()
	sb := newControlled()
	c := newCaller(t, sb.Transport())
	made := func(verb, body string) string {
		t.Helper()
		status, text, _ := control(t, sb, "POST", "/apps/"+appID+"/"+verb, body)
		var r struct{ Code string }
		if err := json.Unmarshal([]byte(text), &r); err != nil || status != 200 || r.Code == "" {
			t.Fatalf("%s: status %d, %s, %v", verb, status, text, err)
		}
		return r.Code
	}
	if g := c.exchange(made("code", `{"openid":"`+user+`","scope":"snsapi_userinfo"}`)); g.OpenID != user || g.Scope != "snsapi_userinfo" {
		t.Errorf("%+v", g)
	}
	if g := c.exchange(made("code", `{}`)); g.OpenID == "" || g.Scope != "snsapi_base" {
		t.Errorf("of a user made up: %+v", g)
	}
	if r := c.sns("jscode2session", "appid", appID, "secret", secret, "js_code", made("jscode", `{}`), "grant_type", "authorization_code"); r.OpenID == "" {
		t.Errorf("%+v", r)
	}
	status, page, _ := control(t, sb, "POST", "/apps/"+appID+"/code", "openid=&scope=snsapi_login&lang=zh")
	if status != 200 || !strings.Contains(page, "一次性 code <code>0") {
		t.Errorf("the page: status %d", status)
	}
	if status, text, _ := control(t, sb, "POST", "/apps/"+appID+"/code", `{"scope":"everything"}`); status != 400 || !strings.Contains(text, "there are: snsapi_base") {
		t.Errorf("unknown scope: status %d, %s", status, text)
	}
}

func TestGrantsAreBounded(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}})
	c := newCaller(t, sb.Transport())
	first := c.exchange(newCode(t, sb, sandbox.ScopeBase))
	var last grantReply
	for range 10_100 {
		last = c.exchange(newCode(t, sb, sandbox.ScopeBase))
	}
	if sb.LiveUser(first.AccessToken) || c.refresh(first.RefreshToken).code() != 40030 {
		t.Error("ten thousand grants are remembered")
	}
	if !sb.LiveUser(last.AccessToken) {
		t.Error("the newest grant is forgotten")
	}
}
