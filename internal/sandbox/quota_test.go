package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestEachPathHasItsCallsPerMinute(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{Quotas: sandbox.Quotas{CallsPerMinute: 2}}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		token := c.stable().AccessToken
		list := func() reply { return c.do("GET", "/cgi-bin/user/get?access_token="+token, "") }
		for i, want := range []int{0, 0, 45011, 45011} {
			if got := list().code(); got != want {
				t.Errorf("call %d: errcode %d, want %d", i, got, want)
			}
		}
		if r := list(); !strings.HasPrefix(r.Errmsg, "api minute-quota reach limit, must slower, retry next minute rid: ") {
			t.Errorf("errmsg %q", r.Errmsg)
		}
		if got := c.use(token); got != 0 {
			t.Errorf("another path: errcode %d", got)
		}
		for range 5 {
			if got := c.token().code(); got != 0 {
				t.Errorf("a path of tokens: errcode %d", got)
			}
		}
		quota := c.raw("POST", "/cgi-bin/openapi/quota/get?access_token="+token, `{"cgi_path":"/cgi-bin/user/get"}`)
		if !strings.Contains(quota, `"used":2,`) || !strings.Contains(quota, `"rate_limit":{"call_count":2,"refresh_second":60}`) {
			t.Errorf("what is refused within the minute costs of the day: %s", quota)
		}
		for range 2 {
			c.exchange(newCode(t, sb, sandbox.ScopeBase))
		}
		code := newCode(t, sb, sandbox.ScopeBase)
		if got := c.exchange(code).code(); got != 45011 {
			t.Errorf("the third exchange: errcode %d, want 45011", got)
		}
		time.Sleep(time.Minute)
		if got := list().code(); got != 0 {
			t.Errorf("in the next minute: errcode %d", got)
		}
		if got := c.exchange(code).code(); got != 0 {
			t.Errorf("a code that was refused for the quota: errcode %d", got)
		}
	})
}

func TestTheQuotaOfASinglePathIsCleared(t *testing.T) {
	t.Parallel()
	cfg := sandbox.Config{Quotas: sandbox.Quotas{CallsPerDay: 1, ClearPerMonth: 1}}
	bubble(t, cfg, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		token := c.stable().AccessToken
		clearPath := func(path string) int {
			t.Helper()
			return c.do("POST", "/cgi-bin/openapi/quota/clear?access_token="+token, `{"cgi_path":"`+path+`"}`).code()
		}
		remark := func() int {
			t.Helper()
			return c.do("POST", "/cgi-bin/user/info/updateremark?access_token="+token, `{"openid":"o"}`).code()
		}
		c.use(token)
		if remark() != 0 || remark() != 45009 {
			t.Fatal("the quota is not what it should be")
		}
		if got := clearPath("/cgi-bin/user/info/updateremark"); got != 0 {
			t.Errorf("errcode %d", got)
		}
		if got := remark(); got != 0 {
			t.Errorf("after that: errcode %d", got)
		}
		if got := c.use(token); got != 45009 {
			t.Errorf("another path: errcode %d, want 45009", got)
		}
		if n := sb.Counts(appID).Cleared; n != 1 {
			t.Errorf("cleared %d times, want 1", n)
		}
	})
	bubble(t, sandbox.Config{Quotas: sandbox.Quotas{ClearPerMonth: 1}}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		token := c.stable().AccessToken
		for _, tc := range []struct {
			path string
			want int
		}{{"cgi-bin/user/get", 76003}, {"/sns/userinfo", 76022}, {"/nothing", 76021}, {"/cgi-bin/user/get", 0}, {"/cgi-bin/user/get", 48006}} {
			got := c.do("POST", "/cgi-bin/openapi/quota/clear?access_token="+token, `{"cgi_path":"`+tc.path+`"}`).code()
			if got != tc.want {
				t.Errorf("%s: errcode %d, want %d", tc.path, got, tc.want)
			}
		}
	})
}
