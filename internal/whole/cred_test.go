package whole_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// sort is what a credential is.
type sort = sandbox.CredentialSort

// The sorts that are ours, beside the platform's.
const (
	clientKey    sort = "client-key"
	theSecret    sort = "app-secret"
	virtualToken sort = "virtual-token"
	ourCode      sort = "our-code"
	oidcCode     sort = "oidc-code"
	oidcToken    sort = "oidc-token"
	loginState   sort = "state"
)

// cred is a credential, and whose it is.
type cred struct {
	sort   sort
	app    string // our id
	user   string // her open id
	scope  string
	client string
	value  string
	// outside says that it was not issued to this server.
	outside bool
	used    bool // it has opened what it opens once
}

func (c *cred) String() string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s of %s %s %s %s (%.14s…)", c.sort, c.app, c.user, c.scope, c.client, c.value)), " ")
}

func (c *cred) of(s sort, app string) bool { return c.sort == s && c.app == app }

func (c *cred) users() bool { return c.sort == sandbox.UserToken || c.sort == sandbox.RefreshToken }

// whose asks the platforms, and what is known here, what a value is. Nil: it is no credential.
func (w *world) whose(value string) *cred {
	w.mu.Lock()
	c := w.byValue[value]
	w.mu.Unlock()
	if c != nil {
		return c
	}
	for _, e := range []*env{w.main, w.lab} {
		if x, ok := e.Whose(value); ok {
			return &cred{sort: x.Sort, app: w.at(e, x.App).id, user: x.OpenID, scope: x.Scope, value: value}
		}
	}
	return nil
}

// learn notes a credential that somebody outside has.
func (w *world) learn(c *cred) *cred {
	w.mu.Lock()
	defer w.mu.Unlock()
	if was := w.byValue[c.value]; was != nil {
		return was
	}
	w.byValue[c.value] = c
	w.creds = append(w.creds, c)
	return c
}

// appKnown says that the server has to know that a credential is the app's own.
func (w *world) appKnown(c *cred) bool {
	return c.sort == virtualToken || c.sort == sandbox.AppToken && !c.outside && w.app(c.app).env.Live(c.value)
}

// userKnown says that the server has to know that a credential is a user's.
func (w *world) userKnown(c *cred) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known[c.value]
}

// sent is a credential that reached a platform.
type sent struct {
	env  *env
	path string
	cred *cred
}

// tap looks at a call on its way to a platform: what is in it, and whether it belongs there.
func (w *world) tap(e *env, r *http.Request) {
	path := strings.ToLower(strings.TrimRight(strings.ReplaceAll(r.URL.Path, "//", "/"), "/"))
	w.mu.Lock()
	put := w.put
	w.mu.Unlock()
	for name, values := range r.URL.Query() {
		for _, v := range values {
			c := w.whose(v)
			if c == nil {
				continue
			}
			w.mu.Lock()
			w.sent = append(w.sent, sent{e, path, c})
			w.mu.Unlock()
			byCaller := put != nil && (put.value == v || w.also == v)
			if why := w.misplaced(e, path, name, r.URL.Query().Get("appid"), c, byCaller); why != "" {
				w.fault("%s: %s got %s=%s: %s", e.name, path, name, c, why)
			}
		}
	}
}

// misplaced says why a credential must not have come to a platform like that; "" it may.
func (w *world) misplaced(e *env, path, name, appID string, c *cred, byCaller bool) string {
	user := strings.HasPrefix(path, "/sns/")
	right := false
	switch {
	case name == "access_token" && !user:
		right = c.sort == sandbox.AppToken
	case name == "access_token" && (path == "/sns/userinfo" || path == "/sns/auth"):
		right = c.sort == sandbox.UserToken
	case name == "refresh_token":
		right = c.sort == sandbox.RefreshToken && w.app(c.app).appID == appID
	case name == "code":
		right = c.sort == sandbox.LoginCode
	case name == "js_code":
		right = c.sort == sandbox.MiniCode
	case name == "secret":
		right = c.sort == theSecret
	}
	if byCaller && (name == "code" || name == "js_code") {
		return "" // it is for the platform to say that it is no code
	}
	elsewhere := c.app != "" && w.app(c.app).env != e
	switch {
	case right && !elsewhere:
		return ""
	case !byCaller:
		return "the server has sent it there by itself"
	case !user && c.users():
		return "a user's in the place of the app's"
	case user && c.sort == sandbox.AppToken:
		if w.appKnown(c) {
			return "the app's own in the place of a user's"
		}
		w.mu.Lock()
		w.excused++
		w.mu.Unlock()
		return ""
	case c.sort == virtualToken:
		return "it is worth nothing there"
	case c.users() && w.userKnown(c) && (elsewhere || name == "refresh_token" && w.app(c.app).appID != appID):
		return "it is known to be another app's"
	default:
		return "" // the caller's own doing, of which nothing can be known here
	}
}
