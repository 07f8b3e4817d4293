package sandbox_test

import (
	"encoding/json"
	"html"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// command sends a control call about a user as a script does.
func command(t *testing.T, sb *sandbox.Sandbox, verb, body string) map[string]any {
	t.Helper()
	status, text, _ := control(t, sb, "POST", "/apps/"+appID+"/"+verb, body)
	if status != 200 {
		t.Fatalf("%s %s: status %d, %s", verb, body, status, text)
	}
	return object(t, text)
}

func TestScriptsSteerUsers(t *testing.T) {
	t.Parallel()
	sb := newControlled()
	c := newCaller(t, sb.Transport())
	login := func(body string) grantReply {
		t.Helper()
		code, _ := command(t, sb, "code", body)["code"].(string)
		g := c.exchange(code)
		if g.code() != 0 {
			t.Fatalf("%+v", g)
		}
		return g
	}
	if g := login(`{}`); g.OpenID != sandbox.OpenID(appID, "alice") || g.Scope != "snsapi_base" {
		t.Errorf("of nobody in particular: %+v", g)
	}
	if g := login(`{"openid":"o-1","scope":"snsapi_login"}`); g.OpenID != "o-1" {
		t.Errorf("of an open id: %+v", g)
	}
	for verb, want := range map[string][3]int{
		"expire-user": {42001, 42001, 0}, "kill-user": {40001, 40001, 0}, "expire-refresh": {0, 0, 42002}, "revoke": {42007, 42007, 42007},
	} {
		g := login(`{"user":"bob","scope":"snsapi_userinfo"}`)
		if ended := command(t, sb, verb, `{"user":"bob"}`)["ended"]; ended == nil || ended == 0.0 {
			t.Errorf("%s: ended %v", verb, ended)
		}
		if got := c.tokenCodes(g); got != want {
			t.Errorf("%s: errcodes %v, want %v", verb, got, want)
		}
		command(t, sb, "revoke", `{"user":"bob"}`)
		if ended := command(t, sb, verb, `{"user":"bob"}`)["ended"]; ended != 0.0 {
			t.Errorf("%s: ended %v again", verb, ended)
		}
	}

	alice := sandbox.OpenID(appID, "alice")
	command(t, sb, "block", `{"openid":"`+alice+`"}`)
	if got := c.mini(sb, alice).code(); got != 40226 {
		t.Errorf("blocked: errcode %d", got)
	}
	command(t, sb, "unblock", `{"user":"alice"}`)
	key := c.mini(sb, alice).SessionKey
	signed := command(t, sb, "sign", `{"raw_data":"{}"}`)["signature"]
	if want, err := sb.SignRaw(appID, alice, "{}"); err != nil || signed != want {
		t.Errorf("signature %v, want %s (%v)", signed, want, err)
	}
	sealed := command(t, sb, "encrypt", `{"data":{"id":12345678901234567890}}`)
	text, _ := sealed["encrypted_data"].(string)
	iv, _ := sealed["iv"].(string)
	if got := string(unCBC(t, key, iv, text)); !strings.HasPrefix(got, `{"id":12345678901234567890,"watermark":{"appid":"`+appID+`"`) {
		t.Errorf("decrypted %s", got)
	}
	command(t, sb, "new-session-key", `{}`)
	if c.mini(sb, alice).SessionKey == key {
		t.Error("the session key is the old one")
	}

	for _, tc := range []struct{ verb, body, want string }{
		{"revoke", `{"user":"carol"}`, `unknown user "carol"; there are: alice, xiaoming, bob`},
		{"revoke", "", `send {"openid":"OPENID"} or {"user":"bob"}`},
		{"block", `{"scope":"x"}`, "there are: openid, user"},
		{"sign", `{"openid":"o-nowhere","raw_data":"x"}`, "has no session"},
		{"encrypt", `{"data":[1]}`, "read the data"},
		{"encrypt", "data=nonsense", "no JSON object"},
	} {
		status, text, _ := control(t, sb, "POST", "/apps/"+appID+"/"+tc.verb, tc.body)
		if status != 400 || !strings.Contains(html.UnescapeString(text), tc.want) {
			t.Errorf("%s %s: status %d, %.300s, want %s", tc.verb, tc.body, status, text, tc.want)
		}
	}
	for _, verb := range []string{"revoke", "block", "sign"} {
		if status, _, _ := control(t, sb, "POST", "/apps/wxunknown/"+verb, "{}"); status != 404 {
			t.Errorf("%s of an unknown app: status %d", verb, status)
		}
	}
}

func TestThePageShowsAndSteersUsers(t *testing.T) {
	t.Parallel()
	sb := newControlled()
	c := newCaller(t, sb.Transport())
	g := c.exchange(codeOf(t, sb, appID, "xiaohong", sandbox.ScopeUserInfo))
	hong := func() map[string]any {
		t.Helper()
		_, text, _ := control(t, sb, "GET", "/state?app="+appID, "")
		var state struct {
			Apps []struct{ Users []map[string]any }
		}
		if err := json.Unmarshal([]byte(text), &state); err != nil {
			t.Fatal(err)
		}
		for _, u := range state.Apps[0].Users {
			if u["user"] == "xiaohong" {
				return u
			}
		}
		t.Fatalf("no such user in %s", text)
		return nil
	}
	if u := hong(); u["grants"] != 1.0 || u["tokens"] != 1.0 || u["blocked"] != false || u["openid"] != g.OpenID || u["follows"] != false {
		t.Errorf("state %v", u)
	}
	for _, verb := range []string{"revoke", "block"} {
		if status, _, h := control(t, sb, "POST", "/apps/"+appID+"/"+verb, "lang=zh&user=xiaohong&openid="); status != 303 || h.Get("Location") != "/_sandbox/?lang=zh" {
			t.Errorf("%s: status %d", verb, status)
		}
	}
	if u := hong(); u["grants"] != 0.0 || u["tokens"] != 0.0 || u["blocked"] != true {
		t.Errorf("state %v", u)
	}
	_, page, _ := control(t, sb, "GET", "/?lang=zh", "")
	for _, want := range []string{"小红", "已拦截", "撤销授权", g.OpenID, "/connect/qrconnect?appid=" + appID} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(page, g.AccessToken) || strings.Contains(page, g.RefreshToken) {
		t.Error("the page shows a token")
	}
	c.mini(sb, user)
	if status, page, _ := control(t, sb, "POST", "/apps/"+appID+"/sign", "openid="+user+"&raw_data=x"); status != 200 || !strings.Contains(page, "signature <code>") {
		t.Errorf("sign: status %d", status)
	}
	if status, page, _ := control(t, sb, "POST", "/apps/"+appID+"/encrypt", "openid="+user+"&data={}"); status != 200 || !strings.Contains(page, "iv <code>") {
		t.Errorf("encrypt: status %d", status)
	}
}
