package oidc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/oidc"
)

// answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func read(t *testing.T, resp *http.Response) answer {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// get makes a call without a library in between.
func (s *stack) get(t *testing.T, path string) answer {
	t.Helper()
	return s.send(t, http.MethodGet, path, "", nil)
}

// send is get with all that a call may have.
func (s *stack) send(t *testing.T, method, path, authorization string, form url.Values) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return read(t, resp)
}

// A client library that nobody has changed discovers the issuer, sends the user to log in,
// redeems the code, verifies the ID token and asks who it is.
func TestAnUnmodifiedClientLogsUsersIn(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, style := range map[string]oauth2.AuthStyle{"basic": oauth2.AuthStyleInHeader, "post": oauth2.AuthStyleInParams} {
		for _, pkce := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " with PKCE"}[pkce], func(t *testing.T) {
				t.Parallel()
				p := s.party(t, "shop", "forum", style, "profile")
				began := time.Now()
				opts, redeem := []oauth2.AuthCodeOption{gooidc.Nonce("nonce-1")}, []oauth2.AuthCodeOption(nil)
				if pkce {
					v := oauth2.GenerateVerifier()
					opts, redeem = append(opts, oauth2.S256ChallengeOption(v)), []oauth2.AuthCodeOption{oauth2.VerifierOption(v)}
				}
				tok, err := p.Exchange(t.Context(), p.code(t, opts...), redeem...)
				if err != nil {
					t.Fatal(err)
				}
				if left := time.Until(tok.Expiry); left < 59*time.Minute || left > time.Hour || tok.Type() != "Bearer" || tok.RefreshToken != "" || tok.Extra("scope") != "openid profile" {
					t.Errorf("the token is a %s for %v with scope %v", tok.Type(), left, tok.Extra("scope"))
				}
				raw, _ := tok.Extra("id_token").(string)
				id, err := p.provider.VerifierContext(t.Context(), &gooidc.Config{ClientID: "forum"}).Verify(t.Context(), raw)
				if err != nil {
					t.Fatal(err)
				}
				if err := id.VerifyAccessToken(tok.AccessToken); err != nil {
					t.Errorf("at_hash: %v", err)
				}
				var claims map[string]any
				if err := id.Claims(&claims); err != nil {
					t.Fatal(err)
				}
				if at := time.Unix(int64(claims["auth_time"].(float64)), 0); at.Before(began.Add(-2*time.Second)) || at.After(time.Now()) {
					t.Errorf("auth_time is %v, the login was at %v", at, began)
				}
				if d := id.Expiry.Sub(id.IssuedAt); d != time.Hour {
					t.Errorf("the ID token lasts for %v", d)
				}
				for _, varies := range []string{"iat", "exp", "auth_time", "at_hash"} {
					delete(claims, varies)
				}
				if d := cmp.Diff(map[string]any{
					"iss": s.url + "/oauth/shop", "sub": "u-ada", "aud": []any{"forum"}, "nonce": "nonce-1", "openid": "o-ada-shop", "unionid": "u-ada",
				}, claims); d != "" {
					t.Errorf("the ID token (-want +got):\n%s", d)
				}
				info, err := p.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(tok))
				if err != nil {
					t.Fatal(err)
				}
				if err := info.Claims(&claims); err != nil || info.Subject != id.Subject {
					t.Fatalf("%v, and the subjects are %q and %q", err, info.Subject, id.Subject)
				}
				for _, other := range []string{"iss", "aud", "nonce"} {
					delete(claims, other)
				}
				if d := cmp.Diff(map[string]any{
					"sub": "u-ada", "openid": "o-ada-shop", "unionid": "u-ada",
					"name": "Ada 艾达", "nickname": "Ada 艾达", "gender": "female", "picture": "https://thirdwx.qlogo.cn/ada/132",
				}, claims); d != "" {
					t.Errorf("userinfo (-want +got):\n%s", d)
				}
			})
		}
	}
}

// The metadata promise what there is, and nothing that there is not.
func TestDiscoveryIsExact(t *testing.T) {
	t.Parallel()
	s := start(t)
	resp := s.get(t, "/oauth/shop/.well-known/openid-configuration")
	var got map[string]any
	if err := json.Unmarshal([]byte(resp.body), &got); err != nil || resp.status != http.StatusOK || resp.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v: %v", resp.status, resp.header, err)
	}
	at := s.url + "/oauth/shop"
	if d := cmp.Diff(map[string]any{
		"issuer": at, "authorization_endpoint": at + "/oidc/authorize", "token_endpoint": at + "/oidc/token",
		"userinfo_endpoint": at + "/oidc/userinfo", "jwks_uri": at + "/oidc/keys",
		"scopes_supported": []any{"openid", "profile"}, "response_types_supported": []any{"code"}, "response_modes_supported": []any{"query"},
		"grant_types_supported": []any{"authorization_code"}, "subject_types_supported": []any{"public"},
		"id_token_signing_alg_values_supported": []any{"RS256"}, "token_endpoint_auth_methods_supported": []any{"client_secret_basic", "client_secret_post"},
		"claims_supported": []any{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "name", "nickname", "picture", "gender", "openid", "unionid", "snapshot_user",
		},
		"code_challenge_methods_supported": []any{"S256"}, "request_uri_parameter_supported": false,
	}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// The key set has the one public key, and may be kept by caches.
func TestTheKeySetIsPublic(t *testing.T) {
	t.Parallel()
	s := start(t)
	resp := s.get(t, "/oauth/shop/oidc/keys")
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(resp.body), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%v: %v", set, err)
	}
	k := set.Keys[0]
	if k["kid"] == "" || k["n"] == "" {
		t.Errorf("the key is %v", k)
	}
	k["kid"], k["n"] = "", ""
	if d := cmp.Diff(map[string]string{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "", "n": "", "e": "AQAB"}, k); d != "" {
		t.Errorf("I6 (-want +got):\n%s", d)
	}
	if cc := resp.header.Get("Cache-Control"); cc != "public, max-age=3600" {
		t.Errorf("Cache-Control is %q", cc)
	}
}

// The platform is asked for the app's widest scope, whatever the client asks for: with a
// narrower one it may not say who the user is for all apps, and the subject would change.
func TestASubjectDoesNotDependOnTheScopes(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.party(t, "shop", "forum", oauth2.AuthStyleInHeader).code(t)
	s.party(t, "shop", "forum", oauth2.AuthStyleInHeader, "profile").code(t)
	s.party(t, "shop", "forum", oauth2.AuthStyleInHeader, "email", "offline_access").code(t)
	if d := cmp.Diff([]string{"snsapi_userinfo", "snsapi_userinfo", "snsapi_userinfo"}, s.relay.scopes); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Whoever did not ask for the profile gets none, and the platform is not asked.
func TestWithoutTheScopeProfileThereIsNone(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader, "email")
	tok := p.tokens(t)
	if tok.Extra("scope") != "openid" {
		t.Errorf("the scope is %v", tok.Extra("scope"))
	}
	wantClaims(t, p, tok.AccessToken, map[string]any{"sub": "u-ada", "openid": "o-ada-shop", "unionid": "u-ada"})
	if s.profiles != 0 {
		t.Errorf("the profile was fetched %d times", s.profiles)
	}
}

func wantClaims(t *testing.T, p *party, access string, want map[string]any) {
	t.Helper()
	info, err := p.userinfo(t, access)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := info.Claims(&got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("userinfo (-want +got):\n%s", d)
	}
}

// A user whose grant does not reach so far, or has ended, is still who he is; one whose profile
// cannot be had just now is not passed off as one who has none.
func TestTheProfileIsTheUsersToShow(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader, "profile")
	access := p.tokens(t).AccessToken
	fails := func(err error) {
		s.change(func() { s.profile = func(string) (broker.Profile, error) { return broker.Profile{}, err } })
	}
	for _, err := range []error{broker.ErrScopeLacking, broker.ErrNoGrant, broker.ErrGrantEnded} {
		fails(err)
		wantClaims(t, p, access, map[string]any{"sub": "u-ada", "openid": "o-ada-shop", "unionid": "u-ada"})
	}
	fails(broker.ErrUnreachable)
	resp := s.send(t, http.MethodGet, "/oauth/shop/oidc/userinfo", "Bearer "+access, nil)
	if body := resp.body; resp.status != http.StatusServiceUnavailable || resp.header.Get("Retry-After") == "" || !strings.Contains(body, "temporarily_unavailable") {
		t.Errorf("%d %s", resp.status, body)
	}
	s.change(func() {
		s.profile = func(string) (broker.Profile, error) {
			return broker.Profile{OpenID: "o-eve", Nickname: "Eve"}, nil
		}
	})
	resp = s.send(t, http.MethodGet, "/oauth/shop/oidc/userinfo", "Bearer "+access, nil)
	if body := resp.body; resp.status == http.StatusOK || strings.Contains(body, "Eve") {
		t.Errorf("I8: another user's profile: %d %s", resp.status, body)
	}
}

// Who the platform does not name for all apps of a company is known by the open id. One whom
// the platform has made up is marked as such.
func TestUsersWithoutAUnionIDAndMadeUpOnes(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.relay.outcome = func(p *oidc.Provider, w http.ResponseWriter, r *http.Request, app *broker.App, ref string) {
		p.Done(w, r, app, ref, broker.User{Key: broker.Key{App: app.ID, Kind: "snsapi_base", Subject: "o-bob"}, Snapshot: true})
	}
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
	tok := p.tokens(t)
	raw, _ := tok.Extra("id_token").(string)
	id, err := p.provider.VerifierContext(t.Context(), &gooidc.Config{ClientID: "forum"}).Verify(t.Context(), raw)
	if err != nil || id.Subject != "o-bob" {
		t.Fatalf("%v, %v", id, err)
	}
	want := map[string]any{"sub": "o-bob", "openid": "o-bob", "snapshot_user": true}
	wantClaims(t, p, tok.AccessToken, want)
	var claims struct {
		Snapshot bool `json:"snapshot_user"`
	}
	if err := id.Claims(&claims); err != nil || !claims.Snapshot {
		t.Errorf("the ID token does not say that the user is made up: %v", err)
	}
}

// Both endpoints that a browser or a client may use in two ways take both.
func TestFormsArePostedToo(t *testing.T) {
	t.Parallel()
	s := start(t)
	resp := s.send(t, http.MethodPost, "/oauth/shop/oidc/authorize", "", url.Values{
		"client_id": {"forum"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"},
	})
	if to := resp.header.Get("Location"); resp.status != http.StatusFound || !strings.HasPrefix(to, "/wechat?") {
		t.Errorf("authorize: %d %s", resp.status, to)
	}
	access := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader).tokens(t).AccessToken
	resp = s.send(t, http.MethodPost, "/oauth/shop/oidc/userinfo", "", url.Values{"access_token": {access}})
	if body := resp.body; resp.status != http.StatusOK || !strings.Contains(body, `"u-ada"`) {
		t.Errorf("userinfo: %d %s", resp.status, body)
	}
}

// A client that says by an older ID token whom it expects gets nobody else.
func TestAHintSaysWhoIsExpected(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
	hint, _ := p.tokens(t).Extra("id_token").(string)
	expect := oauth2.SetAuthURLParam("id_token_hint", hint)
	p.code(t, expect)
	s.ahead.Store(int64(48 * time.Hour)) // it has run out, and still says who it was
	p.code(t, expect)
	s.relay.outcome = func(p *oidc.Provider, w http.ResponseWriter, r *http.Request, app *broker.App, ref string) {
		p.Done(w, r, app, ref, broker.User{Key: broker.Key{App: app.ID, Subject: "o-bob"}})
	}
	for what, o := range map[string]oauth2.AuthCodeOption{
		"another user": expect, "another issuer": oauth2.SetAuthURLParam("id_token_hint", hintOf(t, s, "news")), "no token": oauth2.SetAuthURLParam("id_token_hint", "x.y.z"),
	} {
		if q, err := s.browse(t, p.AuthCodeURL("state-1", o)); err != nil || q.Get("error") != "login_required" || q.Get("code") != "" {
			t.Errorf("%s: %v, %v", what, q, err)
		}
	}
}

func hintOf(t *testing.T, s *stack, app string) string {
	t.Helper()
	raw, _ := s.party(t, app, "forum", oauth2.AuthStyleInHeader).tokens(t).Extra("id_token").(string)
	return raw
}

// I10: it can be told who logged which user in, and who looked at a profile.
func TestLoginsAreAccountedForI10(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader, "profile")
	code := p.code(t)
	tok, err := p.Exchange(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.userinfo(t, tok.AccessToken); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Exchange(t.Context(), code); err == nil {
		t.Error("a code works twice")
	}
	type line struct{ Client, Action, App, Target, Result string }
	got := []line{}
	for _, e := range s.audited {
		if !strings.HasPrefix(e.RequestID, "/oauth/shop/oidc/") {
			t.Errorf("I10: the request of %s is %q", e.Action, e.RequestID)
		}
		got = append(got, line{e.Client, e.Action, e.App, e.Target, e.Result})
	}
	if d := cmp.Diff([]line{
		{"forum", "exchange", "shop", "o-ada-shop", "ok"}, {"forum", "read_profile", "shop", "o-ada-shop", "ok"}, {"forum", "exchange", "shop", "", "invalid_grant"},
	}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
