package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

const formType = "application/x-www-form-urlencoded"

// millBody is the body of an exchange, as JSON or as a form.
func millBody(contentType, appID, key, code string) string {
	if contentType == formType {
		return url.Values{"client_id": {appID}, "client_secret": {key}, "code": {code}}.Encode()
	}
	b, _ := json.Marshal(millCredentials{appID, key, code}) // texts can always be written
	return string(b)
}

func exchangeAt(target, contentType, body string) *http.Request {
	r := request(http.MethodPost, target, body)
	r.Header.Set("Content-Type", contentType)
	return r
}

// I6: where what opens an exchange stands in its body, the app secret takes the place of the
// client key, however the caller wrote it, and nothing of the key reaches the platform.
func TestI6TheSecretTakesThePlaceOfTheKeyInABody(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		at := "/gateway/" + millApp + millExchange
		for name, r := range map[string]*http.Request{
			"JSON":                        exchangeAt(millExchange, "application/json", millBody("", millID, callerKey, "c-1")),
			"a form":                      exchangeAt(millExchange, formType, millBody(formType, millID, callerKey, "c-1")),
			"our name behind the key":     exchangeAt(millExchange, "application/json", millBody("", millID, callerKey+"."+millApp, "c-1")),
			"our name in the base URL":    exchangeAt(at, "application/json", millBody("", millID, virtualKey, "c-1")),
			"a key in the header":         with("Bearer "+callerKey, http.MethodPost, at, millBody("", "", "", "c-1")),
			"a key in both places":        with("Bearer "+callerKey, http.MethodPost, at, millBody("", millID, callerKey, "c-1")),
			"a body of unknown length":    unsized(exchangeAt(millExchange, "application/json", millBody("", millID, callerKey, "c-1"))),
			"slashes and dots in the way": exchangeAt("//open//exchange", "application/json", millBody("", millID, callerKey, "c-1")),
		} {
			a := s.send(r)
			calls := m.calls()
			if want := `{"result":0,"user":"u-1","code_was":"c-1"}`; string(a.body) != want || len(calls) != 1 {
				t.Errorf("%s: %s after %d calls", name, a.body, len(calls))
				continue
			}
			if sent := fmt.Sprint(calls[0]); strings.Contains(sent, callerKey) || strings.Contains(sent, virtualKey) || calls[0].header.Get("Content-Type") != "application/json" {
				t.Errorf("I6: %s: %v was sent", name, sent)
			}
		}
		if log := s.Log.String(); strings.Contains(log, callerKey) || strings.Contains(log, stacktest.Secret) {
			t.Error("I6: the log has a key, or the secret")
		}
	})
}

func unsized(r *http.Request) *http.Request {
	r.ContentLength = -1
	return r
}

func packedBody(r *http.Request) *http.Request {
	r.Header.Set("Content-Encoding", "gzip")
	return r
}

// I6, I8: an exchange that shows no good key goes nowhere, nor one that would take the key
// along, nor one into which nobody can look.
func TestI6AnExchangeGoesNowhereWithoutAGoodKey(t *testing.T) {
	t.Parallel()
	m := newMill("mill")
	inMill(t, m, stackConfig{}, func(t *testing.T, s *stack) {
		escaped := strings.Replace(callerKey, "c", "\\u0063", 1)
		large := strings.Repeat("x", broker.MaxShownBody)
		for name, c := range map[string]struct {
			r    *http.Request
			code string
		}{
			"no body":                      {request(http.MethodPost, millExchange, ""), broker.ErrUnauthorized.Code},
			"no JSON":                      {exchangeAt(millExchange, "application/json", "x"), broker.ErrUnauthorized.Code},
			"an unknown key":               {exchangeAt(millExchange, "application/json", millBody("", millID, "somebody", "c")), broker.ErrUnauthorized.Code},
			"the secret itself":            {exchangeAt(millExchange, "application/json", millBody("", millID, stacktest.Secret, "c")), broker.ErrUnauthorized.Code},
			"another app's id":             {exchangeAt(millExchange, "application/json", millBody("", "other", callerKey, "c")), broker.ErrUnknownApp.Code},
			"a client that may not call":   {exchangeAt(millExchange, "application/json", millBody("", millID, stacktest.ReaderKey, "c")), broker.ErrUnknownApp.Code},
			"the name of the other app":    {exchangeAt(millExchange, "application/json", millBody("", millID, callerKey+"."+stacktest.App, "c")), broker.ErrUnknownApp.Code},
			"the name of no app":           {exchangeAt(millExchange, "application/json", millBody("", millID, callerKey+".api-none", "c")), broker.ErrUnknownApp.Code},
			"the key twice":                {exchangeAt(millExchange, "application/json", millBody("", millID, callerKey, callerKey)), "key_inside"},
			"the key twice, escaped":       {exchangeAt(millExchange, "application/json", `{"client_id":"`+millID+`","client_secret":"`+callerKey+`","code":"`+escaped+`"}`), "key_inside"},
			"the key in the query as well": {exchangeAt(millExchange+"?x="+callerKey, "application/json", millBody("", millID, callerKey, "c")), "key_inside"},
			"a large body":                 {exchangeAt(millExchange, "application/json", millBody("", millID, callerKey, large)), "too_large"},
			"a large body, unsized":        {unsized(exchangeAt(millExchange, "application/json", millBody("", millID, callerKey, large))), "too_large"},
			"a packed body":                {packedBody(exchangeAt(millExchange, "application/json", packed(t, millBody("", millID, callerKey, "c")))), broker.ErrBadBody.Code},
		} {
			if a := s.send(c.r); !strings.Contains(string(a.body), `"error":"`+c.code+`"`) || strings.Contains(string(a.body), callerKey) {
				t.Errorf("%s: %s, want %s", name, a.body, c.code)
			}
		}
		if a := s.send(exchangeAt("/gateway/"+stacktest.App+millExchange, "application/json", millBody("", millID, callerKey, "c"))); a.Errcode == 0 {
			t.Errorf("I8: on the other app: %s", a.body)
		}
		// The key may stand in any text of a body, on every path.
		for name, path := range map[string]string{"a business path": millUsers, "an exchange": millExchange} {
			r := with("Bearer "+callerKey, http.MethodPost, "/gateway/"+millApp+path, `{"code":"`+escaped+`"}`)
			if a := s.send(r); a.Code != "key_inside" {
				t.Errorf("an escaped key in %s: %s", name, a.body)
			}
		}
		if calls := m.calls(); len(calls) != 0 {
			t.Errorf("I6: %d calls reached the platform: %v", len(calls), calls)
		}
	})
}

// With several secrets each is tried on what the caller wrote, and not on what was made of
// it for the one before.
func TestEverySecretIsTriedOnTheCallersBody(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{"application/json", formType} {
		m := newMill("mill")
		app := m.app()
		app.Secrets = []broker.Secret{broker.NewSecret("an-old-secret"), broker.NewSecret("an older \"one\""), app.Secrets[0]}
		inMill(t, m, stackConfig{Config: stacktest.Config{Apps: []*broker.App{app}}}, func(t *testing.T, s *stack) {
			for range 2 {
				a := s.send(exchangeAt(millExchange, contentType, millBody(contentType, millID, callerKey, "c-1")))
				if want := `{"result":0,"user":"u-1","code_was":"c-1"}`; string(a.body) != want {
					t.Errorf("%s: %s", contentType, a.body)
				}
			}
			if n := len(m.calls()); n != 4 { // The one that worked is the first the second time.
				t.Errorf("%d calls, want 4", n)
			}
		})
	}
}
