package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// FuzzPlatform proves that no request makes the platform panic or answer
// anything but well-formed JSON, and that no token comes without credentials.
func FuzzPlatform(f *testing.F) {
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}})
	token := newCaller(f, sb.Transport()).stable().AccessToken
	paths := []string{
		"/cgi-bin/token", "/cgi-bin/stable_token", "/cgi-bin/ticket/getticket", "/cgi-bin/user/info",
		"/cgi-bin/message/custom/send", "/cgi-bin/message/template/send", "/cgi-bin/clear_quota",
		"/cgi-bin/clear_quota/v2", "/cgi-bin/openapi/quota/get", "/cgi-bin/openapi/rid/get", "/", "", "//", "/cgi-bin/../x",
		"/cgi-bin/media/upload", "/cgi-bin/media/uploadimg", "/cgi-bin/material/add_material", "/cgi-bin/material/batchget_material",
		"/cgi-bin/openapi/quota/clear", "/cgi-bin/message/mass/get", "/cgi-bin/tags/create", "/cgi-bin/qrcode/create",
		"/sns/oauth2/access_token", "/sns/oauth2/refresh_token", "/sns/userinfo", "/sns/auth", "/sns/jscode2session",
	}
	const file = "--b\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a.jpg\"\r\n\r\nx\r\n--b--\r\n"
	for i := range paths {
		f.Add(uint8(i), true, "grant_type=client_credential&type=jsapi&openid=o", `{"appid":"x","secret":"y"}`)
		f.Add(uint8(i), true, "access_token=", `{"cgi_path":"/cgi-bin/token","rid":"6aac005a-01bfdbee-79769285"}`)
		f.Add(uint8(i), false, "appid=%00&secret=%ff", "{")
		f.Add(uint8(i), true, "type=video&code=x&js_code=x", file)
		f.Add(uint8(i), true, "type=image", file[:len(file)/2])
		f.Add(uint8(i), true, "type=thumb", file[len(file)/2:])
	}
	f.Fuzz(func(t *testing.T, path uint8, post bool, query, body string) {
		method := http.MethodGet
		if post {
			method = http.MethodPost
		}
		u := &url.URL{Scheme: "https", Host: "x", Path: paths[int(path)%len(paths)], RawQuery: query + "&access_token=" + token}
		req := (&http.Request{
			Method: method, URL: u, Header: http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}, Body: io.NopCloser(strings.NewReader(body)),
		}).WithContext(t.Context())
		resp, err := sb.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK || !json.Valid(b) {
			t.Fatalf("status %d, body %q", resp.StatusCode, b)
		}
		if strings.Contains(string(b), `"access_token"`) && !strings.Contains(query+body, secret) {
			t.Fatalf("a token without the secret: %s", b)
		}
	})
}

// FuzzOtherPlatforms proves that no request makes a platform other than WeChat panic, and
// that no token comes without the secret.
func FuzzOtherPlatforms(f *testing.F) {
	var apps []sandbox.App
	for _, p := range sandbox.Platforms() {
		apps = append(apps, sandbox.App{Platform: p, ID: thatApp, Secret: thatSecret})
	}
	sb := sandbox.New(sandbox.Config{Apps: apps, Allow: sandbox.MisuseKinds()})
	for _, w := range ways() {
		ask := w.ask(thatApp, "x")
		method, path, _ := strings.Cut(ask.line, " ")
		f.Add(method == http.MethodPost, path, "application/json", ask.body, "Basic YTpi")
		f.Add(method == http.MethodPost, path, "application/x-www-form-urlencoded", ask.body, "Bearer t-")
		get, post := w.calls("x")
		f.Add(false, strings.TrimPrefix(get.line, "GET "), "", "", "Bearer eyJ")
		f.Add(true, strings.TrimPrefix(post.line, "POST "), "application/json; charset", `{"a":[{"b":"c"}],"agentid":"x"}`, "Basic x")
	}
	f.Add(true, "/dingtalk/v1.0/oauth2/%2f/token", "application/json", "{", "")
	f.Add(false, "/wecom/", ";", "%zz", " ")
	f.Fuzz(func(t *testing.T, post bool, line, contentType, body, authorization string) {
		u, err := url.Parse("https://x" + line)
		if err != nil || strings.HasPrefix(u.Path, "/_sandbox") {
			return
		}
		method := http.MethodGet
		if post {
			method = http.MethodPost
		}
		req := (&http.Request{
			Method: method, URL: u, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{
				"Content-Type": {contentType}, "Authorization": {authorization}, "Access-Token": {body}, "X-Acs-Dingtalk-Access-Token": {body},
			},
		}).WithContext(t.Context())
		resp, err := sb.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range sandbox.Platforms() {
			for _, m := range sb.Of(p).Modes() {
				if token := sb.Of(p).Current(thatApp, m); token != "" && !strings.Contains(line+body+authorization, thatSecret) {
					t.Fatalf("a token of %s without the secret: %s", p, b)
				}
			}
		}
	})
}

// FuzzControl proves that no control request makes the sandbox panic.
func FuzzControl(f *testing.F) {
	f.Add("/faults", `{"kind":"hang","delay":"1s"}`)
	f.Add("/faults", "kind=slow&delay=1s&times=1&probability=0.5&errcode=-1&status=502")
	f.Add("/faults/clear", "")
	f.Add("/apps/"+appID+"/kill", `{"token":"x"}`)
	f.Add("/apps/"+appID+"/rotate", "mode=stable")
	f.Add("/apps/"+appID+"/whitelist", `{"whitelist":["::/0","x"]}`)
	f.Add("/apps/"+appID+"/freeze", `{"errcode":-9223372036854775808}`)
	f.Add("/apps/"+appID+"/code", `{"scope":"snsapi_base","openid":"\u0000"}`)
	f.Add("/apps/"+appID+"/jscode", "openid=x")
	f.Add("/apps/"+appID+"/revoke", `{"user":"bob"}`)
	f.Add("/apps/"+appID+"/sign", `{"raw_data":"\u0000"}`)
	f.Add("/apps/"+appID+"/encrypt", `{"data":{"watermark":1}}`)
	f.Add("/apps/"+appID+"/encrypt", "data={&user=alice")
	f.Add("/wecom/apps/"+appID+"/kill", `{"mode":"x"}`)
	f.Add("/douyin/apps//freeze", "code=x")
	f.Add("/portrait/alice/132", "")
	f.Add("/apps//", "%zz=%")
	f.Fuzz(func(t *testing.T, path, body string) {
		sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}})
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			req := (&http.Request{
				Method: method, URL: &url.URL{Scheme: "http", Host: "x", Path: "/_sandbox" + path}, Header: http.Header{},
				Body: io.NopCloser(strings.NewReader(body)),
			}).WithContext(t.Context())
			if !strings.HasPrefix(path, "/") {
				req.URL.Path = "/_sandbox/" + path
			}
			resp, err := sb.Transport().RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode >= http.StatusInternalServerError {
				t.Fatalf("%s %s: status %d", method, path, resp.StatusCode)
			}
			_ = resp.Body.Close()
		}
	})
}

// FuzzConnect proves that no request makes the pages panic, that nothing of a query
// is more than text in them, and that browsers are sent where the query says and
// nowhere but to the app's domain.
func FuzzConnect(f *testing.F) {
	sb := sandbox.New(sandbox.Config{
		Apps:  []sandbox.App{{ID: appID, Secret: secret, CallbackDomains: []string{"www.example.com"}}},
		Allow: sandbox.MisuseKinds(),
	})
	f.Add(false, sandbox.ScopeUserInfo, callback, "abc", "user=alice&answer=agree")
	f.Add(true, sandbox.ScopeLogin, "https://www.example.com", "<script>", "user=bob&answer=refuse")
	f.Add(false, sandbox.ScopeBase, "https://www.example.com\\@evil.example/", "\x00\r\nLocation: x", "answer=agree&user=%zz")
	f.Add(false, sandbox.ScopeBase, "https://www.example.com:80#x?y#z", "", "user=snapshot&answer=agree")
	f.Fuzz(func(t *testing.T, qr bool, scope, to, state, form string) {
		u := &url.URL{Scheme: "https", Host: "x", Path: inWeChat, RawQuery: url.Values{
			"appid": {appID}, "scope": {scope}, "redirect_uri": {to}, "state": {state}, "response_type": {"code"}, "lang": {state},
		}.Encode()}
		if qr {
			u.Path = onSite
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req := (&http.Request{Method: method, URL: u, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(form))}).WithContext(t.Context())
			resp, err := sb.Transport().RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			switch resp.StatusCode {
			case http.StatusOK:
				if strings.Contains(strings.ToLower(string(body)), "<script") {
					t.Fatalf("the page has a script: %s", body)
				}
			case http.StatusFound:
				back, err := url.Parse(resp.Header.Get("Location"))
				if err != nil || method != http.MethodPost || !strings.EqualFold(back.Hostname(), "www.example.com") || !back.Query().Has("state") {
					t.Fatalf("%s sends the browser to %q (%v)", method, resp.Header.Get("Location"), err)
				}
			default:
				t.Fatalf("status %d", resp.StatusCode)
			}
		}
	})
}
