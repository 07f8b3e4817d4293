package sandbox_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// codeOf has one of the people log in.
func codeOf(t *testing.T, sb *sandbox.Sandbox, app, id, scope string) string {
	t.Helper()
	code, err := sb.NewCode(app, sandbox.OpenID(app, id), scope)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return m
}

func TestUsersHaveProfiles(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		profile := func(id, lang string) map[string]any {
			t.Helper()
			g := c.exchange(codeOf(t, sb, appID, id, sandbox.ScopeUserInfo))
			return object(t, c.raw("GET", "/sns/userinfo?access_token="+g.AccessToken+"&openid="+g.OpenID+"&lang="+lang, ""))
		}
		ming := sandbox.OpenID(appID, "xiaoming")
		want := map[string]any{
			"openid": ming, "nickname": "小明", "sex": 1.0, "language": "zh_CN", "city": "深圳", "province": "广东", "country": "中国",
			"headimgurl": base + "/_sandbox/portrait/xiaoming/132", "privilege": []any{}, "unionid": sandbox.UnionID("", "xiaoming"),
		}
		if diff := cmp.Diff(want, profile("xiaoming", "")); diff != "" {
			t.Errorf("profile (-want +got):\n%s", diff)
		}
		want["language"], want["city"], want["province"], want["country"] = "en", "Shenzhen", "Guangdong", "China"
		if diff := cmp.Diff(want, profile("xiaoming", "en")); diff != "" {
			t.Errorf("profile in English (-want +got):\n%s", diff)
		}
		if p := profile("mallory", "zh_TW"); p["nickname"] != `<b>Mallory</b> "&'` || p["headimgurl"] != "" || p["language"] != "zh_TW" {
			t.Errorf("a profile that is not to be trusted: %v", p)
		}
	})
}

// I8: one union id for all apps of a company, one open id for each.
func TestI8UsersHaveAnOpenIDPerAppAndAUnionIDPerCompany(t *testing.T) {
	t.Parallel()
	apps := []sandbox.App{
		{ID: appID, Secret: secret, Company: "hufu"},
		{ID: other, Secret: "other-" + secret, Company: "hufu"},
		{ID: "wxthird", Secret: secret, Company: "somebody else"},
	}
	bubble(t, sandbox.Config{Apps: apps}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		open, union := make(map[string]bool), make(map[string]int)
		for _, app := range apps {
			code := codeOf(t, sb, app.ID, "alice", sandbox.ScopeLogin)
			g := c.sns("oauth2/access_token", "appid", app.ID, "secret", app.Secret, "code", code, "grant_type", "authorization_code")
			open[g.OpenID] = true
			union[g.UnionID]++
			if js, err := sb.NewJSCode(app.ID, g.OpenID); err != nil {
				t.Error(err)
			} else if s := c.sns("jscode2session", "appid", app.ID, "secret", app.Secret, "js_code", js, "grant_type", "authorization_code"); s.UnionID != g.UnionID {
				t.Errorf("the mini program's union id is %q, the page's %q", s.UnionID, g.UnionID)
			}
		}
		if len(open) != 3 {
			t.Errorf("%d open ids, want 3", len(open))
		}
		if diff := cmp.Diff(map[string]int{sandbox.UnionID("hufu", "alice"): 2, sandbox.UnionID("somebody else", "alice"): 1}, union); diff != "" {
			t.Errorf("union ids (-want +got):\n%s", diff)
		}
	})
}

func TestWhoLooksAtASnapshotIsSaidToBeNobody(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		for _, u := range sandbox.Users() {
			raw := c.raw("GET", "/sns/oauth2/access_token?grant_type=authorization_code&appid="+appID+"&secret="+secret+
				"&code="+codeOf(t, sb, appID, u.ID, sandbox.ScopeUserInfo), "")
			if got := strings.Contains(raw, `"is_snapshotuser":1`); got != u.Snapshot {
				t.Errorf("%s: a snapshot user: %v, want %v", u.ID, got, u.Snapshot)
			}
			if !u.Snapshot && strings.Contains(raw, "is_snapshotuser") {
				t.Errorf("%s: %s", u.ID, raw)
			}
			if object(t, raw)["unionid"] != sandbox.UnionID("", u.ID) {
				t.Errorf("%s: %s", u.ID, raw)
			}
		}
	})
}

func TestAppsLearnLittleOfUsersWhoDoNotFollowThem(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		token := c.token().AccessToken
		for _, u := range sandbox.Users() {
			id := sandbox.OpenID(appID, u.ID)
			info := object(t, c.raw("GET", "/cgi-bin/user/info?openid="+id+"&access_token="+token, ""))
			if !u.Follows {
				want := map[string]any{"subscribe": 0.0, "openid": id, "unionid": sandbox.UnionID("", u.ID)}
				if diff := cmp.Diff(want, info); diff != "" {
					t.Errorf("%s (-want +got):\n%s", u.ID, diff)
				}
			} else if info["subscribe"] != 1.0 || info["openid"] != id || info["unionid"] != sandbox.UnionID("", u.ID) || info["subscribe_time"] == nil {
				t.Errorf("%s: %v", u.ID, info)
			}
			if _, named := info["nickname"]; named {
				t.Errorf("%s: %v", u.ID, info)
			}
		}
		list := c.raw("GET", "/cgi-bin/user/get?access_token="+token, "")
		both := c.raw("POST", "/cgi-bin/user/info/batchget?access_token="+token,
			`{"user_list":[{"openid":"`+sandbox.OpenID(appID, "alice")+`"},{"openid":"`+sandbox.OpenID(appID, "bob")+`"}]}`)
		if !strings.Contains(list, sandbox.OpenID(appID, "alice")) || strings.Contains(list, sandbox.OpenID(appID, "bob")) {
			t.Errorf("followers: %s", list)
		}
		if !strings.HasPrefix(both, `{"user_info_list":[{"subscribe":1,`) || !strings.Contains(both, `{"subscribe":0,`) {
			t.Errorf("batchget: %s", both)
		}
	})
}
