package sandbox_test

import (
	"encoding/base64"
	"testing"
)

func TestWeComsWireForms(t *testing.T) {
	t.Parallel()
	ask := "GET /wecom/cgi-bin/gettoken?"
	wires(t, "wecom", "errcode", []wire{
		{what: "nothing", shot: shot{line: ask}, code: "41004", want: "corpsecret missing, hint: ["},
		{what: "no secret", shot: shot{line: ask + "corpid=app-1"}, code: "41004"},
		{what: "no corp", shot: shot{line: ask + "corpsecret=x"}, code: "41002"},
		{
			what: "a corp that there is not", shot: shot{line: ask + "corpid=nobody&corpsecret=x"}, code: "40013",
			want: "from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40013",
		},
		{what: "a wrong secret", shot: shot{line: ask + "corpid=app-1&corpsecret=x"}, code: "40001"},
		{what: "the right one", shot: shot{line: ask + "corpid=app-1&corpsecret=" + thatSecret}, code: "0", want: `"expires_in":7200`},
		{what: "in a body", shot: shot{line: ask, body: `{"corpid":"app-1","corpsecret":"` + thatSecret + `"}`}, code: "41004"},
		{what: "no token", shot: shot{line: "GET /wecom/cgi-bin/get_api_domain_ip"}, code: "41001"},
		{what: "a token in a header", shot: shot{line: "GET /wecom/cgi-bin/get_api_domain_ip", header: []string{"Authorization", "Bearer x"}}, code: "41001"},
		{what: "a token made up", shot: shot{line: "GET /wecom/cgi-bin/get_api_domain_ip?access_token=x"}, code: "40014"},
		{what: "another type of ticket", shot: shot{line: "GET /wecom/cgi-bin/ticket/get?type=wx_card&access_token=x"}, code: "40097"},
		{what: "no such path", shot: shot{line: "GET /wecom/cgi-bin/nonsense"}, status: 404},
	})
}

func TestFeishusWireForms(t *testing.T) {
	t.Parallel()
	tenant := "/open-apis/auth/v3/tenant_access_token/internal"
	for _, p := range []string{"/feishu", "/lark"} {
		wires(t, p[1:], "code", []wire{
			{what: "no JSON", shot: shot{line: "POST " + p + tenant, body: "app_id=app-1&app_secret=" + thatSecret}, code: "10003", want: `"msg":"invalid param"`},
			{what: "an app that there is not", shot: shot{line: "POST " + p + tenant, body: `{"app_id":"nobody","app_secret":"x"}`}, code: "10003"},
			{what: "no secret", shot: shot{line: "POST " + p + tenant, body: `{"app_id":"app-1"}`}, code: "10003"},
			{what: "a wrong secret", shot: shot{line: "POST " + p + tenant, body: `{"app_id":"app-1","app_secret":"x"}`}, code: "10014", want: `"msg":"app secret invalid"`},
			{what: "in the query", shot: shot{line: "POST " + p + tenant + "?app_id=app-1&app_secret=" + thatSecret, body: "{}"}, code: "10003"},
			{what: "the right one", shot: shot{line: "POST " + p + tenant, body: `{"app_id":"app-1","app_secret":"` + thatSecret + `"}`}, code: "0", want: `"expire":7200,"msg":"ok","tenant_access_token":"t-`},
			{
				what: "the app's", shot: shot{line: "POST " + p + "/open-apis/auth/v3/app_access_token/internal", body: `{"app_id":"app-1","app_secret":"` + thatSecret + `"}`},
				code: "0", want: `"tenant_access_token":"t-`,
			},
			{what: "another method", shot: shot{line: "GET " + p + tenant}, status: 404, want: "404 page not found"},
			{what: "no token", shot: shot{line: "GET " + p + "/open-apis/bot/v3/info"}, status: 400, code: "99991661"},
			{what: "a token in the query", shot: shot{line: "GET " + p + "/open-apis/bot/v3/info?access_token=t-x"}, status: 400, code: "99991661"},
			{what: "a token without Bearer", shot: shot{line: "GET " + p + "/open-apis/bot/v3/info", header: []string{"Authorization", "t-x"}}, status: 400, code: "99991661"},
			{what: "no token at all", shot: shot{line: "GET " + p + "/open-apis/bot/v3/info", header: []string{"Authorization", "Bearer x"}}, status: 400, code: "99991671"},
			{what: "a token made up", shot: shot{line: "GET " + p + "/open-apis/bot/v3/info", header: []string{"Authorization", "Bearer t-x"}}, status: 400, code: "99991663"},
			{what: "a JWT made up", shot: shot{line: "GET " + p + "/open-apis/bot/v3/info", header: []string{"Authorization", "Bearer eyJx"}}, status: 400, code: "99991668"},
			{what: "one of an app made up", shot: shot{line: "POST " + p + "/open-apis/authen/v1/access_token", body: "{}", header: []string{"Authorization", "Bearer a-x"}}, status: 400, code: "99991664"},
		})
	}
}

func TestFeishusOAuthWireForms(t *testing.T) {
	t.Parallel()
	line := "POST /feishu/oauth/v3/token"
	basic := []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(thatApp+":"+thatSecret))}
	wires(t, "feishu", "code", []wire{
		{what: "a form", shot: shot{line: line, body: "grant_type=client_credentials&client_id=app-1&client_secret=" + thatSecret}, code: "0", want: `"access_token":"eyJ`},
		{what: "JSON", shot: shot{line: line, body: `{"grant_type":"client_credentials","client_id":"app-1","client_secret":"` + thatSecret + `"}`}, code: "0", want: `"expires_in":7200`},
		{what: "Basic", shot: shot{line: line, body: "grant_type=client_credentials", header: basic}, code: "0", want: `"token_type":"Bearer"`},
		{what: "Basic and a body", shot: shot{line: line, body: "grant_type=client_credentials&client_id=app-1&client_secret=" + thatSecret, header: basic}, status: 400, code: "20070", want: `"error":"invalid_request"`},
		{what: "the query", shot: shot{line: line + "?grant_type=client_credentials&client_id=app-1&client_secret=" + thatSecret}, status: 400, code: "20001"},
		{what: "another grant", shot: shot{line: line, body: "grant_type=password&client_id=app-1&client_secret=" + thatSecret}, status: 400, code: "20036"},
		{what: "an app that there is not", shot: shot{line: line, body: "grant_type=client_credentials&client_id=nobody&client_secret=x"}, status: 400, code: "20048"},
		{what: "a wrong secret", shot: shot{line: line, body: "grant_type=client_credentials&client_id=app-1&client_secret=x"}, status: 400, code: "20002", want: `"error":"invalid_client"`},
	})
}

func TestDingTalksWireForms(t *testing.T) {
	t.Parallel()
	wires(t, "dingtalk", "errcode", []wire{
		{what: "nothing", shot: shot{line: "GET /dingtalk/gettoken"}, code: "40035"},
		{what: "in a body", shot: shot{line: "GET /dingtalk/gettoken", body: `{"appkey":"app-1","appsecret":"` + thatSecret + `"}`}, code: "40035"},
		{what: "an app that there is not", shot: shot{line: "GET /dingtalk/gettoken?appkey=nobody&appsecret=x"}, code: "40096"},
		{what: "a wrong secret", shot: shot{line: "GET /dingtalk/gettoken?appkey=app-1&appsecret=x"}, code: "40096"},
		{what: "the right one", shot: shot{line: "GET /dingtalk/gettoken?appkey=app-1&appsecret=" + thatSecret}, code: "0", want: `"expires_in":7200`},
		{what: "no token", shot: shot{line: "GET /dingtalk/auth/scopes"}, code: "88", want: `"sub_code":"40014"`},
		{what: "a token made up", shot: shot{line: "GET /dingtalk/auth/scopes?access_token=x"}, code: "88", want: `"sub_msg":"不合法的access_token"`},
		{what: "no such path", shot: shot{line: "GET /dingtalk/nonsense"}, code: "404"},
	})
	line, unified := "POST /dingtalk/v1.0/oauth2/accessToken", "POST /dingtalk/v1.0/oauth2/ding01/token"
	business := "GET /dingtalk/v1.0/microApp/allApps"
	wires(t, "dingtalk", "code", []wire{
		{what: "v1: a form", shot: shot{line: line, body: "appKey=app-1&appSecret=" + thatSecret}, status: 400, code: "Missingbody", want: `"requestid":"`},
		{what: "v1: nothing", shot: shot{line: line, body: "{}"}, status: 400, code: "AuthenticationFailed.MissingParameter"},
		{what: "v1: an app that there is not", shot: shot{line: line, body: `{"appKey":"nobody","appSecret":"x"}`}, status: 400, code: "invalidClientIdOrSecret"},
		{what: "v1: a wrong secret", shot: shot{line: line, body: `{"appKey":"app-1","appSecret":"x"}`}, status: 400, code: "invalidClientIdOrSecret"},
		{what: "v1: the right one", shot: shot{line: line, body: `{"appKey":"app-1","appSecret":"` + thatSecret + `"}`}, want: `"expireIn":7200`},
		{what: "unified: another grant", shot: shot{line: unified, body: `{"client_id":"app-1","client_secret":"x","grant_type":"password"}`}, status: 400, code: "unsupported.grant.type"},
		{what: "unified: a wrong secret", shot: shot{line: unified, body: `{"client_id":"app-1","client_secret":"x","grant_type":"client_credentials"}`}, status: 400, code: "invalid.client"},
		{what: "v1: no token", shot: shot{line: business}, status: 400, code: "AuthenticationFailed.MissingParameter"},
		{what: "v1: a token in the query", shot: shot{line: business + "?access_token=x"}, status: 400, code: "AuthenticationFailed.MissingParameter"},
		{what: "v1: a token made up", shot: shot{line: business, header: []string{"X-Acs-Dingtalk-Access-Token", "x"}}, status: 400, code: "InvalidAuthentication"},
		{what: "v1: no such path", shot: shot{line: "GET /dingtalk/v1.0/nonsense"}, status: 404, code: "InvalidAction.NotFound"},
	})
}

func TestQQsWireForms(t *testing.T) {
	t.Parallel()
	ask := "GET /qq/api/getToken?"
	wires(t, "qq", "errcode", []wire{
		{what: "nothing", shot: shot{line: ask}, code: "40013"},
		{what: "an app that there is not", shot: shot{line: ask + "grant_type=client_credential&appid=nobody&secret=x"}, code: "40013"},
		{what: "the id is looked at before the grant", shot: shot{line: ask + "appid=nobody"}, code: "40013"},
		{what: "another grant", shot: shot{line: ask + "grant_type=client_credentials&appid=app-1&secret=x"}, code: "40002"},
		{what: "a wrong secret", shot: shot{line: ask + "grant_type=client_credential&appid=app-1&secret=x"}, code: "40001"},
		{what: "the right one", shot: shot{line: ask + "grant_type=client_credential&appid=app-1&secret=" + thatSecret}, want: `"expires_in":7200`},
		{what: "another method", shot: shot{line: "POST /qq/api/getToken", body: "{}"}, status: 404},
		{what: "no token", shot: shot{line: "GET /qq/api/getPaidUnionId"}, code: "40001"},
		{what: "a payment without a token", shot: shot{line: "POST /qq/api/json/openApiPay/GamePrePay", body: "{}"}, code: "-3000"},
		{what: "a payment with a token made up", shot: shot{line: "POST /qq/api/json/openApiPay/GamePrePay?access_token=x", body: "{}"}, code: "-3000"},
		{what: "a login", shot: shot{line: "GET /qq/sns/jscode2session?grant_type=authorization_code&js_code=x&appid=app-1&secret=" + thatSecret}, code: "0", want: `"session_key":"`},
		{what: "a login without a code", shot: shot{line: "GET /qq/sns/jscode2session?grant_type=authorization_code&appid=app-1&secret=" + thatSecret}, code: "40029"},
		{what: "a login with a wrong secret", shot: shot{line: "GET /qq/sns/jscode2session?grant_type=authorization_code&js_code=x&appid=app-1&secret=x"}, code: "40001"},
	})
}

func TestDouyinsWireForms(t *testing.T) {
	t.Parallel()
	line := "POST /douyin/api/apps/v2/token"
	wires(t, "douyin", "err_no", []wire{
		{what: "mini: nothing", shot: shot{line: line, body: "{}"}, code: "40014"},
		{what: "mini: a form", shot: shot{line: line, body: "appid=app-1&grant_type=client_credential&secret=" + thatSecret}, code: "40014"},
		{what: "mini: an app that there is not", shot: shot{line: line, body: `{"appid":"nobody","secret":"x","grant_type":"client_credential"}`}, code: "40015"},
		{what: "mini: another grant", shot: shot{line: line, body: `{"appid":"app-1","secret":"x","grant_type":"x"}`}, code: "40020"},
		{what: "mini: a wrong secret", shot: shot{line: line, body: `{"appid":"app-1","secret":"x","grant_type":"client_credential"}`}, code: "40017", want: `"err_tips":"bad secret"`},
		{what: "mini: the right one", shot: shot{line: line, body: `{"appid":"app-1","secret":"` + thatSecret + `","grant_type":"client_credential"}`}, code: "0", want: `"err_tips":"success"`},
		{what: "mini: a token in the query", shot: shot{line: "GET /douyin/api/apps/v1/capacity/query_applicable/?access_token=x"}, code: "28001003"},
	})
	for _, line := range []string{"POST /douyin/oauth/client_token/", "POST /douyin/oauth/stable_client_token/"} {
		wires(t, "douyin", "data.error_code", []wire{
			{what: line + " nothing", shot: shot{line: line, body: "{}"}, code: "10002", want: `"message":"error"`},
			{what: line + " an app that there is not", shot: shot{line: line, body: `{"client_key":"nobody","client_secret":"x","grant_type":"client_credential"}`}, code: "10003"},
			{what: line + " a wrong secret", shot: shot{line: line, body: `{"client_key":"app-1","client_secret":"x","grant_type":"client_credential"}`}, code: "10013"},
			{what: line + " the right one", shot: shot{line: line, body: `{"client_key":"app-1","client_secret":"` + thatSecret + `","grant_type":"client_credential"}`}, code: "0", want: `"access_token":"clt.`},
		})
	}
	wires(t, "douyin", "data.error_code", []wire{
		{what: "open: no token", shot: shot{line: "GET /douyin/goodlife/v1/shop/poi/query/"}, code: "2190002"},
		{what: "open: a token made up", shot: shot{line: "GET /douyin/goodlife/v1/shop/poi/query/", header: []string{"Access-Token", "clt.x"}}, code: "2190002", want: `"extra":{`},
	})
}

func TestXiaohongshusWireForms(t *testing.T) {
	t.Parallel()
	line := "POST /xiaohongshu/api/rmp/token"
	wires(t, "xiaohongshu", "code", []wire{
		{what: "a form", shot: shot{line: line, body: "appid=app-1&secret=" + thatSecret}, code: "10001", want: `"success":false`},
		{what: "an app that there is not", shot: shot{line: line, body: `{"appid":"nobody","secret":"x"}`}, code: "410002"},
		{what: "a wrong secret", shot: shot{line: line, body: `{"appid":"app-1","secret":"x"}`}, code: "410004"},
		{what: "the right one", shot: shot{line: line, body: `{"appid":"app-1","secret":"` + thatSecret + `"}`}, code: "0", want: `"expire_in":7200`},
		{what: "no token", shot: shot{line: "GET /xiaohongshu/api/rmp/session?app_id=app-1&code=x"}, code: "410101"},
	})
}

func TestKuaishousWireForms(t *testing.T) {
	t.Parallel()
	line := "POST /kuaishou/oauth2/access_token"
	wires(t, "kuaishou", "result", []wire{
		{what: "nothing", shot: shot{line: line}, code: "100200100"},
		{what: "in the query", shot: shot{line: line + "?grant_type=client_credentials&app_id=app-1&app_secret=" + thatSecret}, code: "100200100"},
		{what: "another grant", shot: shot{line: line, body: "grant_type=client_credential&app_id=app-1&app_secret=" + thatSecret}, code: "100200100"},
		{what: "an app that there is not", shot: shot{line: line, body: "grant_type=client_credentials&app_id=nobody&app_secret=x"}, code: "100200101"},
		{what: "a wrong secret", shot: shot{line: line, body: "grant_type=client_credentials&app_id=app-1&app_secret=x"}, code: "100200101"},
		{what: "a form", shot: shot{line: line, body: "grant_type=client_credentials&app_id=app-1&app_secret=" + thatSecret}, code: "1", want: `"expires_in":172800`},
		{what: "JSON", shot: shot{line: line, body: `{"grant_type":"client_credentials","app_id":"app-1","app_secret":"` + thatSecret + `"}`}, code: "1", want: `"token_type":"bearer"`},
		{what: "no token", shot: shot{line: "GET /kuaishou/openapi/mp/developer/shop/query"}, code: "100200100"},
	})
}

func TestBaidusWireForms(t *testing.T) {
	t.Parallel()
	line := "POST /baidu/oauth/2.0/token?"
	wires(t, "baidu", "error", []wire{
		{what: "nothing", shot: shot{line: line}, status: 400, code: "invalid_request"},
		{what: "a form", shot: shot{line: line, body: "grant_type=client_credentials&client_id=app-1&client_secret=" + thatSecret}, status: 400, code: "invalid_request"},
		{what: "another grant", shot: shot{line: line + "grant_type=client_credential&client_id=app-1&client_secret=x"}, status: 400, code: "unsupported_grant_type"},
		{what: "an app that there is not", shot: shot{line: line + "grant_type=client_credentials&client_id=nobody&client_secret=x"}, status: 401, code: "invalid_client", want: "unknown client id"},
		{what: "a wrong secret", shot: shot{line: line + "grant_type=client_credentials&client_id=app-1&client_secret=x"}, status: 401, code: "invalid_client", want: "Client authentication failed"},
		{what: "the right one", shot: shot{line: line + "grant_type=client_credentials&client_id=app-1&client_secret=" + thatSecret}, want: `"expires_in":2592000`},
	})
	wires(t, "baidu", "error_code", []wire{
		{what: "no token", shot: shot{line: "GET /baidu/rest/2.0/solution/v1/service/list"}, code: "110"},
		{what: "a token made up", shot: shot{line: "POST /baidu/rpc/2.0/nlp/v1/lexer?access_token=24.x", body: "{}"}, code: "110", want: "Access token invalid or no longer valid"},
	})
}
