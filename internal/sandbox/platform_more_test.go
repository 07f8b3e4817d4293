package sandbox_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestDingTalksThreePathsGiveOneToken(t *testing.T) {
	t.Parallel()
	on(t, "dingtalk", sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		tokens := make(map[string]bool)
		for _, w := range ways() {
			if w.platform == "dingtalk" {
				token, _ := w.get(c)
				tokens[token] = true
				time.Sleep(time.Hour) // so that without being prolonged it would die
				for _, at := range ways() {
					if at.platform == "dingtalk" && !at.opens(c, token) {
						t.Errorf("the token of %s does not open %s", w.path(), at.path())
					}
				}
			}
		}
		if n := sb.Of("dingtalk").Counts(thatApp); len(tokens) != 1 || n.Issues != 1 || n.IssueCalls != 3 {
			t.Errorf("%d tokens, counts %+v", len(tokens), n)
		}
	})
}

func TestDingTalksUnifiedPathHasTheCorpInIt(t *testing.T) {
	t.Parallel()
	cfg := sandbox.Config{Apps: []sandbox.App{{Platform: "dingtalk", ID: thatApp, Secret: thatSecret, Company: "ding01"}}}
	on(t, "dingtalk", cfg, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		s := shot{body: `{"client_id":"app-1","client_secret":"` + thatSecret + `","grant_type":"client_credentials"}`}
		s.line = "POST /dingtalk/v1.0/oauth2/ding01/token"
		if a := c.shoot(s); a.token("access_token") == "" {
			t.Errorf("its own corp: %s", a.text)
		}
		s.line = "POST /dingtalk/v1.0/oauth2/ding02/token"
		if a := c.shoot(s); a.status != 500 || a.at("code") != "unknownError" {
			t.Errorf("another corp: %d %s", a.status, a.text)
		}
	})
}

func TestThrottledAsThePathsOfDingTalkSayIt(t *testing.T) {
	t.Parallel()
	cfg := sandbox.Config{Quotas: sandbox.Quotas{IssueCalls: 1}}
	on(t, "dingtalk", cfg, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		want := map[string]string{"access_token": `"sub_code":"90018"`, "accessToken": `"code":"Forbidden.AccessDenied.QpsLimitForApi"`}
		for _, w := range ways() {
			if w.platform == "dingtalk" && !strings.Contains(w.path(), "ding01") {
				time.Sleep(time.Minute)
				w.get(c)
				if a := c.shoot(w.ask(thatApp, thatSecret)); !strings.Contains(a.text, want[w.token]) {
					t.Errorf("%s: %s", w.path(), a.text)
				}
			}
		}
	})
}

func TestTicketsOfFeishuAndDingTalk(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		var call func(token string) shot
		switch {
		case w.platform == "dingtalk":
			call = func(token string) shot { return shot{line: "GET /dingtalk/get_jsapi_ticket?access_token=" + token} }
		case w.platform == "feishu" && w.mode != "app":
			call = func(token string) shot {
				return shot{line: "POST /feishu/open-apis/jssdk/ticket/get", header: []string{"Authorization", "Bearer " + token}}
			}
		default:
			continue
		}
		on(t, w.platform, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
			p := sb.Of(w.platform)
			token, _ := w.get(c)
			one := c.shoot(call(token))
			if ticket := p.CurrentTicket(thatApp, "jsapi_ticket"); ticket == "" || !strings.Contains(one.text, ticket) || !strings.Contains(one.text, "7200") {
				t.Errorf("%s: %s", w.platform, one.text)
			}
			if a := c.shoot(call("x")); strings.Contains(a.text, `"ticket"`) {
				t.Errorf("%s gives a ticket to everybody: %s", w.platform, a.text)
			}
		})
	}
}

func TestFeishuGivesLongTokensByOAuth(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		if w.mode == "oauth" {
			on(t, w.platform, sandbox.Config{}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
				if token, _ := w.get(c); len(token) < 2048 || strings.Count(token, ".") != 2 {
					t.Errorf("a token of %d characters", len(token))
				}
			})
		}
	}
}

func TestFeishuSaysTooOftenWithAStatusOfItsOwn(t *testing.T) {
	t.Parallel()
	everyWay(t, sandbox.Config{}, func(t *testing.T, w way, sb *sandbox.Sandbox, c caller) {
		if w.platform != "feishu" {
			return
		}
		token, _ := w.get(c)
		for what, s := range map[string]shot{"an issue": w.ask(thatApp, thatSecret), "a call": first(w.calls(token))} {
			sb.Inject(sandbox.Fault{App: thatApp, Kind: sandbox.FaultErrcode, Code: "99991400", Times: 1})
			if a := c.shoot(s); a.status != 429 || a.at("code") != 99991400.0 {
				t.Errorf("%s too often: %d %s", what, a.status, a.text)
			}
		}
	})
}

func TestFeishuLimitsOAuth(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		if w.platform != "feishu" || w.mode != "oauth" {
			continue
		}
		on(t, "feishu", sandbox.Config{}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
			for range 50 {
				w.get(c)
			}
			if a := c.shoot(w.ask(thatApp, thatSecret)); a.status != 429 || a.at("code") != 99991400.0 {
				t.Errorf("the 51st within a second: %d %s", a.status, a.text)
			}
			time.Sleep(time.Second)
			w.get(c)
		})
	}
}

func TestDouyinLimitsClientTokens(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		if w.mode != "stable" && w.mode != "client" {
			continue
		}
		on(t, "douyin", sandbox.Config{Allow: []sandbox.MisuseKind{sandbox.IssueInsideOverlap}}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
			for range 500 {
				w.get(c)
			}
			if a := c.shoot(w.ask(thatApp, thatSecret)); a.at("data.error_code") != 10020.0 {
				t.Errorf("%s: the 501st within five minutes: %s", w.mode, a.text)
			}
			time.Sleep(5 * time.Minute)
			w.get(c)
		})
	}
}

func TestBaidusTokensHaveTheirExpiryInThem(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		if w.platform == "baidu" {
			on(t, "baidu", sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
				token, _ := w.get(c)
				dies, _ := sb.Of("baidu").Dies(token)
				if want := ".2592000." + strconv.FormatInt(dies.Unix(), 10) + "."; !strings.Contains(token, want) {
					t.Errorf("token %s, want %s in it", token, want)
				}
			})
		}
	}
}

func TestPlatformsAreNamed(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{})
	for _, name := range sandbox.Platforms() {
		if p := sb.Of(name); p.Name() != name || len(p.Modes()) == 0 {
			t.Errorf("%s is %s with the modes %v", name, p.Name(), p.Modes())
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("there is a platform of any name")
		}
	}()
	sb.AddApp(sandbox.App{Platform: "nonsense", ID: "x", Secret: "y"})
}

func TestThePlatformsBelowTheirNamesAreNotWeChat(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		for _, path := range []string{"/wecom", "/nonsense/cgi-bin/gettoken", "/wecomx/cgi-bin/gettoken"} {
			if got := c.do("GET", path, "").code(); got != 40066 {
				t.Errorf("%s: errcode %d, want WeChat's", path, got)
			}
		}
	})
}
