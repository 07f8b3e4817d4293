package whole_test

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// places are where a credential can stand, by name. Each puts one there, and checks what
// comes of it.
func (w *world) places() map[string]func(*rapid.T, *cred) {
	return map[string]func(*rapid.T, *cred){
		"key of a read":            w.putKeyOfRead,
		"key of a user's calls":    w.putKeyOfUsers,
		"key of the gateway":       w.putKeyOfGateway,
		"reported token":           w.putReported,
		"reported user's token":    w.putReportedUser,
		"exchanged code":           w.putCode,
		"js_code":                  w.putJSCode,
		"sealed for a session":     w.putSealed,
		"imported token":           w.putImported,
		"open id":                  w.putOpenID,
		"secret of a token path":   w.putSecret,
		"token of a ticket path":   w.putTicketToken,
		"token of a call":          w.putCallToken,
		"token of a user's call":   w.putUserToken,
		"refresh token":            w.putRefresh,
		"code at the gateway":      w.putGatewayCode,
		"secret of an exchange":    w.putGatewaySecret,
		"token of userinfo":        w.putUserinfo,
		"code at OpenID's token":   w.putOpenIDCode,
		"secret at OpenID's token": w.putOpenIDSecret,
		"code of a callback":       w.putCallback,
	}
}

// is the client whose key a credential is; nil.
func (w *world) keyOf(c *cred) *client {
	if c.sort != clientKey {
		return nil
	}
	return w.client(c.client)
}

func (w *world) putKeyOfRead(t *rapid.T, c *cred) {
	a := w.drawApp(t)
	kind := rapid.SampledFrom(kinds()).Draw(t, "kind")
	got := w.do(t, get("/v1/apps/"+a.id+"/tokens/"+string(kind)).as(c.value), c)
	k := w.keyOf(c)
	if k == nil {
		w.refused(t, "the key of a read", got, c)
		return
	}
	w.handed(t, "a read", got, ownOf(k, a, kind), virtualOf(k, a))
}

// refused expects that a credential opened nothing and got nobody anything.
func (w *world) refused(t rapid.TB, what string, got *answer, c *cred) {
	if got.opened() {
		t.Fatalf("%s: %s opens it: %s", what, c, got.body)
	}
	w.handed(t, what, got, nothing, nil)
}

func (w *world) putKeyOfUsers(t *rapid.T, c *cred) {
	a := w.near(t, c)
	id := w.nearUser(t, c, a)
	at := rapid.SampledFrom([]string{"", "/token", "/profile", "/subscription"}).Draw(t, "call")
	got := w.do(t, get("/v1/apps/"+a.id+"/users/"+id+at).as(c.value), c)
	k := w.keyOf(c)
	if k == nil || !k.may(broker.Users, a.id) {
		w.refused(t, "the key of a user's calls", got, c)
		return
	}
	w.handed(t, "a user's call", got, userOf(k, a, id, ""), nil)
}

func (w *world) putKeyOfGateway(t *rapid.T, c *cred) {
	a := w.near(t, c)
	got := w.do(t, get("/gateway/"+a.id+"/cgi-bin/user/get").as(c.value), c)
	if k := w.keyOf(c); k == nil || !k.may(broker.Call, a.id) {
		w.refused(t, "the key of the gateway", got, c)
		return
	}
	if got.opened() && !w.came(a.id) {
		t.Fatalf("a call of %s was answered, and did not come to its platform: %v", a.id, w.sent)
	}
	w.handed(t, "the gateway", got, nothing, nil)
}

// settle has done what a mere read would have done, so that what is spent from then on has
// another cause. What lives here may be dead at the platform, which a credential of the wrong
// kind is no reason to find out.
func (w *world) settle(t *rapid.T, a *app, openID string) int {
	for _, kind := range kinds() {
		w.do(t, get("/v1/apps/"+a.id+"/tokens/"+string(kind)).as(w.client("all").key), nil)
	}
	if openID != "" {
		for _, scope := range scopes() {
			got := w.do(t, get("/v1/apps/"+a.id+"/users/"+openID+"/token", "scope", scope).as(w.client("all").key), nil)
			w.handed(t, "a settling read", got, userOf(w.client("all"), a, openID, scope), nil)
		}
	}
	if rapid.Bool().Draw(t, "dead") {
		if _, err := a.env.KillCurrent(a.appID, a.mode); err != nil {
			t.Fatal(err)
		}
		if openID == "" {
			return w.spent(a)
		}
		if _, err := a.env.KillUser(a.appID, openID); err != nil {
			t.Fatal(err)
		}
	}
	return w.spent(a)
}

// quiet expects that nothing was spent.
func (w *world) quiet(t rapid.TB, what string, a *app, before int, c *cred, got *answer) {
	if now := w.spent(a); now != before {
		t.Fatalf("%s: %s has cost %s %d issues, refreshes or exchanges: %s", what, c, a.id, now-before, got.body)
	}
}

func (w *world) putReported(t *rapid.T, c *cred) {
	a := w.near(t, c)
	kind := rapid.SampledFrom(kinds()).Draw(t, "kind")
	k := w.able(t, w.with(broker.Renew, a))
	before := w.settle(t, a, "")
	got := w.do(t, post("/v1/apps/"+a.id+"/tokens/"+string(kind)+"/renew", map[string]string{"token": c.value}).as(k.key), c)
	own := c.of(sandbox.AppToken, a.id) && kind == broker.AccessToken || c.of(virtualToken, a.id) && kind == broker.AccessToken ||
		c.of(sandbox.Ticket, a.id) && c.scope+"_ticket" == string(kind)
	if !own {
		w.quiet(t, "a report", a, before, c, got)
	}
	if k.may(broker.Renew, a.id) && (!k.virtual || k.may(broker.Call, a.id)) && w.userKnown(c) && !got.named() {
		t.Fatalf("%s, reported as a token of %s, is not named: %s", c, a.id, got.body)
	}
	w.handed(t, "a report", got, func(x *cred) bool { return ownOf(k, a, kind)(x) && k.may(broker.Renew, a.id) }, virtualOf(k, a))
}

func (w *world) putReportedUser(t *rapid.T, c *cred) {
	a := w.near(t, c)
	id := w.nearUser(t, c, a)
	scope := rapid.SampledFrom(scopes()).Draw(t, "scope")
	k := w.able(t, w.with(broker.Users, a))
	before := w.settle(t, a, id)
	got := w.do(t, post("/v1/apps/"+a.id+"/users/"+id+"/token/renew", map[string]string{"token": c.value, "scope": scope}).as(k.key), c)
	if !c.of(sandbox.UserToken, a.id) || c.user != id {
		w.quiet(t, "a report of a user's token", a, before, c, got)
	}
	if k.may(broker.Users, a.id) && w.appKnown(c) && !got.named() {
		t.Fatalf("%s, reported as a token of a user of %s, is not named: %s", c, a.id, got.body)
	}
	w.handed(t, "a report of a user's token", got, userOf(k, a, id, scope), nil)
}

func (w *world) putCode(t *rapid.T, c *cred) {
	a := w.near(t, c)
	k := w.able(t, w.with(broker.Users, a))
	got := w.do(t, post("/v1/apps/"+a.id+"/users/exchange", map[string]string{"code": c.value}).as(k.key), c)
	if got.opened() && (!c.of(ourCode, a.id) || c.used || !k.may(broker.Users, a.id) || got.OpenID != c.user) {
		t.Fatalf("client %s exchanges %s at %s: %s", k.name, c, a.id, got.body)
	}
	c.used = c.used || got.opened()
	w.handed(t, "the exchange of a code", got, nothing, nil)
}

func (w *world) putJSCode(t *rapid.T, c *cred) {
	a := w.near(t, c)
	w.startSession(t, c, a, w.able(t, w.with(broker.Users, a)))
}

// putSealed has data opened that was sealed with the session key of any user of any app.
func (w *world) putSealed(t *rapid.T, c *cred) {
	if c.sort != sandbox.SessionKey {
		c = w.drawOf(t, func(c *cred) bool { return c.sort == sandbox.SessionKey })
	}
	if c == nil {
		return
	}
	a := w.near(t, c)
	id := w.nearUser(t, c, a)
	k := w.able(t, w.with(broker.Users, a))
	from := w.app(c.app)
	sealed, iv, err := from.env.Encrypt(from.appID, c.user, map[string]any{"who": c.user})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := from.env.SignRaw(from.appID, c.user, "raw")
	if err != nil {
		t.Fatal(err)
	}
	mine := c.app == a.id && c.user == id && k.may(broker.Users, a.id)
	at := "/v1/apps/" + a.id + "/sessions/" + id
	if got := w.do(t, post(at+"/decrypt", map[string]string{"encrypted_data": sealed, "iv": iv}).as(k.key), c); got.opened() && !mine {
		t.Fatalf("client %s opens for %s of %s what was sealed with %s", k.name, id, a.id, c)
	}
	if got := w.do(t, post(at+"/verify", map[string]string{"raw_data": "raw", "signature": signed}).as(k.key), c); strings.Contains(string(got.body), "true") && !mine {
		t.Fatalf("client %s takes for %s of %s what was signed with %s", k.name, id, a.id, c)
	}
}

// putImported imports what is right, or an app's token. What else an administrator says to be a
// user's token, nobody can know better.
func (w *world) putImported(t *rapid.T, c *cred) {
	if !c.users() && c.sort != sandbox.AppToken && c.sort != virtualToken && c.sort != sandbox.Ticket {
		return
	}
	a := w.near(t, c)
	id := w.nearUser(t, c, a)
	if c.users() {
		a, id = w.app(c.app), c.user
	}
	k := w.drawClient(t)
	if rapid.Bool().Draw(t, "by an administrator") {
		k = w.admin
	}
	scope := c.scope
	if !c.users() {
		scope = sandbox.ScopeUserInfo
	}
	user := map[string]any{"openid": id, "scope": scope, "authorized": time.Now().Add(-time.Second)}
	if c.sort == sandbox.RefreshToken || c.sort != sandbox.UserToken && rapid.Bool().Draw(t, "as a refresh token") {
		user["refresh_token"] = c.value
	} else {
		user["access_token"], user["expiry"] = c.value, time.Now().Add(time.Hour)
	}
	got := w.do(t, post("/v1/apps/"+a.id+"/users/import", map[string]any{"users": []any{user}}).as(k.key), c)
	w.handed(t, "an import", got, nothing, nil)
	imported := got.opened() && len(got.Results) == 1 && got.Results[0].Result == "imported"
	switch {
	case imported && k != w.admin:
		t.Fatalf("client %s imports %s", k.name, c)
	case imported && !c.users() && (w.appKnown(c) || c.sort == sandbox.Ticket && c.value == w.app(c.app).env.CurrentTicket(w.app(c.app).appID, c.scope)):
		t.Fatalf("%s is imported as a user's token of %s", c, a.id)
	case imported && !c.users():
		// It is dead or was never seen here. So that it is not taken for a fault when it is
		// handed out again, it is taken back.
		w.do(t, call{method: http.MethodDelete, target: "/v1/apps/" + a.id + "/users/" + id}.as(w.client("all").key), nil)
	case k == w.admin && w.appKnown(c) && len(a.scopes) > 0 && (len(got.Results) != 1 || got.Results[0].Problem.Code != broker.ErrTokenKind.Code):
		t.Fatalf("%s, imported as a user's token of %s, is not named: %s", c, a.id, got.body)
	}
}

// putOpenID asks for a user who is called like the credential.
func (w *world) putOpenID(t *rapid.T, c *cred) {
	a := w.near(t, c)
	k := w.able(t, w.with(broker.Users, a))
	for _, at := range []string{"/v1/apps/" + a.id + "/users/" + url.PathEscape(c.value) + "/token", "/v1/apps/" + a.id + "/tokens/" + url.PathEscape(c.value)} {
		w.refused(t, "a path", w.do(t, get(at).as(k.key), c), c)
	}
}

// putSecret asks the platform's token paths with a credential in the place of the secret.
func (w *world) putSecret(t *rapid.T, c *cred) {
	a := w.near(t, c)
	prefix := rapid.SampledFrom([]string{"", "/gateway/" + a.id}).Draw(t, "prefix")
	named := a // by its id at the platform
	if rapid.IntRange(0, 3).Draw(t, "other") == 0 {
		named = w.drawApp(t)
	}
	ask := get(prefix+"/cgi-bin/token", "grant_type", "client_credential", "appid", named.appID, "secret", c.value)
	if rapid.Bool().Draw(t, "stable") {
		ask = post(prefix+"/cgi-bin/stable_token", map[string]any{
			"grant_type": "client_credential", "appid": named.appID, "secret": c.value, "force_refresh": rapid.Bool().Draw(t, "force"),
		})
	}
	before := w.spent(a)
	got := w.do(t, ask, c)
	k := w.keyOf(c)
	if k == nil {
		w.refused(t, "the secret of a token path", got, c)
		w.quiet(t, "the secret of a token path", a, before, c, got)
		return
	}
	meant := w.meant(named, false, k.mayHave)
	if prefix != "" {
		meant = w.meant(a, true, k.mayHave)
	}
	if meant == nil || meant.appID != named.appID {
		w.refused(t, "the secret of a token path", got, c)
		return
	}
	w.handed(t, "a token path", got, ownOf(k, meant, broker.AccessToken), virtualOf(k, meant))
}

// meant is the app that somebody means by a platform's app id: the one that the base URL names,
// or the only one of those that he may use. Nil: none, or it cannot be told.
func (w *world) meant(a *app, named bool, may func(string) bool) *app {
	if named {
		if may(a.id) {
			return a
		}
		return nil
	}
	var found *app
	for _, x := range w.apps {
		switch {
		case x.appID != a.appID || !may(x.id):
		case found != nil:
			return nil
		default:
			found = x
		}
	}
	return found
}
