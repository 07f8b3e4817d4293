package gateway_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

func exchangePath(path string, params ...string) string {
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	return path + "?" + q.Encode()
}

// login gets a user's tokens as a business server does, with its key in the place of the
// app secret.
func (s *stack) login(openID string) answer {
	s.tb.Helper()
	code, err := s.Sandbox.NewCode(stacktest.AppID, openID, sandbox.ScopeUserInfo)
	if err != nil {
		s.tb.Fatal(err)
	}
	a := s.send(request(http.MethodGet, exchangePath("/sns/oauth2/access_token",
		"appid", stacktest.AppID, "secret", callerKey, "code", code, "grant_type", "authorization_code"), ""))
	if !a.ok() || a.OpenID != openID || a.Refresh == "" {
		s.tb.Fatalf("exchange: %s", a.body)
	}
	return a
}

// I6, I8: codes are exchanged with the app secret, which no caller sees, and a user's
// token opens the user's paths.
func TestI8UsersTokensPassUntouched(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		user := s.login("oUser")
		info := s.get("/sns/userinfo?openid=oUser&lang=zh_CN", user.AccessToken)
		if !info.ok() || info.OpenID != "oUser" {
			t.Errorf("userinfo: %s", info.body)
		}
		if a := s.get("/sns/auth?openid=oUser", user.AccessToken); a.status != http.StatusOK || a.Errcode != 0 || a.Errmsg != "ok" {
			t.Errorf("auth: %s", a.body)
		}
		again := s.send(request(http.MethodGet, exchangePath("/sns/oauth2/refresh_token",
			"appid", stacktest.AppID, "grant_type", "refresh_token", "refresh_token", user.Refresh), ""))
		if !again.ok() || again.AccessToken == "" {
			t.Errorf("refresh: %s", again.body)
		}
		for _, key := range []string{callerKey, virtualKey} {
			if a := s.keyed(http.MethodGet, "/sns/userinfo?openid=oUser&access_token="+user.AccessToken, key, ""); !a.ok() || a.OpenID != "oUser" {
				t.Errorf("userinfo with a key: %s", a.body)
			}
		}
		js, err := s.Sandbox.NewJSCode(stacktest.AppID, "oMini")
		if err != nil {
			t.Fatal(err)
		}
		// PowerWeChat sends an access_token along, which the path does not want.
		a := s.send(request(http.MethodGet, exchangePath("/sns/jscode2session", "access_token", s.token(virtualKey),
			"appid", stacktest.AppID, "secret", virtualKey, "js_code", js, "grant_type", "authorization_code"), ""))
		if !a.ok() || a.OpenID != "oMini" || a.SessionKey == "" {
			t.Errorf("jscode2session: %s", a.body)
		}
		if js, err = s.Sandbox.NewJSCode(stacktest.AppID, "oMini"); err != nil {
			t.Fatal(err)
		}
		if a := s.keyed(http.MethodGet, "/sns/jscode2session?grant_type=authorization_code&js_code="+js, callerKey, ""); !a.ok() || a.OpenID != "oMini" {
			t.Errorf("jscode2session with a key: %s", a.body)
		}
		for _, m := range s.Sandbox.Misuses() {
			t.Errorf("misuse: %s", m.Detail)
		}
	})
}

// I8: who takes the one token for the other is told so, and nothing reaches the platform.
func TestI8TheTwoKindsOfTokenAreNeverMixedUp(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		login := s.login("oUser")
		user := login.AccessToken
		arrived := s.Sandbox.Calls(stacktest.AppID, users)
		const (
			ofUser = "this is the token of a user who logged in through a page"
			ofApp  = "this is the app's own token"
		)
		for name, c := range map[string]struct {
			a    answer
			want string
		}{
			"a user's token on the app's path":               {s.get(users, user), ofUser},
			"the app's token on a user's path":               {s.get("/sns/userinfo?openid=oUser", s.token(callerKey)), ofApp},
			"a virtual token on a user's path":               {s.get("/sns/userinfo?openid=oUser", s.token(virtualKey)), ofApp},
			"the app's token where a user's is renewed":      {s.send(request(http.MethodGet, "/sns/oauth2/refresh_token?appid="+stacktest.AppID+"&refresh_token="+s.token(callerKey), "")), ofApp},
			"a user's token on a path of nobody knows which": {s.get("/cgi-bin/what/ever", user), ofUser},
		} {
			if c.a.status != http.StatusOK || c.a.Errcode != 40001 || !strings.Contains(c.a.Errmsg, "("+broker.ErrTokenKind.Code+"): "+c.want) {
				t.Errorf("%s: %d %s, want %q", name, c.a.status, c.a.body, c.want)
			}
		}
		for name, c := range map[string]struct {
			a    answer
			want string
		}{
			"a user's token on the app's path, with a key":     {s.keyed(http.MethodGet, withToken(users, user), callerKey, ""), ofUser},
			"the app's token on a user's path, with a key":     {s.keyed(http.MethodGet, withToken("/sns/userinfo?openid=oUser", s.token(callerKey)), callerKey, ""), ofApp},
			"a virtual token on a user's path, with a key":     {s.keyed(http.MethodGet, withToken("/sns/userinfo?openid=oUser", s.token(virtualKey)), callerKey, ""), ofApp},
			"a user's refresh token on an app's, with a key":   {s.keyed(http.MethodGet, withToken(users, login.Refresh), callerKey, ""), ofUser},
			"the app's token where a user's is renewed, keyed": {s.keyed(http.MethodGet, "/sns/oauth2/refresh_token?refresh_token="+s.token(callerKey), callerKey, ""), ofApp},
		} {
			if c.a.status != http.StatusBadRequest || c.a.Code != broker.ErrTokenKind.Code || !strings.Contains(c.a.Detail, c.want) || c.a.Hint == "" {
				t.Errorf("%s: %d %s, want %q", name, c.a.status, c.a.body, c.want)
			}
		}
		if s.Sandbox.Calls(stacktest.AppID, users)+s.Sandbox.Calls("", users) != arrived {
			t.Error("a call with a user's token was passed on")
		}
		for _, m := range s.Sandbox.Misuses() {
			t.Errorf("misuse: %s", m.Detail)
		}
	})
}

// I8: what is shown decides whose call it is, and what belongs to another app never helps.
func TestI8CallsStayWithTheirApp(t *testing.T) {
	t.Parallel()
	other := stacktest.NewApp("api-other", stacktest.OtherID)
	inBubble(t, stackConfig{Config: stacktest.Config{Apps: []*broker.App{other}}}, func(t *testing.T, s *stack) {
		own := s.token(virtualKey)
		toOther := request(http.MethodGet, withToken("/gateway/api-other"+users, own), "")
		if a := s.send(toOther); a.Errcode == 0 {
			t.Errorf("a token of shop opened another app: %s", a.body)
		}
		keyed := request(http.MethodGet, withToken("/gateway/api-other"+users, own), "")
		keyed.Header.Set("Authorization", "Bearer "+virtualKey)
		if a := s.send(keyed); a.status != http.StatusBadRequest {
			t.Errorf("a call on one app with the token of another: %d %s", a.status, a.body)
		}
		code, err := s.Sandbox.NewCode(stacktest.AppID, "oUser", sandbox.ScopeBase)
		if err != nil {
			t.Fatal(err)
		}
		exchange := request(http.MethodGet, exchangePath("/gateway/api-other/sns/oauth2/access_token",
			"appid", stacktest.AppID, "secret", callerKey, "code", code, "grant_type", "authorization_code"), "")
		if a := s.send(exchange); a.Errcode == 0 {
			t.Errorf("an exchange for one app on another: %s", a.body)
		}
		if n := s.Sandbox.Calls(stacktest.OtherID, users); n != 0 {
			t.Errorf("%d calls reached the other app", n)
		}
		if a := s.send(request(http.MethodGet, withToken("/gateway/shop"+users, own), "")); !a.ok() {
			t.Errorf("the app named before the path: %s", a.body)
		}
	})
}

// Secrets are tried in their order where the platform refuses one, and the one that it
// takes is tried first the next time.
func TestTheSecretThatThePlatformTakesIsUsedForExchanges(t *testing.T) {
	t.Parallel()
	app := stacktest.NewApp("api-two", stacktest.OtherID)
	app.Secrets = []broker.Secret{broker.NewSecret(strings.Repeat("0", 32)), broker.NewSecret(stacktest.Secret)}
	inBubble(t, stackConfig{Config: stacktest.Config{Apps: []*broker.App{app}}}, func(t *testing.T, s *stack) {
		for want := range 2 {
			arrived := s.Sandbox.Calls(stacktest.OtherID, "/sns/jscode2session")
			code, err := s.Sandbox.NewJSCode(stacktest.OtherID, "oMini")
			if err != nil {
				t.Fatal(err)
			}
			a := s.send(request(http.MethodGet, exchangePath("/sns/jscode2session",
				"appid", stacktest.OtherID, "secret", callerKey, "js_code", code, "grant_type", "authorization_code"), ""))
			if !a.ok() || a.OpenID != "oMini" {
				t.Fatalf("%s", a.body)
			}
			if n := s.Sandbox.Calls(stacktest.OtherID, "/sns/jscode2session") - arrived; n != 2-want {
				t.Errorf("exchange %d took %d calls, want %d", want, n, 2-want)
			}
			time.Sleep(time.Second)
		}
	})
}

// A body that was not kept is sent once, whatever became of the first secret.
func TestAnExchangeWithALargeBodyIsMadeOnce(t *testing.T) {
	t.Parallel()
	app := stacktest.NewApp("api-two", stacktest.OtherID)
	app.Secrets = []broker.Secret{broker.NewSecret(strings.Repeat("0", 32)), broker.NewSecret(stacktest.Secret)}
	small := func(c *gateway.Config) { c.MaxReplay = 4 }
	inBubble(t, stackConfig{Config: stacktest.Config{Apps: []*broker.App{app}}, change: small}, func(t *testing.T, s *stack) {
		a := s.send(request(http.MethodGet, exchangePath("/sns/jscode2session",
			"appid", stacktest.OtherID, "secret", callerKey, "js_code", "c", "grant_type", "authorization_code"), text))
		if n := s.Sandbox.Calls(stacktest.OtherID, "/sns/jscode2session"); n != 1 || a.Errcode == 0 {
			t.Errorf("it arrived %d times: %s", n, a.body)
		}
	})
}

func TestExchangesWithoutAKnownKeyGoNowhere(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		const path = "/sns/oauth2/access_token"
		for name, c := range map[string]struct {
			appID, key string
			want       int
		}{
			"no key":                       {stacktest.AppID, "", 40125},
			"an unknown key":               {stacktest.AppID, "somebody", 40125},
			"the app secret itself":        {stacktest.AppID, stacktest.Secret, 40125},
			"a client that may not call":   {stacktest.AppID, stacktest.ReaderKey, 40013},
			"an app that is not here":      {"wx0000000000000000", callerKey, 40013},
			"an app that is not a call's":  {stacktest.OtherID, callerKey, 40013},
			"a client limited to messages": {stacktest.AppID, limitedKey, 48001},
		} {
			a := s.send(request(http.MethodGet, exchangePath(path, "appid", c.appID, "secret", c.key, "code", "c", "grant_type", "authorization_code"), ""))
			if a.Errcode != c.want {
				t.Errorf("%s: %s, want %d", name, a.body, c.want)
			}
		}
		if n := s.Sandbox.Calls(stacktest.AppID, path) + s.Sandbox.Calls("", path); n != 0 {
			t.Errorf("%d calls reached the platform", n)
		}
	})
}

// KEY.APP in the place of the app secret names one of several apps with one id; what it names
// has to be an app of that id that the client may call.
func TestAnExchangeMayNameItsAppI8(t *testing.T) {
	t.Parallel()
	classic, stable := stacktest.NewApp("api-classic", stacktest.OtherID), stacktest.NewApp("api-stable", stacktest.OtherID)
	classic.Mode, stable.Mode = wechat.Classic, wechat.Stable
	hidden := stacktest.NewApp("hidden", "wx2222222222222222")
	hidden.Policy = &broker.Policy{InitialDelay: 24 * time.Hour}
	inBubble(t, stackConfig{Config: stacktest.Config{Apps: []*broker.App{classic, stable, hidden}}}, func(t *testing.T, s *stack) {
		exchange := func(appID, key string) answer {
			code, err := s.Sandbox.NewJSCode(stacktest.OtherID, "oMini")
			if err != nil {
				t.Fatal(err)
			}
			return s.send(request(http.MethodGet, exchangePath("/sns/jscode2session",
				"appid", appID, "secret", key, "js_code", code, "grant_type", "authorization_code"), ""))
		}
		if a := exchange(stacktest.OtherID, callerKey); a.ok() || !strings.Contains(string(a.body), "ambiguous_app") || !strings.Contains(string(a.body), "KEY.APP") {
			t.Errorf("without a name: %s", a.body)
		}
		for _, name := range []string{"api-classic", "api-stable"} {
			if a := exchange(stacktest.OtherID, callerKey+"."+name); !a.ok() || a.OpenID != "oMini" {
				t.Errorf("%s: %s", name, a.body)
			}
		}
		// What is named is said again, and nothing else differs.
		refused := func(appID, name string) string {
			a := exchange(appID, callerKey+"."+name)
			if a.Errcode != 40013 || !strings.Contains(string(a.body), "KEY.APP") {
				t.Errorf("I8: %s: %s", name, a.body)
			}
			return strings.ReplaceAll(ridless(string(a.body)), `\"`+name+`\"`, "NAME")
		}
		none := refused(stacktest.OtherID, "nowhere")
		for what, got := range map[string]string{"an app with another id": refused(stacktest.OtherID, stacktest.App), "one that it may not call": refused(hidden.AppID, "hidden")} {
			if got != none {
				t.Errorf("I8: %s: %s", what, got)
			}
		}
		// I6: the key itself goes nowhere, whichever way it was shown.
		n := s.Sandbox.Calls(stacktest.OtherID, "/sns/jscode2session")
		a := s.send(request(http.MethodGet, exchangePath("/sns/jscode2session",
			"appid", stacktest.OtherID, "secret", callerKey+".api-stable", "js_code", callerKey, "grant_type", "authorization_code"), ""))
		if !strings.Contains(string(a.body), "key_inside") || s.Sandbox.Calls(stacktest.OtherID, "/sns/jscode2session") != n {
			t.Errorf("I6: a key in another place: %s", a.body)
		}
	})
}

func ridless(body string) string {
	before, _, _ := strings.Cut(body, " rid: ")
	return before
}
