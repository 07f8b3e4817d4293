package e2e_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/hufu-io/hufu/internal/sandbox"
)

const forumKey = "e2e-forum-key-0123456789abcdef0123456789abc"

// Nothing that logins and what they bring consist of is left anywhere (I6). Users log in
// in every way, rightly and wrongly, over a platform that works and one that does not.
// Everything that was seen on the way is then looked for in all that the server has said and
// kept.
func TestNothingOfUsersLoginsIsLeftAnywhere(t *testing.T) {
	t.Parallel()
	l := &loot{t: t, marks: map[string]string{}}
	l.up = startUpstream(t, sandbox.Config{RotateRefresh: true}, l.watch)
	dir := t.TempDir()
	l.configure(dir)
	l.server = start(t, dir, "serve")
	l.mark("app secret", secret)
	for what, key := range map[string]string{"admin's key": key, "site's key": siteKey, "forum's key": forumKey, "reader's key": readerKey} {
		l.mark(what, key)
	}

	l.logins()
	l.tokens()
	l.sessions()
	l.openID()
	for _, f := range []sandbox.Fault{
		{Kind: sandbox.FaultReset},
		{Kind: sandbox.FaultTruncated},
		{Kind: sandbox.FaultGarbage},
		{Kind: sandbox.FaultStatus},
		{Kind: sandbox.FaultQuoted},
		{Kind: sandbox.FaultErrcode},
		{Kind: sandbox.FaultErrcode, Errcode: 40029},
		{Kind: sandbox.FaultErrcode, Errcode: 40125},
		{Kind: sandbox.FaultErrcode, Errcode: 50001},
	} {
		l.troubled(f)
	}
	// Whatever it failed of: no code was sent there twice.
	for _, misuse := range l.up.Misuses() {
		if misuse.What == sandbox.CodeUsedTwice {
			t.Errorf("the platform saw a misuse: %s", misuse.Detail)
		}
	}
	l.misplaced()
	for _, path := range []string{"/v1/apps", "/v1/apps/shop", "/v1/clients", "/v1/audit?limit=1000", "/v1/apps/shop/quota", "/v1/apps/shop/doctor", "/readyz", "/metrics"} {
		l.ask(http.MethodGet, path, "Bearer "+key, "")
	}
	done := l.underWay()
	places := crash(t, l.server, dir, l.answers.Bytes())
	done()
	marks := l.all()
	search(t, places, marks)
	for what := range marks {
		if strings.HasPrefix(what, ofTheSite) {
			delete(marks, what)
		}
	}
	wantNone(t, map[string][]byte{"a user's page": l.pages.Bytes()}, marks)

	for _, what := range []string{
		"user's access token 2", "user's refresh token 2", "session key", "js_code", "platform's code 2", "our code 2", "state at the platform 2",
		"cookie 2", "code verifier", "Basic", "ID token", "OpenID access token", ofTheSite + "state", "nonce",
	} {
		if marks := l.all(); marks[what] == "" && marks["user's "+what] == "" {
			t.Errorf("there was no %s to look for", what)
		}
	}
	for _, said := range []string{"a login did not succeed", "a user logged in", "login.(*Relay)", "grant.(*Keeper)"} {
		if !bytes.Contains(places["stderr"], []byte(said)) {
			t.Errorf("nothing was said of %q", said)
		}
	}
}

func (l *loot) configure(dir string) {
	l.t.Helper()
	address := freeAddress(l.t)
	l.url = "http://" + address
	text := fmt.Sprintf(`listen: %[1]s
public_url: http://%[1]s
log: {level: debug}
apps:
  - id: shop
    platform: wechat
    app_id: %[2]s
    secret: %[3]s
    base_url: %[4]s
    overlap: 5m
    login: {authorize_url: "%[4]s", redirect_uris: ["%[5]s"]}
clients:
  - {name: e2e, key: %[6]s, apps: ["*"], allow: [admin]}
  - {name: site, key: %[7]s, apps: [shop], allow: [users], session_keys: true}
  - {name: forum, key: %[8]s, apps: [shop], allow: [users]}
  - {name: reader, key: %[9]s, apps: [shop], allow: [read]}
`, address, stableID, secret, l.up.url, landing, key, siteKey, forumKey, readerKey)
	if err := os.WriteFile(filepath.Join(dir, "hufu.yaml"), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

const (
	bySite = "Bearer " + siteKey
	alices = "/v1/apps/shop/users/"
)

// login has a user log in to the site, and returns our code and its verifier.
func (l *loot) login(more ...string) (code, verifier string) {
	l.t.Helper()
	v := newVisitor(l.t, http.DefaultTransport)
	link, verifier := l.link(more...)
	return l.comeBack(v, l.leave(v, link), l.code()), verifier
}

// link is where a login to the site begins.
func (l *loot) link(more ...string) (link, verifier string) {
	verifier = l.mark("code verifier", oauth2.GenerateVerifier())
	q := url.Values{
		"redirect_uri": {landing}, "scope": {"snsapi_userinfo"}, "state": {l.mark(ofTheSite+"state", rand.Text())},
		"code_challenge": {l.mark(ofTheSite+"challenge", oauth2.S256ChallengeFromVerifier(verifier))}, "code_challenge_method": {"S256"},
	}
	if len(more) == 2 {
		q = url.Values{"redirect_uri": {landing}, "state": q["state"], more[0]: more[1:]}
	}
	return l.url + "/oauth/shop/authorize?" + q.Encode(), verifier
}

func exchangeBody(code, verifier string) string {
	return fmt.Sprintf(`{"code":%q,"code_verifier":%q}`, code, verifier)
}

// logins goes through the ways in which a login in a browser can end.
func (l *loot) logins() {
	l.t.Helper()
	exchange := "/v1/apps/shop/users/exchange"
	for range 2 {
		code, verifier := l.login()
		if a := l.take(http.MethodPost, exchange, bySite, exchangeBody(code, verifier)); a.json.OpenID == "" {
			l.t.Fatalf("a code is not redeemed: %d %s", a.status, a.text)
		}
		l.ask(http.MethodPost, exchange, bySite, exchangeBody(code, verifier))
	}
	code, _ := l.login()
	l.ask(http.MethodPost, exchange, bySite, exchangeBody(code, l.mark("code verifier", oauth2.GenerateVerifier())))
	code, verifier := l.login()
	l.ask(http.MethodPost, exchange, "Bearer "+readerKey, exchangeBody(code, verifier))
	l.ask(http.MethodPost, exchange, bySite, `{"code":"`+code+`","code_verifier":5,"x":"`+verifier+`"}`)
	l.ask(http.MethodPost, exchange, bySite, `{"code":"`+code)
	l.login("mode", "code")

	v := newVisitor(l.t, http.DefaultTransport)
	link, _ := l.link()
	state := l.leave(v, link)
	l.comeBack(newVisitor(l.t, http.DefaultTransport), state, l.code()) // another browser
	l.comeBack(v, state[:len(state)-1], l.code())                       // forged
	l.comeBack(v, state, l.mark("wrong code", "0"+rand.Text()))         // unknown to the platform
	l.comeBack(v, state, l.code())                                      // over
	for _, answer := range []string{"authdeny", ""} {
		link, _ := l.link()
		l.comeBack(v, l.leave(v, link), answer) // refused
	}
	l.ask(http.MethodGet, "/oauth/shop/authorize?redirect_uri="+url.QueryEscape("http://evil.test/?x="+verifier)+"&state="+state, "", "")
}

// tokens goes through what is done with a user's tokens.
func (l *loot) tokens() {
	l.t.Helper()
	alice := sandbox.OpenID(stableID, "alice")
	held := l.take(http.MethodGet, alices+alice+"/token", bySite, "").token
	if _, err := l.up.KillUser(stableID, alice); err != nil || held.Token == "" {
		l.t.Fatalf("there is no token: %v", err)
	}
	renewed := l.take(http.MethodPost, alices+alice+"/token/renew", bySite, fmt.Sprintf(`{"version":%d}`, held.Version)).token
	if renewed.Token == "" || renewed.Token == held.Token {
		l.t.Fatal("a token that was reported was not renewed")
	}
	l.take(http.MethodPost, alices+alice+"/token/renew", bySite, fmt.Sprintf(`{"token":%q}`, held.Token))
	l.ask(http.MethodPost, alices+alice+"/token/renew", "Bearer "+readerKey, fmt.Sprintf(`{"token":%q}`, held.Token))
	l.ask(http.MethodPost, alices+alice+"/token/renew", bySite, fmt.Sprintf(`{"token":[%q]}`, held.Token))
	for _, path := range []string{"", "/profile", "/subscription"} {
		l.ask(http.MethodGet, alices+alice+path, bySite, "")
	}
	l.ask(http.MethodGet, "/v1/apps/shop/users", bySite, "")

	imported := l.mark("imported token", "83_"+rand.Text()+rand.Text())
	refresh := l.mark("imported refresh token", "83_"+rand.Text()+rand.Text())
	for _, odd := range []string{`"openid":"o-new"`, `"openid":"o new"`, `"openid":"o-new","deadline":"` + refresh + `"`, `"openid":"` + refresh + ` "`} {
		l.ask(http.MethodPost, "/v1/apps/shop/users/import", "Bearer "+key,
			fmt.Sprintf(`{"users":[{%s,"scope":"snsapi_userinfo","access_token":%q,"refresh_token":%q,"expiry":"2020-01-01T00:00:00Z"}]}`, odd, imported, refresh))
	}
	l.ask(http.MethodGet, alices+"o-new/token", bySite, "") // the platform does not know its refresh token
	if _, err := l.up.Revoke(stableID, alice); err != nil {
		l.t.Fatal(err)
	}
	l.ask(http.MethodGet, alices+alice+"/profile", bySite, "")
	l.ask(http.MethodPost, alices+alice+"/token/renew", bySite, fmt.Sprintf(`{"version":%d}`, renewed.Version))
	l.ask(http.MethodDelete, alices+alice, bySite, "")
	l.login() // for what follows
}

// sessions goes through what mini programs do.
func (l *loot) sessions() {
	l.t.Helper()
	alice, sessions := sandbox.OpenID(stableID, "alice"), "/v1/apps/shop/sessions"
	body := func() string {
		code, err := l.up.NewJSCode(stableID, alice)
		if err != nil {
			l.t.Fatal(err)
		}
		return fmt.Sprintf(`{"js_code":%q}`, l.mark("js_code", code))
	}
	first := body()
	if a := l.take(http.MethodPost, sessions, bySite, first); a.json.SessionKey == "" {
		l.t.Fatalf("there is no session: %d %s", a.status, a.text)
	}
	l.ask(http.MethodPost, sessions, bySite, fmt.Sprintf(`{"js_code":%q}`, l.mark("wrong js_code", "0"+rand.Text())))
	l.ask(http.MethodPost, sessions, "Bearer "+forumKey, body()) // has no session keys
	l.ask(http.MethodPost, sessions, "Bearer "+readerKey, body())
	l.ask(http.MethodPost, sessions, bySite, first[:len(first)-1])
	const raw = `{"nickName":"Alice"}`
	signature, err := l.up.SignRaw(stableID, alice, raw)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, s := range []string{signature, strings.Repeat("0", len(signature))} {
		l.ask(http.MethodPost, sessions+"/"+alice+"/verify", bySite, fmt.Sprintf(`{"raw_data":%q,"signature":%q}`, raw, s))
	}
	sealed, iv, err := l.up.Encrypt(stableID, alice, map[string]any{"phoneNumber": "13800138000"})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, s := range []string{sealed, iv, "x"} {
		l.ask(http.MethodPost, sessions+"/"+alice+"/decrypt", bySite, fmt.Sprintf(`{"encrypted_data":%q,"iv":%q}`, s, iv))
	}
}

// openID goes through what programs do that know OpenID Connect.
func (l *loot) openID() {
	l.t.Helper()
	issuer := "/oauth/shop"
	p := newProgram(l.t, l.url+issuer, "forum", forumKey, landing)
	p.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	l.mark("Basic", basicOf("forum", forumKey))
	ctx := p.with(l.t.Context())
	begin := func() (code, verifier string) {
		verifier = l.mark("code verifier", oauth2.GenerateVerifier())
		state, nonce := l.mark(ofTheSite+"state", rand.Text()), l.mark("nonce", rand.Text())
		v := newVisitor(l.t, http.DefaultTransport)
		at := l.leave(v, p.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
		return l.comeBack(v, at, l.code()), verifier
	}
	code, verifier := begin()
	tok, err := p.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		l.t.Fatal(err)
	}
	raw, _ := tok.Extra("id_token").(string)
	l.mark("ID token", raw)
	l.mark("OpenID access token", tok.AccessToken)
	if _, err := p.provider.UserInfo(ctx, oauth2.StaticTokenSource(tok)); err != nil {
		l.t.Fatal(err)
	}
	token := func(auth, code, verifier string, more ...string) {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {landing}, "code_verifier": {verifier}}
		if len(more) == 2 {
			form[more[0]] = more[1:]
		}
		l.ask(http.MethodPost, issuer+"/oidc/token", auth, form.Encode())
	}
	right := "Basic " + basicOf("forum", forumKey)
	token(right, code, verifier) // again
	code, _ = begin()
	token(right, code, l.mark("code verifier", oauth2.GenerateVerifier()))
	for _, wrong := range []string{
		"Basic " + l.mark("Basic", basicOf("forum", siteKey)), "Basic " + l.mark("Basic", basicOf("reader", readerKey)), right[:len(right)-3], "Bearer " + forumKey, "",
	} {
		code, verifier := begin()
		token(wrong, code, verifier)
		token(wrong, code, verifier, "client_secret", forumKey)
		token(wrong, code, verifier, "grant_type", code)
		token(wrong, code, verifier, "redirect_uri", landing+"?x="+code)
	}
	for _, bearer := range []string{tok.AccessToken[:len(tok.AccessToken)-2], raw, forumKey, code} {
		l.ask(http.MethodGet, issuer+"/oidc/userinfo", "Bearer "+bearer, "")
	}
	q := url.Values{"client_id": {"forum"}, "client_secret": {forumKey}, "redirect_uri": {"http://evil.test/?" + verifier}, "response_type": {"code"}, "scope": {"openid"}, "id_token_hint": {raw}}
	l.ask(http.MethodGet, issuer+"/oidc/authorize?"+q.Encode(), "", "")
	q.Set("client_id", forumKey)
	l.ask(http.MethodGet, issuer+"/oidc/authorize?"+q.Encode(), "", "")
}

func basicOf(name, key string) string {
	return base64.StdEncoding.EncodeToString([]byte(name + ":" + key))
}

// troubled does what asks the platform while it is not well.
func (l *loot) troubled(f sandbox.Fault) {
	l.t.Helper()
	alice := sandbox.OpenID(stableID, "alice")
	code, err := l.up.NewJSCode(stableID, alice)
	if err != nil {
		l.t.Fatal(err)
	}
	f.Path = "/sns/"
	l.up.Inject(f)
	l.login()
	l.ask(http.MethodPost, "/v1/apps/shop/sessions", "Bearer "+forumKey, fmt.Sprintf(`{"js_code":%q}`, l.mark("js_code", code)))
	l.ask(http.MethodGet, alices+alice+"/profile", bySite, "")
	// A token that is asked to last longer than any does is renewed first, and what is here is
	// handed out where that fails: by right.
	l.take(http.MethodGet, alices+alice+"/token?min_ttl=2h", bySite, "")
	l.up.ClearFaults()
}

// misplaced puts all of it where it does not belong.
func (l *loot) misplaced() {
	l.t.Helper()
	for _, value := range l.all() {
		q := url.QueryEscape(value)
		for _, path := range []string{
			"/oauth/" + q + "/authorize", "/oauth/shop/" + q, "/oauth/shop/callback?state=" + q + "&code=" + q, "/oauth/shop/callback?" + q,
			"/oauth/shop/authorize?redirect_uri=" + q, "/oauth/shop/authorize?scope=" + q + "&redirect_uri=" + url.QueryEscape(landing),
			"/oauth/shop/authorize?code_challenge=" + q + "&redirect_uri=" + url.QueryEscape(landing), "/oauth/shop/oidc/authorize?client_id=" + q,
			"/oauth/shop/oidc/userinfo?access_token=" + q, "/oauth/shop/oidc/keys?" + q,
		} {
			l.ask(http.MethodGet, path, "", "")
		}
		for _, path := range []string{alices + url.PathEscape(value) + "/token", "/v1/apps/shop/jssdk?url=" + q} {
			l.ask(http.MethodGet, path, bySite, "")
		}
		for _, path := range []string{
			"/v1/apps/shop/users?after=" + q, alices + "o-1/token?scope=" + q, alices + "o-1/token?min_ttl=" + q, alices + "o-1/profile?lang=" + q, "/v1/apps/" + url.PathEscape(value) + "/users",
		} {
			l.take(http.MethodGet, path, bySite, "") // says to the caller alone what is wrong with it
		}
		l.ask(http.MethodGet, alices+"o-1", "Bearer "+value, "")
		l.ask(http.MethodPost, "/v1/apps/shop/users/exchange", bySite, exchangeBody(value, value))
		l.ask(http.MethodPost, "/v1/apps/shop/sessions", "Bearer "+forumKey, fmt.Sprintf(`{"js_code":%q}`, value))
		l.ask(http.MethodPost, alices+"o-1/token/renew", bySite, fmt.Sprintf(`{"token":%q}`, value))
		l.ask(http.MethodPost, "/oauth/shop/oidc/token", "Basic "+basicOf(value, value), url.Values{"grant_type": {"authorization_code"}, "code": {value}}.Encode())
	}
}

// underWay has logins, refreshes and sessions hang at the platform. What it returns waits
// for their end.
func (l *loot) underWay() func() {
	l.t.Helper()
	alice := sandbox.OpenID(stableID, "alice")
	l.login()
	v := newVisitor(l.t, http.DefaultTransport)
	link, _ := l.link()
	state, code := l.leave(v, link), l.code()
	js, err := l.up.NewJSCode(stableID, alice)
	if err != nil {
		l.t.Fatal(err)
	}
	l.up.Inject(sandbox.Fault{Path: "/sns/", Kind: sandbox.FaultHang})
	var at sync.WaitGroup
	at.Go(func() {
		_, _ = v.get(l.url + "/oauth/shop/callback?" + url.Values{"code": {code}, "state": {state}}.Encode())
	})
	for path, body := range map[string]string{
		"/v1/apps/shop/sessions":                fmt.Sprintf(`{"js_code":%q}`, l.mark("js_code", js)),
		alices + alice + "/token?min_ttl=7199s": "", alices + alice + "/profile": "",
	} {
		method := http.MethodPost
		if body == "" {
			method = http.MethodGet
		}
		req, err := http.NewRequestWithContext(l.t.Context(), method, l.url+path, strings.NewReader(body))
		if err != nil {
			l.t.Fatal(err)
		}
		req.Header.Set("Authorization", bySite)
		at.Go(func() { _, _ = ask(req) })
	}
	waitFor(l.t, "calls under way", func() bool { return l.up.active.Load() >= 3 })
	return at.Wait
}
