package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

// withKey makes a call with the key in its own header, and what stands in Authorization.
func withKey(authorization, target string) *http.Request {
	r := with(authorization, http.MethodGet, target, "")
	r.Header.Set("X-Hufu-Key", callerKey)
	return r
}

// I8: where users' tokens open the same paths as the app's, one that nobody knows may be a
// user's, and a call with it is not made as the app.
func TestI8TheAppsTokenIsNotPutInThePlaceOfOneThatMayBeAUsers(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		access := s.kind(broker.AccessToken, callerKey)
		if a := s.send(withKey("Bearer user-1", "/gateway/"+millApp+millEither)); !strings.Contains(string(a.body), broker.ErrTokenUnknown.Code) {
			t.Errorf("I8: a call with an unknown token: %s", a.body)
		}
		if calls := m.calls(); len(calls) != 0 {
			t.Errorf("I8: it came to the platform: %v", calls)
		}
		for name, r := range map[string]*http.Request{
			"no token":      with("Bearer "+callerKey, http.MethodGet, "/gateway/"+millApp+millEither, ""),
			"the app's":     withKey("Bearer "+access, "/gateway/"+millApp+millEither),
			"a virtual one": withKey("Bearer "+s.kind(broker.AccessToken, virtualKey), "/gateway/"+millApp+millEither),
			"only the key":  withKey("Bearer "+callerKey, "/gateway/"+millApp+millEither),
			"another path":  withKey("Bearer old", "/gateway/"+millApp+millUsers),
		} {
			if a := s.send(r); !a.ok() {
				t.Errorf("%s: %s", name, a.body)
			}
			if calls := m.calls(); len(calls) != 1 || calls[0].header.Get("Authorization") != "Bearer "+access {
				t.Errorf("%s: %v", name, calls)
			}
		}
	})
}

// I8: that a token is a user's is also known of those that a call with the app's token gave.
func TestI8UsersTokensAreKnownWhereTheAppsTokenGotThem(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		s.kind(broker.AccessToken, callerKey)
		m.kill(broker.AccessToken) // so that the call is made twice
		if a := s.send(with("Bearer "+callerKey, http.MethodGet, "/gateway/"+millApp+millLogin, "")); !a.ok() {
			t.Fatalf("%s", a.body)
		}
		m.calls()
		a := s.send(withKey("Bearer user-7", "/gateway/"+millApp+millUsers))
		if calls := m.calls(); len(calls) != 0 || !strings.Contains(string(a.body), broker.ErrTokenKind.Code) {
			t.Errorf("I8: a call with a user's token was made as the app: %v, %s", calls, a.body)
		}
	})
}
