package oidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/oidc"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// fresh is a store without keys, and a keyset of its own.
func fresh(t *testing.T) (*stack, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyset.json")
	k, err := seal.Start(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{url: "https://hufu.example.com", keyring: k, store: memstore.New(memstore.Config{}), apps: map[string]*broker.App{"shop": app("shop")}}
	t.Cleanup(func() { _ = s.store.Close() })
	return s, path
}

// kid returns the name of a provider's key.
func kid(t *testing.T, p *oidc.Provider) string {
	t.Helper()
	all := kids(t, p)
	if len(all) != 1 {
		t.Fatalf("%d keys are published, want 1", len(all))
	}
	return all[0]
}

// kids returns the names of the keys that a provider publishes.
func kids(t *testing.T, p *oidc.Provider) []string {
	t.Helper()
	r := newRequest(t)
	r.URL.Path = "/oauth/shop/oidc/keys"
	w := newRecorder()
	p.ServeHTTP(w, r)
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	var all []string
	for _, k := range set.Keys {
		all = append(all, k.Kid)
	}
	return all
}

func (s *stack) provider(t *testing.T, settings broker.SettingStore) *oidc.Provider {
	t.Helper()
	p, err := oidc.New(t.Context(), s.config(s.store.OneTime(), settings))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The keys outlast restarts, and are stored sealed.
func TestTheKeysAreMadeOnceAndKeptSealedI6(t *testing.T) {
	t.Parallel()
	s, _ := fresh(t)
	first := kid(t, s.provider(t, s.store))
	box, err := s.store.Setting(t.Context(), oidc.Key.Setting)
	if err != nil || seal.SealedWith(box) != s.keyring.Primary() {
		t.Fatalf("I6: the keys are not sealed with the keyset: %v", err)
	}
	if again := kid(t, s.provider(t, s.store)); again != first {
		t.Error("after a restart there is another key")
	}
	other, _ := fresh(t)
	if kid(t, other.provider(t, other.store)) == first {
		t.Error("another fleet has the same key")
	}
}

// A rotation of the keyset seals the keys anew and ends no token, and afterwards the old key of
// the keyset is not needed.
func TestTokensOutlastARotationOfTheKeyset(t *testing.T) {
	t.Parallel()
	s := start(t)
	own, path := fresh(t)
	s.keyring = own.keyring
	settings := own.store
	s.replicas[0] = s.provider(t, settings)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
	access, id, before := p.tokens(t).AccessToken, kid(t, s.replicas[0]), own.keyring.Primary()
	if _, err := seal.Rotate(path); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(own.keyring.Reload(), oidc.Key.Reseal(t.Context(), settings, own.keyring)); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Prune(path, []uint32{before}); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.keyring, err = seal.Open(path); err != nil {
		t.Fatal(err)
	}
	s.replicas[0] = s.provider(t, settings)
	if again := kid(t, s.replicas[0]); again != id {
		t.Error("there is another key")
	}
	if _, err := p.userinfo(t, access); err != nil {
		t.Errorf("the token is dead: %v", err)
	}
}

// Keys that cannot be used are said, and never replaced: that would end all tokens.
func TestKeysThatCannotBeUsedAreAnErrorAtStart(t *testing.T) {
	t.Parallel()
	s, _ := fresh(t)
	s.provider(t, s.store)
	whole, err := s.store.Setting(t.Context(), oidc.Key.Setting)
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(plain, ad string) []byte {
		box, err := s.keyring.Seal([]byte(plain), []byte(ad))
		if err != nil {
			t.Fatal(err)
		}
		return box
	}
	for what, box := range map[string][]byte{
		"cut": whole[:len(whole)-1], "sealed for another place": sealed("{}", "elsewhere"), "not JSON": sealed("secret-bytes", "hufu/oidc/keys"),
		"without an RSA key": sealed(`{"rsa":"c2VjcmV0"}`, "hufu/oidc/keys"), "empty": {},
	} {
		if err := s.store.PutSetting(t.Context(), oidc.Key.Setting, box); err != nil {
			t.Fatal(err)
		}
		_, err := oidc.New(t.Context(), s.config(s.store.OneTime(), s.store))
		if err == nil || !strings.Contains(err.Error(), oidc.Key.Setting) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", what, err)
		}
		if now, _ := s.store.Setting(t.Context(), oidc.Key.Setting); string(now) != string(box) {
			t.Errorf("%s: the keys were replaced", what)
		}
	}
}

// A store that fails at the start is an error of the start.
func TestWithoutItsKeysNoProviderStarts(t *testing.T) {
	t.Parallel()
	s, _ := fresh(t)
	s.store.Fail(errors.New("connection refused"))
	if _, err := oidc.New(t.Context(), s.config(s.store.OneTime(), s.store)); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
	if err := oidc.Key.Reseal(t.Context(), s.store, s.keyring); err == nil {
		t.Error("a rotation has not noticed")
	}
}

func TestWhatAProviderIsMadeOfIsChecked(t *testing.T) {
	t.Parallel()
	s, _ := fresh(t)
	if _, err := oidc.New(t.Context(), oidc.Config{PublicURL: s.url}); err == nil {
		t.Error("a provider of nothing")
	}
	for _, bad := range []string{"", "hufu.example.com", "ftp://hufu.example.com", "https://", "https://hufu.example.com/login", "https://hufu.example.com?x=1", "https://u@hufu.example.com", "https://hufu.example.com#x"} {
		s.url = bad
		if _, err := oidc.New(t.Context(), s.config(s.store.OneTime(), s.store)); err == nil {
			t.Errorf("the public URL %q is taken", bad)
		}
	}
}

// A client that has the published keys goes on verifying what it gets when the signing key is
// replaced, and what was signed before is still known here, as a hint.
func TestLoginsOutlastAReplacedSigningKey(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
	verifier := p.provider.Verifier(&gooidc.Config{ClientID: "forum", Now: s.now})
	login := func() (id string) {
		t.Helper()
		id, _ = p.tokens(t).Extra("id_token").(string)
		if _, err := verifier.Verify(t.Context(), id); err != nil {
			t.Errorf("an ID token is not verified: %v", err)
		}
		return id
	}
	old := login()
	access := p.tokens(t).AccessToken
	if err := oidc.RotateKey(t.Context(), s.store, s.keyring, s.now()); err != nil {
		t.Fatal(err)
	}
	s.replicas[0] = s.provider(t, s.store)
	login()
	if _, err := p.userinfo(t, access); err != nil {
		t.Errorf("an access token is dead: %v", err)
	}
	s.ahead.Add(int64(2*time.Hour + time.Second))
	header, _, _ := strings.Cut(old, ".")
	next := login()
	if strings.HasPrefix(next, header) {
		t.Error("the key before signs still")
	}
	for _, hint := range []string{old, next} {
		if q, err := s.browse(t, p.AuthCodeURL("state-1", oauth2.SetAuthURLParam("id_token_hint", hint))); err != nil || q.Get("code") == "" {
			t.Errorf("with an ID token as a hint the client gets %v, %v", q, err)
		}
	}
}

// Servers take up a key that was made at another one long before it signs. What they cannot
// read changes nothing.
func TestServersTakeUpAReplacedSigningKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := fresh(t)
		p := s.provider(t, s.store)
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		go p.Follow(ctx)
		if err := oidc.RotateKey(ctx, s.store, s.keyring, s.now()); err != nil {
			t.Fatal(err)
		}
		before := kid(t, p)
		s.store.Fail(errors.New("connection refused"))
		time.Sleep(11 * time.Minute)
		if got := kid(t, p); got != before {
			t.Error("a store that is away has changed the key")
		}
		s.store.Fail(nil)
		time.Sleep(10 * time.Minute)
		if got := kids(t, p); len(got) != 2 || got[0] != before {
			t.Errorf("the keys %v are published, want %s and another one", got, before)
		}
		time.Sleep(4 * time.Hour)
		if got := kid(t, p); got == before {
			t.Error("the key before is published still")
		}
	})
}
