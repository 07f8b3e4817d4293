package wechat_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// The simulated platform takes what is put into calls, and its answers are judged.
func TestCallsOpenTheSimulatedPlatform(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := newSandbox()
		up := newPlatform(sb).Upstream
		got, err := issuer(newPlatform(sb), wechat.Stable).Issue(t.Context(), request(appSecret))
		must(t, err)
		code, err := sb.NewJSCode(appID, "o-user")
		must(t, err)
		grant, err := sb.NewCode(appID, "o-user", sandbox.ScopeBase)
		must(t, err)
		call := func(method, path, query, body string) broker.Judgement {
			t.Helper()
			r := httptest.NewRequestWithContext(t.Context(), method, wechat.BaseURL+path+query, strings.NewReader(body))
			switch up.Route(path).Sort {
			case broker.CallApp:
				up.Attach(r, got.Token)
			case broker.CallExchange:
				up.Substitute(r, appID, broker.NewSecret(appSecret))
			case broker.CallUser, broker.CallManaged, broker.CallForeign:
			}
			resp, err := sb.Transport().RoundTrip(r)
			must(t, err)
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			must(t, err)
			return up.Judge(path, resp, b)
		}
		ok := func(method, path, query, body string) broker.Judgement {
			t.Helper()
			j := call(method, path, query, body)
			if j.Verdict != broker.VerdictOK || j.Err != nil {
				t.Errorf("%s: verdict %d, %v", path, j.Verdict, j.Err)
			}
			return j
		}
		ok(http.MethodGet, "/cgi-bin/getcallbackip", "?access_token=key;access_token=key", "")
		ok(http.MethodGet, "/sns/jscode2session", "?appid=x&secret=key&grant_type=authorization_code&js_code="+code, "")
		ok(http.MethodPost, "/cgi-bin/clear_quota/v2", "?appsecret=key", `{"appid":"x","appsecret":"key"}`)
		ok(http.MethodPost, "/cgi-bin/clear_quota", "", `{"appid":"`+appID+`"}`)
		users := ok(http.MethodGet, "/sns/oauth2/access_token", "?grant_type=authorization_code&code="+grant, "").Users
		if len(users) != 2 || !sb.LiveUser(users[0].Reveal()) {
			t.Fatalf("%d users' tokens are found in the exchange of a code", len(users))
		}
		ok(http.MethodGet, "/sns/auth", "?openid=o-user&access_token="+users[0].Reveal(), "")
		ok(http.MethodGet, "/sns/oauth2/refresh_token", "?grant_type=refresh_token&appid="+appID+"&refresh_token="+users[1].Reveal(), "")
		if j := call(http.MethodGet, "/sns/auth", "?openid=o-user&access_token=nobodys", ""); j.Verdict != broker.VerdictUnknown || j.Err == nil || j.Err.Code != "user_token_rejected" {
			t.Errorf("I8: verdict %d, %v on a user's token", j.Verdict, j.Err)
		}
		sb.Kill(got.Token.Reveal())
		if j := call(http.MethodGet, "/cgi-bin/getcallbackip", "", ""); j.Verdict != broker.VerdictRejected {
			t.Errorf("verdict %d, %v on a dead token", j.Verdict, j.Err)
		}
	})
}
