package declared_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

func TestAnswersAreJudgedAsDescribed(t *testing.T) {
	t.Parallel()
	const ok, no, rejected, throttled = broker.VerdictOK, broker.VerdictUnknown, broker.VerdictRejected, broker.VerdictThrottled
	for name, tt := range map[string]struct {
		d       declared.Definition
		path    string
		status  int
		body    string
		verdict broker.Verdict
		code    string
	}{
		"a success":                         {modern(), "/v2/things", 200, `{"code":0,"data":{}}`, ok, ""},
		"a success in words":                {modern(), "/v2/things", 200, `{"code":"success"}`, ok, ""},
		"no code where there has to be one": {modern(), "/v2/things", 200, `{"data":{}}`, no, ""},
		"no code where there need be none":  {modern(), "/old/things", 200, `{"data":{}}`, ok, ""},
		"no code inside":                    {modern(), "/v2/things", 200, `{"code":{"a":1}}`, no, ""},
		"a dead token":                      {modern(), "/v2/things", 200, `{"code":4001}`, rejected, "token_rejected"},
		"as a text":                         {modern(), "/v2/things", 200, `{"code":"4001"}`, rejected, "token_rejected"},
		"inside of another":                 {modern(), "/v2/things", 401, `{"data":{"code":4001}}`, rejected, "token_rejected"},
		"in a detail":                       {modern(), "/old/things", 200, `{"errcode":88,"sub_code":"88.1","sub_msg":"old"}`, rejected, "token_expired"},
		"an empty detail":                   {modern(), "/old/things", 200, `{"errcode":4001,"sub_code":""}`, rejected, "token_rejected"},
		"too many":                          {modern(), "/v2/things", 200, `{"code":"Busy"}`, throttled, "busy"},
		"by a user's token":                 {modern(), "/v2/my/things", 200, `{"code":4001}`, no, "user_token_rejected"},
		"too many of a user":                {modern(), "/v2/my/things", 200, `{"code":"Busy"}`, no, "busy"},
		"a wrong secret":                    {modern(), "/v2/login", 200, `{"code":4001}`, no, "wrong_secret"},
		"unheard of":                        {modern(), "/v2/things", 200, `{"code":7}`, no, "platform_refused"},
		"unheard of, and too many":          {modern(), "/v2/things", 429, `{"code":7}`, throttled, platform.CodeHTTP429},
		"a refusal in a 502":                {modern(), "/v2/things", 502, `{"code":4001}`, no, platform.CodeHTTP5xx},
		"a refusal in a 302":                {modern(), "/v2/things", 302, `{"code":0}`, no, ""},
		"a success in a 403":                {modern(), "/v2/things", 403, `{"code":0}`, no, platform.CodeHTTP4xx},
		"a proxy's 403":                     {modern(), "/v2/things", 403, `{"code":[]}`, no, platform.CodeHTTP4xx},
		"a code of the business":            {standard(), "/things", 200, `{"error":"invalid_token"}`, ok, ""},
		"a code with its status":            {standard(), "/things", 401, `{"error":"invalid_token"}`, rejected, "token_rejected"},
		"a status alone":                    {standard(), "/things", 401, `{}`, no, platform.CodeHTTP4xx},
	} {
		resp := &http.Response{StatusCode: tt.status, Header: http.Header{}}
		j := build(t, tt.d, nil).Upstream.Judge(tt.path, resp, []byte(tt.body))
		code := ""
		if j.Err != nil {
			code = j.Err.Code
			if j.Err.Unknown {
				t.Errorf("%s: a call is taken for an issue of unknown outcome", name)
			}
		}
		if j.Verdict != tt.verdict || code != tt.code {
			t.Errorf("%s: verdict %d, %s; want %d, %s", name, j.Verdict, code, tt.verdict, tt.code)
		}
	}
}

func TestTokensOfUsersAreFoundWhereTheyAreGiven(t *testing.T) {
	t.Parallel()
	up := build(t, modern(), nil).Upstream
	body := []byte(`{"code":0,"data":{"user_token":"U-1"}}`)
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}}
	if j := up.Judge("/v2/login", resp, body); len(j.Users) != 1 || j.Users[0].Reveal() != "U-1" {
		t.Errorf("found %d tokens", len(j.Users))
	}
	body = []byte(`{"code":0,"data":{"user_token":"U-1","refresh":"R-1"}}`)
	if j := up.Judge("/v2/session", resp, body); len(j.Users) != 2 || j.Users[1].Reveal() != "R-1" || j.Verdict != broker.VerdictOK {
		t.Errorf("found %d tokens", len(j.Users))
	}
	if j := up.Judge("/v2/things", resp, body); len(j.Users) > 0 {
		t.Error("I8: a business answer gives tokens of users")
	}
}

// What a path is, is said by the whole of it: one that ends like another, or in which another
// one stands, is not that other one (I8).
func TestI8APathIsNotTakenForOneThatStandsInIt(t *testing.T) {
	t.Parallel()
	d := modern()
	d.Surfaces[1].Prefix = "/old/"
	up := build(t, d, nil).Upstream
	r := httptest.NewRequest(http.MethodGet, "/v2/old/things?access_token=T-other", nil)
	up.Attach(r, broker.NewSecret("T-secret-1"))
	if r.Header.Get("Authorization") != "Bearer T-secret-1" || r.URL.RawQuery != "" {
		t.Errorf("the token stands elsewhere than on the path's surface: %q, %v", r.URL.RawQuery, r.Header)
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}}
	if j := up.Judge("/v2/x/v2/login", resp, []byte(`{"code":0,"data":{"user_token":"U-1"}}`)); len(j.Users) > 0 {
		t.Error("a business answer gives tokens of users")
	}
	r = httptest.NewRequest(http.MethodGet, "/v2/old/login?appid=a&secret=s", nil)
	if s := up.Shown(r); s.AppID != "" || !s.Key.IsZero() {
		t.Error("a business path shows a key")
	}
	// Whatever the app's base URL has before it, what was sent is blotted out.
	r = httptest.NewRequest(http.MethodGet, "/proxy/old/login?appid=a&secret="+appSecret, nil)
	resp.Request = r
	if m := up.Judge("/old/login", resp, []byte(`{"errcode":9,"errmsg":"no `+appSecret+`"}`)).Err.PlatformMessage; !strings.HasPrefix(m, "no [secret]") {
		t.Errorf("I6: %s", m)
	}
}

// I6: what a request took along is blotted out of what the platform says of it.
func TestWhatTheGatewaySendsIsNotRepeated(t *testing.T) {
	t.Parallel()
	up := build(t, modern(), nil).Upstream
	judge := func(path string, r *http.Request) string {
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"X-Trace": {"tr-1"}}, Request: r}
		return up.Judge(path, resp, []byte(`{"code":9,"msg":"no T-secret-1 no `+appSecret+`","errcode":9,"errmsg":"no T-secret-1 no `+appSecret+`"}`)).Err.PlatformMessage
	}
	for _, path := range []string{"/v2/things", "/old/things"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		up.Attach(r, broker.NewSecret("T-secret-1"))
		if got := judge(path, r); !strings.HasPrefix(got, "no [secret] no ") {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, path := range []string{"/v2/login", "/old/login"} {
		r := httptest.NewRequest(http.MethodPost, path, nil)
		up.Substitute(r, appID, broker.NewSecret(appSecret))
		if got := judge(path, r); !strings.HasPrefix(got, "no T-secret-1 no [secret]") {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := judge("/v2/things", nil); !strings.HasSuffix(got, "(X-Trace tr-1)") {
		t.Errorf("the platform's name of the request is lost: %s", got)
	}
}

// I6: nor is what HTTP Basic makes of a secret.
func TestI6WhatHTTPBasicSaysIsNotRepeated(t *testing.T) {
	t.Parallel()
	header := base64.StdEncoding.EncodeToString([]byte(appID + ":" + appSecret))
	s := &server{answers: []string{`400 {"error":"invalid_client","error_description":"no Basic ` + header + `"}`}}
	_, err := build(t, standard(), s).Kinds("basic")[broker.AccessToken].Issuer.Issue(t.Context(), request(testApp(standard()), broker.AccessToken))
	if m := broker.AsError(err).PlatformMessage; !strings.HasPrefix(m, "no Basic [secret]") {
		t.Errorf("a token's request: %s", m)
	}
	d := modern()
	d.Exchanges = append(d.Exchanges, declared.Exchange{Method: http.MethodPost, Path: "/v2/basic", In: "basic"})
	up := build(t, d, nil).Upstream
	r := httptest.NewRequest(http.MethodPost, "/v2/basic", nil)
	up.Substitute(r, appID, broker.NewSecret(appSecret))
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r}
	if m := up.Judge("/v2/basic", resp, []byte(`{"code":9,"msg":"no Basic `+header+`"}`)).Err.PlatformMessage; !strings.HasPrefix(m, "no Basic [secret]") {
		t.Errorf("an exchange: %s", m)
	}
}

func TestRefusalsAreSaidInThePlatformsForm(t *testing.T) {
	t.Parallel()
	unknown := &broker.Error{Code: "token_unknown", Class: broker.Invalid, Message: "no app\nhas this token", Hint: "ask for <another>"}
	for name, tt := range map[string]struct {
		d      declared.Definition
		path   string
		err    *broker.Error
		status int
		want   string
	}{
		"with a hint":   {modern(), "/v2/things", unknown, 200, `{"code":4001,"msg":"bad token (token_unknown): no app has this token; ask for <another> (request id r-1)","data":{"msg":"bad token (token_unknown): no app has this token; ask for <another> (request id r-1)"}}`},
		"of a class":    {modern(), "/old/things", broker.ErrBudget, 200, `{"errcode":"Busy","sub_msg":"slow down (budget_spent): ` + broker.ErrBudget.Message + `","errmsg":"slow down (budget_spent): ` + broker.ErrBudget.Message + `","request_id":"r-1"}`},
		"with a status": {standard(), "/things", broker.ErrUnknownApp, 400, `{"error":"invalid_client","error_description":"no such app (unknown_app) (request id r-1)"}`},
		"the platform's own": {
			modern(), "/old/things", &broker.Error{Code: "token_expired", Class: broker.Transient, PlatformCode: "88.1", PlatformMessage: "old"}, 200,
			`{"errcode":88,"sub_code":"88.1","sub_msg":"old","errmsg":"old","request_id":"r-1"}`,
		},
		"no error": {standard(), "/things", nil, 400, `{"error":"invalid_request","error_description":"no (internal): internal error (request id r-1)"}`},
	} {
		x := build(t, tt.d, nil).Upstream.Refuse(tt.path, tt.err, "r-1")
		if string(x.Body) != tt.want || x.Status != tt.status || x.ContentType != "application/json" {
			t.Errorf("%s: %d %s, want %s", name, x.Status, x.Body, tt.want)
		}
	}
}

func TestTheAppSecretTakesTheKeysPlaceInEveryBody(t *testing.T) {
	t.Parallel()
	d := modern()
	d.Exchanges = append(d.Exchanges, declared.Exchange{Method: http.MethodPost, Path: "/v2/form", In: "form", AppID: "app", Secret: "key"},
		declared.Exchange{Method: http.MethodPost, Path: "/v2/basic", In: "basic"})
	up := build(t, d, nil).Upstream
	const form, asJSON = "application/x-www-form-urlencoded", "application/json"
	for name, tt := range map[string]struct{ path, contentType, body, want, wantType string }{
		"JSON":             {"/v2/login", asJSON, `{"code":"c","app":"a","key":"` + key + `","KEY":"k"}`, `{"app":"the-app","code":"c","key":"5e4f0c2b9d7a41d8"}`, asJSON},
		"a form for JSON":  {"/v2/login", form, `code=c&app=a&key=` + key + `&Key=k`, `app=the-app&code=c&key=5e4f0c2b9d7a41d8`, form},
		"no body for JSON": {"/v2/login", "", ``, `{"app":"the-app","key":"5e4f0c2b9d7a41d8"}`, asJSON},
		"a form":           {"/v2/form", form, `code=c&app=a&key=` + key, `app=the-app&code=c&key=5e4f0c2b9d7a41d8`, form},
		"JSON for a form":  {"/v2/form", asJSON, `{"app":"a","key":"` + key + `"}`, `{"app":"the-app","key":"5e4f0c2b9d7a41d8"}`, asJSON},
		"garbage":          {"/v2/form", form, `%zz=` + key, `app=the-app&key=5e4f0c2b9d7a41d8`, form},
		"Basic":            {"/v2/basic", asJSON, `{"code":"c"}`, `{"code":"c"}`, asJSON},
	} {
		r := httptest.NewRequest(http.MethodPost, tt.path, strings.NewReader(tt.body))
		r.Header.Set("Authorization", "Bearer T")
		r.Header.Set("Content-Type", tt.contentType)
		if name == "Basic" {
			r.SetBasicAuth("a", key)
		}
		before := r.Clone(t.Context())
		before.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte(tt.body))), nil }
		if s := up.Shown(before); strings.Contains(tt.body, `"app":"a"`) && (s.AppID != "a" || s.Key.Reveal() != key) {
			t.Errorf("%s: shows %q, %q", name, s.AppID, s.Key.Reveal())
		}
		up.Substitute(r, appID, broker.NewSecret(appSecret))
		body, _ := io.ReadAll(r.Body)
		id, password, basic := r.BasicAuth()
		if string(body) != tt.want || r.ContentLength != int64(len(body)) || r.Header.Get("Content-Type") != tt.wantType {
			t.Errorf("%s: sends %s of %d bytes as %s, want %s", name, body, r.ContentLength, r.Header.Get("Content-Type"), tt.want)
		}
		if basic != (name == "Basic") || basic && (id != appID || password != appSecret) || !basic && r.Header.Get("Authorization") != "" {
			t.Errorf("%s: sends %q", name, r.Header.Get("Authorization"))
		}
	}
}

func TestCallsGoWhereTheirPathsAre(t *testing.T) {
	t.Parallel()
	d := modern()
	d.Modes = append(d.Modes, declared.Mode{Name: "far", BaseURL: "https://far.modern.test", Tokens: slices.Clone(d.Modes[0].Tokens)})
	d.Modes[1].Tokens[0].Request.BaseURL = "https://login.modern.test"
	s := &server{answers: []string{`200 {"code":"0","data":{"token":"` + given + `"}}`}}
	p := build(t, d, s)
	for _, tt := range [][3]string{
		{"", "/v2/things", "https://api.modern.test"},
		{"token", "/V2/things", "https://api.modern.test"},
		{"far", "/v2/things", "https://far.modern.test"},
		{"far", "/OLD/things", "https://old.modern.test"},
	} {
		if got := p.Base(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%s in the mode %q is at %s, want %s", tt[1], tt[0], got, tt[2])
		}
	}
	if want := []string{"api.modern.test", "far.modern.test", "login.modern.test", "old.modern.test"}; !slices.Equal(p.Upstream.Hosts(), want) {
		t.Errorf("the hosts are %q", p.Upstream.Hosts())
	}
	app := testApp(d)
	// An app without a base URL is completed with the platform's, and stays where that is.
	for i, want := range []string{"login.modern.test", "login.modern.test", "elsewhere.test"} {
		app.BaseURL = []string{"", "https://api.modern.test", "https://elsewhere.test/proxy"}[i]
		if _, err := p.Kinds("far")[broker.AccessToken].Issuer.Issue(t.Context(), request(app, broker.AccessToken)); err != nil || s.seen[i].URL.Host != want {
			t.Errorf("%v, asked %s, want %s", err, s.seen[i].URL.Host, want)
		}
	}
	if r := p.Upstream.Route("/old/js/sign"); r.Kind != broker.JSAPITicket || r.Sort != broker.CallApp {
		t.Errorf("%+v", r)
	}
	if p.Canonical("//V2//x/") != "/v2/x" || p.Kinds("none") != nil || len(p.Params) != 2 {
		t.Error("the platform is not as described")
	}
}
