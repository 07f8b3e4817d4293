package httpapi_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
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

// issuerFunc issues tokens.
type issuerFunc func(broker.IssueRequest) (broker.Issued, error)

func (f issuerFunc) Issue(_ context.Context, req broker.IssueRequest) (broker.Issued, error) {
	return f(req)
}

// wanting are platforms that want to know more of an app than its id and secret.
func wanting() []broker.Platform {
	kinds := func(string) map[broker.Kind]broker.Source {
		return map[broker.Kind]broker.Source{broker.AccessToken: {
			Rotation: broker.Rotation{Family: broker.Independent, Lifetime: 2 * time.Hour},
			Issuer: issuerFunc(func(req broker.IssueRequest) (broker.Issued, error) {
				return broker.Issued{Token: broker.NewSecret(fmt.Sprint(req.App.ID, req.App.Params)), Lifetime: 2 * time.Hour}, nil
			}),
		}}
	}
	return []broker.Platform{
		{Name: "suite", Modes: []string{"v1"}, BaseURL: "https://suite.test", Kinds: kinds, Params: []broker.Param{
			{Name: "corp_id", Required: true, Help: "name the corp"}, {Name: "agent_id"},
		}},
		{Name: "oauth2", OAuth2: true, Modes: []string{"client_credentials", broker.RefreshMode}, BaseURL: "https://oauth2.test", Kinds: kinds},
	}
}

const (
	suiteApp = `{"platform":"suite","app_id":"c1","secret":"the-app-secret","params":{"corp_id":"ww1","agent_id":"1000002"}}`
	oauthApp = `{"platform":"oauth2","app_id":"client","secret":"the-app-secret","mode":"refresh_token","refresh_token":"the-refresh-token",` +
		`"base_url":"https://api.test","oauth2":{"token_url":"https://login.test/token","auth":"body","scopes":["a","b"],"extra":{"x":"1"},"lifetime":"1h"}}`
)

// I6: what an app has for its platform goes in and comes out, but for its refresh token.
func TestSettingsOfAppsGoInAndComeOut(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Platforms: wanting()}, func(t *testing.T, s *stack) {
		for id, c := range map[string]struct {
			body string
			want api.App
		}{
			"hr": {suiteApp, api.App{
				ID: "hr", Platform: "suite", AppID: "c1", Mode: "v1", BaseURL: "https://suite.test", Origin: "api",
				Params: map[string]string{"corp_id": "ww1", "agent_id": "1000002"},
			}},
			"crm": {oauthApp, api.App{
				ID: "crm", Platform: "oauth2", AppID: "client", Mode: "refresh_token", BaseURL: "https://api.test", Origin: "api",
				OAuth2: &api.OAuth2{
					TokenURL: "https://login.test/token", Auth: "body", Scopes: []string{"a", "b"}, Extra: map[string]string{"x": "1"}, Lifetime: api.Duration(time.Hour),
				},
			}},
		} {
			w := s.do(s.putApp(id, c.body))
			got := []api.App{decode[api.App](t, w, http.StatusCreated), decode[api.App](t, s.get("/v1/apps/"+id, adminKey), http.StatusOK)}
			for i := range got {
				got[i].Tokens = nil
				if d := cmp.Diff(c.want, got[i]); d != "" {
					t.Errorf("%s: (-want +got):\n%s", id, d)
				}
			}
			for _, shown := range []string{w.Body.String(), s.get("/v1/apps/"+id, adminKey).Body.String(), s.get("/v1/apps", adminKey).Body.String()} {
				if strings.Contains(shown, "the-refresh-token") || strings.Contains(shown, "the-app-secret") {
					t.Errorf("I6: %s", shown)
				}
			}
		}
		// Without them in the body they are gone, but for what is a secret.
		again := strings.NewReplacer(`"secret":"the-app-secret",`, "", `"refresh_token":"the-refresh-token",`, "", `"scopes":["a","b"],`, "").Replace(oauthApp)
		if got := decode[api.App](t, s.do(s.putApp("crm", again)), http.StatusOK); got.OAuth2.Scopes != nil || !s.Registry.App("crm").Refresh.Equal(broker.NewSecret("the-refresh-token")) {
			t.Errorf("%+v", got.OAuth2)
		}
		if log := s.Log.String(); strings.Contains(log, "the-refresh-token") {
			t.Error("I6: the log has the refresh token")
		}
	})
}

// The API says of an app's settings what a configuration file is told of them.
func TestFaultsOfSettingsAreTold(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Platforms: wanting()}, func(t *testing.T, s *stack) {
		with := func(body, old, next string) string { return strings.Replace(body, old, next, 1) }
		for _, c := range []struct{ body, want string }{
			{with(suiteApp, `"agent_id"`, `"agentid"`), "params.agentid is not known: there are corp_id, agent_id"},
			{with(suiteApp, `"agent_id"`, `"`+strings.Repeat("x", 200)+`\u0000"`), "params.? is not known: there are corp_id, agent_id"},
			{with(suiteApp, `"corp_id":"ww1",`, ""), "params.corp_id is missing; name the corp"},
			{with(suiteApp, `"ww1"`, `"w\u0001"`), "params.corp_id is no param: write 1 to 256 bytes of printable text"},
			{with(suiteApp, `"params"`, `"oauth2":{"token_url":"https://login.test"},"params"`), "oauth2 has no meaning: the platform suite itself says where its tokens are got; remove it"},
			{with(suiteApp, `"params"`, `"refresh_token":"r","params"`), "refresh_token has no meaning: the platform suite gives tokens without one; remove it"},
			{with(newApp, `"secret"`, `"params":{"a":"b"},"secret"`), "params.a is not known: the platform wechat has no params; remove it"},
			{with(oauthApp, `"token_url":"https://login.test/token",`, ""), "oauth2.token_url is missing"},
			{with(oauthApp, "https://login.test", "http://login.example.com"), "oauth2.token_url is plain http to a public host"},
			{with(oauthApp, `"body"`, `"none"`), "oauth2.auth is not known: there are basic, body, private_key_jwt"},
			{with(oauthApp, `"1h"`, `"9999h"`), "oauth2.lifetime is 9999h0m0s: want 1s to 720h0m0s"},
			{with(oauthApp, `"x":"1"`, `"scope":"1"`), "oauth2.extra.scope is a parameter that this server sets itself; remove it"},
			{with(oauthApp, `"body"`, `"private_key_jwt"`), "secret is not a private key"},
			{with(oauthApp, "the-refresh-token", "the refresh token"), "refresh_token is none"},
			{with(oauthApp, `"refresh_token":"the-refresh-token",`, ""), `app "new" has no refresh token to begin with`},
			{with(oauthApp, `"mode":"refresh_token",`, ""), "refresh_token is only for the mode refresh_token"},
		} {
			p := problemIn(t, s.do(s.putApp("new", c.body)), http.StatusBadRequest)
			if p.Code != api.CodeInvalid || !strings.Contains(p.Detail, c.want) {
				t.Errorf("%s: %+v, want %s", c.body, p, c.want)
			}
			if strings.Contains(p.Detail, "the-") || strings.Contains(p.Detail, "the refresh") {
				t.Errorf("I6: %s", p.Detail)
			}
		}
		if s.Registry.App("new") != nil {
			t.Error("one of them was added")
		}
	})
}

// What is kept of a secret has to fit as well.
func TestAKeptSecretHasToFit(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Platforms: wanting()}, func(t *testing.T, s *stack) {
		decode[api.App](t, s.do(s.putApp("crm", oauthApp)), http.StatusCreated)
		again := strings.NewReplacer(`"secret":"the-app-secret",`, "", `"body"`, `"private_key_jwt"`).Replace(oauthApp)
		if p := problemIn(t, s.do(s.putApp("crm", again)), http.StatusBadRequest); !strings.Contains(p.Detail, "secret is not a private key") {
			t.Errorf("%+v", p)
		}
	})
}

// I6: nor is what is kept sent to anybody who is not to see it.
func TestI6AKeptPrivateKeyIsNotSentAsItIs(t *testing.T) {
	t.Parallel()
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, stacktest.Config{Platforms: wanting()}, func(t *testing.T, s *stack) {
		decode[api.App](t, s.do(s.putApp("crm", strings.NewReplacer(`"the-app-secret"`, string(key), `"body"`, `"private_key_jwt"`).Replace(oauthApp))), http.StatusCreated)
		again := strings.Replace(oauthApp, `"secret":"the-app-secret",`, "", 1)
		if p := problemIn(t, s.do(s.putApp("crm", again)), http.StatusBadRequest); !strings.Contains(p.Detail, "secret is a private key") {
			t.Errorf("I6: %+v", p)
		}
	})
}

// I8: two agents of one corp are two apps, each with its own tokens, and none is there twice.
func TestI8TwoAgentsOfACorpAreTwoApps(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Platforms: wanting()}, func(t *testing.T, s *stack) {
		decode[api.App](t, s.do(s.putApp("hr", suiteApp)), http.StatusCreated)
		sales := strings.NewReplacer("1000002", "1000003", "the-app-secret", "another-secret").Replace(suiteApp)
		decode[api.App](t, s.do(s.putApp("sales", sales)), http.StatusCreated)
		if p := problemIn(t, s.do(s.putApp("again", sales)), http.StatusConflict); p.Code != api.CodeConflict {
			t.Errorf("I1: %+v", p)
		}
		s.Settle()
		hr, other := tokenIn(t, s.get("/v1/apps/hr/tokens/access_token", adminKey)), tokenIn(t, s.get("/v1/apps/sales/tokens/access_token", adminKey))
		if !strings.Contains(hr.Token, "1000002") || !strings.Contains(other.Token, "1000003") {
			t.Errorf("I8: %s and %s", hr.Token, other.Token)
		}
		// Another agent is another app: what was the one's token is not the other's.
		decode[api.App](t, s.do(s.putApp("hr", strings.Replace(suiteApp, "1000002", "1000004", 1))), http.StatusOK)
		s.Settle()
		if tok := tokenIn(t, s.get("/v1/apps/hr/tokens/access_token", adminKey)); !strings.Contains(tok.Token, "1000004") {
			t.Errorf("I8: the token of the agent before: %s", tok.Token)
		}
	})
}

// I6: who manages some apps only cannot have secrets sent from inside this network to a
// provider of its choice, and may change the rest of an app that has one.
func TestWhoManagesSomeAppsNamesNoProviders(t *testing.T) {
	t.Parallel()
	team := stacktest.Key("team")
	cfg := stacktest.Config{Platforms: wanting(), Clients: []*broker.Client{stacktest.Client("team", team, broker.Admin, "api-*")}}
	inBubble(t, cfg, func(t *testing.T, s *stack) {
		put := func(key, body string) call {
			return call{method: "PUT", target: "/v1/apps/api-crm", key: key, body: body}
		}
		problemIn(t, s.do(put(team, oauthApp)), http.StatusForbidden)
		decode[api.App](t, s.do(put(adminKey, oauthApp)), http.StatusCreated)
		with := func(old, next string) string { return strings.Replace(oauthApp, old, next, 1) }
		decode[api.App](t, s.do(put(team, with("the-refresh-token", "another-token"))), http.StatusOK)
		decode[api.App](t, s.do(put(team, with(`["a","b"]`, `["c"]`))), http.StatusOK)
		for name, body := range map[string]string{
			"another token endpoint": with("https://login.test", "http://10.0.0.1"), "an issuer": with(`"token_url":"https://login.test/token"`, `"issuer":"https://login.test"`),
			"another base URL": with("https://api.test", "http://10.0.0.1"),
		} {
			if p := problemIn(t, s.do(put(team, body)), http.StatusForbidden); p.Hint == "" {
				t.Errorf("%s: %+v", name, p)
			}
		}
	})
}
