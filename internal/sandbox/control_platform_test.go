package sandbox_test

import (
	"encoding/json"
	"fmt"
	"html"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func newMany() *sandbox.Sandbox {
	apps := append(corp(), sandbox.App{ID: appID, Secret: secret})
	for _, p := range sandbox.Platforms() {
		apps = append(apps, sandbox.App{Platform: p, ID: thatApp, Secret: thatSecret})
	}
	return sandbox.New(sandbox.Config{Apps: apps})
}

func TestScriptsSteerEveryPlatform(t *testing.T) {
	t.Parallel()
	sb := newMany()
	c := newCaller(t, sb.Transport())
	post := func(path, body string, want int) {
		t.Helper()
		if got, text, _ := control(t, sb, "POST", path, body); got != want {
			t.Errorf("POST %s %s: status %d (%s), want %d", path, body, got, text, want)
		}
	}
	for _, w := range ways() {
		p, app := sb.Of(w.platform), "/"+w.platform+"/apps/"+thatApp
		mode := `{"mode":"` + string(w.mode) + `"}`
		token, _ := w.get(c)
		post(app+"/kill", mode, 200)
		if p.Live(token) {
			t.Errorf("%s %s: a killed token lives", w.platform, w.mode)
		}
		post(app+"/rotate", mode, 200)
		rotated := p.Current(thatApp, w.mode)
		if rotated == token || !p.Live(rotated) {
			t.Errorf("%s %s: rotate did nothing", w.platform, w.mode)
		}
		post(app+"/kill", `{"token":"`+rotated+`"}`, 200)
		if p.Live(rotated) {
			t.Errorf("%s %s: a token that was named lives", w.platform, w.mode)
		}
		post(app+"/freeze", `{"code":"4711"}`, 200)
		if a := c.shoot(w.ask(thatApp, thatSecret)); !strings.Contains(a.text, "4711") {
			t.Errorf("%s: frozen, it answers %s", w.platform, a.text)
		}
		post(app+"/unfreeze", "", 200)
		post(app+"/secret", `{"secret":"another"}`, 200)
		if a := c.shoot(w.ask(thatApp, "another")); a.token(w.token) == "" {
			t.Errorf("%s: with another secret it answers %s", w.platform, a.text)
		}
		post(app+"/secret", `{"secret":"`+thatSecret+`"}`, 200)
		post("/"+w.platform+"/apps/nobody/kill", mode, 404)
		post(app+"/kill", `{"mode":"nonsense"}`, 400)
		post(app+"/kill", `{"app":"x"}`, 400)
		post(app+"/kill", "{}", 200)
		post(app+"/freeze", `{"errcode":4711}`, 400)
		post(app+"/freeze", `{"code":""}`, 400)
		post(app+"/secret", `{"secret":""}`, 400)
		post(app+"/jscode", "{}", 404)
		post(app, "{}", 404)
		post(app+"/whitelist", `{"whitelist":["127.0.0.1"]}`, map[bool]int{true: 200, false: 400}[w.platform == "wecom"])
	}
	post("/nonsense/apps/"+thatApp+"/kill", "{}", 404)
	post("/wecom/kill", "{}", 404)
	two := c.wecom("ww01", "secret-2")
	three := c.wecom("ww01", "secret-3")
	post("/wecom/apps/ww01:1000003/kill", "{}", 200)
	if p := sb.Of("wecom"); p.Live(three) || !p.Live(two) {
		t.Error("the wrong agent was hit")
	}
	post("/wecom/apps/ww01:1000003/kill", `{"token":"`+two+`"}`, 200)
	if !sb.Of("wecom").Live(two) {
		t.Error("an agent's verb kills the token of another")
	}
	post("/faults", `{"kind":"errcode","code":"some_words"}`, 200)
	if f := sb.Faults(); len(f) != 1 || f[0].Code != "some_words" {
		t.Errorf("faults %+v", f)
	}
}

// Who kills without naming a mode means the token that the app has, whatever its mode, and a
// kill that hits nothing says so.
func TestKillSaysHowManyTokensEnded(t *testing.T) {
	t.Parallel()
	sb := newMany()
	c := newCaller(t, sb.Transport())
	post := func(path, body, want string) {
		t.Helper()
		if status, text, _ := control(t, sb, "POST", path, body); status != 200 || strings.TrimSpace(text) != want {
			t.Errorf("POST %s %s: status %d, %s, want %s", path, body, status, text, want)
		}
	}
	for _, w := range ways() {
		app := "/" + w.platform + "/apps/" + thatApp + "/kill"
		post(app, `{}`, `{"ended":0}`)
		token, _ := w.get(c)
		all := 0
		for _, mode := range sb.Of(w.platform).Modes() { // one of Feishu's paths answers with the tokens of two
			if p := sb.Of(w.platform); p.Live(p.Current(thatApp, mode)) {
				all++
			}
		}
		if post(app, `{}`, fmt.Sprintf(`{"ended":%d}`, all)); sb.Of(w.platform).Live(token) {
			t.Errorf("%s %s: lives on", w.platform, w.mode)
		}
		post(app, `{"mode":"`+string(w.mode)+`"}`, `{"ended":0}`)
		post(app, `{"token":"`+token+`"}`, `{"ended":0}`)
	}
	post("/apps/"+appID+"/kill", `{"mode":"stable"}`, `{"ended":0}`)
	if _, err := sb.RotateOutside(appID); err != nil {
		t.Fatal(err)
	}
	post("/apps/"+appID+"/kill", `{"mode":"classic"}`, `{"ended":1}`)
	post("/apps/"+appID+"/kill", `{"token":"nonsense"}`, `{"ended":0}`)
	for _, name := range []string{"ww01", "ww01:1"} {
		if status, text, _ := control(t, sb, "POST", "/wecom/apps/"+name+"/kill", `{}`); status != 404 || !strings.Contains(text, "there are: ww01:1000002, ww01:1000003") {
			t.Errorf("%s: status %d, %s", name, status, text)
		}
	}
	if status, text, _ := control(t, sb, "POST", "/feishu/apps/nobody/kill", `{}`); status != 404 || strings.Contains(text, "there are") {
		t.Errorf("status %d, %s", status, text)
	}
}

func TestEveryPlatformIsShownWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	sb := newMany()
	c := newCaller(t, sb.Transport())
	hidden := []string{thatSecret, "secret-2", "secret-of-ww02"}
	for _, w := range ways() {
		token, _ := w.get(c)
		hidden = append(hidden, token)
		get, _ := w.calls(token)
		c.shoot(get)
		c.shoot(w.ask(thatApp, "presented-secret"))
		c.shoot(shot{line: "GET /" + w.platform + "/nonsense?secret=" + thatSecret})
	}
	two := c.wecom("ww01", "secret-2")
	ticket := c.shoot(shot{line: "GET /wecom/cgi-bin/get_jsapi_ticket?access_token=" + two}).token("ticket")
	hidden = append(hidden, "presented-secret", two, ticket)
	sb.Inject(sandbox.Fault{Kind: sandbox.FaultErrcode, Path: "/lark/", Code: "some_words"})

	for _, path := range []string{"/", "/?lang=zh", "/state", "/state?app=" + thatApp, "/state?app=ww01:1000002"} {
		status, body, _ := control(t, sb, "GET", path, "")
		if status != 200 || !strings.Contains(body, "some_words") {
			t.Errorf("GET %s: status %d", path, status)
		}
		for _, s := range hidden {
			if strings.Contains(body, s) || strings.Contains(html.UnescapeString(body), s) {
				t.Errorf("GET %s shows %.12s…", path, s)
			}
		}
	}
	_, body, _ := control(t, sb, "GET", "/", "")
	for _, want := range []string{"ww01:1000002", "DingTalk", "Kuaishou", `action="/_sandbox/douyin/apps/app-1/kill"`, "app secret in a wrong place"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	var state struct {
		Platforms []struct {
			Name string `json:"name"`
			Apps []struct {
				ID     string `json:"app_id"`
				Counts struct {
					IssueCalls int            `json:"issue_calls"`
					ByCode     map[string]int `json:"by_code"`
				} `json:"counts"`
				Tokens []struct {
					Mode string `json:"mode"`
					Live bool   `json:"live"`
				} `json:"tokens"`
				Tickets []struct{} `json:"tickets"`
			} `json:"apps"`
			Hidden int `json:"apps_not_shown"`
		} `json:"platforms"`
	}
	_, body, _ = control(t, sb, "GET", "/state", "")
	if err := json.Unmarshal([]byte(body), &state); err != nil {
		t.Fatal(err)
	}
	if len(state.Platforms) != len(sandbox.Platforms()) {
		t.Fatalf("%d platforms are shown", len(state.Platforms))
	}
	wecom, feishu := state.Platforms[0], state.Platforms[1]
	if len(wecom.Apps) != 4 || wecom.Apps[0].ID != "ww01:1000002" || len(wecom.Apps[0].Tickets) != 1 || wecom.Hidden != 0 {
		t.Errorf("WeCom is shown as %+v", wecom)
	}
	if a := feishu.Apps[0]; len(a.Tokens) != 3 || !a.Tokens[2].Live || a.Counts.IssueCalls != 3 || a.Counts.ByCode["10014"] != 2 {
		t.Errorf("Feishu is shown as %+v", feishu)
	}
	_, body, _ = control(t, sb, "GET", "/state?app=ww01:1000002", "")
	if err := json.Unmarshal([]byte(body), &state); err != nil || len(state.Platforms) == 0 || len(state.Platforms[0].Apps) != 1 || state.Platforms[0].Hidden != 3 {
		t.Errorf("one app is shown as %+v, %v", state.Platforms, err)
	}
}

func TestThePageSteersEveryPlatformWithForms(t *testing.T) {
	t.Parallel()
	sb := newMany()
	c := newCaller(t, sb.Transport())
	two := c.wecom("ww01", "secret-2")
	status, _, header := control(t, sb, "POST", "/wecom/apps/ww01:1000002/kill", "lang=zh&mode=token", "Content-Type", "application/x-www-form-urlencoded")
	if status != 303 || header.Get("Location") != "/_sandbox/?lang=zh" || sb.Of("wecom").Live(two) {
		t.Errorf("status %d, on to %q", status, header.Get("Location"))
	}
	status, body, _ := control(t, sb, "POST", "/wecom/apps/ww01:1000002/freeze", "lang=en&code=", "Content-Type", "application/x-www-form-urlencoded")
	if status != 400 || !strings.Contains(body, "the code to refuse with is missing") {
		t.Errorf("status %d", status)
	}
	if status, _, _ := control(t, sb, "POST", "/wecom/apps/ww01:1000002/kill", "{}", "Sec-Fetch-Site", "cross-site"); status != 403 {
		t.Errorf("a foreign page steers: status %d", status)
	}
}
