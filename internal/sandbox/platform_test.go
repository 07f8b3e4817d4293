package sandbox_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	thatApp    = "app-1"
	thatSecret = "the-secret-of-app-1"
)

// said is the answer of a platform.
type said struct {
	status int
	text   string
	fields map[string]any
}

// at is what stands in an answer, by names that are joined by dots.
func (s said) at(name string) any {
	var v any = s.fields
	for part := range strings.SplitSeq(name, ".") {
		o, _ := v.(map[string]any)
		v = o[part]
	}
	return v
}

// token is the token in the answer.
func (s said) token(name string) string {
	v, _ := s.at(name).(string)
	return v
}

// shot is a request: a method and a path with its query, a body, and headers by turns.
type shot struct {
	line, body string
	header     []string
}

func (c caller) shoot(s shot) said {
	c.t.Helper()
	a, err := c.attempt(s)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// attempt is a request that may fail to be answered.
func (c caller) attempt(s shot) (said, error) {
	c.t.Helper()
	method, path, _ := strings.Cut(s.line, " ")
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(s.body))
	if err != nil {
		c.t.Fatal(err)
	}
	switch {
	case strings.HasPrefix(s.body, "{"):
		r.Header.Set("Content-Type", "application/json")
	case s.body != "":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(s.header); i += 2 {
		r.Header.Set(s.header[i], s.header[i+1])
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return said{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	a := said{status: resp.StatusCode, text: string(b)}
	_ = json.Unmarshal(b, &a.fields)
	return a, err
}

// way is one way to get a token of a platform, and the calls that it opens.
type way struct {
	platform string
	mode     sandbox.Mode
	ask      func(id, secret string) shot
	token    string // its name in the answer
	lives    string // that of its lifetime
	life     int    // in seconds
	calls    func(token string) (get, post shot)
	dead     string        // the field with the code of a refused call, and = and the code
	expired  string        // what is said of a token past its lifetime; empty: the same
	manner   string        // what it does when it is asked again; empty: eager
	overlap  time.Duration // of the eager; zero: five minutes
}

// ways are all of them.
func ways() []way {
	get := func(format string) func(id, secret string) shot {
		return func(id, secret string) shot {
			return shot{line: fmt.Sprintf(format, url.QueryEscape(id), url.QueryEscape(secret))}
		}
	}
	post := func(line, body string) func(id, secret string) shot {
		return func(id, secret string) shot { return shot{line: line, body: fmt.Sprintf(body, id, secret)} }
	}
	query := func(getPath, postPath string) func(token string) (shot, shot) {
		return func(token string) (shot, shot) {
			return shot{line: "GET " + getPath + "?access_token=" + url.QueryEscape(token)},
				shot{line: "POST " + postPath + "?access_token=" + url.QueryEscape(token), body: `{"text":"hello"}`}
		}
	}
	header := func(getPath, postPath, name, prefix string) func(token string) (shot, shot) {
		return func(token string) (shot, shot) {
			return shot{line: "GET " + getPath, header: []string{name, prefix + token}},
				shot{line: "POST " + postPath, body: `{"text":"hello"}`, header: []string{name, prefix + token}}
		}
	}
	list := []way{
		{
			platform: "wecom", mode: "token", token: "access_token", lives: "expires_in", life: 7200, dead: "errcode=40014", expired: "42001", manner: "fixed",
			ask:   get("GET /wecom/cgi-bin/gettoken?corpid=%s&corpsecret=%s"),
			calls: query("/wecom/cgi-bin/agent/get", "/wecom/cgi-bin/message/send"),
		},
		{
			platform: "dingtalk", mode: "token", token: "access_token", lives: "expires_in", life: 7200, dead: "sub_code=40014", manner: "sliding",
			ask:   get("GET /dingtalk/gettoken?appkey=%s&appsecret=%s"),
			calls: query("/dingtalk/auth/scopes", "/dingtalk/topapi/v2/user/get"),
		},
		{
			platform: "dingtalk", mode: "token", token: "accessToken", lives: "expireIn", life: 7200, dead: "code=InvalidAuthentication", manner: "sliding",
			ask:   post("POST /dingtalk/v1.0/oauth2/accessToken", `{"appKey":"%s","appSecret":"%s"}`),
			calls: header("/dingtalk/v1.0/microApp/allApps", "/dingtalk/v1.0/robot/oToMessages/batchSend", "X-Acs-Dingtalk-Access-Token", ""),
		},
		{
			platform: "dingtalk", mode: "token", token: "access_token", lives: "expires_in", life: 7200, dead: "code=InvalidAuthentication", manner: "sliding",
			ask:   post("POST /dingtalk/v1.0/oauth2/ding01/token", `{"client_id":"%s","client_secret":"%s","grant_type":"client_credentials"}`),
			calls: header("/dingtalk/v1.0/microApp/allApps", "/dingtalk/v1.0/robot/oToMessages/batchSend", "X-Acs-Dingtalk-Access-Token", ""),
		},
		{
			platform: "qq", mode: "token", token: "access_token", lives: "expires_in", life: 7200, dead: "errcode=40001",
			ask:   get("GET /qq/api/getToken?grant_type=client_credential&appid=%s&secret=%s"),
			calls: query("/qq/api/getPaidUnionId", "/qq/api/json/security/MsgSecCheck"),
		},
		{
			platform: "douyin", mode: "mini", token: "data.access_token", lives: "data.expires_in", life: 7200, dead: "err_no=28001003", expired: "28001008",
			ask:   post("POST /douyin/api/apps/v2/token", `{"appid":"%s","secret":"%s","grant_type":"client_credential"}`),
			calls: header("/douyin/api/apps/v1/capacity/query_applicable/", "/douyin/api/apps/v1/qrcode/create/", "Access-Token", ""),
		},
		{
			platform: "xiaohongshu", mode: "token", token: "data.access_token", lives: "data.expire_in", life: 7200, dead: "code=410101",
			ask:   post("POST /xiaohongshu/api/rmp/token", `{"appid":"%s","secret":"%s"}`),
			calls: query("/xiaohongshu/api/rmp/session", "/xiaohongshu/api/rmp/message/send"),
		},
		{
			platform: "kuaishou", mode: "token", token: "access_token", lives: "expires_in", life: 48 * 3600, dead: "result=100200102", manner: "independent",
			ask:   post("POST /kuaishou/oauth2/access_token", `app_id=%s&app_secret=%s&grant_type=client_credentials`),
			calls: query("/kuaishou/openapi/mp/developer/shop/query", "/kuaishou/openapi/mp/developer/message/send"),
		},
		{
			platform: "baidu", mode: "token", token: "access_token", lives: "expires_in", life: 2592000, dead: "error_code=110", expired: "111", manner: "independent",
			ask:   get("POST /baidu/oauth/2.0/token?grant_type=client_credentials&client_id=%s&client_secret=%s"),
			calls: query("/baidu/rest/2.0/solution/v1/service/list", "/baidu/rpc/2.0/nlp/v1/lexer"),
		},
	}
	for _, mode := range []sandbox.Mode{"client", "stable"} {
		path := map[sandbox.Mode]string{"client": "client_token", "stable": "stable_client_token"}[mode]
		manner := map[sandbox.Mode]string{"stable": "fixed"}[mode]
		list = append(list, way{
			platform: "douyin", mode: mode, token: "data.access_token", lives: "data.expires_in", life: 7200, dead: "data.error_code=2190002", expired: "2190008", manner: manner,
			ask:   post("POST /douyin/oauth/"+path+"/", `{"client_key":"%s","client_secret":"%s","grant_type":"client_credential"}`),
			calls: header("/douyin/goodlife/v1/shop/poi/query/", "/douyin/goodlife/v1/goods/product/save/", "Access-Token", ""),
		})
	}
	for _, p := range []string{"feishu", "lark"} {
		tenant := header("/"+p+"/open-apis/bot/v3/info", "/"+p+"/open-apis/im/v1/messages", "Authorization", "Bearer ")
		list = append(list, way{
			platform: p, mode: "tenant", token: "tenant_access_token", lives: "expire", life: 7200, dead: "code=99991663", manner: "late",
			ask:   post("POST /"+p+"/open-apis/auth/v3/tenant_access_token/internal", `{"app_id":"%s","app_secret":"%s"}`),
			calls: tenant,
		}, way{
			platform: p, mode: "app", token: "app_access_token", lives: "expire", life: 7200, dead: "code=99991664", manner: "late",
			ask:   post("POST /"+p+"/open-apis/auth/v3/app_access_token/internal", `{"app_id":"%s","app_secret":"%s"}`),
			calls: header("/"+p+"/open-apis/authen/v1/app_info", "/"+p+"/open-apis/authen/v1/access_token", "Authorization", "Bearer "),
		}, way{
			platform: p, mode: "oauth", token: "access_token", lives: "expires_in", life: 7200, dead: "code=99991663", manner: "late",
			ask:   post("POST /"+p+"/oauth/v3/token", `client_id=%s&client_secret=%s&grant_type=client_credentials`),
			calls: tenant,
		})
	}
	for i, w := range list {
		list[i].manner, list[i].overlap = cmp.Or(w.manner, "eager"), cmp.Or(w.overlap, 5*time.Minute)
	}
	return list
}

// everyWay runs f for each of them, on a fake clock.
func everyWay(t *testing.T, cfg sandbox.Config, f func(t *testing.T, w way, sb *sandbox.Sandbox, c caller)) {
	t.Helper()
	for _, w := range ways() {
		name := w.platform + " " + strings.Split(w.ask("", "").line, "?")[0]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on(t, w.platform, cfg, func(t *testing.T, sb *sandbox.Sandbox, c caller) { f(t, w, sb, c) })
		})
	}
}

// get asks for a token.
func (w way) get(c caller) (token string, lives int) {
	c.t.Helper()
	a := c.shoot(w.ask(thatApp, thatSecret))
	n, _ := a.at(w.lives).(float64)
	token = a.token(w.token)
	if a.status != 200 || token == "" {
		c.t.Fatalf("%s: no token in %d %s", w.platform, a.status, a.text)
	}
	return token, int(n)
}

// opens says whether a token opens both calls, and fails where they do not agree.
func (w way) opens(c caller, token string) bool {
	c.t.Helper()
	get, post := w.calls(token)
	g, p := c.shoot(get), c.shoot(post)
	field, _, _ := strings.Cut(w.dead, "=")
	gBad, pBad := w.refused(g), w.refused(p)
	if gBad != pBad {
		c.t.Errorf("%s: GET %s, POST %s: %s", w.platform, g.text, p.text, field)
	}
	for _, a := range []said{g, p} {
		if !gBad && !strings.Contains(a.text, `"app_id":"`+thatApp+`"`) {
			c.t.Errorf("%s does not say whose token it was: %s", w.platform, a.text)
		}
	}
	return !gBad
}

// refused says whether a call was refused for its token.
func (w way) refused(a said) bool {
	field, code, _ := strings.Cut(w.dead, "=")
	got := fmt.Sprint(a.at(field))
	if n, ok := a.at(field).(float64); ok {
		got = strconv.Itoa(int(n))
	}
	return got == code
}

// on runs f on a fake clock with an app at a platform.
func on(t *testing.T, platform string, cfg sandbox.Config, f func(t *testing.T, sb *sandbox.Sandbox, c caller)) {
	t.Helper()
	if cfg.Apps == nil {
		cfg.Apps = []sandbox.App{{Platform: platform, ID: thatApp, Secret: thatSecret}}
	}
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.New(cfg)
		f(t, sb, newCaller(t, sb.Transport()))
		for _, m := range sb.Misuses() {
			t.Errorf("misuse of %s: %s (%s)", m.App, m.What, m.Detail)
		}
	})
}

// wire is a request to a platform and what stands in the answer.
type wire struct {
	what   string
	shot   shot
	status int    // zero: 200
	code   string // in the field
	want   string // is somewhere in the body
}

// wires sends each to a new platform with one app.
func wires(t *testing.T, platform, field string, list []wire) {
	t.Helper()
	for _, w := range list {
		t.Run(w.what, func(t *testing.T) {
			t.Parallel()
			cfg := sandbox.Config{Allow: []sandbox.MisuseKind{sandbox.MisplacedSecret}}
			on(t, platform, cfg, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
				a := c.shoot(w.shot)
				got := ""
				if v := a.at(field); v != nil {
					b, err := json.Marshal(v)
					if err != nil {
						t.Fatal(err)
					}
					got = strings.Trim(string(b), `"`)
				}
				if want := cmp.Or(w.status, 200); a.status != want {
					t.Errorf("status %d, want %d", a.status, want)
				}
				if got != w.code || !strings.Contains(a.text, w.want) {
					t.Errorf("answered %s, want %s %q with %q", a.text, field, w.code, w.want)
				}
			})
		})
	}
}
