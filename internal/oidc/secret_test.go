package oidc_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// globalLog catches what a library says behind our back, to the process's own loggers.
var globalLog = &stacktest.Log{}

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(globalLog, &slog.HandlerOptions{Level: slog.LevelDebug - 8})))
	log.SetOutput(globalLog)
	code := m.Run()
	if s := globalLog.String(); s != "" {
		fmt.Fprintf(os.Stderr, "something was logged by the default logger:\n%s", s)
		code = 1
	}
	os.Exit(code)
}

// I6: whatever goes wrong, no log has a key, a code, a token, a nonce or a state.
func TestNoSecretIsLoggedI6(t *testing.T) {
	t.Parallel()
	_, fault, opt := observed()
	s := start(t, opt)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader, "profile")
	verifier := oauth2.GenerateVerifier()
	nonce := oauth2.SetAuthURLParam("nonce", "nonce-of-mine")
	code, tok := p.code(t, oauth2.S256ChallengeOption(verifier), nonce), p.tokens(t)
	id, _ := tok.Extra("id_token").(string)
	away := errors.New("the store is away")
	fault.Store(&away)
	s.change(func() {
		s.profile = func(string) (broker.Profile, error) { return broker.Profile{}, broker.ErrUnreachable }
	})
	for range 2 {
		_, _ = s.browse(t, p.AuthCodeURL("state-of-mine", nonce))
		_, _ = s.browse(t, p.AuthCodeURL("state-of-mine", oauth2.SetAuthURLParam("redirect_uri", "https://evil.example.com"), nonce))
		_, _ = s.browse(t, p.AuthCodeURL("state-of-mine", oauth2.SetAuthURLParam("scope", "none"), oauth2.SetAuthURLParam("id_token_hint", id)))
		_, _ = p.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
		_, _ = p.Exchange(t.Context(), code)
		_, _ = p.userinfo(t, tok.AccessToken)
		s.send(t, http.MethodPost, "/oauth/shop/oidc/token?code="+code, basic("wiki", key("forum")), url.Values{"client_secret": {key("forum"), "x"}})
		s.get(t, "/oauth/shop/oidc/userinfo?access_token="+tok.AccessToken)
		fault.Store(nil)
	}
	said := s.log.String()
	if !strings.Contains(said, "the store is away") || !strings.Contains(said, "could not be reached") {
		t.Errorf("faults that are no client's are not logged:\n%s", said)
	}
	for what, secret := range map[string]string{
		"a key": key("forum"), "a code": code, "an access token": tok.AccessToken, "an ID token": id, "a state": "state-of-mine", "a nonce": "nonce-of-mine",
		"a verifier": verifier, "a request": s.relay.refs[0], "a user": "o-ada",
	} {
		if bytes.Contains([]byte(said), []byte(secret)) {
			t.Errorf("I6: the log has %s:\n%s", what, said)
		}
	}
}
