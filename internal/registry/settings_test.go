package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// agent is an agent of a WeCom corp.
func agent(id, number, secret string) *broker.App {
	a := newApp(id, "ww1", secret)
	a.Platform, a.Params = "wecom", map[string]string{"agent_id": number}
	return a
}

// granted is an app whose tokens are got by a refresh token.
func granted(id, refresh string) *broker.App {
	a := newApp(id, "client", "the-app-secret")
	a.Platform, a.Mode, a.Refresh = "oauth2", broker.RefreshMode, broker.NewSecret(refresh)
	a.OAuth2 = &broker.OAuth2{
		TokenURL: "https://login.test/token", Auth: broker.AuthBody, Scopes: []string{"a", "b"}, Audience: "aud", Resource: "https://api.test",
		Extra: map[string]string{"x": "1", "y": "2"}, Lifetime: time.Hour, KeyID: "k1", Algorithm: "RS256",
	}
	return a
}

// I5, I6: what an app has for its platform is there after a restart and a rotation of keys,
// and a refresh token is sealed with the secrets.
func TestSettingsOfAppsSurvive(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Config{})
	f := open(t, store, "k", nil, nil)
	want := []*broker.App{agent("hr", "1000002", "the-app-secret"), granted("crm", "the-refresh-token")}
	for _, a := range want {
		if _, err := f.PutApp(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	g := open(t, store, "k", nil, nil)
	for _, w := range want {
		a := g.App(w.ID)
		if a == nil {
			t.Fatalf("%s is gone:\n%s", w.ID, g.log)
		}
		if !a.Refresh.Equal(w.Refresh) || !slices.EqualFunc(a.Secrets, w.Secrets, broker.Secret.Equal) {
			t.Errorf("I5: the secrets of %s are not what they were", w.ID)
		}
		if d := cmp.Diff(w.Params, a.Params); d != "" {
			t.Errorf("%s: (-want +got):\n%s", w.ID, d)
		}
		if d := cmp.Diff(w.OAuth2, a.OAuth2); d != "" {
			t.Errorf("%s: (-want +got):\n%s", w.ID, d)
		}
	}
	for d, err := range store.Apps().All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, hidden := range []string{"the-app-secret", "the-refresh-token"} {
			if at := string(d.Spec) + string(d.Sealed); strings.Contains(at, hidden) {
				t.Errorf("I6: %s stands in the clear: %s", hidden, at)
			}
		}
	}
}

// What was stored before there were such settings opens as it did, and one without them is
// stored as it was then.
func TestDefinitionsOfOldOpen(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Config{})
	const spec = `{"platform":"wechat","app_id":"wx1","base_url":"http://sandbox"}`
	box, err := sealer{"k"}.Seal([]byte(`["first","second"]`), fmt.Appendf(nil, "app/%q/%q/%q/%q", "shop", "wechat", "wx1", "http://sandbox"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Apps().Put(t.Context(), broker.Definition{Name: "shop", Spec: []byte(spec), Sealed: box}); err != nil {
		t.Fatal(err)
	}
	a := open(t, store, "k", nil, nil).App("shop")
	if a == nil || len(a.Secrets) != 2 || a.Secrets[1].Reveal() != "second" || !a.Refresh.IsZero() || a.Params != nil || a.OAuth2 != nil {
		t.Fatalf("%+v", a)
	}
	f := open(t, memstore.New(memstore.Config{}), "k", nil, nil)
	again := newApp("shop", "wx1", "first", "second")
	again.BaseURL = "http://sandbox"
	d, err := f.Seal(again)
	if err != nil || string(d.Spec) != spec || string(d.Sealed) != string(box) {
		t.Errorf("%v: %s, want %s", err, d.Spec, spec)
	}
}

// Somebody who can write the store, but has no keyset, cannot have a secret sent to another
// provider, nor tokens asked for in another's name or with more rights.
func TestTamperingWithSettingsIsNoticed(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"hr", `"1000002"`, `"1000003"`},
		{"hr", `"agent_id"`, `"agent"`},
		{"hr", `"params":{"agent_id":"1000002"}`, `"params":{}`},
		{"crm", "https://login.test/token", "https://evil.test/token"},
		{"crm", `"token_url"`, `"issuer"`},
		{"crm", `["a","b"]`, `["a","b","admin"]`},
		{"crm", `"auth":"body"`, `"auth":"basic"`},
		{"crm", `"aud"`, `"other"`},
		{"crm", `"https://api.test"`, `"https://evil.test"`},
		{"crm", `"x":"1"`, `"x":"3"`},
		{"crm", `"x":"1",`, ``},
		{"crm", `"lifetime_ns":3600000000000`, `"lifetime_ns":1`},
		{"crm", `"k1"`, `"k2"`},
		{"crm", `"RS256"`, `"PS256"`},
		{"crm", `"oauth2":{`, `"oauth":{`},
	} {
		t.Run(c[1], func(t *testing.T) {
			t.Parallel()
			store := memstore.New(memstore.Config{})
			f := open(t, store, "k", nil, nil)
			for _, a := range []*broker.App{agent("hr", "1000002", "s"), granted("crm", "r")} {
				if _, err := f.PutApp(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
			d, err := store.Apps().Get(t.Context(), c[0])
			if err != nil {
				t.Fatal(err)
			}
			spec := strings.Replace(string(d.Spec), c[1], c[2], 1)
			if spec == string(d.Spec) {
				t.Fatalf("nothing to change in %s", spec)
			}
			d.Spec = []byte(spec)
			if _, err := store.Apps().Put(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if open(t, store, "k", nil, nil).App(c[0]) != nil {
				t.Error("what was tampered with is used")
			}
		})
	}
}

// I5: an app that is changed without its refresh token keeps the one that it has, as long as
// that goes nowhere else.
func TestARefreshTokenIsKeptWhereTheSecretIs(t *testing.T) {
	t.Parallel()
	f := open(t, memstore.New(memstore.Config{}), "k", nil, nil)
	none := granted("crm", "")
	if _, err := f.PutApp(t.Context(), none); broker.AsError(err).Class != broker.Invalid || !strings.Contains(err.Error(), "refresh token") {
		t.Errorf("a new app without one: %v", err)
	}
	if _, err := f.PutApp(t.Context(), granted("crm", "r1")); err != nil {
		t.Fatal(err)
	}
	same := granted("crm", "")
	same.Secrets, same.OAuth2.Scopes = nil, []string{"c"}
	if _, err := f.PutApp(t.Context(), same); err != nil {
		t.Fatal(err)
	}
	if a := f.App("crm"); a.Refresh.Reveal() != "r1" || len(a.Secrets) != 1 || a.OAuth2.Scopes[0] != "c" {
		t.Errorf("I5: %+v", a)
	}
	for name, change := range map[string]func(*broker.App){
		"the token endpoint": func(a *broker.App) { a.OAuth2.TokenURL = "https://evil.test/token" },
		"the issuer":         func(a *broker.App) { a.OAuth2.TokenURL, a.OAuth2.Issuer = "", "https://login.test" },
		"the base URL":       func(a *broker.App) { a.BaseURL = "https://evil.test" },
		"the client":         func(a *broker.App) { a.AppID = "other" },
	} {
		a := granted("crm", "")
		change(a)
		if _, err := f.PutApp(t.Context(), a); broker.AsError(err).Class != broker.Invalid {
			t.Errorf("I6: with another %s: %v, want a refusal", name, err)
		}
		a.Refresh, a.Secrets = broker.NewSecret("r2"), nil
		if _, err := f.PutApp(t.Context(), a); broker.AsError(err).Class != broker.Invalid {
			t.Errorf("I6: with another %s and no secret: %v, want a refusal", name, err)
		}
	}
	if _, err := f.PutApp(t.Context(), granted("crm", "r2")); err != nil || f.App("crm").Refresh.Reveal() != "r2" {
		t.Errorf("another refresh token: %v", err)
	}
	plain := granted("crm", "")
	plain.Mode = "client_credentials"
	if _, err := f.PutApp(t.Context(), plain); err != nil || !f.App("crm").Refresh.IsZero() {
		t.Errorf("a mode without one keeps it: %v", err)
	}
}

// I1, I8: apps that differ in what their platform tells apart are different apps; the same
// registration is there once.
func TestSettingsTellAppsApart(t *testing.T) {
	t.Parallel()
	with := func(a *broker.App, change func(*broker.App)) *broker.App {
		change(a)
		return a
	}
	scoped := func(id string, scopes ...string) *broker.App {
		return with(granted(id, ""), func(a *broker.App) { a.Mode, a.OAuth2.Scopes = "client_credentials", scopes })
	}
	f := open(t, memstore.New(memstore.Config{}), "k", nil, nil)
	for _, a := range []*broker.App{
		agent("hr", "1000002", "one"), agent("sales", "1000003", "two"), scoped("a", "a"), scoped("ab", "a", "b"), granted("north", "r1"), granted("south", "r2"),
		with(agent("test", "1000002", "one"), func(a *broker.App) { a.BaseURL = "http://sandbox" }),
		newApp("client", "client", "s"), newApp("corp", "ww1", "s"),
	} {
		if _, err := f.PutApp(t.Context(), a); err != nil {
			t.Errorf("I8: %s: %v", a.ID, err)
		}
	}
	for name, a := range map[string]*broker.App{
		"an agent with another secret":         agent("again", "1000003", "three"),
		"another agent with its secret":        agent("again", "1000004", "two"),
		"the same scopes in another order":     scoped("again", "b", "a"),
		"the same scopes, proved otherwise":    with(scoped("again", "a"), func(a *broker.App) { a.OAuth2.Auth = broker.AuthBasic }),
		"the same refresh token":               granted("again", "r1"),
		"the same refresh token, other scopes": with(granted("again", "r2"), func(a *broker.App) { a.OAuth2.Scopes = nil }),
	} {
		if _, err := f.PutApp(t.Context(), a); !errors.Is(err, registry.ErrTwice) {
			t.Errorf("I1: %s: %v, want a refusal", name, err)
		}
	}
	// A change is not to make it the same as another one, and may leave it as it is.
	if _, err := f.PutApp(t.Context(), agent("sales", "1000002", "two")); !errors.Is(err, registry.ErrTwice) {
		t.Errorf("I1: %v, want a refusal", err)
	}
	if _, err := f.PutApp(t.Context(), granted("north", "")); err != nil {
		t.Errorf("%v", err)
	}
	if n := len(f.ByPlatformID(nil, "wecom", "ww1")); n != 3 {
		t.Errorf("%d apps of the corp, want 3", n)
	}
}
