package whole_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
	"github.com/hufu-io/hufu/internal/whole"
)

const (
	sharedID  = "wx00000000000000aa" // of two apps, at two platforms
	appSecret = "0123456789abcdef0123456789abcdef"
	business  = "https://www.biz.test/cb"
	labURL    = "http://lab.test"
)

// env is a platform of its own: the real one, or one for trials.
type env struct {
	*sandbox.Sandbox
	name string
}

// app is one of ours, and where it is at which platform.
type app struct {
	id, appID string
	env       *env
	mode      sandbox.Mode
	scopes    []string // of its login; none: it has none
	company   string
}

// client is who calls.
type client struct {
	name, key string
	rights    broker.Rights
	apps      []string
	virtual   bool
	sessions  bool
}

func (c *client) may(r broker.Right, app string) bool {
	return c.rights.Has(r) && (slices.Contains(c.apps, app) || slices.Contains(c.apps, "*"))
}

// mayHave is the right to be handed the app's own token, or what stands for it.
func (c *client) mayHave(app string) bool {
	if c.virtual {
		return c.may(broker.Call, app)
	}
	return c.may(broker.Read, app)
}

// world is a server, the platforms around it and everybody who uses it.
type world struct {
	*whole.Server
	main, lab *env
	apps      []*app
	clients   []*client
	admin     *client
	users     []string // their names at the platforms
	store     *memstore.Store
	keys      *whole.Keys
	starts    int

	mu     sync.Mutex
	put    *cred  // what the call under way brings along
	also   string // a code that it brings as well
	sent   []sent // what reached the platforms because of it
	faults []string
	// excused counts the app's tokens that callers showed in the place of a user's and of which
	// the server cannot know any more what they are.
	excused int
	known   map[string]bool // users' tokens that this server has handed out since it started
	byValue map[string]*cred
	creds   []*cred
	// misuses are those that were looked at, by platform.
	misuses map[*env]int
}

const allRights = broker.Read | broker.Renew | broker.Call | broker.Users

func newWorld(t rapid.TB, keys *whole.Keys) *world {
	w := &world{
		keys: keys, store: memstore.New(memstore.Config{}), users: []string{"alice", "bob"},
		known: map[string]bool{}, byValue: map[string]*cred{}, misuses: map[*env]int{},
	}
	w.main = &env{sandbox.New(sandbox.Config{}), "the platform"}
	w.lab = &env{sandbox.New(sandbox.Config{}), "the laboratory"}
	web := []string{sandbox.ScopeBase, sandbox.ScopeUserInfo}
	w.apps = []*app{
		{"shop", sharedID, w.main, sandbox.Stable, web, "one"},
		{"club", "wx00000000000000bb", w.main, sandbox.Classic, web, "one"},
		{"site", "wx00000000000000cc", w.main, sandbox.Stable, []string{sandbox.ScopeLogin}, "two"},
		{"mini", "wx00000000000000dd", w.main, sandbox.Stable, nil, "one"},
		{"beta", sharedID, w.lab, sandbox.Stable, web, "one"},
	}
	w.clients = []*client{
		{name: "real", rights: broker.Rights(allRights), apps: []string{"shop", "mini"}, sessions: true},
		{name: "opaque", rights: broker.Rights(allRights), apps: []string{"shop", "club"}, virtual: true},
		{name: "tester", rights: broker.Rights(allRights), apps: []string{"beta", "site"}},
		{name: "users", rights: broker.Rights(broker.Users), apps: []string{"club", "site", "mini"}},
		{name: "caller", rights: broker.Rights(broker.Call), apps: []string{"club", "site"}, virtual: true},
		{name: "all", rights: broker.Rights(allRights), apps: []string{"*"}},
		{name: "admin", rights: broker.Rights(broker.Admin), apps: []string{"*"}},
	}
	for _, c := range w.clients {
		c.key = c.name + "-key-0123456789abcdef0123456789abcdef"
		w.learn(&cred{sort: clientKey, client: c.name, value: c.key})
	}
	w.admin = w.clients[len(w.clients)-1]
	for _, a := range w.apps {
		a.env.AddApp(sandbox.App{ID: a.appID, Secret: appSecret, Company: a.company})
	}
	w.learn(&cred{sort: theSecret, value: appSecret})
	w.restart(t)
	return w
}

// restart ends the server and starts one that knows what is stored.
func (w *world) restart(t rapid.TB) {
	if w.Server != nil {
		w.close(t)
	}
	w.starts++
	w.known = map[string]bool{}
	cfg := whole.Config{Holder: fmt.Sprint("server-", w.starts), Store: w.store, Keys: w.keys, Platforms: w}
	for _, a := range w.apps {
		x := &broker.App{
			ID: a.id, Platform: wechat.Name, AppID: a.appID, Mode: string(a.mode), Secrets: []broker.Secret{broker.NewSecret(appSecret)},
			Origin: broker.FromFile, PageHosts: []string{"www.biz.test"},
		}
		if len(a.scopes) > 0 {
			x.Login = &broker.Login{Redirects: []string{business}, Scopes: a.scopes}
		}
		if a.env == w.lab {
			x.BaseURL = labURL
			x.Login.AuthorizeURL = labURL
		}
		cfg.Apps = append(cfg.Apps, x)
	}
	for _, c := range w.clients {
		x := &broker.Client{
			Name: c.name, Key: registry.HashKey(c.key), Apps: c.apps, Rights: c.rights, Handout: broker.HandoutReal, Origin: broker.FromFile, SessionKeys: c.sessions,
		}
		if c.virtual {
			x.Handout = broker.HandoutVirtual
		}
		cfg.Clients = append(cfg.Clients, x)
	}
	var err error
	if w.Server, err = whole.New(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
}

func (w *world) close(t rapid.TB) {
	if err := w.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func (w *world) app(id string) *app {
	i := slices.IndexFunc(w.apps, func(a *app) bool { return a.id == id })
	return w.apps[i]
}

func (w *world) client(name string) *client {
	i := slices.IndexFunc(w.clients, func(c *client) bool { return c.name == name })
	return w.clients[i]
}

// at finds the app that a platform knows by an id.
func (w *world) at(e *env, appID string) *app {
	i := slices.IndexFunc(w.apps, func(a *app) bool { return a.env == e && a.appID == appID })
	if i < 0 {
		return nil
	}
	return w.apps[i]
}

// envOf is the platform that answers for a host.
func (w *world) envOf(host string) *env {
	if host == strings.TrimPrefix(labURL, "http://") {
		return w.lab
	}
	return w.main
}

// RoundTrip implements [http.RoundTripper]: it is the way to all platforms.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.URL.Host
	if host != "lab.test" && !strings.HasSuffix(host, ".weixin.qq.com") {
		w.fault("a call to the host %q", host)
		return nil, errors.New("no such host")
	}
	e := w.envOf(host)
	w.tap(e, r)
	return e.Transport().RoundTrip(r) //nolint:wrapcheck // it stands for the platform
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}
