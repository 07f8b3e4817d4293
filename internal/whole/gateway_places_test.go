package whole_test

import (
	"fmt"
	"net/http"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// door is how a call of a platform's path is made here.
type door struct {
	named *app    // in the path; nil: at the root of the host
	key   *client // in the header; nil: none
}

func (d door) String() string {
	switch {
	case d.named == nil:
		return "at the root"
	case d.key == nil:
		return "at the gateway of " + d.named.id
	default:
		return fmt.Sprintf("at the gateway of %s for %s", d.named.id, d.key.name)
	}
}

func (d door) call(c call) call {
	if d.named != nil {
		c.target = "/gateway/" + d.named.id + c.target
	}
	if d.key != nil {
		c = c.as(d.key.key)
	}
	return c
}

func (w *world) drawDoor(t *rapid.T, c *cred) door {
	switch rapid.IntRange(0, 2).Draw(t, "door") {
	case 0:
		return door{}
	case 1:
		return door{named: w.near(t, c)}
	default:
		a := w.near(t, c)
		return door{named: a, key: w.able(t, w.with(broker.Call, a))}
	}
}

// name expects an answer that names the wrong kind.
func name(t rapid.TB, what string, d door, c *cred, got *answer) {
	if !got.named() {
		t.Fatalf("%s %s: %s is not named: %d %s", what, d, c, got.status, got.body)
	}
}

// putTicketToken asks the platform's path of tickets with a credential in the place of the token.
func (w *world) putTicketToken(t *rapid.T, c *cred) {
	d := w.drawDoor(t, c)
	kind := rapid.SampledFrom([]string{"jsapi", "wx_card"}).Draw(t, "type")
	a := d.named
	if a == nil && c.app != "" {
		a = w.app(c.app)
	}
	before := 0
	if a != nil {
		before = w.settle(t, a, "")
	}
	got := w.do(t, d.call(get("/cgi-bin/ticket/getticket", "access_token", c.value, "type", kind)), c)
	const what = "the path of tickets"
	if w.userKnown(c) && (d.key == nil || d.key.may(broker.Call, d.named.id)) {
		name(t, what, d, c, got)
	}
	if a != nil && !c.of(sandbox.AppToken, a.id) && !c.of(virtualToken, a.id) {
		w.quiet(t, what, a, before, c, got)
	}
	ofApp := (c.sort == sandbox.AppToken || c.sort == virtualToken) && (d.named == nil || d.named.id == c.app)
	switch {
	case d.key != nil && d.key.may(broker.Call, d.named.id):
	case d.key == nil && ofApp:
	default:
		w.refused(t, what, got, c)
		return
	}
	w.handed(t, what, got, ownOf(nil, a, broker.Kind(kind+"_ticket")), nil)
}

// putCallToken makes calls that the app's token opens.
func (w *world) putCallToken(t *rapid.T, c *cred) {
	d := w.drawDoor(t, c)
	path := rapid.SampledFrom([]string{
		"/cgi-bin/user/get", "/CGI-bin//user/get/", "/cgi-bin/user/info", "/cgi-bin/what/ever", "/wxa/getwxacode", "/cgi-bin/message/custom/send",
		"/sns", "/snsx/userinfo",
	}).Draw(t, "path")
	ask := get(path, "access_token", c.value, "openid", "o1")
	if rapid.Bool().Draw(t, "post") {
		ask.method, ask.body = http.MethodPost, `{"touser":"o1","msgtype":"text","text":{"content":"x"}}`
	}
	a := d.named
	if a == nil && c.app != "" {
		a = w.app(c.app)
	}
	before := 0
	if a != nil {
		before = w.settle(t, a, "")
	}
	got := w.do(t, d.call(ask), c)
	const what = "a call of the app's path"
	mayCall := d.key != nil && d.key.may(broker.Call, d.named.id)
	if w.userKnown(c) && (d.key == nil || mayCall) {
		name(t, what, d, c, got)
	}
	if w.userKnown(c) && a != nil {
		w.quiet(t, what, a, before, c, got)
	}
	w.handed(t, what, got, nothing, nil)
	byToken := d.key == nil && (c.sort == sandbox.AppToken || c.sort == virtualToken && w.client(c.client).may(broker.Call, c.app)) && (d.named == nil || d.named.id == c.app)
	byKey := mayCall && (!w.appKnown(c) || c.app == d.named.id)
	if !byToken && !byKey {
		w.refused(t, what, got, c)
		if len(w.sent) > 0 {
			t.Fatalf("%s %s with %s came to a platform: %v", what, d, c, w.sent)
		}
		return
	}
	if got.opened() && !w.came(a.id) {
		t.Fatalf("%s %s with %s was answered, and did not come with the token of %s: %v", what, d, c, a.id, w.sent)
	}
	for _, s := range w.sent {
		if s.cred.app != "" && s.cred.app != a.id {
			t.Fatalf("%s %s with %s came to a platform with %s", what, d, c, s.cred)
		}
	}
}

// putUserToken makes calls that a user's token opens.
func (w *world) putUserToken(t *rapid.T, c *cred) {
	d := w.drawDoor(t, c)
	a := d.named
	if a == nil {
		a = w.near(t, c)
	}
	id := w.nearUser(t, c, a)
	path := rapid.SampledFrom([]string{"/sns/userinfo", "/sns/auth", "/SNS//userinfo", "/sns/auth/", "/sns/what/ever"}).Draw(t, "path")
	before := w.spent(a)
	got := w.do(t, d.call(get(path, "access_token", c.value, "openid", id)), c)
	const what = "a call of a user's path"
	w.quiet(t, what, a, before, c, got)
	mayCall := d.key != nil && d.key.may(broker.Call, d.named.id)
	if w.appKnown(c) && (d.key == nil || mayCall) {
		name(t, what, d, c, got)
	}
	w.handed(t, what, got, nothing, nil)
	if c.sort != sandbox.UserToken || c.user != id || d.key != nil && !mayCall || d.named != nil && w.userKnown(c) && d.named.id != c.app {
		w.refused(t, what+" "+d.String(), got, c)
	}
	for _, s := range w.sent {
		// Of what nothing is known any more goes to the platform's own entry only.
		if d.named == nil && s.env == w.lab && c.app != "" && w.app(c.app).env != w.lab {
			t.Fatalf("%s %s: %s came to %s", what, d, c, s.env.name)
		}
	}
	if got.opened() && path == "/sns/userinfo" && got.OpenID != c.user {
		t.Fatalf("%s tells of another user: %s", c, got.body)
	}
}

// putRefresh renews users' tokens as the platform does, with a credential in the place of the
// refresh token.
func (w *world) putRefresh(t *rapid.T, c *cred) {
	d := w.drawDoor(t, c)
	a := w.near(t, c)
	got := w.do(t, d.call(get("/sns/oauth2/refresh_token", "grant_type", "refresh_token", "appid", a.appID, "refresh_token", c.value)), c)
	const what = "a renewal of a user's token"
	mayCall := d.key != nil && d.key.may(broker.Call, d.named.id)
	if w.appKnown(c) && (d.key == nil || mayCall) {
		name(t, what, d, c, got)
	}
	if c.sort != sandbox.RefreshToken || w.app(c.app).appID != a.appID || d.key != nil && !mayCall ||
		d.named != nil && (d.named.appID != a.appID || w.userKnown(c) && d.named.id != c.app) {
		w.refused(t, what+" "+d.String()+" as "+a.appID, got, c)
		return
	}
	w.handed(t, what, got, func(x *cred) bool { return x.users() && x.app == c.app && x.user == c.user && x.scope == c.scope }, nil)
}

// exchange has the gateway turn a code into a user's tokens.
func (w *world) exchange(t rapid.TB, d door, a *app, key string, code, put *cred) *answer {
	w.also = code.value
	defer func() { w.also = "" }()
	return w.do(t, d.call(get("/sns/oauth2/access_token", "appid", a.appID, "secret", key, "code", code.value, "grant_type", "authorization_code", "access_token", put.value)), put)
}

func (w *world) putGatewayCode(t *rapid.T, c *cred) {
	a := w.near(t, c)
	d := door{}
	k := w.able(t, w.with(broker.Call, a))
	switch rapid.IntRange(0, 2).Draw(t, "door") {
	case 1:
		d = door{named: w.near(t, c)}
	case 2:
		d = door{named: w.near(t, c), key: k}
	}
	before := w.spent(a)
	got := w.exchange(t, d, a, k.key, c, c)
	const what = "an exchange at the gateway"
	mayCall := func(app string) bool { return k.may(broker.Call, app) }
	meant := w.meant(a, false, mayCall)
	if d.named != nil {
		meant = w.meant(d.named, true, mayCall)
	}
	if meant == nil || meant.appID != a.appID || !c.of(sandbox.LoginCode, meant.id) || c.used {
		w.refused(t, what, got, c)
		w.quiet(t, what, a, before, c, got)
		return
	}
	if got.opened() {
		c.used = true
	}
	w.handed(t, what, got, func(x *cred) bool { return x.users() && x.app == meant.id && x.user == c.user && x.scope == c.scope }, nil)
}

func (w *world) putGatewaySecret(t *rapid.T, c *cred) {
	a := w.drawWeb(t)
	fresh, err := a.env.NewCode(a.appID, sandbox.OpenID(a.appID, w.drawUser(t)), a.scopes[0])
	if err != nil {
		t.Fatal(err)
	}
	code := w.learn(w.whose(fresh))
	d := door{}
	if rapid.Bool().Draw(t, "named") {
		d.named = a
	}
	got := w.exchange(t, d, a, c.value, code, c)
	const what = "the secret of an exchange"
	k := w.keyOf(c)
	if k == nil {
		w.refused(t, what, got, c)
		return
	}
	meant := w.meant(a, d.named != nil, func(app string) bool { return k.may(broker.Call, app) })
	if meant != a {
		w.refused(t, what, got, c)
		return
	}
	code.used = code.used || got.opened()
	w.handed(t, what, got, func(x *cred) bool { return x.users() && x.app == a.id && x.user == code.user }, nil)
}
