package gateway_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// hosts remembers to which hosts a platform's calls went.
type hosts struct {
	http.RoundTripper
	mu   sync.Mutex
	list []string
}

func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	h.list = append(h.list, r.URL.Scheme+"://"+r.URL.Host)
	h.mu.Unlock()
	return h.RoundTripper.RoundTrip(r)
}

const nowhere = "(nowhere, or to several)"

// last is where the last call went, if there was just one since it was asked.
func (h *hosts) last() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.list
	h.list = nil
	if len(list) != 1 {
		return nowhere
	}
	return list[0]
}

// I8: a call with a user's token goes where that user's app is, and one with a token that
// is not known here to the platform's own address rather than to one of an operator's.
func TestI8AUsersTokenLeadsToItsApp(t *testing.T) {
	t.Parallel()
	const thirdID = "wx1111111111111111"
	other, third := stacktest.NewApp("api-other", stacktest.OtherID), stacktest.NewApp("api-third", thirdID)
	other.BaseURL, third.BaseURL = "http://other", ""
	closed := stacktest.NewApp("closed", "wx2222222222222222")
	closed.Policy = &broker.Policy{InitialDelay: 24 * time.Hour}
	cfg := stacktest.Config{Apps: []*broker.App{other, third, closed}, Sandbox: sandbox.Config{Apps: []sandbox.App{{ID: thirdID, Secret: stacktest.Secret}}}}
	to := &hosts{}
	transport := func(next http.RoundTripper) http.RoundTripper {
		to.RoundTripper = next
		return to
	}
	inBubble(t, stackConfig{Config: cfg, transport: transport}, func(t *testing.T, s *stack) {
		for _, c := range []struct{ app, appID, base string }{
			{stacktest.App, stacktest.AppID, stacktest.BaseURL}, {"api-other", stacktest.OtherID, "http://other"}, {"api-third", thirdID, wechat.BaseURL},
		} {
			code, err := s.Sandbox.NewCode(c.appID, "oUser", sandbox.ScopeUserInfo)
			if err != nil {
				t.Fatal(err)
			}
			user := s.send(request(http.MethodGet, exchangePath("/sns/oauth2/access_token",
				"appid", c.appID, "secret", callerKey, "code", code, "grant_type", "authorization_code"), ""))
			if at := to.last(); !user.ok() || at != c.base {
				t.Errorf("%s: its code was exchanged at %s: %s", c.app, at, user.body)
			}
			if a := s.get("/sns/userinfo?openid=oUser", user.AccessToken); !a.ok() {
				t.Errorf("%s: userinfo: %s", c.app, a.body)
			}
			if at := to.last(); at != c.base {
				t.Errorf("%s: the user's token was shown at %s", c.app, at)
			}
			time.Sleep(3 * time.Hour) // so that it gets another one
			renewed := s.send(request(http.MethodGet, "/sns/oauth2/refresh_token?grant_type=refresh_token&appid="+c.appID+"&refresh_token="+user.Refresh, ""))
			if at := to.last(); !renewed.ok() || at != c.base {
				t.Errorf("%s: its token was renewed at %s: %s", c.app, at, renewed.body)
			}
			if renewed.AccessToken == user.AccessToken {
				t.Errorf("%s: the renewed token is the same", c.app)
			}
			s.get("/sns/userinfo?openid=oUser", renewed.AccessToken)
			if at := to.last(); at != c.base {
				t.Errorf("%s: the renewed token was shown at %s", c.app, at)
			}
			// The app's name before the path limits it to that app.
			for _, named := range []string{stacktest.App, "api-other", "api-third"} {
				a := s.get("/gateway/"+named+"/sns/userinfo?openid=oUser", renewed.AccessToken)
				at := to.last()
				if named == c.app && (!a.ok() || at != c.base) {
					t.Errorf("%s: on itself: %s at %s", c.app, a.body, at)
				}
				if named != c.app && (a.Errcode != 40013 || at == c.base) {
					t.Errorf("I8: %s: on %s: %s at %s", c.app, named, a.body, at)
				}
			}
			// A token that nobody saw coming, with the app's id.
			s.get("/sns/userinfo?openid=oUser&appid="+c.appID, "60_elsewhere")
			if at := to.last(); at != c.base {
				t.Errorf("%s: a token of a user that is not known was shown at %s", c.app, at)
			}
			// And with its name before the path.
			s.get("/gateway/"+c.app+"/sns/userinfo?openid=oUser", "60_elsewhere")
			if at := to.last(); at != c.base {
				t.Errorf("%s: a token of a user that is not known was shown at %s where the app is named", c.app, at)
			}
		}
		s.get("/sns/userinfo?openid=oUser", "60_elsewhere")
		if at := to.last(); at != wechat.BaseURL {
			t.Errorf("a token of nobody knows whom was shown at %s", at)
		}
		if a := s.get("/sns/userinfo?openid=oUser&appid=wx0000000000000000", "60_elsewhere"); a.Errcode != 40013 {
			t.Errorf("an app that is not here: %s", a.body)
		}
		// An app is not opened by its name: somebody has to be allowed to call it. Strangers
		// do not find out whether there is such an app.
		for _, named := range []string{"closed", "nowhere"} {
			if a := s.get("/gateway/"+named+"/sns/userinfo?openid=oUser", "60_elsewhere"); a.Errcode != 40013 || to.last() != nowhere {
				t.Errorf("%s: %s", named, a.body)
			}
		}
	})
}

// I8: a call on one app that names another one goes nowhere.
func TestI8ACallOnOneAppNamesNoOther(t *testing.T) {
	t.Parallel()
	other := stacktest.NewApp("api-other", stacktest.OtherID)
	inBubble(t, stackConfig{Config: stacktest.Config{Apps: []*broker.App{other}}}, func(t *testing.T, s *stack) {
		send := func(app, target string) answer {
			t.Helper()
			return s.send(keyed(request(http.MethodGet, "/gateway/"+app+target, "")))
		}
		own, foreign := s.token(callerKey), ""
		if h, ok := s.Service.ReadNow(broker.Caller{Client: s.Service.Authenticate(callerKey)}, "api-other", broker.AccessToken); ok {
			foreign = h.Secret.Reveal()
		}
		for name, a := range map[string]answer{
			"an exchange for another":     send("api-other", "/sns/jscode2session?js_code=c&appid="+stacktest.AppID),
			"an exchange for nobody":      send("api-other", "/sns/jscode2session?js_code=c&appid=wx0"),
			"a login for another":         send(stacktest.App, "/sns/oauth2/access_token?code=c&appid="+stacktest.OtherID),
			"a call with another's token": send("api-other", withToken(users, own)),
			"the other way round":         send(stacktest.App, withToken(users, foreign)),
			"another's virtual token":     send("api-other", withToken(users, s.token(virtualKey))),
		} {
			if a.status != http.StatusBadRequest || a.Code != "wrong_app" || a.Hint == "" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		for _, appID := range []string{stacktest.AppID, stacktest.OtherID, ""} {
			for _, path := range []string{"/sns/jscode2session", "/sns/oauth2/access_token", users} {
				if n := s.Sandbox.Calls(appID, path); n != 0 {
					t.Errorf("%d calls of %s reached the platform for %q", n, path, appID)
				}
			}
		}
		code, err := s.Sandbox.NewJSCode(stacktest.OtherID, "oMini")
		if err != nil {
			t.Fatal(err)
		}
		if a := send("api-other", "/sns/jscode2session?grant_type=authorization_code&js_code="+code+"&appid="+stacktest.OtherID); !a.ok() || a.OpenID != "oMini" {
			t.Errorf("an exchange that names its own app: %s", a.body)
		}
		for name, tok := range map[string]string{"its own token": foreign, "no token of anybody": "83_madeup"} {
			if a := send("api-other", withToken(users, tok)); !a.ok() {
				t.Errorf("a call that shows %s: %s", name, a.body)
			}
		}
	})
}
