package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/hufu-io/hufu/internal/broker"
)

func basic(client, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(client+":"+secret))
}

// oauthError reads the error of an answer.
func oauthError(t *testing.T, resp answer) string {
	t.Helper()
	var e struct{ Error string }
	body := resp.body
	if err := json.Unmarshal([]byte(body), &e); err != nil || resp.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", resp.status, resp.header, body)
	}
	return e.Error
}

// A call that cannot be right is refused before its code is looked at, so that the code is still good
// for the one that is.
func TestCallsThatCannotBeRightLeaveTheCode(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
	code := p.code(t)
	good := basic("forum", key("forum"))
	for what, c := range map[string]struct {
		query, authorization string
		change               url.Values
		status               int
		want                 string
	}{
		"no key":                {"", "", nil, 401, "invalid_client"},
		"a wrong key":           {"", basic("forum", key("nobody")), nil, 401, "invalid_client"},
		"another's key":         {"", basic("forum", key("wiki")), nil, 401, "invalid_client"},
		"an empty key":          {"", basic("forum", ""), nil, 401, "invalid_client"},
		"a bearer":              {"", "Bearer " + key("forum"), nil, 401, "invalid_client"},
		"a wrong key in a form": {"", "", url.Values{"client_id": {"forum"}, "client_secret": {key("wiki")}}, 401, "invalid_client"},
		"a JWT for a key": {"", "", url.Values{
			"client_id": {"forum"}, "client_assertion": {"x.y.z"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		}, 401, "invalid_client"},
		"two keys":            {"", good, url.Values{"client_id": {"forum"}, "client_secret": {key("forum")}}, 400, "invalid_request"},
		"without the right":   {"", basic("reader", key("reader")), nil, 400, "unauthorized_client"},
		"no grant type":       {"", good, url.Values{"grant_type": {}}, 400, "invalid_request"},
		"a refresh":           {"", good, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, 400, "unsupported_grant_type"},
		"client credentials":  {"", good, url.Values{"grant_type": {"client_credentials"}}, 400, "unsupported_grant_type"},
		"a device":            {"", good, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}}, 400, "unsupported_grant_type"},
		"a password":          {"", good, url.Values{"grant_type": {"password"}}, 400, "unsupported_grant_type"},
		"a secret in the URL": {"?client_secret=" + key("forum"), "", url.Values{"client_id": {"forum"}}, 400, "invalid_request"},
		"a code in the URL":   {"?code=" + code, good, url.Values{"code": {}}, 400, "invalid_request"},
		"two codes":           {"", good, url.Values{"code": {code, code}}, 400, "invalid_request"},
		"no code":             {"", good, url.Values{"code": {}}, 400, "invalid_grant"},
		"another code":        {"", good, url.Values{"code": {strings.Repeat("A", 43)}}, 400, "invalid_grant"},
		"what is no code":     {"", good, url.Values{"code": {code + "A"}}, 400, "invalid_grant"},
	} {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}}
		maps.Copy(form, c.change)
		resp := s.send(t, http.MethodPost, "/oauth/shop/oidc/token"+c.query, c.authorization, form)
		if got := oauthError(t, resp); resp.status != c.status || got != c.want {
			t.Errorf("%s: %d %s; want %d %s", what, resp.status, got, c.status, c.want)
		}
		if challenge := resp.header.Get("WWW-Authenticate"); (c.status == 401) != strings.HasPrefix(challenge, "Basic ") {
			t.Errorf("%s: WWW-Authenticate is %q", what, challenge)
		}
	}
	if _, err := p.Exchange(t.Context(), code); err != nil {
		t.Errorf("the code is not good any more: %v", err)
	}
}

// Whoever shows a code and does not know the rest has found it somewhere. It is worth nothing
// from then on.
func TestACodeThatIsShownWithTheWrongRestIsUsedUp(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
	verifier := oauth2.GenerateVerifier()
	pkce := oauth2.S256ChallengeOption(verifier)
	for what, c := range map[string]struct {
		opts, redeem []oauth2.AuthCodeOption
		by, back     string
		want         string
	}{
		"another client":      {by: "wiki", want: "invalid_grant"},
		"another page":        {back: callback + "/", want: "invalid_grant"},
		"no page":             {back: "-", want: "invalid_grant"},
		"a wrong verifier":    {opts: []oauth2.AuthCodeOption{pkce}, redeem: []oauth2.AuthCodeOption{oauth2.VerifierOption(oauth2.GenerateVerifier())}, want: "invalid_grant"},
		"the challenge":       {opts: []oauth2.AuthCodeOption{pkce}, redeem: []oauth2.AuthCodeOption{oauth2.VerifierOption(oauth2.S256ChallengeFromVerifier(verifier))}, want: "invalid_grant"},
		"no verifier":         {opts: []oauth2.AuthCodeOption{pkce}, want: "invalid_request"},
		"a needless verifier": {redeem: []oauth2.AuthCodeOption{oauth2.VerifierOption(verifier)}, want: "invalid_request"},
	} {
		code := p.code(t, c.opts...)
		wrong := *p
		if c.by != "" {
			wrong.ClientID, wrong.ClientSecret = c.by, key(c.by)
		}
		if c.back != "" {
			wrong.RedirectURL = strings.Trim(c.back, "-")
		}
		if _, err := wrong.Exchange(t.Context(), code, c.redeem...); errorCode(err) != c.want {
			t.Errorf("%s: %v; want %s", what, err, c.want)
		}
		right := []oauth2.AuthCodeOption(nil)
		if c.opts != nil {
			right = append(right, oauth2.VerifierOption(verifier))
		}
		if _, err := p.Exchange(t.Context(), code, right...); errorCode(err) != "invalid_grant" {
			t.Errorf("%s: afterwards the code is good: %v", what, err)
		}
	}
}

// Of any number of clients that redeem a code at once, on any replica, one gets tokens.
func TestACodeWorksOnce(t *testing.T) {
	t.Parallel()
	s := start(t, func(p *parts) { p.replicas = 3 })
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInParams)
	code := p.code(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for range 12 {
		wg.Go(func() {
			_, err := p.Exchange(t.Context(), code)
			mu.Lock()
			defer mu.Unlock()
			got[errorCode(err)]++
		})
	}
	wg.Wait()
	if got["<nil>"] != 1 || got["invalid_grant"] != 11 {
		t.Errorf("%v", got)
	}
}

func TestACodeIsGoodForTwoMinutes(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
	young, old := p.code(t), p.code(t)
	s.ahead.Add(int64(115 * time.Second))
	if _, err := p.Exchange(t.Context(), young); err != nil {
		t.Errorf("after 115 s: %v", err)
	}
	s.ahead.Add(int64(10 * time.Second))
	if _, err := p.Exchange(t.Context(), old); errorCode(err) != "invalid_grant" {
		t.Errorf("after 125 s: %v", err)
	}
}

// userinfoError asks with a token and returns how it was refused.
func (s *stack) userinfoError(t *testing.T, app, authorization string) (int, string) {
	t.Helper()
	resp := s.send(t, http.MethodGet, "/oauth/"+app+"/oidc/userinfo", authorization, nil)
	if resp.status == http.StatusOK {
		return resp.status, ""
	}
	if challenge := resp.header.Get("WWW-Authenticate"); resp.status == http.StatusUnauthorized && !strings.HasPrefix(challenge, "Bearer ") {
		t.Errorf("WWW-Authenticate is %q", challenge)
	}
	return resp.status, oauthError(t, resp)
}

// What was not made here as an access token opens nothing, and neither does one that was changed.
func TestOnlyAccessTokensOpenUserinfo(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
	tok := p.tokens(t)
	id, _ := tok.Extra("id_token").(string)
	changed := []byte(tok.AccessToken)
	changed[len(changed)/2] ^= 1
	for what, c := range map[string]struct{ authorization, want string }{
		"nothing":          {"", "invalid_request"},
		"another scheme":   {basic("forum", key("forum")), "invalid_request"},
		"an empty one":     {"Bearer ", "invalid_request"},
		"the ID token":     {"Bearer " + id, "invalid_token"},
		"the client key":   {"Bearer " + key("forum"), "invalid_token"},
		"a changed one":    {"Bearer " + string(changed), "invalid_token"},
		"a cut one":        {"Bearer " + tok.AccessToken[:len(tok.AccessToken)-1], "invalid_token"},
		"a longer one":     {"Bearer " + tok.AccessToken + "A", "invalid_token"},
		"another prefix":   {"Bearer " + "hv1" + tok.AccessToken[3:], "invalid_token"},
		"a very long one":  {"Bearer ho1_" + strings.Repeat("A", 100_000), "invalid_token"},
		"a sealed request": {"Bearer ho1_" + s.relay.refs[0], "invalid_token"},
	} {
		if status, got := s.userinfoError(t, "shop", c.authorization); status != http.StatusUnauthorized || got != c.want {
			t.Errorf("%s: %d %s; want %s", what, status, got, c.want)
		}
	}
	resp := s.get(t, "/oauth/shop/oidc/userinfo?access_token="+tok.AccessToken)
	if got := oauthError(t, resp); resp.status != http.StatusBadRequest || got != "invalid_request" {
		t.Errorf("in the URL: %d %s", resp.status, got)
	}
	if _, err := p.userinfo(t, tok.AccessToken); err != nil {
		t.Error(err)
	}
	s.ahead.Add(int64(59 * time.Minute))
	if _, err := p.userinfo(t, tok.AccessToken); err != nil {
		t.Errorf("after 59 minutes: %v", err)
	}
	s.ahead.Add(int64(time.Minute + time.Second))
	if status, got := s.userinfoError(t, "shop", "Bearer "+tok.AccessToken); got != "invalid_token" {
		t.Errorf("after an hour: %d %s", status, got)
	}
}

// A client that is revoked, has lost its right, or was added again under its name, takes its
// tokens and codes with it.
func TestTokensEndWithTheirClient(t *testing.T) {
	t.Parallel()
	rekeyed := client("forum", broker.Rights(broker.Users), "shop")
	rekeyed.Key = broker.KeyHash{1}
	for what, then := range map[string]*broker.Client{
		"revoked": nil, "without the right": client("forum", broker.Rights(broker.Read|broker.Call), "shop"),
		"without the app": client("forum", broker.Rights(broker.Users), "news"), "with another key": rekeyed,
	} {
		s := start(t)
		p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
		access, code := p.tokens(t).AccessToken, p.code(t)
		s.change(func() {
			delete(s.clients, "forum")
			if then != nil {
				s.clients["forum"] = then
			}
		})
		if status, got := s.userinfoError(t, "shop", "Bearer "+access); status != http.StatusUnauthorized || got != "invalid_token" {
			t.Errorf("%s: userinfo: %d %s", what, status, got)
		}
		if _, err := p.Exchange(t.Context(), code); err == nil {
			t.Errorf("%s: a code is redeemed", what)
		}
	}
}

// I8: what was made for one app is worth nothing at another one, though the client, its key
// and the user are the same.
func TestAppsAreWorldsApartI8(t *testing.T) {
	t.Parallel()
	s := start(t)
	shop, news := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader), s.party(t, "news", "forum", oauth2.AuthStyleInHeader)
	code := shop.code(t)
	if _, err := news.Exchange(t.Context(), code); errorCode(err) != "invalid_grant" {
		t.Errorf("I8: a code of another app: %v", err)
	}
	tok, err := shop.Exchange(t.Context(), code)
	if err != nil {
		t.Fatalf("the attempt at another app has used the code up: %v", err)
	}
	if status, got := s.userinfoError(t, "news", "Bearer "+tok.AccessToken); got != "invalid_token" {
		t.Errorf("I8: an access token of another app: %d %s", status, got)
	}
	raw, _ := tok.Extra("id_token").(string)
	if _, err := news.provider.VerifierContext(t.Context(), &gooidc.Config{ClientID: "forum"}).Verify(t.Context(), raw); err == nil {
		t.Error("I8: an ID token of another app is taken")
	}
	ref := s.relay.refs[0]
	w := newRecorder()
	s.replicas[0].Done(w, newRequest(t), app("news"), ref, ada("news"))
	if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" {
		t.Errorf("I8: a login for another app goes on: %d %v", w.Code, w.Header())
	}
	w = newRecorder()
	s.replicas[0].Done(w, newRequest(t), app("shop"), ref, ada("news"))
	if to := w.Header().Get("Location"); !strings.Contains(to, "error=server_error") || strings.Contains(to, "code=") {
		t.Errorf("I8: a user of another app is logged in: %s", to)
	}
	s.change(func() {
		a := app("shop")
		a.AppID = "wx-other"
		s.apps["shop"] = a
	})
	if status, got := s.userinfoError(t, "shop", "Bearer "+tok.AccessToken); got != "invalid_token" {
		t.Errorf("I8: an access token of another registration of the same name: %d %s", status, got)
	}
}
