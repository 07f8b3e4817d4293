package whole_test

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// kinds are those of the app's own tokens.
func kinds() []broker.Kind {
	return []broker.Kind{broker.AccessToken, broker.JSAPITicket, broker.WxCardTicket}
}

// ownOf says which credentials of an app a client may be handed as a kind.
func ownOf(k *client, a *app, kind broker.Kind) func(*cred) bool {
	return func(c *cred) bool {
		switch {
		case kind != broker.AccessToken:
			return c.of(sandbox.Ticket, a.id) && c.scope+"_ticket" == string(kind) && (k == nil || k.may(broker.Read, a.id))
		case k != nil && k.virtual:
			return c.of(virtualToken, a.id) && c.client == k.name && k.may(broker.Call, a.id)
		default:
			return c.of(sandbox.AppToken, a.id) && (k == nil || k.may(broker.Read, a.id))
		}
	}
}

// virtualOf makes what a virtual token is that a client got for an app.
func virtualOf(k *client, a *app) func(string) *cred {
	return func(v string) *cred { return &cred{sort: virtualToken, app: a.id, client: k.name, value: v} }
}

func (w *world) readToken(t *rapid.T) {
	a := w.drawApp(t)
	kind := rapid.SampledFrom(kinds()).Draw(t, "kind")
	k := w.able(t, func(c *client) bool { return c.mayHave(a.id) })
	got := w.do(t, get("/v1/apps/"+a.id+"/tokens/"+string(kind)).as(k.key), nil)
	w.handed(t, "the read of a token", got, ownOf(k, a, kind), virtualOf(k, a))
}

// userOf says which credentials of a user a client may be handed.
func userOf(k *client, a *app, openID, scope string) func(*cred) bool {
	return func(c *cred) bool {
		return c.of(sandbox.UserToken, a.id) && c.user == openID && k.may(broker.Users, a.id) && reaches(c.scope, scope)
	}
}

// reaches says whether a scope is as wide as another.
func reaches(scope, asked string) bool {
	widths := map[string]int{"": 0, sandbox.ScopeBase: 0, sandbox.ScopeUserInfo: 1, sandbox.ScopeLogin: 2}
	return widths[scope] >= widths[asked]
}

func scopes() []string {
	return []string{"", sandbox.ScopeBase, sandbox.ScopeUserInfo, sandbox.ScopeLogin}
}

func (w *world) readUserToken(t *rapid.T) {
	a := w.drawWeb(t)
	id := sandbox.OpenID(a.appID, w.drawUser(t))
	scope := rapid.SampledFrom(scopes()).Draw(t, "scope")
	k := w.able(t, w.with(broker.Users, a))
	got := w.do(t, get("/v1/apps/"+a.id+"/users/"+id+"/token", "scope", scope, "min_ttl", "1m").as(k.key), nil)
	w.handed(t, "the read of a user's token", got, userOf(k, a, id, scope), nil)
	if got.opened() && (got.Kind != "user" || got.OpenID != id) {
		t.Fatalf("the user %s was asked for: %s", id, got.body)
	}
}

func authorizeAt(a *app, scope, mode string) string {
	params := []string{"redirect_uri", business, "scope", scope, "state", "s1"}
	if mode != "" {
		params = append(params, "mode", mode)
	}
	return withQuery("/oauth/"+a.id+"/authorize", params...)
}

// relayLogin logs a user in by the relay, which gives a code of ours.
func (w *world) relayLogin(t *rapid.T) {
	a, user := w.drawWeb(t), w.drawUser(t)
	scope := rapid.SampledFrom(a.scopes).Draw(t, "scope")
	got := (&browser{world: w}).logIn(t, authorizeAt(a, scope, ""), user, "", nil)
	code := got.loginCode()
	if code == "" {
		t.Fatalf("the login ends with %d %s", got.status, got.body)
	}
	w.handed(t, "the login", got, nothing, nil)
	w.learn(&cred{sort: ourCode, app: a.id, user: sandbox.OpenID(a.appID, user), scope: scope, value: code})
}

// rawLogin logs a user in for a business that exchanges the platform's code itself.
func (w *world) rawLogin(t *rapid.T) {
	a, user := w.drawWeb(t), w.drawUser(t)
	scope := rapid.SampledFrom(a.scopes).Draw(t, "scope")
	got := (&browser{world: w}).logIn(t, authorizeAt(a, scope, "code"), user, "", nil)
	w.handed(t, "the login", got, func(c *cred) bool {
		return c.of(sandbox.LoginCode, a.id) && c.user == sandbox.OpenID(a.appID, user)
	}, nil)
	if got.loginCode() == "" {
		t.Fatalf("the login ends with %d %s", got.status, got.body)
	}
}

func authorizeOpenID(a *app, k *client) string {
	return withQuery("/oauth/"+a.id+"/oidc/authorize", "client_id", k.name, "redirect_uri", business, "response_type", "code",
		"scope", "openid profile", "state", "s1", "nonce", "n1")
}

// openIDLogin logs a user in for a client by OpenID Connect, which gives a code for that client.
func (w *world) openIDLogin(t *rapid.T) {
	a, user, k := w.drawWeb(t), w.drawUser(t), w.drawClient(t)
	begin := authorizeOpenID(a, k)
	if !w.allows(k, broker.Users, a) {
		if got := w.do(t, get(begin), nil); got.header.Get("Location") != "" || got.status < 400 {
			t.Fatalf("a client without users is let log in: %d", got.status)
		}
		return
	}
	got := (&browser{world: w}).logIn(t, begin, user, "", nil)
	code := got.loginCode()
	if code == "" {
		t.Fatalf("the login ends with %d %s %v", got.status, got.body, got.header)
	}
	c := w.learn(&cred{sort: oidcCode, app: a.id, user: sandbox.OpenID(a.appID, user), client: k.name, value: code})
	if rapid.Bool().Draw(t, "redeem") {
		w.redeemOpenID(t, a, k, k.key, c, c)
	}
}

// allows adds to a client's rights that an administrator has all.
func (w *world) allows(k *client, r broker.Right, a *app) bool {
	return k.may(r, a.id)
}

// redeemOpenID asks for the tokens of a code, or of what stands in its place.
func (w *world) redeemOpenID(t rapid.TB, a *app, k *client, key string, code, put *cred) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code.value}, "redirect_uri": {business}, "client_id": {k.name}, "client_secret": {key},
	}
	got := w.do(t, call{method: http.MethodPost, target: "/oauth/" + a.id + "/oidc/token", body: form.Encode(), form: true}, put)
	allowed := code.of(oidcCode, a.id) && code.client == k.name && !code.used && key == k.key && k.may(broker.Users, a.id)
	if got.opened() && !allowed {
		t.Fatalf("client %s at %s redeems %s with %s: %s", k.name, a.id, code, put, got.body)
	}
	if got.opened() {
		code.used = true
	}
	w.handed(t, "the token endpoint", got, func(c *cred) bool { return c.of(oidcToken, a.id) && c.user == code.user }, func(v string) *cred {
		return &cred{sort: oidcToken, app: a.id, user: code.user, client: k.name, value: v}
	})
}

// loginElsewhere gives a business a platform's code without the relay.
func (w *world) loginElsewhere(t *rapid.T) {
	a := w.drawWeb(t)
	code, err := a.env.NewCode(a.appID, sandbox.OpenID(a.appID, w.drawUser(t)), rapid.SampledFrom(a.scopes).Draw(t, "scope"))
	if err != nil {
		t.Fatal(err)
	}
	c := w.learn(w.whose(code))
	if rapid.Bool().Draw(t, "exchange") {
		w.places()["code at the gateway"](t, c)
	}
}

// openMini has a user open a mini program, which sends its code.
func (w *world) openMini(t *rapid.T) {
	a := w.drawApp(t)
	code, err := a.env.NewJSCode(a.appID, sandbox.OpenID(a.appID, w.drawUser(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := w.learn(w.whose(code))
	if rapid.Bool().Draw(t, "send") {
		w.startSession(t, c, a, w.able(t, w.with(broker.Users, a)))
	}
}

func (w *world) startSession(t rapid.TB, c *cred, a *app, k *client) {
	got := w.do(t, post("/v1/apps/"+a.id+"/sessions", map[string]string{"js_code": c.value}).as(k.key), c)
	if got.opened() && (!c.of(sandbox.MiniCode, a.id) || c.used || !k.may(broker.Users, a.id) || got.OpenID != c.user) {
		t.Fatalf("client %s starts a session of %s with %s: %s", k.name, a.id, c, got.body)
	}
	c.used = c.used || got.opened()
	w.handed(t, "the start of a session", got, func(x *cred) bool {
		return x.of(sandbox.SessionKey, a.id) && x.user == c.user && k.sessions
	}, nil)
}

// signPage has a page signed, and checks with whose ticket it was.
func (w *world) signPage(t *rapid.T) {
	a := w.drawApp(t)
	k := w.able(t, w.with(broker.Read, a))
	const page = "https://www.biz.test/page"
	got := w.do(t, get("/v1/apps/"+a.id+"/jssdk", "url", page).as(k.key), nil)
	w.handed(t, "the signature of a page", got, nothing, nil)
	if !got.opened() {
		return
	}
	var signed struct {
		AppID     string `json:"appId"`
		Timestamp int64  `json:"timestamp"`
		Nonce     string `json:"nonceStr"`
		Signature string `json:"signature"`
	}
	if err := json.Unmarshal(got.body, &signed); err != nil {
		t.Fatal(err)
	}
	for _, c := range append([]*app{a}, w.apps...) {
		sum := sha1.Sum([]byte(fmt.Sprintf("jsapi_ticket=%s&noncestr=%s&timestamp=%d&url=%s",
			c.env.CurrentTicket(c.appID, "jsapi"), signed.Nonce, signed.Timestamp, page)))
		if hex.EncodeToString(sum[:]) == signed.Signature && c == a {
			break
		} else if hex.EncodeToString(sum[:]) == signed.Signature {
			t.Fatalf("a page of %s is signed for %s", a.id, c.id)
		}
	}
	if !k.may(broker.Read, a.id) || signed.AppID != a.appID {
		t.Fatalf("client %s has a page signed for %s: %s", k.name, a.id, got.body)
	}
}

// lookAtUser reads what tokens open, by this server itself.
func (w *world) lookAtUser(t *rapid.T) {
	a := w.drawApp(t)
	id := sandbox.OpenID(a.appID, w.drawUser(t))
	k := w.able(t, w.with(broker.Users, a))
	what := rapid.SampledFrom([]string{"", "/profile", "/subscription"}).Draw(t, "what")
	got := w.do(t, get("/v1/apps/"+a.id+"/users/"+id+what).as(k.key), nil)
	w.handed(t, "a look at a user", got, nothing, nil)
	want := map[string]string{"/profile": "user", "/subscription": "app"}[what]
	if got.opened() && (!k.may(broker.Users, a.id) || got.Kind != want || what != "" && got.OpenID != id) {
		t.Fatalf("client %s looks at %s of %s%s: %s", k.name, id, a.id, what, got.body)
	}
}

func (w *world) deleteUser(t *rapid.T) {
	a := w.drawApp(t)
	id := sandbox.OpenID(a.appID, w.drawUser(t))
	k := w.able(t, w.with(broker.Users, a))
	got := w.do(t, call{method: http.MethodDelete, target: "/v1/apps/" + a.id + "/users/" + id}.as(k.key), nil)
	if got.opened() && !k.may(broker.Users, a.id) {
		t.Fatalf("client %s deletes a user of %s", k.name, a.id)
	}
	w.handed(t, "the deletion of a user", got, nothing, nil)
	time.Sleep(time.Second)
}
