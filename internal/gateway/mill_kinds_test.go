package gateway_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// I8, I4: a call is opened by a token of the kind that its caller shows, else of the kind
// that its path wants, and a rejection is about that kind alone.
func TestI8ACallIsOpenedByTheRightKindOfToken(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		access, own := s.kind(broker.AccessToken, callerKey), s.kind(broker.AppAccessToken, callerKey)
		key := "Bearer " + callerKey
		at := "/gateway/" + millApp
		ok := func(name string, r *http.Request, opened string) {
			t.Helper()
			a := s.send(r)
			calls := m.calls()
			if a.status != http.StatusOK || !bytes.HasPrefix(a.body, []byte(`{"result":0`)) || len(calls) == 0 {
				t.Errorf("%s: %d %s", name, a.status, a.body)
				return
			}
			if got := calls[len(calls)-1].header["Authorization"]; len(got) != 1 || opened != "" && got[0] != "Bearer "+opened {
				t.Errorf("I8: %s was opened by %q, want %q", name, got, opened)
			}
		}
		ok("a path of the access token, keyed", with(key, http.MethodGet, at+millUsers, ""), access)
		ok("a path of the app's token, keyed", with(key, http.MethodGet, at+millApps, ""), own)
		ok("the access token", with("Bearer "+access, http.MethodGet, millUsers, ""), access)
		ok("the app's token", with("Bearer "+own, http.MethodGet, millApps, ""), own)
		// The path would take the access token, but it is the other one that is shown.
		if a := s.send(with("Bearer "+own, http.MethodGet, millUsers, "")); !bytes.Contains(a.body, []byte(`"result":1`)) {
			t.Errorf("the app's token on a path of the access token: %s", a.body)
		}
		if calls := m.calls(); len(calls) != 1 || calls[0].header.Get("Authorization") != "Bearer "+own {
			t.Errorf("I8: %d calls, %v", len(calls), calls)
		}
		// Its rejection there has cost neither kind anything.
		if a, o := m.issues(broker.AccessToken), m.issues(broker.AppAccessToken); a != 1 || o != 1 {
			t.Errorf("I8: %d and %d issues", a, o)
		}
		m.kill(broker.AppAccessToken)
		ok("a dead token of the app, keyed", with(key, http.MethodGet, at+millApps, ""), "")
		if a, o := m.issues(broker.AccessToken), m.issues(broker.AppAccessToken); a != 1 || o != 2 {
			t.Errorf("I4: %d issues of the access token and %d of the app's, want 1 and 2", a, o)
		}
	})
}

// A ticket opens no calls, and nothing that is virtual stands for another kind.
func TestI8WhatIsDerivedOpensNothing(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		ticket := s.kind(broker.JSAPITicket, callerKey)
		if a := s.send(with("Bearer "+ticket, http.MethodGet, millUsers, "")); !strings.Contains(string(a.body), broker.ErrTokenUnknown.Code) {
			t.Errorf("a ticket: %s", a.body)
		}
		opaque := s.kind(broker.AccessToken, virtualKey)
		if a := s.send(with("Bearer "+opaque, http.MethodGet, millApps, "")); !bytes.Contains(a.body, []byte(`"result":1`)) {
			t.Errorf("a virtual access token on a path of the app's token: %s", a.body)
		}
		if a := s.send(with("Bearer "+opaque, http.MethodGet, millUsers, "")); !bytes.HasPrefix(a.body, []byte(`{"result":0`)) {
			t.Errorf("a virtual access token: %s", a.body)
		}
	})
}

// I6: a client with virtual tokens gets them of every kind that opens calls, and each stands
// for its own kind (I8).
func TestI6NoTokenThatOpensCallsIsRealForAVirtualClient(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		opaque, own := s.kind(broker.AppAccessToken, virtualKey), s.kind(broker.AppAccessToken, callerKey)
		if opaque == own || !strings.HasPrefix(opaque, "hv1_") || opaque == s.kind(broker.AccessToken, virtualKey) {
			t.Fatalf("I6: a client with virtual tokens got %s", opaque)
		}
		if a := s.send(with("Bearer "+opaque, http.MethodGet, millApps, "")); !bytes.HasPrefix(a.body, []byte(`{"result":0`)) {
			t.Errorf("on a path of the app's token: %s", a.body)
		}
		if calls := m.calls(); len(calls) != 1 || calls[0].header.Get("Authorization") != "Bearer "+own {
			t.Errorf("%v", calls)
		}
		if a := s.send(with("Bearer "+opaque, http.MethodGet, millUsers, "")); !bytes.Contains(a.body, []byte(`"result":1`)) {
			t.Errorf("I8: on a path of the access token: %s", a.body)
		}
		if ticket := s.kind(broker.JSAPITicket, virtualKey); strings.HasPrefix(ticket, "hv1_") {
			t.Error("a ticket is virtual, with which nobody can sign")
		}
	})
}

// The paths of an app may be at several hosts of its platform; a base URL of its own is for
// all of them.
func TestEachPathGoesToItsHost(t *testing.T) {
	t.Parallel()
	for base, want := range map[string][2]string{
		"":                        {"mill.test", "flour.test"},
		millBase:                  {"mill.test", "flour.test"},
		"https://other.test/mill": {"other.test", "other.test"},
	} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			m := newMill("mill")
			app := m.app()
			app.BaseURL = base
			inMill(t, m, stackConfig{Config: stacktest.Config{Apps: []*broker.App{app}}}, func(t *testing.T, s *stack) {
				for i, path := range []string{millUsers, "/flour/sacks"} {
					r := with("Bearer "+callerKey, http.MethodGet, "/gateway/"+millApp+path, "")
					r.Host = "elsewhere.test"
					s.send(r)
					calls := m.calls()
					if len(calls) != 1 || calls[0].url.Host != want[i] || !strings.HasSuffix(calls[0].url.Path, path) || calls[0].url.Scheme != "https" {
						t.Errorf("%s went to %v, want %s", path, calls, want[i])
					}
				}
			})
		})
	}
}

// I8: two apps whose platforms know them by the same id are two: neither's token, key or user
// opens anything of the other.
func TestI8TheSameIDAtTwoPlatforms(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		wechat, milled := s.token(callerKey), s.kind(broker.AccessToken, callerKey)
		arrived := s.Sandbox.Calls(stacktest.AppID, users)
		for name, r := range map[string]*http.Request{
			"a token of the mill where WeChat's stands":   request(http.MethodGet, withToken(users, milled), ""),
			"a token of WeChat where the mill's stands":   with("Bearer "+wechat, http.MethodGet, millUsers, ""),
			"the same on the other's app":                 with("Bearer "+wechat, http.MethodGet, "/gateway/"+millApp+millUsers, ""),
			"a virtual one of the mill, in WeChat's":      request(http.MethodGet, withToken(users, s.kind(broker.AccessToken, virtualKey)), ""),
			"a virtual one of WeChat, in the mill's":      with("Bearer "+s.token(virtualKey), http.MethodGet, millUsers, ""),
			"a key in the place of an access token":       with("Bearer "+callerKey, http.MethodGet, millUsers, ""),
			"a key in the place of a user's access token": with("Bearer "+callerKey, http.MethodGet, millMe, ""),
		} {
			if a := s.send(r); bytes.HasPrefix(a.body, []byte(`{"result":0`)) || a.ok() {
				t.Errorf("I8: %s: %s", name, a.body)
			}
		}
		if n := len(m.calls()); n != 0 {
			t.Errorf("I8: %d calls reached the mill", n)
		}
		if s.Sandbox.Calls(stacktest.AppID, users)+s.Sandbox.Calls("", users) != arrived {
			t.Error("I8: a call reached WeChat")
		}
		if a := s.get(users, wechat); !a.ok() {
			t.Errorf("WeChat's own token: %s", a.body)
		}
		if a := s.send(with("Bearer "+milled, http.MethodGet, millUsers, "")); !bytes.HasPrefix(a.body, []byte(`{"result":0`)) {
			t.Errorf("the mill's own token: %s", a.body)
		}
	})
}

// I8: two apps that differ in their params alone, as the agents of one corp do, never share
// a token or a secret, and a caller says which one is meant.
func TestI8TwoAgentsOfOneCorp(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	agent := func(id, number string) *broker.App {
		a := m.app()
		a.ID, a.Params, a.Secrets = id, map[string]string{"agent_id": number}, []broker.Secret{broker.NewSecret("secret-of-" + id)}
		return a
	}
	apps := []*broker.App{agent("api-hr", "1000002"), agent("api-sales", "1000003")}
	inMill(t, m, stackConfig{Config: stacktest.Config{Apps: apps}}, func(t *testing.T, s *stack) {
		tokens := map[string]string{}
		for _, a := range apps {
			r := with("Bearer "+callerKey, http.MethodGet, "/gateway/"+a.ID+millUsers, "")
			s.send(r)
			calls := m.calls()
			if len(calls) != 1 {
				t.Fatalf("%d calls", len(calls))
			}
			tokens[a.ID] = strings.TrimPrefix(calls[0].header.Get("Authorization"), "Bearer ")
		}
		if tokens["api-hr"] == tokens["api-sales"] {
			t.Error("I8: the two have one token")
		}
		for id, other := range map[string]string{"api-hr": "api-sales", "api-sales": "api-hr"} {
			s.send(with("Bearer "+tokens[id], http.MethodGet, millUsers, ""))
			if calls := m.calls(); len(calls) != 1 || calls[0].header.Get("Authorization") != "Bearer "+tokens[id] {
				t.Errorf("I8: a call with the token of %s: %v", id, calls)
			}
			s.send(with("Bearer "+tokens[id], http.MethodGet, "/gateway/"+other+millUsers, ""))
			s.send(exchangeAt("/gateway/"+other+millExchange, "application/json", millBody("", millID, callerKey+"."+id, "c")))
			if calls := m.calls(); len(calls) != 0 {
				t.Errorf("I8: what is of %s came to the platform on %s: %v", id, other, calls)
			}
			for _, r := range []*http.Request{
				exchangeAt(millExchange, "application/json", millBody("", millID, callerKey+"."+id, "c")),
				exchangeAt("/gateway/"+id+millExchange, "application/json", millBody("", millID, callerKey, "c")),
				with("Bearer "+callerKey, http.MethodPost, "/gateway/"+id+millExchange, "{}"),
			} {
				s.send(r)
				if calls := m.calls(); len(calls) != 1 || !strings.Contains(calls[0].body, `"secret-of-`+id+`"`) {
					t.Errorf("I8: an exchange of %s: %v", id, calls)
				}
			}
		}
		if a := s.send(exchangeAt(millExchange, "application/json", millBody("", millID, callerKey, "c"))); !strings.Contains(string(a.body), "ambiguous_app") {
			t.Errorf("nobody can know which one is meant: %s", a.body)
		}
		if n := len(m.calls()); n != 0 {
			t.Errorf("I8: %d calls were made by guess", n)
		}
	})
}
