package whole_test

import (
	"net/http"
	"net/url"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// putUserinfo asks who has logged in, with a credential in the place of the access token.
func (w *world) putUserinfo(t *rapid.T, c *cred) {
	a := w.near(t, c)
	at := "/oauth/" + a.id + "/oidc/userinfo"
	ask := get(at).as(c.value)
	switch rapid.IntRange(0, 2).Draw(t, "way") {
	case 1:
		ask = call{method: http.MethodPost, target: at, body: url.Values{"access_token": {c.value}}.Encode(), form: true}
	case 2:
		ask = get(at, "access_token", c.value)
	}
	got := w.do(t, ask, c)
	w.handed(t, "userinfo", got, nothing, nil)
	if !c.of(oidcToken, a.id) {
		w.refused(t, "userinfo of "+a.id, got, c)
	}
	if got.opened() && got.OpenID != c.user {
		t.Fatalf("%s tells of another user: %s", c, got.body)
	}
}

func (w *world) putOpenIDCode(t *rapid.T, c *cred) {
	a := w.near(t, c)
	k := w.able(t, w.with(broker.Users, a))
	if c.client != "" && rapid.Bool().Draw(t, "its client") {
		k = w.client(c.client)
	}
	w.redeemOpenID(t, a, k, k.key, c, c)
}

func (w *world) putOpenIDSecret(t *rapid.T, c *cred) {
	a := w.drawWeb(t)
	k := w.able(t, w.with(broker.Users, a))
	code := w.drawOf(t, func(c *cred) bool { return c.sort == oidcCode })
	if code == nil {
		return
	}
	w.redeemOpenID(t, a, k, c.value, code, c)
}

// putCallback has a browser come back with a credential in the place of the platform's code, or
// of the state.
func (w *world) putCallback(t *rapid.T, c *cred) {
	a := w.near(t, c)
	if len(a.scopes) == 0 {
		return
	}
	begin := authorizeAt(a, rapid.SampledFrom(a.scopes).Draw(t, "scope"), "")
	openID := w.allows(w.client("all"), broker.Users, a) && rapid.Bool().Draw(t, "OpenID")
	if openID {
		begin = authorizeOpenID(a, w.client("all"))
	}
	place := rapid.SampledFrom([]string{"code", "state"}).Draw(t, "place")
	before := w.spent(a)
	got := (&browser{world: w}).logIn(t, begin, w.drawUser(t), place, c)
	code := got.loginCode()
	w.handed(t, "a callback", got, nothing, nil)
	right := place == "code" && c.of(sandbox.LoginCode, a.id) && !c.used
	if !right {
		w.quiet(t, "a callback", a, before, c, got)
	}
	switch {
	case code == "":
	case !right:
		t.Fatalf("a browser that comes back to %s with %s for its %s is let in", a.id, c, place)
	case openID:
		c.used = true
		w.learn(&cred{sort: oidcCode, app: a.id, user: c.user, client: "all", value: code})
	default:
		c.used = true
		w.learn(&cred{sort: ourCode, app: a.id, user: c.user, scope: c.scope, value: code})
	}
}
