package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// keeper stands for the manager of tokens.
type keeper struct {
	mu   sync.Mutex
	apps map[string]*broker.App
}

func (k *keeper) Complete(a *broker.App) (*broker.App, error) {
	if a.Platform != "wechat" && a.Platform != "wecom" && a.Platform != "oauth2" {
		return nil, &broker.Error{Code: "unknown_platform", Class: broker.Invalid, Message: "no such platform"}
	}
	full := *a
	if full.BaseURL == "" {
		full.BaseURL = "https://api.weixin.qq.com"
	}
	return &full, nil
}

// Registrations know two ways to the platform, and what is idle, as the real ones do.
func (k *keeper) Registrations(a *broker.App) []string {
	x := *a
	x.BaseURL = strings.Replace(a.BaseURL, "api2.weixin", "api.weixin", 1)
	return (&broker.Platform{Params: []broker.Param{{Name: "agent_id", Idle: true}}}).Registrations(&x)
}

func (k *keeper) SetApp(_ context.Context, a *broker.App) error {
	full, err := k.Complete(a)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.apps[a.ID] = full
	return nil
}

func (k *keeper) RemoveApp(_ context.Context, id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.apps, id)
	return nil
}

func (k *keeper) HearOfApp(ctx context.Context, a *broker.App) error { return k.SetApp(ctx, a) }

func (k *keeper) HearOfRemoval(ctx context.Context, id string) error { return k.RemoveApp(ctx, id) }

func (k *keeper) App(id string) *broker.App {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.apps[id]
}

func (k *keeper) AppIDs() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var ids []string
	for id := range k.apps {
		ids = append(ids, id)
	}
	return ids
}

// sealer stands for the keyset; its name is the key.
type sealer struct{ name string }

func (s sealer) Seal(p, ad []byte) ([]byte, error) {
	return fmt.Appendf(nil, "%s|%d|%s%s", s.name, len(ad), ad, rot(p)), nil
}

func (s sealer) Open(box, ad []byte) ([]byte, error) {
	prefix := fmt.Appendf(nil, "%s|%d|%s", s.name, len(ad), ad)
	if !bytes.HasPrefix(box, prefix) {
		return nil, errors.New("sealed with another key, or for something else")
	}
	return rot(box[len(prefix):]), nil
}

// rot hides a value from a test that searches for it.
func rot(p []byte) []byte {
	out := make([]byte, len(p))
	for i, c := range p {
		out[i] = c ^ 0x55
	}
	return out
}

type fixture struct {
	*registry.Registry
	store  *memstore.Store
	keeper *keeper
	log    *bytes.Buffer
}

// open makes a registry over a store, as a start of the server does.
func open(t *testing.T, store *memstore.Store, key string, apps []*broker.App, clients []*broker.Client) *fixture {
	t.Helper()
	f := &fixture{store: store, keeper: &keeper{apps: map[string]*broker.App{}}, log: &bytes.Buffer{}}
	f.Registry = registry.New(registry.Config{
		Apps: store.Apps(), Clients: store.Clients(), Sealer: sealer{key}, Keeper: f.keeper,
		Logger: slog.New(slog.NewTextHandler(f.log, nil)),
	})
	if err := f.Load(t.Context(), apps, clients); err != nil {
		t.Fatal(err)
	}
	return f
}

func newApp(id, appID string, secrets ...string) *broker.App {
	a := &broker.App{ID: id, Platform: "wechat", AppID: appID}
	for _, s := range secrets {
		a.Secrets = append(a.Secrets, broker.NewSecret(s))
	}
	return a
}

func TestAppsSurviveARestart(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Config{})
	f := open(t, store, "k", nil, nil)
	want := newApp("shop", "wx1", "first", "second")
	want.Mode, want.BaseURL, want.Policy = "classic", "http://sandbox", &broker.Policy{Every: 7, Ahead: 5, Overlap: 3, InitialDelay: 2}
	want.Deny, want.PageHosts = []string{"/cgi-bin/menu/*"}, []string{"www.example.com", "*.example.cn"}
	want.Login = &broker.Login{Redirects: []string{"https://a.test/", "https://b.test/x"}, Scopes: []string{"snsapi_base"}, AuthorizeURL: "https://open.test"}
	if created, err := f.PutApp(t.Context(), want); err != nil || !created {
		t.Fatal(created, err)
	}
	got := open(t, store, "k", nil, nil).App("shop")
	if got == nil {
		t.Fatal("gone")
	}
	if !slices.EqualFunc(got.Secrets, want.Secrets, broker.Secret.Equal) {
		t.Error("the secrets are not what they were")
	}
	if got.Origin != broker.FromAPI || got.Version == 0 {
		t.Errorf("origin %q, version %d", got.Origin, got.Version)
	}
	shown := *got
	shown.Secrets, shown.Origin, shown.Version, shown.Stamp = nil, "", 0, 0
	plain := *want
	plain.Secrets = nil
	if d := cmp.Diff(&plain, &shown); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestClientsSurviveARestart(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Config{})
	f := open(t, store, "k", nil, nil)
	key, err := f.AddClient(t.Context(), &broker.Client{Name: "orders", Apps: []string{"shop", "a-*"}, Rights: broker.Rights(broker.Read | broker.Call), Paths: []string{"/x/*"}, SDK: "wxjava", Handout: broker.HandoutVirtual, SessionKeys: true})
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, store, "k", nil, nil).Authenticate(key.Reveal())
	if c == nil {
		t.Fatal("gone")
	}
	want := &broker.Client{
		Name: "orders", Key: registry.HashKey(key.Reveal()), Apps: []string{"shop", "a-*"}, Rights: broker.Rights(broker.Read | broker.Call), SDK: "wxjava",
		Paths: []string{"/x/*"}, Handout: broker.HandoutVirtual, SessionKeys: true, Origin: broker.FromAPI, Version: c.Version, Stamp: c.Stamp,
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// I6: neither app secrets nor client keys are at rest in the clear.
func TestNothingSecretIsStoredInTheClear(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Config{})
	f := open(t, store, "k", nil, nil)
	if _, err := f.PutApp(t.Context(), newApp("shop", "wx1", "the-app-secret")); err != nil {
		t.Fatal(err)
	}
	key, err := f.AddClient(t.Context(), &broker.Client{Name: "orders", Apps: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []broker.DefinitionStore{store.Apps(), store.Clients()} {
		for d, err := range s.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			for _, hidden := range []string{"the-app-secret", key.Reveal()} {
				if bytes.Contains(d.Spec, []byte(hidden)) || bytes.Contains(d.Sealed, []byte(hidden)) {
					t.Errorf("I6: a secret of %q is stored in the clear", d.Name)
				}
			}
		}
	}
}

// A row shows sinks in the clear, so that one with a secret is refused, not cut down.
func TestSinksThatHoldASecretAreNotStored_I6(t *testing.T) {
	t.Parallel()
	f := open(t, memstore.New(memstore.Config{}), "k", nil, nil)
	for _, s := range []broker.Sink{
		{Type: broker.SinkRedis, URL: broker.NewSecret("redis://:p@h"), Key: "k"},
		{Type: broker.SinkWebhook, Secret: broker.NewSecret("whsec_")},
	} {
		a := newApp("shop", "wx1", "the-app-secret")
		a.Sinks = []broker.Sink{{Type: broker.SinkJSON, Path: "/a"}, s}
		if d, err := f.Seal(a); err == nil {
			t.Errorf("stored as %s", d.Spec)
		}
	}
}

// Somebody who can write the store, but has no keyset, cannot send a secret elsewhere
// nor give a client rights. What was changed is not used, and ends nothing else.
func TestTamperingWithTheStoreIsNoticed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		clients  bool
		old, new string
	}{
		{"an app's host", false, "http://sandbox", "http://attacker"},
		{"an app's app id", false, "wx1", "wx2"},
		{"a client's apps", true, `["shop"]`, `["*"]`},
		{"a client's rights", true, `"read"`, `"admin"`},
		{"an app's deny list", false, `"/cgi-bin/menu/*"`, `"/cgi-bin/menu/x"`},
		{"the end of an app's deny list", false, `["/cgi-bin/menu/*","/b"]`, `["/cgi-bin/menu/*"]`},
		{"all of an app's deny list", false, `["/cgi-bin/menu/*","/b"]`, `[]`},
		{"that there is a deny list", false, `"deny":["/cgi-bin/menu/*","/b"]`, `"deny":null`},
		{"where logins end", false, `"https://a.test/login/"`, `"https://evil.test/"`},
		{"where logins may end, too", false, `["https://a.test/login/"]`, `["https://a.test/login/","https://evil.test/"]`},
		{"what logins may ask for", false, `"snsapi_base"`, `"snsapi_userinfo"`},
		{"where browsers are sent", false, `"https://open.test"`, `"https://evil.test"`},
		{"that there are logins", false, `"login":{`, `"logout":{`},
		{"an app's pages", false, `["www.example.com"]`, `["*.com"]`},
		{"that a client has no session keys", true, `"handout":"virtual"`, `"handout":"virtual","session_keys":true`},
		{"a client's paths", true, `"/cgi-bin/message/*"`, `"/*"`},
		{"that a client has paths", true, `"paths":["/cgi-bin/message/*"],`, ``},
		{"what a client gets", true, `"virtual"`, `"real"`},
		{"a client's key", true, `"key_sha256":"`, `"key_sha256":"00`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := memstore.New(memstore.Config{})
			f := open(t, store, "k", nil, nil)
			app := newApp("shop", "wx1", "secret-1")
			app.BaseURL, app.Deny = "http://sandbox", []string{"/cgi-bin/menu/*", "/b"}
			app.Login = &broker.Login{Redirects: []string{"https://a.test/login/"}, Scopes: []string{"snsapi_base"}, AuthorizeURL: "https://open.test"}
			app.PageHosts = []string{"www.example.com"}
			if _, err := f.PutApp(t.Context(), app); err != nil {
				t.Fatal(err)
			}
			if _, err := f.PutApp(t.Context(), newApp("blog", "wx3", "secret-2")); err != nil {
				t.Fatal(err)
			}
			key, err := f.AddClient(t.Context(), &broker.Client{
				Name: "orders", Apps: []string{"shop"}, Rights: broker.Rights(broker.Read), Paths: []string{"/cgi-bin/message/*"}, Handout: broker.HandoutVirtual,
			})
			if err != nil {
				t.Fatal(err)
			}
			defs, name := store.Apps(), "shop"
			if c.clients {
				defs, name = store.Clients(), "orders"
			}
			d, err := defs.Get(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			spec := strings.Replace(string(d.Spec), c.old, c.new, 1)
			if spec == string(d.Spec) {
				t.Fatalf("nothing to change in %s", d.Spec)
			}
			d.Spec = json.RawMessage(spec)
			if _, err := defs.Put(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			g := open(t, store, "k", nil, nil)
			if !c.clients && g.App("shop") != nil || c.clients && g.Authenticate(key.Reveal()) != nil {
				t.Error("what was tampered with is used")
			}
			if g.App("blog") == nil {
				t.Error("another app is gone with it")
			}
			if !strings.Contains(g.log.String(), name) || strings.Contains(g.log.String(), "secret-1") {
				t.Errorf("the log: %s", g.log)
			}
			// It can be put right.
			if c.clients {
				if err := g.DeleteClient(t.Context(), "orders"); err != nil {
					t.Error(err)
				}
			} else if _, err := g.PutApp(t.Context(), app); err != nil {
				t.Error(err)
			}
		})
	}
}

// The platform's own list stands where there is none. Neither can somebody who writes the
// store put an empty one in its place, nor a restart or a rotation of keys take the one
// for the other.
func TestNoDenyListIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Config{})
	f := open(t, store, "k", nil, nil)
	absent, empty := newApp("absent", "wx1", "s"), newApp("empty", "wx2", "s")
	empty.Deny = []string{}
	for _, a := range []*broker.App{absent, empty} {
		if _, err := f.PutApp(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string, r *fixture) {
		t.Helper()
		if a, e := r.App("absent").Deny, r.App("empty").Deny; a != nil || e == nil || len(e) != 0 {
			t.Errorf("%s: %#v and %#v", when, a, e)
		}
	}
	check("at first", f)
	if _, err := f.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("after a rotation", f)
	check("after a restart", open(t, store, "k", nil, nil))
	d, err := store.Apps().Get(t.Context(), "absent")
	if err != nil {
		t.Fatal(err)
	}
	d.Spec = bytes.Replace(d.Spec, []byte("{"), []byte(`{"deny":[],`), 1)
	if _, err := store.Apps().Put(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if open(t, store, "k", nil, nil).App("absent") != nil {
		t.Error("an app is used from which somebody took the platform's list")
	}
}

// Sealed secrets of one app are worth nothing under another's name.
func TestSealedSecretsAreBoundToTheirApp(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Config{})
	f := open(t, store, "k", nil, nil)
	if _, err := f.PutApp(t.Context(), newApp("shop", "wx1", "s")); err != nil {
		t.Fatal(err)
	}
	d, err := store.Apps().Get(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	d.Name, d.Version = "blog", 0
	if _, err := store.Apps().Put(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if g := open(t, store, "k", nil, nil); g.App("blog") != nil || g.App("shop") == nil {
		t.Error("a copy of an app under another name is used")
	}
}

func TestTheFileWinsOverTheStore(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Config{})
	f := open(t, store, "k", nil, nil)
	if _, err := f.PutApp(t.Context(), newApp("shop", "wx-stored", "s")); err != nil {
		t.Fatal(err)
	}
	stored, err := f.AddClient(t.Context(), &broker.Client{Name: "orders", Apps: []string{"*"}, Rights: broker.Rights(broker.Admin)})
	if err != nil {
		t.Fatal(err)
	}
	app := newApp("shop", "wx-file", "s")
	app.Origin = broker.FromFile
	g := open(t, store, "k", []*broker.App{app}, []*broker.Client{{
		Name: "orders", Key: registry.HashKey("key-of-the-file"), Apps: []string{"shop"}, Rights: broker.Rights(broker.Read), Origin: broker.FromFile,
	}})
	if a := g.App("shop"); a.AppID != "wx-file" {
		t.Errorf("the app is that of the store: %+v", a)
	}
	if g.Authenticate(stored.Reveal()) != nil || g.Authenticate("key-of-the-file") == nil {
		t.Error("the client is that of the store")
	}
	for name, err := range map[string]error{
		"put app":       second(g.PutApp(t.Context(), newApp("shop", "wx2", "s"))),
		"delete app":    g.DeleteApp(t.Context(), "shop"),
		"delete client": g.DeleteClient(t.Context(), "orders"),
	} {
		if !errors.Is(err, registry.ErrReadOnly) {
			t.Errorf("%s: %v, want that it is read-only", name, err)
		}
	}
	if _, err := g.AddClient(t.Context(), &broker.Client{Name: "orders"}); !errors.Is(err, registry.ErrExists) {
		t.Errorf("add client: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestSecretsAreKeptOnlyForTheSameRegistration(t *testing.T) {
	t.Parallel()
	f := open(t, memstore.New(memstore.Config{}), "k", nil, nil)
	app := newApp("shop", "wx1", "s")
	if _, err := f.PutApp(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	same := newApp("shop", "wx1")
	same.Mode = "classic"
	if created, err := f.PutApp(t.Context(), same); err != nil || created || len(f.App("shop").Secrets) != 1 {
		t.Errorf("created %v, %v", created, err)
	}
	for _, other := range []func(*broker.App){
		func(a *broker.App) { a.AppID = "wx2" },
		func(a *broker.App) { a.BaseURL = "http://elsewhere" },
	} {
		a := newApp("shop", "wx1")
		other(a)
		if _, err := f.PutApp(t.Context(), a); broker.AsError(err).Class != broker.Invalid {
			t.Errorf("%+v: %v, want a refusal", a, err)
		}
	}
	if got := f.App("shop").Secrets; len(got) != 1 || got[0].Reveal() != "s" || f.App("shop").AppID != "wx1" {
		t.Error("a change that was refused was made")
	}
}

func TestAppsAreFoundByThePlatformsName(t *testing.T) {
	t.Parallel()
	f := open(t, memstore.New(memstore.Config{}), "k", []*broker.App{
		newApp("wx0001", "wx0001", "s"), newApp("wxabcd", "wxABCD", "s"), newApp("shop", "wx0002", "s"), newApp("shop-classic", "wx0002", "s"),
	}, nil)
	find := func(appID string) []string {
		ids := []string{}
		for _, a := range f.ByPlatformID(nil, "wechat", appID) {
			ids = append(ids, a.ID)
		}
		slices.Sort(ids)
		return ids
	}
	for appID, want := range map[string][]string{
		"wx0001": {"wx0001"}, "wxABCD": {"wxabcd"}, "wxabcd": {}, "WX0001": {}, "wx0002": {"shop", "shop-classic"}, "shop": {}, "": {}, "wx9": {},
	} {
		if d := cmp.Diff(want, find(appID)); d != "" {
			t.Errorf("%q (-want +got):\n%s", appID, d)
		}
	}
	if got := f.ByPlatformID(nil, "wecom", "wx0001"); len(got) != 0 {
		t.Errorf("I8: found at another platform: %v", got)
	}
	// Changes and removals are followed.
	if _, err := f.PutApp(t.Context(), newApp("moving", "wx0003", "s")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.PutApp(t.Context(), newApp("moving", "wx0004", "s")); err != nil {
		t.Fatal(err)
	}
	if got := append(find("wx0003"), find("wx0004")...); !slices.Equal(got, []string{"moving"}) {
		t.Errorf("after a move: %v", got)
	}
	if err := f.DeleteApp(t.Context(), "moving"); err != nil {
		t.Fatal(err)
	}
	if got := find("wx0004"); len(got) != 0 {
		t.Errorf("after the removal: %v", got)
	}
}

func TestRevokedKeysOpenNothing(t *testing.T) {
	t.Parallel()
	f := open(t, memstore.New(memstore.Config{}), "k", nil, nil)
	key, err := f.AddClient(t.Context(), &broker.Client{Name: "orders", Apps: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	c := f.Authenticate(key.Reveal())
	if c == nil || !f.Valid(c) {
		t.Fatal("the new key does not work")
	}
	for _, almost := range []string{"", key.Reveal() + " ", strings.ToUpper(key.Reveal()), key.Reveal()[1:], c.Name} {
		if f.Authenticate(almost) != nil {
			t.Errorf("%q is taken for the key", almost)
		}
	}
	if err := f.DeleteClient(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	if f.Authenticate(key.Reveal()) != nil || f.Valid(c) || f.Valid(nil) {
		t.Error("a revoked client is valid")
	}
	again, err := f.AddClient(t.Context(), &broker.Client{Name: "orders", Apps: []string{"*"}})
	if err != nil || again.Equal(key) {
		t.Fatal("the key of a new client of that name is the old one, or", err)
	}
	if f.Valid(c) {
		t.Error("a revoked client is valid again, because another has its name")
	}
	if err := f.DeleteClient(t.Context(), "nobody"); !errors.Is(err, registry.ErrUnknownClient) {
		t.Errorf("%v", err)
	}
}

// Look-ups go on while clients come and go; -race watches.
func TestLookUpsRunBesideChanges(t *testing.T) {
	t.Parallel()
	f := open(t, memstore.New(memstore.Config{}), "k", nil, []*broker.Client{{Name: "steady", Key: registry.HashKey("steady-key"), Apps: []string{"*"}}})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 50 {
				name := fmt.Sprintf("c-%d-%d", i, j)
				if _, err := f.AddClient(t.Context(), &broker.Client{Name: name}); err != nil {
					t.Error(err)
				}
				if _, err := f.PutApp(t.Context(), newApp(name, "wx-"+name, "s")); err != nil {
					t.Error(err)
				}
				if j%2 == 0 {
					if err := errors.Join(f.DeleteClient(t.Context(), name), f.DeleteApp(t.Context(), name)); err != nil {
						t.Error(err)
					}
				}
			}
		})
		wg.Go(func() {
			for range 2000 {
				if c := f.Authenticate("steady-key"); c == nil || !f.Valid(c) {
					t.Error("a client that stays was not found")
				}
				f.ByPlatformID(nil, "wechat", "wx-c-0-1")
			}
		})
	}
	wg.Wait()
	if n := len(f.Clients()); n != 101 {
		t.Errorf("%d clients in the end, want 101", n)
	}
}

func TestAFailingStoreChangesNothing(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Config{})
	f := open(t, store, "k", nil, nil)
	if _, err := f.PutApp(t.Context(), newApp("shop", "wx1", "s")); err != nil {
		t.Fatal(err)
	}
	key, err := f.AddClient(t.Context(), &broker.Client{Name: "orders", Apps: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	store.Fail(errors.New("the store is away"))
	for name, err := range map[string]error{
		"put app": second(f.PutApp(t.Context(), newApp("shop", "wx2", "s"))), "delete app": f.DeleteApp(t.Context(), "shop"),
		"add client": second(f.AddClient(t.Context(), &broker.Client{Name: "new"})), "delete client": f.DeleteClient(t.Context(), "orders"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if f.App("shop").AppID != "wx1" || f.Authenticate(key.Reveal()) == nil || len(f.Clients()) != 1 {
		t.Error("what was not stored is in force")
	}
}
