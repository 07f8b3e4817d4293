package wechat_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

// answering is a platform that always gives the same answer.
type answering struct {
	body string
	seen *http.Request
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.seen = r
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewBufferString(a.body)), Request: r}, nil
}

func at(body string) (broker.WebAuthorization, *answering) {
	a := &answering{body: body}
	return wechat.Platform(platform.NewCaller(a)).Web, a
}

// WeChat compares these URLs with a pattern, so that every character counts.
func TestBrowsersAreSentWithTheParametersInWeChatsOrder(t *testing.T) {
	t.Parallel()
	const callback = "https://hufu.example.com/oauth/shop/callback"
	const params = "?appid=wx0123456789abcdef&redirect_uri=https%3A%2F%2Fhufu.example.com%2Foauth%2Fshop%2Fcallback&response_type=code"
	for name, tt := range map[string]struct{ scope, at, want string }{
		"base":       {"snsapi_base", "", "https://open.weixin.qq.com/connect/oauth2/authorize" + params + "&scope=snsapi_base&state=0a1B#wechat_redirect"},
		"userinfo":   {"snsapi_userinfo", "", "https://open.weixin.qq.com/connect/oauth2/authorize" + params + "&scope=snsapi_userinfo&state=0a1B#wechat_redirect"},
		"QR code":    {"snsapi_login", "", "https://open.weixin.qq.com/connect/qrconnect" + params + "&scope=snsapi_login&state=0a1B#wechat_redirect"},
		"elsewhere":  {"snsapi_base", "http://127.0.0.1:8090", "http://127.0.0.1:8090/connect/oauth2/authorize" + params + "&scope=snsapi_base&state=0a1B#wechat_redirect"},
		"with path":  {"snsapi_login", "https://proxy.test/wx/", "https://proxy.test/wx/connect/qrconnect" + params + "&scope=snsapi_login&state=0a1B#wechat_redirect"},
		"two scopes": {"snsapi_base,snsapi_userinfo", "", ""},
	} {
		web, _ := at("")
		app := testApp()
		app.Login = &broker.Login{AuthorizeURL: tt.at}
		got, err := web.AuthorizeURL(broker.AuthorizeRequest{App: &app, Scope: tt.scope, Callback: callback, State: "0a1B"})
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %s, %v; want %s", name, got, err, tt.want)
		}
	}
}

// Who tries out an app on this machine is not sent to the real platform.
func TestAnAppOnThisMachineHasItsPagesThere(t *testing.T) {
	t.Parallel()
	web := wechat.Platform(nil).Web
	for base, want := range map[string]string{
		"http://127.0.0.1:8090": "http://127.0.0.1:8090/connect/", "http://localhost:8090/a": "http://localhost:8090/a/connect/",
		"": "https://open.weixin.qq.com/connect/", "https://sh.api.weixin.qq.com": "https://open.weixin.qq.com/connect/", "http://proxy.internal": "https://open.weixin.qq.com/connect/",
	} {
		app := testApp()
		app.BaseURL, app.Login = base, &broker.Login{}
		got, err := web.AuthorizeURL(broker.AuthorizeRequest{App: &app, Scope: "snsapi_base", Callback: "https://hufu.test/cb", State: "0a1B"})
		if err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("an app at %q has its pages at %s, %v; want %s…", base, got, err, want)
		}
	}
}

func TestTheWidestScopeOfAnAnswerIsItsKind(t *testing.T) {
	t.Parallel()
	for scope, want := range map[string]broker.Kind{
		"snsapi_base": "snsapi_base", "snsapi_userinfo,": "snsapi_userinfo", "snsapi_userinfo,snsapi_base": "snsapi_userinfo",
		"snsapi_base,snsapi_userinfo": "snsapi_userinfo", "snsapi_base, snsapi_login": "snsapi_login", "snsapi_new,snsapi_base": "snsapi_base",
		"snsapi_new": "", "": "", ",": "", "SNSAPI_BASE": "", "snsapi_base2": "",
	} {
		web, _ := at("")
		if got := web.KindOf(scope); got != want {
			t.Errorf("%q is of the kind %q, want %q", scope, got, want)
		}
		web, _ = at(`{"access_token":"A","expires_in":7200,"refresh_token":"R","openid":"o","scope":"` + scope + `"}`)
		app := testApp()
		g, err := web.Exchange(t.Context(), &app, app.Secrets[0], broker.NewSecret("code"))
		if want == "" {
			want = "snsapi_base"
		}
		if err != nil || g.Kind != want || g.Scope != scope {
			t.Errorf("%q: granted %q, %q, %v; want the kind %s", scope, g.Kind, g.Scope, err, want)
		}
	}
}

func TestMadeUpUsersAreToldApart(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]bool{"": false, `,"is_snapshotuser":1`: true, `,"is_snapshotuser":"1"`: true, `,"is_snapshotuser":0`: false, `,"is_snapshotuser":null`: false} {
		web, _ := at(`{"access_token":"A","expires_in":7200,"refresh_token":"R","openid":"o"` + field + `}`)
		app := testApp()
		g, err := web.Exchange(t.Context(), &app, app.Secrets[0], broker.NewSecret("code"))
		if err != nil || g.Snapshot != want {
			t.Errorf("%q: a snapshot user: %v, %v", field, g.Snapshot, err)
		}
	}
}

func TestWhatIsKnownOfAUserIsReadInFull(t *testing.T) {
	t.Parallel()
	app, token := testApp(), broker.NewSecret("83_token")
	web, seen := at(`{"openid":"o","nickname":"Band 🎸","sex":"1","province":"广东","city":"广州","country":"中国",
		"headimgurl":"https://thirdwx.qlogo.cn/g3MonUZtNHkdmzicIlibx6iaFqAc56vxLSUfpb6n5WKSYVY0ChQKkiaJSgQ1dZuTOgvLLrhJbERQQ4/46","privilege":["PRIVILEGE1","PRIVILEGE2"],"unionid":"u"}`)
	p, err := web.Profile(t.Context(), &app, "o", token, "zh_CN")
	want := broker.Profile{
		OpenID: "o", UnionID: "u", Nickname: "Band 🎸", Sex: 1, Province: "广东", City: "广州", Country: "中国",
		Portrait:  "https://thirdwx.qlogo.cn/g3MonUZtNHkdmzicIlibx6iaFqAc56vxLSUfpb6n5WKSYVY0ChQKkiaJSgQ1dZuTOgvLLrhJbERQQ4/46",
		Privilege: []string{"PRIVILEGE1", "PRIVILEGE2"},
	}
	if diff := cmp.Diff(want, p); err != nil || diff != "" {
		t.Errorf("%v, profile (-want +got):\n%s", err, diff)
	}
	if got := seen.seen.URL.String(); got != "https://api.weixin.qq.com/sns/userinfo?access_token=83_token&lang=zh_CN&openid=o" {
		t.Errorf("asked %s", got)
	}

	web, seen = at(`{"subscribe":1,"openid":"o","language":"zh_CN","subscribe_time":1382694957,"unionid":"u","remark":"r","groupid":3,
		"tagid_list":[128,"2"],"subscribe_scene":"ADD_SCENE_QR_CODE","qr_scene":98765,"qr_scene_str":"s"}`)
	s, err := web.Subscription(t.Context(), &app, "o", token, "")
	wantS := broker.Subscription{
		OpenID: "o", UnionID: "u", Subscribed: true, Language: "zh_CN", SubscribedAt: time.Unix(1382694957, 0), Remark: "r", GroupID: 3,
		Tags: []int64{128, 2}, Scene: "ADD_SCENE_QR_CODE", QRScene: 98765, QRSceneText: "s",
	}
	if diff := cmp.Diff(wantS, s); err != nil || diff != "" {
		t.Errorf("%v, subscription (-want +got):\n%s", err, diff)
	}
	if got := seen.seen.URL.String(); got != "https://api.weixin.qq.com/cgi-bin/user/info?access_token=83_token&openid=o" {
		t.Errorf("asked %s", got)
	}

	web, _ = at(`{"subscribe":0,"openid":"o"}`)
	if s, err := web.Subscription(t.Context(), &app, "o", token, ""); err != nil || s.Subscribed || s.OpenID != "o" {
		t.Errorf("of somebody who does not follow: %+v, %v", s, err)
	}
}

// Where a user's token belongs, WeChat says the same of an app's own token as of one that
// nobody has given out, so the message has to name both.
func TestARejectionNamesTheMixUpThatItMayBe(t *testing.T) {
	t.Parallel()
	app := testApp()
	web, _ := at(refuse("40001", "invalid credential, access_token is invalid or not latest, rid: 1-2-3"))
	_, err := web.Profile(t.Context(), &app, "o", broker.NewSecret("83_token"), "")
	if e := broker.AsError(err); !errors.Is(err, broker.ErrUserTokenRejected) || !strings.Contains(e.Message, "app's own token") || !strings.Contains(e.PlatformMessage, "rid") {
		t.Errorf("%+v", err)
	}
}

func TestNothingIsAskedAboutAUserInVain(t *testing.T) {
	t.Parallel()
	some, none := broker.NewSecret("some"), broker.Secret{}
	key := broker.Key{App: "shop", Kind: "snsapi_base", Subject: "o"}
	for name, tt := range map[string]struct {
		ask  func(*broker.App, broker.Platform) error
		want string
	}{
		"no code": {func(a *broker.App, p broker.Platform) error {
			_, err := p.Web.Exchange(t.Context(), a, some, none)
			return err
		}, "login_code_missing"},
		"no code of a mini program": {func(a *broker.App, p broker.Platform) error {
			_, err := p.Mini.Session(t.Context(), a, some, none)
			return err
		}, "login_code_missing"},
		"no secret": {func(a *broker.App, p broker.Platform) error {
			_, err := p.Web.Exchange(t.Context(), a, none, some)
			return err
		}, "secret_missing"},
		"a huge code": {func(a *broker.App, p broker.Platform) error {
			_, err := p.Web.Exchange(t.Context(), a, some, broker.NewSecret(strings.Repeat("c", 600)))
			return err
		}, "bad_login_code"},
		"an odd code": {func(a *broker.App, p broker.Platform) error {
			_, err := p.Mini.Session(t.Context(), a, some, broker.NewSecret("two\nlines"))
			return err
		}, "bad_login_code"},
		"no refresh token": {func(a *broker.App, p broker.Platform) error {
			_, err := p.Web.Refresh(t.Context(), a, key, none)
			return err
		}, "refresh_token_missing"},
		"no token": {func(a *broker.App, p broker.Platform) error {
			_, err := p.Web.CheckUser(t.Context(), a, "o", none)
			return err
		}, "token_missing"},
		"no user": {func(a *broker.App, p broker.Platform) error {
			_, err := p.Web.Profile(t.Context(), a, "", some, "")
			return err
		}, "bad_open_id"},
		"no user to check": {func(a *broker.App, p broker.Platform) error {
			_, err := p.Web.CheckUser(t.Context(), a, "", some)
			return err
		}, "bad_open_id"},
		"no app id": {func(a *broker.App, p broker.Platform) error {
			a.AppID = ""
			_, err := p.Web.Refresh(t.Context(), a, key, some)
			return err
		}, "app_id_missing"},
	} {
		a := &answering{body: "{}"}
		app := testApp()
		err := tt.ask(&app, wechat.Platform(platform.NewCaller(a)))
		if e := broker.AsError(err); err == nil || e.Code != tt.want || e.Hint == "" || a.seen != nil {
			t.Errorf("%s: %v (%s), asked: %v; want %s", name, err, e.Code, a.seen != nil, tt.want)
		}
	}
}
