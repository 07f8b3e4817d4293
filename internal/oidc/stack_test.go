package oidc_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/login"
	"github.com/hufu-io/hufu/internal/oidc"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/stacktest"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// callback is a page of the business; nothing is there that would answer.
const callback = "https://www.example.com/login/cb"

// key of a client, as long as real ones.
func key(client string) string { return "hufu-key-of-" + client + strings.Repeat("k", 32) }

func client(name string, rights broker.Rights, apps ...string) *broker.Client {
	return &broker.Client{Name: name, Key: sha256.Sum256([]byte(key(name))), Apps: apps, Rights: rights}
}

func app(id string) *broker.App {
	return &broker.App{
		ID: id, Platform: "wechat", AppID: "wx-" + id,
		Login: &broker.Login{Redirects: []string{"https://www.example.com/login/"}, Scopes: []string{"snsapi_base", "snsapi_userinfo"}},
	}
}

// ada is a user of the app, as she comes back from the platform.
func ada(app string) broker.User {
	return broker.User{Key: broker.Key{App: app, Kind: "snsapi_userinfo", Subject: "o-ada-" + app}, UnionID: "u-ada", Scope: "snsapi_userinfo"}
}

// sealedKeys are made once for all tests but those that are about making them: it takes a
// while. They lie sealed with the keyset of all tests.
var sealedKeys = sync.OnceValues(func() (*seal.Keyring, []byte) {
	dir, err := os.MkdirTemp("", "hufu-oidc")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	k, err := seal.Start(filepath.Join(dir, "keyset.json"), nil)
	if err != nil {
		panic(err)
	}
	s := memstore.New(memstore.Config{})
	defer s.Close()
	cfg := (&stack{url: "http://127.0.0.1:1", store: s, keyring: k}).config(s.OneTime(), s)
	if _, err := oidc.New(context.Background(), cfg); err != nil {
		panic(err)
	}
	box, err := s.Setting(context.Background(), oidc.Key.Setting)
	if err != nil {
		panic(err)
	}
	return k, box
})

// stack is a server of several providers over one store, with a relay that lets users log
// in without a platform.
type stack struct {
	url      string
	store    *memstore.Store
	keyring  *seal.Keyring
	log      *stacktest.Log
	replicas []*oidc.Provider
	turn     atomic.Int64 // which replica is next to serve a request
	ahead    atomic.Int64 // how far the clock is ahead
	relay    relay

	mu       sync.Mutex
	apps     map[string]*broker.App
	clients  map[string]*broker.Client
	profile  func(user string) (broker.Profile, error)
	audited  []broker.AuditEntry
	profiles int
}

// option changes what a stack is made of.
type option func(*parts)

type parts struct {
	replicas int
	oneTime  func(broker.OneTimeStore) broker.OneTimeStore
	settings func(broker.SettingStore) broker.SettingStore
}

func start(t testing.TB, opts ...option) *stack {
	t.Helper()
	p := parts{
		replicas: 1,
		oneTime:  func(s broker.OneTimeStore) broker.OneTimeStore { return s },
		settings: func(s broker.SettingStore) broker.SettingStore { return s },
	}
	for _, o := range opts {
		o(&p)
	}
	ring, box := sealedKeys()
	s := &stack{
		keyring: ring, log: &stacktest.Log{},
		apps:    map[string]*broker.App{"shop": app("shop"), "news": app("news"), "bare": {ID: "bare", Platform: "wechat", AppID: "wx-bare"}},
		clients: map[string]*broker.Client{},
	}
	for _, c := range []*broker.Client{
		client("forum", broker.Rights(broker.Users), "shop", "news"), client("wiki", broker.Rights(broker.Users), "shop"), client("reader", broker.Rights(broker.Read), "shop"),
	} {
		s.clients[c.Name] = c
	}
	s.profile = func(user string) (broker.Profile, error) {
		return broker.Profile{OpenID: user, UnionID: "u-ada", Nickname: "Ada 艾达", Sex: 2, Portrait: "https://thirdwx.qlogo.cn/ada/132"}, nil
	}
	s.store = memstore.New(memstore.Config{Now: s.now})
	t.Cleanup(func() { _ = s.store.Close() })
	if err := s.store.PutSetting(t.Context(), oidc.Key.Setting, box); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	s.relay.outcome = s.done
	for range p.replicas {
		handle := s.store.Handle()
		t.Cleanup(func() { _ = handle.Close() })
		r, err := oidc.New(t.Context(), s.config(p.oneTime(handle.OneTime()), p.settings(handle)))
		if err != nil {
			t.Fatal(err)
		}
		s.replicas = append(s.replicas, r)
	}
	return s
}

func (s *stack) config(oneTime broker.OneTimeStore, settings broker.SettingStore) oidc.Config {
	cfg := oidc.Config{
		PublicURL: s.url, Sealer: s.keyring, OneTime: oneTime, Settings: settings, Relay: &s.relay, Now: s.now,
		App: func(id string) *broker.App {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.apps[id]
		},
		Client: func(name string) *broker.Client {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.clients[name]
		},
		Authenticate: func(key string) *broker.Client {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, c := range s.clients {
				if c.Key == sha256.Sum256([]byte(key)) {
					return c
				}
			}
			return nil
		},
		Allowed: func(c *broker.Client, app string) bool {
			return slices.Contains(c.Apps, app) && c.Rights.Has(broker.Users)
		},
		Profile: func(_ context.Context, _ *broker.App, user string) (broker.Profile, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.profiles++
			return s.profile(user)
		},
		Audit: func(_ *http.Request, e broker.AuditEntry) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.audited = append(s.audited, e)
		},
	}
	if s.log != nil {
		cfg.Logger = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug - 8}))
	}
	return cfg
}

func (s *stack) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// change changes apps or clients while the server runs.
func (s *stack) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// ServeHTTP gives every request to the next replica, and an id that begins with its path.
func (s *stack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	turn := s.turn.Add(1)
	w.Header().Set("X-Request-Id", fmt.Sprint(r.URL.Path, "-", turn))
	p := s.replicas[int(turn-1)%len(s.replicas)]
	switch {
	case r.URL.Path == "/wechat":
		s.relay.finish(p, w, r)
	case p.Serves(r.URL.Path):
		p.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}

// done is the outcome of a login that succeeds.
func (s *stack) done(p *oidc.Provider, w http.ResponseWriter, r *http.Request, app *broker.App, ref string) {
	p.Done(w, r, app, ref, ada(app.ID))
}

// relay sends browsers to a page that stands for the platform and for the way back.
type relay struct {
	mu      sync.Mutex
	outcome func(*oidc.Provider, http.ResponseWriter, *http.Request, *broker.App, string)
	apps    map[string]*broker.App
	scopes  []string
	refs    []string
}

func (*relay) Scopes(a *broker.App) []string {
	if a.Login == nil {
		return nil
	}
	return a.Login.Scopes
}

func (l *relay) Begin(w http.ResponseWriter, r *http.Request, app *broker.App, scope, ref string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.apps == nil {
		l.apps = map[string]*broker.App{}
	}
	l.apps[app.ID], l.scopes, l.refs = app, append(l.scopes, scope), append(l.refs, ref)
	http.Redirect(w, r, "/wechat?"+url.Values{"app": {app.ID}, "ref": {ref}}.Encode(), http.StatusFound)
}

func (l *relay) finish(p *oidc.Provider, w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	outcome, app := l.outcome, l.apps[r.URL.Query().Get("app")]
	l.mu.Unlock()
	outcome(p, w, r, app, r.URL.Query().Get("ref"))
}

func (l *relay) Page(w http.ResponseWriter, _ *http.Request, status int, p login.Page) {
	for _, s := range []string{p.Title.English, p.Title.Chinese, p.Text.English, p.Text.Chinese, p.Detail} {
		if s == "" {
			status = http.StatusInternalServerError // a page that says nothing
		}
	}
	http.Error(w, "page: "+p.Detail, status)
}

// party is a client program as anybody would write it.
type party struct {
	s        *stack
	provider *gooidc.Provider
	oauth2.Config
}

// party discovers the issuer of an app.
func (s *stack) party(t *testing.T, app, client string, style oauth2.AuthStyle, scopes ...string) *party {
	t.Helper()
	p, err := gooidc.NewProvider(t.Context(), s.url+"/oauth/"+app)
	if err != nil {
		t.Fatal(err)
	}
	at := p.Endpoint()
	at.AuthStyle = style
	return &party{s, p, oauth2.Config{
		ClientID: client, ClientSecret: key(client), Endpoint: at, RedirectURL: callback, Scopes: append([]string{"openid"}, scopes...),
	}}
}

// pageError is where a browser ends that does not get back to the client.
type pageError struct{ answer }

func (e *pageError) Error() string { return fmt.Sprintf("%d %s", e.status, e.body) }

// browse follows redirects as a browser does, until one leads to the client.
func (s *stack) browse(t *testing.T, at string) (url.Values, error) {
	t.Helper()
	c := http.Client{CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(s.url, r.URL.Scheme+"://"+r.URL.Host) {
			return nil
		}
		return http.ErrUseLastResponse
	}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		return nil, &pageError{read(t, resp)}
	}
	if !strings.HasPrefix(to.String(), callback) {
		t.Fatalf("the browser is sent to %s", to)
	}
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the headers of a redirect with a code are %v", resp.Header)
	}
	return to.Query(), nil
}

// code has a user log in and returns the code that the client gets.
func (p *party) code(t *testing.T, opts ...oauth2.AuthCodeOption) string {
	t.Helper()
	q, err := p.s.browse(t, p.AuthCodeURL("state-1", opts...))
	if err != nil || q.Get("state") != "state-1" || q.Get("code") == "" || len(q) != 2 {
		t.Fatalf("the client gets %v, %v", q, err)
	}
	return q.Get("code")
}

// tokens has a user log in and the code redeemed.
func (p *party) tokens(t *testing.T) *oauth2.Token {
	t.Helper()
	tok, err := p.Exchange(t.Context(), p.code(t))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// userinfo asks with an access token.
func (p *party) userinfo(t *testing.T, access string) (*gooidc.UserInfo, error) {
	t.Helper()
	return p.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: access}))
}

// errorCode of what the token endpoint has refused.
func errorCode(err error) string {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return e.ErrorCode
	}
	return fmt.Sprint(err)
}
