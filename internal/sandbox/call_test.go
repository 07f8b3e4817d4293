package sandbox_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestTicketsStayTheSameAndAlwaysSayTheWholeLifetime(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		get := func(kind string) reply {
			t.Helper()
			return c.do("GET", "/cgi-bin/ticket/getticket?type="+kind+"&access_token="+c.stable().AccessToken, "")
		}
		a := get("jsapi")
		if a.Errcode == nil || *a.Errcode != 0 || a.Errmsg != "ok" || a.Ticket == "" || a.ExpiresIn != 7200 {
			t.Fatalf("ticket = %+v", a)
		}
		if get("wx_card").Ticket == a.Ticket {
			t.Error("both types have the same ticket")
		}
		time.Sleep(2*time.Hour - time.Nanosecond)
		c.forced()
		if b := get("jsapi"); b.Ticket != a.Ticket || b.ExpiresIn != 7200 {
			t.Errorf("at the end of its life: same ticket %v, expires_in %d", b.Ticket == a.Ticket, b.ExpiresIn)
		}
		if sb.CurrentTicket(appID, "jsapi") != a.Ticket {
			t.Error("CurrentTicket is not what callers get")
		}
		time.Sleep(time.Nanosecond)
		if sb.CurrentTicket(appID, "jsapi") != "" {
			t.Error("an expired ticket is current")
		}
		if get("jsapi").Ticket == a.Ticket {
			t.Error("the ticket outlived its lifetime")
		}
		if got := get("other").code(); got != 40097 {
			t.Errorf("unknown type: errcode %d, want 40097", got)
		}
		if n := sb.Counts(appID); n.TicketCalls != 4 || n.Tickets != 3 {
			t.Errorf("%d ticket calls and %d tickets, want 4 and 3", n.TicketCalls, n.Tickets)
		}
	})
}

func TestGuardedCalls(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		method, path, body string
		want               string // in the answer
	}{
		{"GET", "/cgi-bin/get_api_domain_ip", "", `{"ip_list":["`},
		{"GET", "/cgi-bin/getcallbackip", "", `{"ip_list":["`},
		{"GET", "/cgi-bin/user/info?openid=o1", "", `"openid":"o1"`},
		{"GET", "/cgi-bin/user/info", "", `"errcode":40003`},
		{"GET", "/cgi-bin/user/get", "", `"next_openid":"o`},
		{"GET", "/cgi-bin/menu/get", "", `{"menu":{"button":[`},
		{"POST", "/cgi-bin/get_api_domain_ip", "", `"errcode":43001`},
		{"GET", "/cgi-bin/message/custom/send", "", `"errcode":43002`},
		{"POST", "/cgi-bin/message/custom/send", "", `"errcode":44002`},
		{"POST", "/cgi-bin/message/custom/send", "{", `"errcode":47001`},
		{"POST", "/cgi-bin/message/custom/send", "{}", `"errcode":40003`},
		{"POST", "/cgi-bin/message/custom/send", `{"touser":"o1","msgtype":"text","text":{"content":"你好"}}`, `{"errcode":0,"errmsg":"ok"}`},
		{"POST", "/cgi-bin/message/template/send", `{"touser":"o1","template_id":"t"}`, `{"errcode":0,"errmsg":"ok","msgid":`},
		{"POST", "/cgi-bin/message/custom/send", `{"touser":"o1","x":"` + strings.Repeat("x", 2<<20) + `"}`, `{"errcode":0,`},
		{"POST", "/cgi-bin/user/info/batchget", `{"user_list":[{"openid":"o1","lang":"en"}]}`, `{"user_info_list":[{"subscribe":1,"openid":"o1","language":"en",`},
		{"POST", "/cgi-bin/user/info/batchget", `{"user_list":[]}`, `"errcode":40097`},
		{"POST", "/cgi-bin/user/info/batchget", `{"user_list":[{}]}`, `"errcode":40003`},
		{"POST", "/cgi-bin/user/info/updateremark", `{"openid":"o1","remark":"r"}`, `{"errcode":0,"errmsg":"ok"}`},
		{"POST", "/cgi-bin/user/info/updateremark", `{}`, `"errcode":40003`},
		{"POST", "/cgi-bin/user/tag/get", `{"tagid":2}`, `{"count":1,"data":{"openid":["o`},
		{"GET", "/cgi-bin/groups/get", "", `{"groups":[{"id":0,"name":"未分组","count":3},`},
		{"POST", "/cgi-bin/groups/create", `{"group":{"name":"g"}}`, `{"group":{"id":101,"name":"g"}}`},
		{"POST", "/cgi-bin/groups/getid", `{"openid":"o1"}`, `{"groupid":0}`},
		{"POST", "/cgi-bin/groups/members/update", `{"openid":"o1","to_groupid":2}`, `{"errcode":0,"errmsg":"ok"}`},
		{"GET", "/cgi-bin/tags/get", "", `{"tags":[{"id":2,`},
		{"POST", "/cgi-bin/tags/create", `{"tag":{"name":"t"}}`, `{"tag":{"id":101,"name":"t"}}`},
		{"POST", "/cgi-bin/tags/getidlist", `{"openid":"o1"}`, `{"tagid_list":[2]}`},
		{"POST", "/cgi-bin/menu/create", `{"button":[]}`, `{"errcode":0,"errmsg":"ok"}`},
		{"POST", "/cgi-bin/menu/create", `[]`, `"errcode":47001`},
		{"GET", "/cgi-bin/menu/delete", "", `{"errcode":0,"errmsg":"ok"}`},
		{"POST", "/cgi-bin/menu/addconditional", `{"button":[]}`, `{"menuid":"`},
		{"GET", "/cgi-bin/get_current_selfmenu_info", "", `{"is_menu_open":1,"selfmenu_info":{"button":[`},
		{"POST", "/cgi-bin/qrcode/create", `{"expire_seconds":60,"action_name":"QR_SCENE"}`, `"expire_seconds":60,"url":"http://weixin.qq.com/q/`},
		{"POST", "/cgi-bin/qrcode/create", `{"action_name":"QR_LIMIT_SCENE"}`, `{"ticket":"gQ`},
		{"POST", "/cgi-bin/shorturl", `{"action":"long2short","long_url":"https://example.com"}`, `{"errcode":0,"errmsg":"ok","short_url":"https://`},
		{"POST", "/cgi-bin/message/mass/send", `{"touser":["o1","o2"],"msgtype":"text"}`, `{"errcode":0,"errmsg":"send job submission success","msg_id":`},
		{"POST", "/cgi-bin/message/mass/sendall", `{}`, `"errcode":40008`},
		{"POST", "/cgi-bin/message/mass/get", `{"msg_id":"201053012"}`, `{"msg_id":"201053012","msg_status":"SEND_SUCCESS"}`},
		{"POST", "/cgi-bin/message/subscribe/send", `{"touser":"o1"}`, `{"errcode":0,"errmsg":"ok"}`},
		{"POST", "/cgi-bin/template/api_add_template", `{"template_id_short":"TM00015"}`, `{"errcode":0,"errmsg":"ok","template_id":"`},
		{"POST", "/cgi-bin/template/api_add_template", `{}`, `"errcode":40037`},
		{"GET", "/cgi-bin/template/get_all_private_template", "", `{"template_list":[]}`},
		{"GET", "/cgi-bin/customservice/getkflist", "", `{"kf_list":[]}`},
		{"POST", "/cgi-bin/media/uploadvideo", `{"media_id":"nonsense"}`, `"errcode":40007`},
		{"POST", "/customservice/kfaccount/add", `{"kf_account":"a@b"}`, `{"errcode":0,"errmsg":"ok"}`},
		{"POST", "/wxa/getwxacodeunlimit", `{"scene":"s"}`, "\xff\xd8\xff"},
		{"POST", "/wxa/getwxacodeunlimit", "{", `"errcode":47001`},
		{"POST", "/cgi-bin/openapi/quota/get", `{"cgi_path":"cgi-bin/token"}`, `"errcode":76003`},
		{"POST", "/cgi-bin/openapi/quota/get", `{"cgi_path":"/cgi-bin/nothing"}`, `"errcode":76021`},
		{"POST", "/cgi-bin/openapi/quota/get", `{"cgi_path":"/sns/userinfo"}`, `"errcode":76022`},
		{
			"POST", "/cgi-bin/openapi/quota/get", `{"cgi_path":"/cgi-bin/token"}`,
			`{"errcode":0,"errmsg":"ok","quota":{"daily_limit":2000,"used":1,"remain":1999}}`,
		},
		{
			"POST", "/cgi-bin/openapi/quota/get", `{"cgi_path":"/cgi-bin/stable_token"}`,
			`"rate_limit":{"call_count":10000,"refresh_second":60}`,
		},
	} {
		t.Run(fmt.Sprintf("%s %s %.40s", tc.method, tc.path, tc.body), func(t *testing.T) {
			t.Parallel()
			bubble(t, sandbox.Config{}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
				glue := "?"
				if strings.Contains(tc.path, "?") {
					glue = "&"
				}
				got := c.raw(tc.method, tc.path+glue+"access_token="+c.token().AccessToken, tc.body)
				if !strings.Contains(got, tc.want) {
					t.Errorf("answer %s, want %s in it", got, tc.want)
				}
				if tc.method == "GET" && strings.Contains(tc.want, "43002") {
					return
				}
				if tc.method == "POST" && strings.Contains(tc.want, "43001") {
					return
				}
				if got := c.do(tc.method, tc.path, tc.body).code(); got != 41001 {
					t.Errorf("without a token: errcode %d, want 41001", got)
				}
				if got := c.do(tc.method, tc.path+glue+"access_token=83_x", tc.body).code(); got != 40001 {
					t.Errorf("with a token from nowhere: errcode %d, want 40001", got)
				}
			})
		})
	}
}

func TestClearQuotaIsSharedAndScarce(t *testing.T) {
	t.Parallel()
	cfg := sandbox.Config{
		Quotas: sandbox.Quotas{TokenPerDay: 1},
		Allow:  []sandbox.MisuseKind{sandbox.IssueInsideOverlap},
	}
	bubble(t, cfg, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		token := c.stable().AccessToken
		v1 := func(appID string) int {
			t.Helper()
			return c.do("POST", "/cgi-bin/clear_quota?access_token="+token, `{"appid":"`+appID+`"}`).code()
		}
		v2Query := func() int {
			t.Helper()
			return c.do("POST", "/cgi-bin/clear_quota/v2?appid="+appID+"&appsecret="+secret, "").code()
		}
		v2Body := func(secret string) int {
			t.Helper()
			return c.do("POST", "/cgi-bin/clear_quota/v2", `{"appid":"`+appID+`","appsecret":"`+secret+`"}`).code()
		}
		for i, clearQuota := range []func() int{
			func() int { return v1(appID) }, v2Query, func() int { return v2Body(secret) },
		} {
			if c.token().code() != 0 || c.token().code() != 45009 {
				t.Fatalf("way %d: the quota is not what it should be", i)
			}
			if got := clearQuota(); got != 0 {
				t.Errorf("way %d: errcode %d", i, got)
			}
		}
		if got := v1(other); got != 40013 {
			t.Errorf("another app's quota: errcode %d, want 40013", got)
		}
		if got := v1(""); got != 41002 {
			t.Errorf("no appid: errcode %d, want 41002", got)
		}
		if got := v2Body("wrong"); got != 40125 {
			t.Errorf("wrong secret: errcode %d, want 40125", got)
		}
		if got := v2Body(""); got != 41004 {
			t.Errorf("no secret: errcode %d, want 41004", got)
		}
		for range 7 {
			if got := v2Query(); got != 0 {
				t.Fatalf("within the month's ten: errcode %d", got)
			}
		}
		if got := v1(appID); got != 48006 {
			t.Errorf("11th time: errcode %d, want 48006", got)
		}
		time.Sleep(31 * 24 * time.Hour)
		if got := v2Query(); got != 0 {
			t.Errorf("next month: errcode %d", got)
		}
		if n := sb.Counts(appID).Cleared; n != 11 {
			t.Errorf("cleared %d times, want 11", n)
		}
	})
}

func TestRidTellsOfARefusedCallWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		token := c.stable().AccessToken
		ask := func(rid string) string {
			t.Helper()
			return c.raw("POST", "/cgi-bin/openapi/rid/get?access_token="+c.stable().AccessToken, `{"rid":"`+rid+`"}`)
		}
		ridOf := func(r reply) string { return r.Errmsg[strings.LastIndexByte(r.Errmsg, ' ')+1:] }

		wrong := c.do("GET", tokenPath(appID, "wrong-secret"), "")
		var got struct {
			Errcode int
			Request struct {
				InvokeTime   int64  `json:"invoke_time"`
				CostInMS     int    `json:"cost_in_ms"`
				RequestURL   string `json:"request_url"`
				RequestBody  string `json:"request_body"`
				ResponseBody string `json:"response_body"`
				ClientIP     string `json:"client_ip"`
			}
		}
		if err := json.Unmarshal([]byte(ask(ridOf(wrong))), &got); err != nil {
			t.Fatal(err)
		}
		want := got
		want.Request.InvokeTime = time.Now().Unix()
		want.Request.RequestURL = "/cgi-bin/token?appid=" + appID + "&grant_type=client_credential&secret=%2A%2A%2A"
		want.Request.ResponseBody = fmt.Sprintf(`{"errcode":40125,"errmsg":%q}`, wrong.Errmsg)
		want.Request.ClientIP = "127.0.0.1"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rid/get (-want +got):\n%s", diff)
		}

		bad := c.do("POST", "/cgi-bin/message/custom/send?access_token="+token, "{broken")
		if s := ask(ridOf(bad)); !strings.Contains(s, "{broken") || strings.Contains(s, token) {
			t.Errorf("rid/get = %s", s)
		}
		stable := c.do("POST", "/cgi-bin/stable_token", stableBody(appID, "wrong-secret", false))
		if s := ask(ridOf(stable)); strings.Contains(s, "wrong-secret") {
			t.Errorf("rid/get shows a secret: %s", s)
		}
		foreign := c.do("GET", tokenPath(other, "wrong"), "")
		for rid, want := range map[string]string{
			"6aac005a-01bfdbee-79769285": `"errcode":76001`,
			"nonsense":                   `"errcode":76002`,
			ridOf(foreign):               `"errcode":76003`,
		} {
			if s := ask(rid); !strings.Contains(s, want) {
				t.Errorf("rid %s: %s, want %s", rid, s, want)
			}
		}
		time.Sleep(7 * 24 * time.Hour)
		if s := ask(ridOf(wrong)); !strings.Contains(s, `"errcode":76001`) {
			t.Errorf("after seven days: %s", s)
		}
	})
}
