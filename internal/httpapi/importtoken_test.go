package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// withTokens is a new app that brings tokens.
func withTokens(tokens string) string {
	return strings.TrimSuffix(newApp, "}") + `,"tokens":[` + tokens + `]}`
}

// outside is a token that somebody else has got for the other app.
func (s *stack) outside(t *testing.T) string {
	t.Helper()
	tok, err := s.Sandbox.ForceOutside(otherID)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func (s *stack) bring(app, kind, body string) call {
	return call{method: "PUT", target: "/v1/apps/" + app + "/tokens/" + kind, key: adminKey, body: body}
}

// I1, I2: an app that brings its token hands that one out, and asks the platform for none.
func TestAnAppBringsItsToken(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		tok := s.outside(t)
		before := len(s.Sandbox.Issues(otherID))
		w := s.do(s.putApp("blog", withTokens(fmt.Sprintf(`{"kind":"access_token","token":%q,"expires_in":7000},{"kind":"jsapi_ticket","usable":true}`, tok))))
		if strings.Contains(w.Body.String(), tok) {
			t.Error("I6: the token comes out")
		}
		app := decode[api.App](t, w, http.StatusCreated)
		if len(app.Tokens) != 1 || !app.Tokens[0].Usable || time.Until(app.Tokens[0].Expiry).Round(time.Second) != 6990*time.Second {
			t.Errorf("%+v", app.Tokens)
		}
		if got := tokenIn(t, s.get("/v1/apps/blog/tokens/access_token", adminKey)); got.Token != tok {
			t.Error("another token is handed out")
		}
		time.Sleep(time.Hour)
		if n := len(s.Sandbox.Issues(otherID)) - before; n != 0 {
			t.Errorf("I1: %d issues", n)
		}
		time.Sleep(time.Hour) // it is replaced when it is due
		if got := tokenIn(t, s.get("/v1/apps/blog/tokens/access_token", adminKey)); got.Token == tok || !s.Sandbox.Live(got.Token) {
			t.Error("the token is not renewed")
		}

		// I10
		var actions []string
		for _, e := range s.Entries() {
			if e.App == "blog" && e.Action != "read" {
				actions = append(actions, fmt.Sprint(e.Client, " ", e.Action, " ", e.Kind, " ", e.Result))
			}
		}
		if d := cmp.Diff([]string{"admin put_app  ok", "admin import_token access_token ok"}, actions); d != "" {
			t.Errorf("I10: (-want +got):\n%s", d)
		}
		if strings.Contains(s.Log.String(), tok) {
			t.Error("I6: the token is in the log")
		}
	})
}

func TestATokenIsBroughtToAnAppOfTheFile(t *testing.T) {
	t.Parallel()
	other := stacktest.NewApp("blog", otherID)
	other.Policy = &broker.Policy{InitialDelay: time.Hour}
	inBubble(t, stacktest.Config{Apps: []*broker.App{other}}, func(t *testing.T, s *stack) {
		tok := s.outside(t)
		body := fmt.Sprintf(`{"token":%q,"expires_in":7000}`, tok)
		for _, want := range []string{api.ImportDone, api.ImportUnchanged} {
			got := decode[api.TokenState](t, s.do(s.bring("blog", "access_token", body)), http.StatusOK)
			if got.Result != want || !got.Usable || got.Kind != "access_token" || got.Token != "" {
				t.Errorf("%+v, want %s", got, want)
			}
		}
		newer := s.outside(t)
		p := problemIn(t, s.do(s.bring("blog", "access_token", fmt.Sprintf(`{"token":%q,"expires_in":7000}`, newer))), http.StatusConflict)
		if p.Code != api.CodeConflict || !strings.Contains(p.Detail, "another token here") {
			t.Errorf("%+v", p)
		}
		decode[api.TokenState](t, s.do(s.bring("blog", "access_token", fmt.Sprintf(`{"token":%q,"expires_in":7000,"replace":true}`, newer))), http.StatusOK)
		if got := tokenIn(t, s.get("/v1/apps/blog/tokens/access_token", adminKey)); got.Token != newer {
			t.Error("the newer token is not used")
		}
		for name, c := range map[string]call{
			"without a key": {method: "PUT", target: tokenPath, body: body},
			"without admin": {method: "PUT", target: tokenPath, body: body, key: ordersKey},
		} {
			want := http.StatusForbidden
			if c.key == "" {
				want = http.StatusUnauthorized
			}
			problemIn(t, s.do(c), want)
			_ = name
		}
		problemIn(t, s.do(s.bring("none", "access_token", body)), http.StatusNotFound)
		problemIn(t, s.do(s.bring("blog", "none", body)), http.StatusNotFound)
	})
}

// What is wrong with a token is said without the token (I6), and nothing is changed.
func TestATokenThatCannotBeIsRefused_I6(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for tokens, want := range map[string]string{
			`{"kind":"access_token","token":"SECRET"}`:                                                                   "want expires_in",
			`{"kind":"access_token","token":"SECRET","expires_in":-5}`:                                                   "has expired",
			`{"kind":"access_token","token":"SECRET","expiry":"1999-01-01T00:00:00Z"}`:                                   "has expired",
			`{"kind":"access_token","token":"SECRET","expires_in":5,"expiry":"2100-01-01T00:00:00Z"}`:                    "both",
			`{"kind":"access_token","token":"SECRET","expires_in":999999999999999999}`:                                   "right time zone",
			`{"kind":"access_token","token":"SECRET","expires_in":28800}`:                                                "right time zone",
			`{"kind":"access_token","token":"SEC RET","expires_in":5}`:                                                   "characters",
			`{"kind":"access_token","token":"SECRET","expires_in":7000}`:                                                 "rejects",
			`{"kind":"other","token":"SECRET","expires_in":5}`:                                                           "no such kind",
			`{"token":"SECRET","expires_in":5}`:                                                                          "kind is missing",
			`{"kind":"jsapi_ticket","token":"A","expires_in":5},{"kind":"jsapi_ticket","token":"SECRET","expires_in":5}`: "two of kind",
			`{"kind":"access_token","token":"SECRET","expires_in":"5"}`:                                                  "expires_in",
		} {
			w := s.do(s.putApp("blog", withTokens(tokens)))
			if w.Code < 400 || w.Code >= 500 || strings.Contains(w.Body.String(), "SECRET") || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: %d %s", tokens, w.Code, w.Body)
			}
			if s.Registry.App("blog") != nil {
				t.Errorf("%s: the app is there all the same", tokens)
			}
		}
		// I8: what is handed out to clients in a token's place is none.
		if n := len(s.Sandbox.Issues(otherID)); n != 0 {
			t.Errorf("%d issues", n)
		}
	})
}
