package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// program is one that lets users log in by OpenID Connect and knows nothing of WeChat, with
// the library that most have, as it is.
type program struct {
	oauth2.Config
	provider *oidc.Provider
	http     *http.Client
}

// newProgram discovers the issuer of an app.
func newProgram(t *testing.T, issuer, name, key, redirect string) *program {
	t.Helper()
	p := &program{http: &http.Client{Transport: onThisMachine(t)}}
	var err error
	if p.provider, err = oidc.NewProvider(p.with(t.Context()), issuer); err != nil {
		t.Fatal(err)
	}
	p.Config = oauth2.Config{
		ClientID: name, ClientSecret: key, Endpoint: p.provider.Endpoint(), RedirectURL: redirect, Scopes: []string{oidc.ScopeOpenID, "profile"},
	}
	return p
}

func (p *program) with(ctx context.Context) context.Context { return oidc.ClientContext(ctx, p.http) }

// claims are what a program learns of a user.
type claims struct {
	Subject  string `json:"sub"`
	OpenID   string `json:"openid"`
	UnionID  string `json:"unionid"`
	Nonce    string `json:"nonce"`
	Name     string `json:"name"`
	Nickname string `json:"nickname"`
}

var errOtherSubject = errors.New("the ID token and userinfo are about two users")

// redeem turns a code into who logged in: what the ID token says, and what userinfo does.
func (p *program) redeem(ctx context.Context, code string, opts ...oauth2.AuthCodeOption) (id, info claims, err error) {
	ctx = p.with(ctx)
	tok, err := p.Exchange(ctx, code, opts...)
	if err != nil {
		return id, info, err
	}
	raw, _ := tok.Extra("id_token").(string)
	verified, err := p.provider.VerifierContext(ctx, &oidc.Config{ClientID: p.ClientID}).Verify(ctx, raw)
	if err == nil {
		err = errors.Join(verified.Claims(&id), verified.VerifyAccessToken(tok.AccessToken))
	}
	if err != nil {
		return id, info, err
	}
	user, err := p.provider.UserInfo(ctx, oauth2.StaticTokenSource(tok))
	if err != nil {
		return id, info, err
	}
	if user.Subject != verified.Subject {
		return id, info, errOtherSubject
	}
	return id, info, user.Claims(&info)
}

func oauthCode(err error) string {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return e.ErrorCode
	}
	return fmt.Sprint(err)
}

func TestAnUnmodifiedOpenIDClientLogsUsersIn(t *testing.T) {
	t.Parallel()
	c := newCompanyAt(t, "127.0.0.1")
	home := c.one.redirectURI()
	for name, style := range map[string]oauth2.AuthStyle{"basic": oauth2.AuthStyleInHeader, "post": oauth2.AuthStyleInParams, "either": oauth2.AuthStyleAutoDetect} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, c.one.public+"/oauth/shop", "one", c.one.key, home)
			p.Endpoint.AuthStyle = style
			for _, user := range []string{"alice", "xiaoming", "alice"} {
				v := newVisitor(t, onThisMachine(t))
				verifier := oauth2.GenerateVerifier()
				link := p.AuthCodeURL("state-of-"+user, oidc.Nonce("nonce-of-"+user), oauth2.S256ChallengeOption(verifier))
				back, page := v.logIn(link, home, agree(user))
				if back.Get("state") != "state-of-"+user || back.Get("code") == "" || back.Has("error") {
					t.Fatalf("%s comes back with %v, or ends at %v", user, back, page)
				}
				id, info, err := p.redeem(t.Context(), back.Get("code"), oauth2.VerifierOption(verifier))
				if err != nil {
					t.Fatal(err)
				}
				open, union := sandbox.OpenID(loginApp, user), sandbox.UnionID("", user)
				nick := map[string]string{"alice": "Alice", "xiaoming": "小明"}[user]
				if d := cmp.Diff(claims{Subject: union, OpenID: open, UnionID: union, Nonce: "nonce-of-" + user}, id); d != "" {
					t.Errorf("the ID token (-want +got):\n%s", d)
				}
				if d := cmp.Diff(claims{Subject: union, OpenID: open, UnionID: union, Name: nick, Nickname: nick}, info); d != "" {
					t.Errorf("userinfo (-want +got):\n%s", d)
				}
				if _, _, err := p.redeem(t.Context(), back.Get("code"), oauth2.VerifierOption(verifier)); oauthCode(err) != "invalid_grant" {
					t.Errorf("the same code again: %v, want invalid_grant", err)
				}
			}
		})
	}
	t.Cleanup(func() {
		if n := c.stored(t); n != 2 {
			t.Errorf("%d users are kept: want 2", n)
		}
		wantNoMisuse(t, c.sandbox)
	})
}

func TestWhatAnOpenIDClientIsToldOfALoginThatFails(t *testing.T) {
	t.Parallel()
	c := newCompanyAt(t, "127.0.0.1")
	issuer, home := c.one.public+"/oauth/shop", c.one.redirectURI()
	one := newProgram(t, issuer, "one", c.one.key, home)

	t.Run("the user refuses", func(t *testing.T) {
		t.Parallel()
		back, page := newVisitor(t, onThisMachine(t)).logIn(one.AuthCodeURL("xyz"), home, refuse())
		if back.Get("error") != "access_denied" || back.Get("state") != "xyz" || back.Has("code") {
			t.Errorf("the program is told %v, or the user ends at %v: want access_denied", back, page)
		}
	})
	t.Run("a client without the right users", func(t *testing.T) {
		t.Parallel()
		reader := newProgram(t, issuer, "reader", readerKey, home)
		back, page := newVisitor(t, onThisMachine(t)).logIn(reader.AuthCodeURL("xyz"), home, agree("alice"))
		if back != nil || page.status != http.StatusBadRequest || page.title() != "This login is not set up" {
			t.Errorf("the user comes back with %v, or ends at %v: want a page that says so", back, page)
		}
		// Nor does a code of another client's login help.
		back, _ = newVisitor(t, onThisMachine(t)).logIn(one.AuthCodeURL("xyz"), home, agree("alice"))
		if _, _, err := reader.redeem(t.Context(), back.Get("code")); oauthCode(err) != "unauthorized_client" {
			t.Errorf("a code of another client: %v, want unauthorized_client", err)
		}
		if _, _, err := one.redeem(t.Context(), back.Get("code")); err != nil {
			t.Errorf("its own client is refused after that: %v", err)
		}
	})
	t.Run("a client with another's key", func(t *testing.T) {
		t.Parallel()
		wrong := newProgram(t, issuer, "one", c.two.key, home)
		back, _ := newVisitor(t, onThisMachine(t)).logIn(wrong.AuthCodeURL("xyz"), home, agree("alice"))
		if _, _, err := wrong.redeem(t.Context(), back.Get("code")); oauthCode(err) != "invalid_client" {
			t.Errorf("%v, want invalid_client", err)
		}
	})
	t.Run("another browser", func(t *testing.T) {
		t.Parallel()
		first, second := newVisitor(t, onThisMachine(t)), newVisitor(t, onThisMachine(t))
		seen, err := first.get(one.AuthCodeURL("xyz"))
		if err != nil {
			t.Fatal(err)
		}
		if back, page := second.logIn(seen.to, home, agree("alice")); back != nil || page.status != http.StatusForbidden {
			t.Errorf("it comes back with %v, or ends at %v", back, page)
		}
	})
}

// rely is the web site of a program, which shows who has logged in.
func rely(t *testing.T, host string) (url string, use func(*program)) {
	t.Helper()
	var made atomic.Pointer[program]
	const state, nonce = "state-of-the-session", "nonce-of-the-session"
	verifier := oauth2.GenerateVerifier()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, q := made.Load(), r.URL.Query()
		switch {
		case r.URL.Path == "/login":
			http.Redirect(w, r, p.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), http.StatusFound)
			return
		case r.URL.Path != "/login/done":
			http.NotFound(w, r)
			return
		}
		text := q.Get("error")
		if text == "" {
			id, info, err := p.redeem(r.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
			text = fmt.Sprint(info.Name, " ", id.Subject, " ", err, " ", id.Nonce == nonce && q.Get("state") == state)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><p id=who>%s</p>", html.EscapeString(text))
	}))
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + net.JoinHostPort(host, port), made.Store
}

func TestBrowserAProgramThatKnowsOpenIDConnectGetsTheRightUser(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	forum, use := rely(t, "forum.three.test")
	c := newCompanyAt(t, "hufu.test", forum+"/login/")
	use(newProgram(t, c.one.public+"/oauth/shop", "one", c.one.key, forum+"/login/done"))

	alice := b.person()
	alice.open(forum+"/login", "#agree")
	alice.do(chromedp.Click(chromedp.CSS("#user-alice")))
	alice.click("#agree", "#who")
	if got, want := alice.read("#who"), "Alice "+sandbox.UnionID("", "alice")+" <nil> true"; got != want {
		t.Errorf("the program sees %q, want %q", got, want)
	}
	ming := b.person()
	ming.open(forum+"/login", "#refuse")
	ming.click("#refuse", "#who")
	if got := ming.read("#who"); got != "access_denied" {
		t.Errorf("the program sees %q of a user who refused", got)
	}
}
