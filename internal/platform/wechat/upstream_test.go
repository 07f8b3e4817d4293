package wechat_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

func upstream() broker.Upstream { return wechat.Platform(platform.NewCaller(nil)).Upstream }

func refuse(code, message string) string {
	b, _ := json.Marshal(message)
	return fmt.Sprintf(`{"errcode":%s,"errmsg":%s}`, code, b)
}

func TestUpstreamContract(t *testing.T) {
	t.Parallel()
	app, managed, foreign := broker.Route{Sort: broker.CallApp, Metered: true}, broker.Route{Sort: broker.CallManaged}, broker.Route{Sort: broker.CallForeign}
	user, exchange := broker.Route{Sort: broker.CallUser}, broker.Route{Sort: broker.CallExchange}
	nameless := broker.Route{Sort: broker.CallUser, Nameless: true}
	clears := broker.Route{Sort: broker.CallApp, Metered: true, Clears: true}
	platformtest.Upstream(t, platformtest.UpstreamHarness{
		Platform: wechat.Platform(platform.NewCaller(nil)),
		Routes: map[string]broker.Route{
			"/cgi-bin/message/custom/send": app, "/wxa/getwxacode": app, "/cgi-bin/get_api_domain_ip": app, "/datacube/getusersummary": app,
			"/cgi-bin/tokens": app, "/cgi-bin/openapi/quota/get": app,
			"/cgi-bin/token": managed, "/cgi-bin/stable_token": managed, "/cgi-bin/ticket/getticket": managed,
			"/cgi-bin/component/api_component_token": foreign, "/cgi-bin/component/api_authorizer_token": foreign,
			"/cgi-bin/component/api_query_auth": foreign, "/cgi-bin/component/clear_quota/v2": foreign,
			"/sns/jscode2session": exchange, "/sns/oauth2/access_token": exchange,
			"/cgi-bin/clear_quota/v2":   {Sort: broker.CallExchange, Clears: true},
			"/sns/oauth2/refresh_token": nameless, "/sns/userinfo": nameless, "/sns/auth": nameless,
			"/sns/component/jscode2session": user, "/sns/oauth2/component/access_token": user, "/sns/anything/new": user,
			"/cgi-bin/clear_quota": clears, "/cgi-bin/openapi/quota/clear": clears,
		},
		OK:     []string{`{"errcode":0,"errmsg":"ok"}`, `{"ip_list":[]}`, " \r\n\t{\"errcode\":\"0\"}", "\xef\xbb\xbf{}"},
		Refuse: refuse, Codes: refusals(false),
		Rejected: []string{"40001", "40014", "42001"}, Throttled: []string{"45009", "45011"},
	})
}

func TestPathsAreKnownHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]broker.CallSort{
		"/cgi-bin/token//": broker.CallManaged, "/CGI-BIN/Stable_Token": broker.CallManaged, "/cgi-bin;v=1/token;": broker.CallManaged,
		"//cgi-bin//token": broker.CallManaged, "/SNS/userinfo": broker.CallUser, "/sns;a/userinfo": broker.CallUser,
		"/Sns/JsCode2Session/": broker.CallExchange, "/snsx/userinfo": broker.CallApp, "/sns": broker.CallApp,
	} {
		if got := upstream().Route(path).Sort; got != want {
			t.Errorf("%s is of the sort %d, want %d", path, got, want)
		}
	}
}

func TestWhatACallShows(t *testing.T) {
	t.Parallel()
	for target, want := range map[string][3]string{
		"/cgi-bin/user/get?access_token=T&next_openid=":                                {"T", "", ""},
		"/cgi-bin/user/get?access%5Ftoken=a%2Bb":                                       {"a+b", "", ""},
		"/cgi-bin/user/get?access_token=T;appid=A":                                     {"", "", ""},
		"/sns/jscode2session?appid=A&secret=K&js_code=C&grant_type=authorization_code": {"", "A", "K"},
		"/sns/oauth2/refresh_token?appid=A&grant_type=refresh_token&refresh_token=R":   {"R", "A", ""},
		"/sns//OAuth2/refresh_token/?appid=A&access_token=T&refresh_token=R":           {"R", "A", ""},
		// One that ends like it is another path (I8).
		"/other/sns/oauth2/refresh_token?appid=A&access_token=T&refresh_token=R": {"T", "A", ""},
		"/cgi-bin/clear_quota/v2?appid=A&appsecret=K&secret=L":                   {"", "A", "K"},
		"/cgi-bin/user/get?appsecret=K":                                          {"", "", ""},
		"/sns/userinfo?access_token=U&openid=O":                                  {"U", "", ""},
	} {
		s := upstream().Shown(httptest.NewRequest(http.MethodGet, target, nil))
		if got := [3]string{s.Token.Reveal(), s.AppID, s.Key.Reveal()}; got != want {
			t.Errorf("%s shows %q, want %q", target, got, want)
		}
	}
}

func TestTheRealSecretTakesTheKeysPlace(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/sns/jscode2session?appid=other&secret=key&js_code=C&access_token=T&neededText=": "appid=wx1&secret=S%2F1&js_code=C&neededText=",
		"/sns/oauth2/access_token?SECRET=key&s%65cret=key&code=C":                         "appid=wx1&secret=S%2F1&code=C",
		"/cgi-bin/clear_quota/v2?secret=key&appsecret=key":                                "appid=wx1&appsecret=S%2F1",
	} {
		r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(`{"appsecret":"key"}`))
		upstream().Substitute(r, "wx1", broker.NewSecret("S/1"))
		if r.URL.RawQuery != want {
			t.Errorf("%s: the query is %q, want %q", target, r.URL.RawQuery, want)
		}
		body, _ := io.ReadAll(r.Body)
		wantBody := `{"appsecret":"key"}`
		if strings.Contains(target, "clear_quota") {
			wantBody = `{"appid":"wx1","appsecret":"S/1"}`
		}
		if string(body) != wantBody || r.ContentLength != int64(len(body)) || r.GetBody != nil {
			t.Errorf("%s: the body is %s, of %d bytes", target, body, r.ContentLength)
		}
	}
}

func TestJudgementsWhereTheAppsTokenIsNotShown(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path, body string
		verdict    broker.Verdict
		code       string
		class      broker.Class
		users      []string
	}{
		"a wrong secret":      {"/sns/jscode2session", refuse("40125", "invalid appsecret"), 0, "wrong_secret", broker.BadCredential, nil},
		"of the older sort":   {"/sns/oauth2/access_token", refuse("40001", "invalid credential"), 0, "wrong_secret", broker.BadCredential, nil},
		"a bad code":          {"/sns/oauth2/access_token", refuse(`"40029"`, "invalid code"), 0, "bad_login_code", broker.Invalid, nil},
		"too many logins":     {"/sns/jscode2session", refuse("45011", "minute"), 0, "minute_quota", broker.Throttled, nil},
		"busy":                {"/sns/jscode2session", refuse("-1", "system error"), 0, "system_busy", broker.Transient, nil},
		"a user's token":      {"/sns/userinfo", refuse("40001", "invalid credential"), 0, "user_token_rejected", broker.Denied, nil},
		"an old user's token": {"/sns/auth", refuse("42001", "access_token expired"), 0, "user_token_rejected", broker.Denied, nil},
		"a login":             {"/sns/jscode2session", `{"openid":"o","session_key":"k"}`, broker.VerdictOK, "", "", nil},
		"a grant": {
			"/sns/oauth2/access_token", `{"access_token":"U","refresh_token":"R","expires_in":7200,"errcode":0}`,
			broker.VerdictOK, "", "",
			[]string{"U", "R"},
		},
		"a renewed grant": {"/sns/oauth2/refresh_token", `{"access_token":"U2"}`, broker.VerdictOK, "", "", []string{"U2"}},
		"no grant":        {"/cgi-bin/user/info", `{"access_token":"T"}`, broker.VerdictOK, "", "", nil},
	} {
		j := upstream().Judge(tt.path, &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}}}, []byte(tt.body))
		var code string
		var class broker.Class
		if j.Err != nil {
			code, class = j.Err.Code, j.Err.Class
			if j.Err.Unknown {
				t.Errorf("%s: taken for an issue of unknown outcome", name)
			}
		}
		var users []string
		for _, u := range j.Users {
			users = append(users, u.Reveal())
		}
		if j.Verdict != tt.verdict || code != tt.code || class != tt.class || !slices.Equal(users, tt.users) {
			t.Errorf("%s: verdict %d, %s %s, users %q", name, j.Verdict, code, class, users)
		}
	}
}

func TestRefusalsSayWhatToDoInOneLine(t *testing.T) {
	t.Parallel()
	const id = "0a1b2c3d-00000000-00000001"
	for name, tt := range map[string]struct {
		err  *broker.Error
		want string
	}{
		"with a hint": {
			&broker.Error{Code: "token_unknown", Class: broker.Invalid, Message: "no app\nhas this token", Hint: "ask for <another>"},
			`{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest (token_unknown): no app has this token; ask for <another> rid: ` + id + `"}`,
		},
		"the platform's own": {
			&broker.Error{Code: "daily_quota", Class: broker.Throttled, Message: "ours", Hint: "ours", PlatformCode: "45009", PlatformMessage: "reach max api daily quota limit rid: 1-2-3"},
			`{"errcode":45009,"errmsg":"reach max api daily quota limit rid: 1-2-3"}`,
		},
		"no token shown": {broker.ErrTokenMissing, `{"errcode":41001,"errmsg":"access_token missing (token_missing): the call shows no token rid: ` + id + `"}`},
		"no error":       {nil, `{"errcode":-1,"errmsg":"system error (internal): internal error rid: ` + id + `"}`},
	} {
		x := upstream().Refuse("", tt.err, id)
		if string(x.Body) != tt.want || x.Status != http.StatusOK || x.ContentType != "application/json" {
			t.Errorf("%s: %d %s %s, want %s", name, x.Status, x.ContentType, x.Body, tt.want)
		}
	}
	for err, code := range map[*broker.Error]int{
		broker.ErrTokenKind: 40001, broker.ErrBadPath: 40066, broker.ErrManagedHere: 40066, broker.ErrNoGateway: 40066,
		broker.ErrUnauthorized: 40125, broker.ErrNotAllowed: 48001, broker.ErrTokenNotKept: 61014, broker.ErrUnreachable: -1,
		{Code: "wrong_app", Class: broker.Invalid}: 40013,
	} {
		if got, _ := wechat.Errcode(err); got != code {
			t.Errorf("%s is said as %d, want %d", err.Code, got, code)
		}
	}
}

func FuzzUpstreamQuery(f *testing.F) {
	for _, q := range []string{
		"", "a=1&access_token=x", "a=1;access_token=x", "access%5Ftoken=x;access_token=y", "Access_Token=x&b", "%zz=1&a=%", "a=#&access_token=x",
	} {
		f.Add(q, "83_token")
	}
	f.Fuzz(func(t *testing.T, query, token string) {
		if token == "" {
			return
		}
		r := &http.Request{URL: &url.URL{Path: "/cgi-bin/user/get", RawQuery: query}}
		before, _ := url.ParseQuery(query)
		upstream().Attach(r, broker.NewSecret(token))
		if got := upstream().Shown(r).Token.Reveal(); got != token {
			t.Errorf("attached %q, shown %q in %q", token, got, r.URL.RawQuery)
		}
		after, _ := url.ParseQuery(r.URL.RawQuery)
		if !slices.Equal(after["access_token"], []string{token}) {
			t.Errorf("net/url sees %q in %q", after["access_token"], r.URL.RawQuery)
		}
		naive := 0
		for _, pair := range strings.FieldsFunc(r.URL.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
			k, v, _ := strings.Cut(pair, "=")
			if k, err := url.QueryUnescape(k); err == nil && strings.EqualFold(k, "access_token") {
				if naive++; url.QueryEscape(token) != v {
					t.Errorf("a naive reader sees %q in %q", v, r.URL.RawQuery)
				}
			}
		}
		if naive != 1 {
			t.Errorf("a naive reader sees %d tokens in %q", naive, r.URL.RawQuery)
		}
		for k := range before {
			if !strings.EqualFold(k, "access_token") && len(after[k]) < len(before[k]) {
				t.Errorf("%q lost %q and has become %q", query, k, r.URL.RawQuery)
			}
		}
	})
}

func FuzzJudge(f *testing.F) {
	for _, s := range []string{
		`{"errcode":40001,"errmsg":"invalid credential"}`, `{"errcode":"42001"}`, `{"errcode":4.5009e4}`, `{"errcode":[]}`, `{"errcode":null}`,
		"\xef\xbb\xbf{\"errcode\":45011}", `{"errcode":1,"errcode":0}`, `{`, ``, `[]`, `{"access_token":"\u0000"}`,
	} {
		f.Add("/cgi-bin/user/get", 200, s)
		f.Add("/sns/userinfo", 403, s)
	}
	f.Add("/sns/oauth2/access_token", 502, "<html>")
	f.Fuzz(func(t *testing.T, path string, status int, body string) {
		resp := &http.Response{StatusCode: status, Header: http.Header{}}
		j := upstream().Judge(path, resp, []byte(body))
		if j.Err == nil && (j.Verdict == broker.VerdictRejected || j.Verdict == broker.VerdictThrottled) {
			t.Errorf("%d %q: verdict %d without an error", status, body, j.Verdict)
		}
		if j.Err != nil && (j.Verdict == broker.VerdictOK || j.Err.Unknown || j.Err.Code == "" || j.Err.Class == "" || len(j.Err.PlatformMessage) > 600) {
			t.Errorf("%d %q: verdict %d, %+v", status, body, j.Verdict, j.Err)
		}
		if r := upstream().Route(path); r.Sort != broker.CallApp && j.Verdict > broker.VerdictOK {
			t.Errorf("%s: verdict %d on a token that was not shown", path, j.Verdict)
		}
		if j.Verdict == broker.VerdictRejected && !slices.Contains([]string{"40001", "40014", "42001"}, j.Err.PlatformCode) {
			t.Errorf("%q rejects a token", body)
		}
		if j.Err != nil && !json.Valid(upstream().Refuse("", j.Err, "1-2-3").Body) {
			t.Errorf("%+v cannot be said", j.Err)
		}
	})
}
