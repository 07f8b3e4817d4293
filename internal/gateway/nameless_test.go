package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/stacktest"
)

// What shows neither a key nor one of the tokens that were handed out here is passed on
// only where the platform wants nothing else, and without a body.
func TestWhatNamesNobodyIsPassedOnWhereThatIsUsual(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		user := s.login("oUser")
		body := request(http.MethodGet, withToken("/sns/userinfo?openid=oUser", user.AccessToken), text)
		for name, a := range map[string]answer{
			"a body":                     s.send(body),
			"a POST":                     s.post("/sns/userinfo?openid=oUser", user.AccessToken, text),
			"a POST without a body":      s.post("/sns/userinfo?openid=oUser", user.AccessToken, ""),
			"another path of a user's":   s.get("/sns/something/new", user.AccessToken),
			"the same, by a made-up one": s.get("/sns/something/new", "60_madeup"),
		} {
			if a.status != http.StatusOK || a.Errcode != 40125 || !strings.Contains(a.Errmsg, "does not say which app") {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		for _, appID := range []string{stacktest.AppID, ""} {
			for _, path := range []string{"/sns/userinfo", "/sns/something/new"} {
				if n := s.Sandbox.Calls(appID, path); n != 0 {
					t.Errorf("%d calls of %s arrived", n, path)
				}
			}
		}
		if a := s.get("/sns/userinfo?openid=oUser", user.AccessToken); !a.ok() {
			t.Errorf("a plain GET: %s", a.body)
		}
		// Who shows a key may do all of that.
		if a := s.keyed(http.MethodPost, withToken("/sns/userinfo?openid=oUser", user.AccessToken), callerKey, text); a.Code != "" {
			t.Errorf("with a key: %d %s", a.status, a.body)
		}
	})
}

// Anybody may make such calls, and so a platform that hangs is not to hold any number of
// them, nor are they to be in the way of others.
func TestCallsThatNameNobodyAreBounded(t *testing.T) {
	t.Parallel()
	const places = 64
	var held atomic.Int64
	platform := func(next http.RoundTripper) http.RoundTripper {
		return platformFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("openid") != "hang" {
				return next.RoundTrip(r)
			}
			held.Add(1)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
	}
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		user := s.login("oUser").AccessToken
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			for range places {
				wg.Go(func() {
					s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, withToken("/sns/auth?openid=hang", user), nil))
				})
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if n := held.Swap(0); n != places {
				t.Errorf("%d calls are held, want %d", n, places)
			}
			if a := s.get("/sns/auth?openid=oUser", user); a.Errcode == 0 || !strings.Contains(a.Errmsg, "too many calls") {
				t.Errorf("one more: %s", a.body)
			}
			if a := s.keyed(http.MethodGet, withToken("/sns/auth?openid=oUser", user), callerKey, ""); a.status != http.StatusOK || a.Errmsg != "ok" {
				t.Errorf("one with a key: %d %s", a.status, a.body)
			}
			if a := s.get(users, s.token(virtualKey)); !a.ok() {
				t.Errorf("one with an app's token: %s", a.body)
			}
			cancel()
			wg.Wait()
			if a := s.get("/sns/auth?openid=oUser", user); a.Errmsg != "ok" {
				t.Errorf("when there is room again: %s", a.body)
			}
		}
	})
}
