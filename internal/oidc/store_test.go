package oidc_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/oidc"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func newRequest(t *testing.T) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/oauth/shop/callback", http.NoBody)
}

// The steps of a login may each be another replica's, and one's tokens are all's.
func TestALoginGoesOverManyReplicas(t *testing.T) {
	t.Parallel()
	s := start(t, func(p *parts) { p.replicas = 2 })
	for turn := range int64(2) {
		s.turn.Store(turn)
		p := s.party(t, "shop", "forum", oauth2.AuthStyleInParams, "profile")
		tok := p.tokens(t)
		raw, _ := tok.Extra("id_token").(string)
		for range s.replicas { // each says once which key it has
			id, err := p.provider.VerifierContext(t.Context(), &gooidc.Config{ClientID: "forum"}).Verify(t.Context(), raw)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := p.userinfo(t, tok.AccessToken); err != nil || info.Subject != id.Subject {
				t.Errorf("%v, %v", info, err)
			}
			p = s.party(t, "shop", "forum", oauth2.AuthStyleInParams)
			s.turn.Add(1)
		}
	}
	// Made at one, redeemed at the other.
	s.turn.Store(0)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInParams) // 0
	s.turn.Store(0)
	code := p.code(t) // 0, 1
	s.turn.Store(0)
	if _, err := p.Exchange(t.Context(), code); err != nil {
		t.Errorf("a code of replica 1 at replica 0: %v", err)
	}
}

// counted counts what is asked of the store.
type counted struct {
	broker.OneTimeStore
	broker.SettingStore
	calls *atomic.Int64
	fault *atomic.Pointer[error]
}

func (c counted) call() error {
	c.calls.Add(1)
	if err := c.fault.Load(); err != nil {
		return *err
	}
	return nil
}

func (c counted) Add(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	if err := c.call(); err != nil {
		return err
	}
	return c.OneTimeStore.Add(ctx, name, value, ttl)
}

func (c counted) Take(ctx context.Context, name string) ([]byte, error) {
	if err := c.call(); err != nil {
		return nil, err
	}
	return c.OneTimeStore.Take(ctx, name)
}

func (c counted) Look(ctx context.Context, name string) ([]byte, error) {
	c.calls.Add(1)
	return c.OneTimeStore.Look(ctx, name)
}

func (c counted) Setting(ctx context.Context, name string) ([]byte, error) {
	c.calls.Add(1)
	return c.SettingStore.Setting(ctx, name)
}

func (c counted) PutSetting(ctx context.Context, name string, v []byte) error {
	c.calls.Add(1)
	return c.SettingStore.PutSetting(ctx, name, v)
}

func (c counted) AddSetting(ctx context.Context, name string, v []byte) error {
	c.calls.Add(1)
	return c.SettingStore.AddSetting(ctx, name, v)
}

// observed has the store's calls counted, and refused while there is a fault.
func observed() (*atomic.Int64, *atomic.Pointer[error], option) {
	calls, fault := &atomic.Int64{}, &atomic.Pointer[error]{}
	return calls, fault, func(p *parts) {
		p.oneTime = func(s broker.OneTimeStore) broker.OneTimeStore {
			return counted{OneTimeStore: s, calls: calls, fault: fault}
		}
		p.settings = func(s broker.SettingStore) broker.SettingStore {
			return counted{SettingStore: s, calls: calls, fault: fault}
		}
	}
}

// I7: nobody makes the store do anything who has not shown who he is.
func TestStrangersDoNotReachTheStoreI7(t *testing.T) {
	t.Parallel()
	calls, _, opt := observed()
	s := start(t, opt)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
	before := calls.Load()
	p.Endpoint.AuthURL = s.url + "/oauth/shop/oidc/authorize"
	s.relay.outcome = func(p *oidc.Provider, w http.ResponseWriter, r *http.Request, app *broker.App, ref string) {
		p.Failed(w, r, app, ref, "access_denied", "")
	}
	for range 20 {
		if _, err := s.browse(t, s.url+asked(nil)); err != nil {
			t.Fatal(err)
		}
		_, _ = s.browse(t, s.url+asked(map[string]string{"client_id": "nobody"}))
		s.get(t, "/oauth/shop/.well-known/openid-configuration")
		s.get(t, "/oauth/shop/oidc/keys")
		s.send(t, http.MethodGet, "/oauth/shop/oidc/userinfo", "Bearer ho1_"+strings.Repeat("A", 200), nil)
		s.send(t, http.MethodPost, "/oauth/shop/oidc/token", basic("forum", key("nobody")), url.Values{
			"grant_type": {"authorization_code"}, "code": {strings.Repeat("A", 43)}, "redirect_uri": {callback},
		})
		s.send(t, http.MethodPost, "/oauth/shop/oidc/token", basic("reader", key("reader")), url.Values{
			"grant_type": {"authorization_code"}, "code": {strings.Repeat("A", 43)}, "redirect_uri": {callback},
		})
	}
	if n := calls.Load() - before; n != 0 {
		t.Errorf("I7: the store was asked %d times", n)
	}
	s.relay.outcome = s.done
	p.tokens(t)
	if n := calls.Load() - before; n != 2 {
		t.Errorf("a login asks the store %d times, want once for the code and once for its use", n)
	}
}

// While the store is away users cannot log in, and are told so; what was begun before is not
// lost.
func TestAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	_, fault, opt := observed()
	s := start(t, opt)
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
	code, access := p.code(t), p.tokens(t).AccessToken
	away := errors.New("connection refused")
	fault.Store(&away)
	if q, err := s.browse(t, s.url+asked(nil)); err != nil || q.Get("error") != "temporarily_unavailable" || q.Get("state") != "state-1" || q.Has("code") {
		t.Errorf("a login: %v, %v", q, err)
	}
	resp := s.send(t, http.MethodPost, "/oauth/shop/oidc/token", basic("forum", key("forum")), url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback},
	})
	if got := oauthError(t, resp); resp.status != http.StatusServiceUnavailable || got != "server_error" || resp.header.Get("Retry-After") == "" {
		t.Errorf("a code: %d %s", resp.status, got)
	}
	if _, err := p.userinfo(t, access); err != nil {
		t.Errorf("I3: an access token is dead while the store is away: %v", err)
	}
	if n := strings.Count(s.log.String(), "connection refused"); n != 2 || !strings.Contains(s.log.String(), "request_id=/oauth/shop/oidc/token-") {
		t.Errorf("it is logged %d times:\n%s", n, s.log)
	}
	fault.Store(nil)
	if _, err := p.Exchange(t.Context(), code); err != nil {
		t.Errorf("the code is lost: %v", err)
	}
}

// The store has neither codes nor who stands behind them.
func TestWhatIsKeptIsSealedI6(t *testing.T) {
	t.Parallel()
	var kept []string
	s := start(t, func(p *parts) {
		p.oneTime = func(s broker.OneTimeStore) broker.OneTimeStore { return spied{s, &kept} }
	})
	code := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader).code(t)
	if len(kept) != 2 {
		t.Fatalf("kept is %q", kept)
	}
	// Shorter texts may stand in a hash or a box by chance.
	for _, told := range []string{code, ada("shop").Key.Subject, ada("shop").UnionID, callback, "forum"} {
		if strings.Contains(strings.Join(kept, "\n"), told) {
			t.Errorf("I6: %q is in %q", told, kept)
		}
	}
	if len(kept[0]) > 200 {
		t.Errorf("the name has %d bytes", len(kept[0]))
	}
}

type spied struct {
	broker.OneTimeStore
	kept *[]string
}

func (s spied) Add(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	*s.kept = append(*s.kept, name, string(value))
	return s.OneTimeStore.Add(ctx, name, value, ttl)
}

// A code stands for nothing but what it was made for, and for no longer, also for somebody who
// can write the store.
func TestWhatACodeStandsForCannotBeMovedI8(t *testing.T) {
	t.Parallel()
	var kept []string
	s := start(t, func(p *parts) {
		p.oneTime = func(s broker.OneTimeStore) broker.OneTimeStore { return spied{s, &kept} }
	})
	p := s.party(t, "shop", "forum", oauth2.AuthStyleInHeader)
	victims, thiefs := p.code(t), p.code(t)
	put := func(name, value string) {
		t.Helper()
		if _, err := s.store.OneTime().Take(t.Context(), name); err != nil && !errors.Is(err, broker.ErrNotFound) {
			t.Fatal(err)
		}
		if err := s.store.OneTime().Add(t.Context(), name, []byte(value), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	put(kept[2], kept[1])
	if _, err := p.Exchange(t.Context(), thiefs); errorCode(err) != "invalid_grant" {
		t.Errorf("I8: a code stands for what another one was made for: %v", err)
	}
	if _, err := p.Exchange(t.Context(), victims); err != nil {
		t.Fatal(err)
	}
	put(kept[0], kept[1])
	s.ahead.Add(int64(5 * time.Minute))
	if _, err := p.Exchange(t.Context(), victims); errorCode(err) != "invalid_grant" {
		t.Errorf("a code of five minutes that was put back is good: %v", err)
	}
}
