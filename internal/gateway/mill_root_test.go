package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// Of several platforms that nobody's call could be, the one says so whose form its caller
// reads: of the app that the base URL names, else where a credential stands, else of the path.
func TestAnErrorIsSaidByThePlatformThatIsMeant(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		const wechat, mill = `"errcode"`, `"platform":"mill"`
		for name, c := range map[string]struct {
			r          *http.Request
			said, code string
		}{
			"nothing, on a path of nobody":             {request(http.MethodGet, "/what/ever", ""), wechat, broker.ErrTokenMissing.Code},
			"nothing, on a path of the mill":           {request(http.MethodGet, "/open/what/ever", ""), mill, broker.ErrTokenMissing.Code},
			"nothing, on the mill's exchange":          {request(http.MethodPost, millExchange, `{}`), mill, broker.ErrUnauthorized.Code},
			"an old token in the query":                {request(http.MethodGet, withToken("/what/ever", "83_old"), ""), wechat, broker.ErrTokenUnknown.Code},
			"an old token in the query, of the mill":   {request(http.MethodGet, withToken("/gateway/"+millApp+"/what/ever", "83_old"), ""), mill, broker.ErrTokenMissing.Code},
			"an old token in the header":               {with("Bearer old", http.MethodGet, "/what/ever", ""), mill, broker.ErrTokenUnknown.Code},
			"a bad key in the body":                    {request(http.MethodPost, millExchange, `{"client_id":"`+millID+`","client_secret":"somebody"}`), mill, broker.ErrUnauthorized.Code},
			"an app id in the query, on a mill's":      {request(http.MethodGet, "/open/x?appid=1", ""), wechat, broker.ErrTokenMissing.Code},
			"an unknown app in the base URL":           {with("Bearer old", http.MethodGet, "/gateway/api-none/what/ever", ""), "", ""},
			"a token of the mill on the app of WeChat": {with("Bearer "+s.kind(broker.AccessToken, callerKey), http.MethodGet, "/gateway/"+stacktest.App+"/x", ""), wechat, broker.ErrTokenMissing.Code},
		} {
			a := s.send(c.r)
			if !strings.Contains(string(a.body), c.said) || !strings.Contains(string(a.body), c.code) {
				t.Errorf("%s: %s, want %s said with %s", name, a.body, c.code, c.said)
			}
			if got := a.header.Get("WWW-Authenticate"); (got == `Bearer realm="mill"`) != strings.Contains(string(a.body), mill) {
				t.Errorf("%s: the challenge is %q", name, got)
			}
		}
		if n := len(m.calls()); n != 0 {
			t.Errorf("%d calls came to the mill", n)
		}
	})
}

// A client key that stands where a token has to is told so by a platform of which the client
// has apps, wherever it stands.
func TestAKeyInThePlaceOfATokenIsToldSoByItsClientsPlatform(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	const millerKey = "miller-key-0123456789abcdef0123456789"
	miller := stacktest.Client("miller", millerKey, broker.Call, millApp)
	nobody := stacktest.Client("nobody", "nobody-key-0123456789abcdef0123456789", broker.Call, "api-none")
	inMill(t, m, stackConfig{Config: stacktest.Config{Clients: []*broker.Client{miller, nobody}}}, func(t *testing.T, s *stack) {
		const wechat, mill = `"errcode"`, `"platform":"mill"`
		for name, c := range map[string]struct {
			r          *http.Request
			said, code string
		}{
			"WeChat's, in the mill's place":     {with("Bearer "+limitedKey, http.MethodGet, "/cgi-bin/user/get", ""), wechat, broker.ErrTokenKind.Code},
			"WeChat's, on the mill's path":      {with("Bearer "+limitedKey, http.MethodGet, "/open/what/ever", ""), wechat, broker.ErrTokenKind.Code},
			"KEY.APP of WeChat's":               {with("Bearer "+limitedKey+"."+stacktest.App, http.MethodGet, "/what/ever", ""), wechat, broker.ErrTokenKind.Code},
			"the mill's, in WeChat's place":     {request(http.MethodGet, withToken("/cgi-bin/user/get", millerKey), ""), mill, broker.ErrTokenKind.Code},
			"the mill's, where a user's stands": {with("Bearer "+millerKey, http.MethodGet, millMe, ""), mill, broker.ErrTokenKind.Code},
			"of both, on a path of nobody":      {with("Bearer "+callerKey, http.MethodGet, "/what/ever", ""), mill, broker.ErrTokenKind.Code},
			"of both, on a path of the mill":    {with("Bearer "+callerKey, http.MethodGet, "/open/what/ever", ""), mill, broker.ErrTokenKind.Code},
			"of a client without apps":          {with("Bearer nobody-key-0123456789abcdef0123456789", http.MethodGet, "/what/ever", ""), mill, broker.ErrTokenUnknown.Code},
			"of nobody":                         {with("Bearer "+limitedKey+"x", http.MethodGet, "/what/ever", ""), mill, broker.ErrTokenUnknown.Code},
		} {
			if a := s.send(c.r); !strings.Contains(string(a.body), c.said) || !strings.Contains(string(a.body), c.code) {
				t.Errorf("%s: %s, want %s said with %s", name, a.body, c.code, c.said)
			}
		}
		if n := len(m.calls()); n != 0 {
			t.Errorf("I6: %d calls came to the mill", n)
		}
		if log := s.Log.String(); strings.Contains(log, millerKey) || strings.Contains(log, limitedKey) {
			t.Error("I6: a key is in the log")
		}
	})
}

// A platform that has no app here speaks on its own paths only.
func TestAPlatformWithoutAppsSpeaksOnItsOwnPathsOnly(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{Config: stacktest.Config{Apps: []*broker.App{}}}, func(t *testing.T, s *stack) {
		const wechat, mill = `"errcode"`, `"platform":"mill"`
		said := func(path string) string {
			return string(s.send(with("Bearer old", http.MethodGet, path, "")).body)
		}
		for range 2 {
			if got := said("/what/ever"); !strings.Contains(got, wechat) {
				t.Errorf("on a path of nobody: %s", got)
			}
			if got := said("/open/what/ever"); !strings.Contains(got, mill) {
				t.Errorf("on a path of its own: %s", got)
			}
		}
		app := *m.app()
		app.Origin = broker.FromAPI
		if _, err := s.Registry.PutApp(t.Context(), &app); err != nil {
			t.Fatal(err)
		}
		if got := said("/what/ever"); !strings.Contains(got, mill) {
			t.Errorf("with an app: %s", got)
		}
		if err := s.Registry.DeleteApp(t.Context(), app.ID); err != nil {
			t.Fatal(err)
		}
		if got := said("/what/ever"); !strings.Contains(got, wechat) {
			t.Errorf("after its end: %s", got)
		}
	})
}

// I6: what a caller has in the header Authorization, and in cookies, stays here, whoever looks
// for tokens there; what is attached does not.
func TestI6OnlyWhatIsAttachedStandsInTheHeader(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		access := s.kind(broker.AccessToken, callerKey)
		for name, authorization := range map[string]string{
			"a key": "Bearer " + callerKey, "the token": "Bearer " + access, "a virtual token": "Bearer " + s.kind(broker.AccessToken, virtualKey),
		} {
			r := with(authorization, http.MethodGet, "/gateway/"+millApp+millUsers, "")
			r.Header.Set("Cookie", "session=1")
			r.Header.Set("Proxy-Authorization", "Basic eDp5")
			s.send(r)
			calls := m.calls()
			if len(calls) != 1 || calls[0].header.Get("Authorization") != "Bearer "+access || calls[0].header["Cookie"] != nil || calls[0].header["Proxy-Authorization"] != nil {
				t.Errorf("I6: %s: %v", name, calls)
			}
		}
		// WeChat's calls have none at all.
		if a := s.send(with("Bearer "+callerKey, http.MethodGet, "/gateway/"+stacktest.App+users, "")); !a.ok() {
			t.Errorf("%s", a.body)
		}
		if log := s.Log.String(); strings.Contains(log, access) || strings.Contains(log, callerKey) {
			t.Error("I6: the log has a token, or a key")
		}
	})
}

// I8: a user's token that stands in the header passes untouched: with a key that stands in
// a header of its own, and without one where the call may do without.
func TestI8AUsersTokenInTheHeaderPassesUntouched(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		const want = `{"result":0,"me":"user-1"}`
		if a := s.send(with("Bearer user-1", http.MethodGet, millMe, "")); string(a.body) != want {
			t.Errorf("at the root: %s", a.body)
		}
		named := with("Bearer user-1", http.MethodPost, "/gateway/"+millApp+millMe, "{}")
		named.Header.Set("X-Hufu-Key", callerKey)
		if a := s.send(named); string(a.body) != want {
			t.Errorf("with a key: %s", a.body)
		}
		for _, call := range m.calls() {
			if strings.Contains(fmt.Sprint(call), callerKey) {
				t.Errorf("I6: the key went along: %v", call)
			}
		}
		for name, key := range map[string]string{"an unknown key": "somebody", "none": ""} {
			r := with("Bearer user-1", http.MethodPost, "/gateway/"+millApp+millMe, "{}")
			r.Header.Set("X-Hufu-Key", key)
			if a := s.send(r); a.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		if a := s.send(with("Bearer "+callerKey, http.MethodGet, "/gateway/"+millApp+millMe, "")); a.Code != broker.ErrTokenMissing.Code {
			t.Errorf("a key where the user's token should be: %s", a.body)
		}
		own := s.kind(broker.AppAccessToken, callerKey)
		for _, tok := range []string{own, s.kind(broker.AccessToken, callerKey), s.kind(broker.AccessToken, virtualKey)} {
			r := with("Bearer "+tok, http.MethodGet, "/gateway/"+millApp+millMe, "")
			if a := s.send(r); !strings.Contains(string(a.body), broker.ErrTokenKind.Code) {
				t.Errorf("I8: the app's token in the place of the user's: %s", a.body)
			}
			r.Header.Set("X-Hufu-Key", callerKey)
			if a := s.send(r); a.Code != broker.ErrTokenKind.Code {
				t.Errorf("I8: the same, with a key: %s", a.body)
			}
		}
		if n := len(m.calls()); n != 0 {
			t.Errorf("I8: %d calls with the app's token came to the platform", n)
		}
	})
}

// I8: a user's token of which nobody knows whose it is goes to no platform where two could
// be meant.
func TestI8AUsersTokenIsNotSentByGuess(t *testing.T) {
	t.Parallel()
	m, other := newMill("mill"), newMill("other")
	twin := other.app()
	twin.ID, twin.BaseURL = "api-other", millBase
	inMill(t, m, stackConfig{Config: stacktest.Config{
		Platforms: []broker.Platform{other.platform()}, Apps: []*broker.App{m.app(), twin},
	}}, func(t *testing.T, s *stack) {
		if a := s.send(with("Bearer user-1", http.MethodGet, millMe, "")); !strings.Contains(string(a.body), broker.ErrUnauthorized.Code) {
			t.Errorf("I8: %s", a.body)
		}
		if n := len(m.calls()) + len(other.calls()); n != 0 {
			t.Errorf("I8: %d calls were sent by guess", n)
		}
		// Where the base URL names the app nothing is guessed.
		if a := s.send(with("Bearer user-1", http.MethodGet, "/gateway/"+millApp+millMe, "")); a.status != http.StatusUnauthorized {
			t.Errorf("a user's token that nobody knows, where a key could stand: %d %s", a.status, a.body)
		}
	})
}

// A platform's token that stands where a client key could is taken for what it is.
func TestATokenInTheHeaderIsNoUnknownKey(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		for _, key := range []string{callerKey, virtualKey} {
			tok := s.kind(broker.AccessToken, key)
			if a := s.send(with("Bearer "+tok, http.MethodGet, "/gateway/"+millApp+millUsers, "")); !bytes.HasPrefix(a.body, []byte(`{"result":0`)) {
				t.Errorf("%s", a.body)
			}
			if a := s.send(with("Bearer "+tok, http.MethodGet, "/gateway/"+stacktest.App+users, "")); a.ok() {
				t.Errorf("I8: on another app: %s", a.body)
			}
		}
		if a := s.send(with("Bearer somebody", http.MethodGet, "/gateway/"+millApp+millUsers, "")); a.status != http.StatusUnauthorized {
			t.Errorf("an unknown key: %d %s", a.status, a.body)
		}
	})
}
