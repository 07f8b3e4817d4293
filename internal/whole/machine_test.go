package whole_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// I8, I6: whatever credential is shown wherever a credential can stand, in whatever order
// logins, renewals, expiries and restarts happen around it: what is handed out is of exactly
// the app, the kind and the user that was asked for, and of nobody who may not have it; a
// credential of the wrong kind opens nothing, costs no issue and no refresh, and never comes
// to a platform where one of another kind belongs; and where it can be known that a user's
// stands where the app's belongs, or the other way round, the error says so.
func TestI8TheTwoTokensNeverMix(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			w := newWorld(t, keys)
			t.Cleanup(func() { w.close(t) })
			t.Repeat(w.actions())
		})
	})
}

func (w *world) actions() map[string]func(*rapid.T) {
	steps := map[string]func(*rapid.T){
		"read a token":        w.readToken,
		"read a user's token": w.readUserToken,
		"log in":              w.relayLogin,
		"log in, raw":         w.rawLogin,
		"log in, OpenID":      w.openIDLogin,
		"log in elsewhere":    w.loginElsewhere,
		"open a mini program": w.openMini,
		"sign a page":         w.signPage,
		"look at a user":      w.lookAtUser,
		"delete a user":       w.deleteUser,
		"trouble an app":      w.troubleApp,
		"trouble a user":      w.troubleUser,
		"restart":             func(t *rapid.T) { w.restart(t) },
		"wait":                w.wait,
	}
	for name, place := range w.places() {
		steps["put: "+name] = func(t *rapid.T) { place(t, w.drawFor(t, name)) }
	}
	steps["put users' tokens"] = w.mixUp(func(c *cred) bool { return c.users() })
	steps["put apps' tokens"] = w.mixUp(func(c *cred) bool { return c.sort == sandbox.AppToken || c.sort == virtualToken })
	return settled(steps, func(t *rapid.T) { w.check(t) })
}

// settled has each step wait until nothing goes on any more, and check after it.
func settled(steps map[string]func(*rapid.T), check func(*rapid.T)) map[string]func(*rapid.T) {
	for name, step := range steps {
		steps[name] = func(t *rapid.T) {
			step(t)
			synctest.Wait()
		}
	}
	steps[""] = check
	return steps
}

// drawFor draws a credential for a place: as often as any, one of the sort that belongs there,
// of whomever and whatever it may be.
func (w *world) drawFor(t *rapid.T, place string) *cred {
	belongs := map[string]sort{
		"key of a read": clientKey, "key of a user's calls": clientKey, "key of the gateway": clientKey, "reported token": sandbox.AppToken,
		"reported user's token": sandbox.UserToken, "exchanged code": ourCode, "js_code": sandbox.MiniCode, "sealed for a session": sandbox.SessionKey,
		"imported token": sandbox.UserToken, "secret of a token path": clientKey, "token of a ticket path": sandbox.AppToken,
		"token of a call": sandbox.AppToken, "token of a user's call": sandbox.UserToken, "refresh token": sandbox.RefreshToken,
		"code at the gateway": sandbox.LoginCode, "secret of an exchange": clientKey, "token of userinfo": oidcToken,
		"code at OpenID's token": oidcCode, "secret at OpenID's token": clientKey, "code of a callback": sandbox.LoginCode,
	}[place]
	if rapid.Bool().Draw(t, "what belongs there") {
		if c := w.drawOf(t, func(c *cred) bool { return c.sort == belongs }); c != nil {
			return c
		}
	}
	return w.draw(t)
}

// draw draws any credential that was ever seen, with the same chance for each sort.
func (w *world) draw(t *rapid.T) *cred {
	return w.drawOf(t, func(*cred) bool { return true })
}

func (w *world) drawOf(t *rapid.T, of func(*cred) bool) *cred {
	sorts := map[sort][]*cred{}
	var names []sort
	for _, c := range w.creds {
		if !of(c) {
			continue
		}
		if sorts[c.sort] == nil {
			names = append(names, c.sort)
		}
		sorts[c.sort] = append(sorts[c.sort], c)
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	those := sorts[rapid.SampledFrom(names).Draw(t, "sort")]
	// The latest are the likeliest to live.
	return those[len(those)-1-min(rapid.IntRange(0, 2*len(those)).Draw(t, "which"), len(those)-1)]
}

// mixUp puts credentials of some sorts where those of others belong.
func (w *world) mixUp(of func(*cred) bool) func(*rapid.T) {
	return func(t *rapid.T) {
		c := w.drawOf(t, of)
		if c == nil {
			t.Skip("there is none yet")
		}
		places := w.places()
		var names []string
		for name := range places {
			names = append(names, name)
		}
		slices.Sort(names)
		places[rapid.SampledFrom(names).Draw(t, "place")](t, c)
	}
}

func (w *world) drawApp(t *rapid.T) *app { return rapid.SampledFrom(w.apps).Draw(t, "app") }

// near draws the app that a credential is of as often as any.
func (w *world) near(t *rapid.T, c *cred) *app {
	if c.app != "" && rapid.Bool().Draw(t, "its app") {
		return w.app(c.app)
	}
	return w.drawApp(t)
}

// nearUser draws an open id, that of the credential as often as any.
func (w *world) nearUser(t *rapid.T, c *cred, a *app) string {
	if c.user != "" && rapid.Bool().Draw(t, "its user") {
		return c.user
	}
	return sandbox.OpenID(a.appID, rapid.SampledFrom(w.users).Draw(t, "user"))
}

func (w *world) drawClient(t *rapid.T) *client {
	return rapid.SampledFrom(w.clients).Draw(t, "client")
}

// able draws a client that may do something on an app as often as any.
func (w *world) able(t *rapid.T, may func(*client) bool) *client {
	if !rapid.Bool().Draw(t, "able") {
		return w.drawClient(t)
	}
	var able []*client
	for _, c := range w.clients {
		if may(c) {
			able = append(able, c)
		}
	}
	return rapid.SampledFrom(able).Draw(t, "able client")
}

func (w *world) with(r broker.Right, a *app) func(*client) bool {
	return func(c *client) bool { return c.may(r, a.id) }
}

// drawWeb draws an app that users log in to.
func (w *world) drawWeb(t *rapid.T) *app {
	for {
		if a := w.drawApp(t); len(a.scopes) > 0 {
			return a
		}
	}
}

func (w *world) drawUser(t *rapid.T) string { return rapid.SampledFrom(w.users).Draw(t, "user") }

func (w *world) wait(t *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 6 * time.Minute, time.Hour, 2*time.Hour + time.Minute}).Draw(t, "for"))
}

// troubleApp has an app's tokens end, or be replaced by somebody else.
func (w *world) troubleApp(t *rapid.T) {
	a := w.drawApp(t)
	switch rapid.SampledFrom([]string{"kill", "outside", "forced"}).Draw(t, "how") {
	case "kill":
		if _, err := a.env.KillCurrent(a.appID, a.mode); err != nil {
			t.Fatal(err)
		}
	case "outside":
		tok, err := a.env.RotateOutside(a.appID)
		if err != nil {
			t.Fatal(err)
		}
		w.learn(&cred{sort: sandbox.AppToken, app: a.id, value: tok, outside: true})
	case "forced":
		tok, err := a.env.ForceOutside(a.appID)
		if err != nil {
			t.Fatal(err)
		}
		w.learn(&cred{sort: sandbox.AppToken, app: a.id, value: tok, outside: true})
	}
}

// troubleUser has what a user granted end at the platform.
func (w *world) troubleUser(t *rapid.T) {
	a := w.drawApp(t)
	id := sandbox.OpenID(a.appID, w.drawUser(t))
	how := map[string]func(appID, openID string) (int, error){
		"expire": a.env.ExpireUser, "kill": a.env.KillUser, "revoke": a.env.Revoke, "expire refresh": a.env.ExpireRefresh,
		"session key": func(appID, openID string) (int, error) { return 0, a.env.NewSessionKey(appID, openID) },
	}
	name := rapid.SampledFrom([]string{"expire", "expire refresh", "kill", "revoke", "session key"}).Draw(t, "how")
	if _, err := how[name](a.appID, id); err != nil {
		t.Fatal(err)
	}
}
