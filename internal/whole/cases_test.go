package whole_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/whole"
)

// sharedKeys are made once for all tests.
var sharedKeys = sync.OnceValues(func() (*whole.Keys, error) { return whole.NewKeys(context.Background()) })

func testKeys(t *testing.T) *whole.Keys {
	t.Helper()
	keys, err := sharedKeys()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// inWorld runs a test on a server whose tokens are there, and looks at what came to the platforms.
func inWorld(t *testing.T, f func(*testing.T, *world)) {
	t.Helper()
	keys := testKeys(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, keys)
		defer w.close(t)
		time.Sleep(time.Second)
		synctest.Wait()
		f(t, w)
		w.check(t)
	})
}

// granted has a user log in at the gateway, and returns her token and her refresh token.
func (w *world) granted(t rapid.TB, a *app, k *client, scope string) (token, refresh *cred) {
	t.Helper()
	code, err := a.env.NewCode(a.appID, sandbox.OpenID(a.appID, "alice"), scope)
	if err != nil {
		t.Fatal(err)
	}
	got := w.exchange(t, door{named: a}, a, k.key, w.learn(w.whose(code)), w.whose(code))
	w.handed(t, "an exchange", got, func(*cred) bool { return true }, nil)
	for _, v := range leaves(got.body) {
		switch c := w.whose(v); {
		case c == nil:
		case c.sort == sandbox.UserToken:
			token = c
		case c.sort == sandbox.RefreshToken:
			refresh = c
		}
	}
	if token == nil || refresh == nil {
		t.Fatalf("no tokens: %s", got.body)
	}
	return token, refresh
}

// I8: a user's token opens no ticket, and is named in the place of the app's where tickets are.
func TestI8AUsersTokenIsNamedWhereTicketsAre(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		shop, k := w.app("shop"), w.client("real")
		token, refresh := w.granted(t, shop, k, sandbox.ScopeUserInfo)
		for _, c := range []*cred{token, refresh} {
			for _, d := range []door{{}, {named: shop}, {named: shop, key: k}} {
				got := w.do(t, d.call(get("/cgi-bin/ticket/getticket", "access_token", c.value, "type", "jsapi")), c)
				if !got.named() || got.Errcode != 40001 {
					t.Errorf("%s %s: %s", c.sort, d, got.body)
				}
			}
		}
	})
}

// I8: what is known to be of another app's user goes to no other app's platform, and what
// comes of it is not taken for this app's.
func TestI8AUsersTokenStaysWithItsApp(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		shop, club, lab, all := w.app("shop"), w.app("club"), w.app("beta"), w.client("all")
		token, refresh := w.granted(t, shop, w.client("real"), sandbox.ScopeUserInfo)
		for name, c := range map[string]struct {
			d    door
			call call
		}{
			"at another platform":                  {door{lab, all}, get("/sns/userinfo", "access_token", token.value, "openid", token.user)},
			"at another app":                       {door{club, all}, get("/sns/userinfo", "access_token", token.value, "openid", token.user)},
			"at another app, without a key":        {door{named: club}, get("/sns/userinfo", "access_token", token.value, "openid", token.user)},
			"renewed at another app":               {door{club, all}, get("/sns/oauth2/refresh_token", "appid", shop.appID, "grant_type", "refresh_token", "refresh_token", refresh.value)},
			"renewed for another app":              {door{shop, all}, get("/sns/oauth2/refresh_token", "appid", club.appID, "grant_type", "refresh_token", "refresh_token", refresh.value)},
			"renewed for another app, at the root": {door{}, get("/sns/oauth2/refresh_token", "appid", club.appID, "grant_type", "refresh_token", "refresh_token", refresh.value)},
		} {
			got := w.do(t, c.d.call(c.call), token)
			if got.opened() || c.d.key != nil && (got.status != http.StatusBadRequest || got.Code != "wrong_app") || len(w.sent) != 0 {
				t.Errorf("%s: %d %s, and to the platforms came %v", name, got.status, got.body, w.sent)
			}
		}
		own := w.do(t, door{shop, all}.call(get("/sns/userinfo", "access_token", token.value, "openid", token.user)), token)
		if !own.opened() || own.OpenID != token.user {
			t.Errorf("at its own app: %s", own.body)
		}
	})
}

// I8: what stands for nothing of the app's is no reason to look at its token, for clients with
// virtual tokens either.
func TestI8AReportOfSomethingElseCostsNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		shop, opaque := w.app("shop"), w.client("opaque")
		report := func(value string) *answer {
			return w.do(t, post("/v1/apps/shop/tokens/access_token/renew", map[string]string{"token": value}).as(opaque.key), nil)
		}
		got := w.do(t, get("/v1/apps/club/tokens/access_token").as(opaque.key), nil)
		w.handed(t, "a read", got, func(*cred) bool { return true }, virtualOf(opaque, w.app("club")))
		if ok, err := shop.env.KillCurrent(shop.appID, shop.mode); err != nil || !ok {
			t.Fatal(ok, err)
		}
		issues, calls := w.spent(shop), shop.env.Calls(shop.appID, "/cgi-bin/get_api_domain_ip")
		for _, c := range w.creds {
			if c.app == "shop" && c.sort == sandbox.AppToken {
				continue
			}
			if got := report(c.value); !got.opened() {
				t.Errorf("a report of %s: %s", c, got.body)
			}
		}
		if w.spent(shop) != issues || shop.env.Calls(shop.appID, "/cgi-bin/get_api_domain_ip") != calls {
			t.Error("it has cost an issue or a check")
		}
		own := w.do(t, get("/v1/apps/shop/tokens/access_token").as(opaque.key), nil)
		w.handed(t, "a read", own, ownOf(opaque, shop, broker.AccessToken), virtualOf(opaque, shop))
		for _, v := range leaves(own.body) {
			if c := w.whose(v); c != nil {
				report(c.value)
			}
		}
		if w.spent(shop) != issues+1 {
			t.Error("a report of the app's virtual token has not replaced the dead one behind it")
		}
	})
}

// I8: an app that is given another registration has other users: those of before are none of
// it, whatever is still remembered of them.
func TestI8AnAppThatHasMovedTakesNoUsersAlong(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		const id, appID = "moving", "wx00000000000000ee"
		all := w.client("all")
		for _, e := range []*env{w.main, w.lab} {
			e.AddApp(sandbox.App{ID: appID, Secret: appSecret})
		}
		move := func(to string) {
			t.Helper()
			put := post("/v1/apps/"+id, map[string]string{"platform": "wechat", "app_id": appID, "secret": appSecret, "base_url": to})
			put.method = http.MethodPut
			if got := w.do(t, put.as(w.admin.key), nil); !got.opened() {
				t.Fatalf("the app is not put: %s", got.body)
			}
			time.Sleep(time.Second)
		}
		was := &app{id: id, appID: appID, env: w.main, mode: sandbox.Stable}
		w.apps = append(w.apps, was)
		move("")
		token, refresh := w.granted(t, was, all, sandbox.ScopeUserInfo)
		move(labURL)
		for _, d := range []door{{}, {named: was}, {named: was, key: all}} {
			for _, c := range []call{
				get("/sns/userinfo", "access_token", token.value, "openid", token.user),
				get("/sns/oauth2/refresh_token", "appid", appID, "grant_type", "refresh_token", "refresh_token", refresh.value),
			} {
				if got := w.do(t, d.call(c), token); got.opened() || len(w.sent) != 0 {
					t.Errorf("%s %s: %s, and to the platforms came %v", c.target, d, got.body, w.sent)
				}
			}
			if got := w.do(t, d.call(get("/cgi-bin/user/get", "access_token", token.value)), token); !got.named() {
				t.Errorf("%s: %s", d, got.body)
			}
		}
		move("")
		if got := w.do(t, get("/sns/userinfo", "access_token", token.value, "openid", token.user), token); !got.opened() {
			t.Errorf("the app is what it was: %s", got.body)
		}
	})
}
