package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
)

// withSettings adds platforms that want to know more of an app than its id and secret.
func withSettings(pairs ...string) config.Options {
	opt := options(append([]string{"REFRESH", "refresh-0123456789", "REFRESH2", "refresh-9876543210"}, pairs...)...)
	opt.Platforms = append(opt.Platforms,
		broker.Platform{Name: "suite", Modes: []string{"v1"}, Params: []broker.Param{
			{Name: "corp_id", Required: true, Help: "name the corp, as the console shows it"}, {Name: "agent_id", Idle: true},
		}},
		broker.Platform{Name: "oauth2", OAuth2: true, Modes: []string{"client_credentials", broker.RefreshMode}},
	)
	return opt
}

// signingKey returns a private key as PEM.
func signingKey(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestWhatAPlatformWantsToKnowIsReadFieldByField(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := signingKey(t)
	put(t, dir, "key.pem", key, 0o600)
	put(t, dir, "refresh", "refresh-0123456789\n", 0o600)
	path := put(t, dir, "hufu.yaml", `apps:
  - {id: one, platform: suite, app_id: c1, secret: "${SECRET}", params: {corp_id: ww1, agent_id: 1000002}}
  - {id: two, platform: suite, app_id: c1, secret: "${SECRET2}", params: {corp_id: ww1, agent_id: "1000003"}}
  - id: crm
    platform: oauth2
    app_id: CLIENT_ID
    secret_file: key.pem
    mode: refresh_token
    base_url: https://api.crm.example
    refresh_token_file: refresh
    oauth2:
      token_url: https://login.crm.example/token?tenant=1
      auth: private_key_jwt
      scopes: [a, b]
      audience: https://crm.example
      resource: https://api.crm.example
      extra: {prompt: none}
      lifetime: 1h
      key_id: k1
      algorithm: ES256
  - {id: other, platform: oauth2, app_id: CLIENT_ID, secret: "${SECRET}", oauth2: {issuer: https://login.crm.example}}
`, 0o600)
	got, err := config.Load(path, withSettings())
	if err != nil {
		t.Fatal(err)
	}
	want := []*broker.App{
		{ID: "one", Platform: "suite", AppID: "c1", Secrets: secrets(shopSecret), Params: map[string]string{"corp_id": "ww1", "agent_id": "1000002"}, Origin: broker.FromFile},
		{ID: "two", Platform: "suite", AppID: "c1", Secrets: secrets(newsSecret), Params: map[string]string{"corp_id": "ww1", "agent_id": "1000003"}, Origin: broker.FromFile},
		{
			ID: "crm", Platform: "oauth2", AppID: "CLIENT_ID", Secrets: secrets(strings.TrimSpace(key)), Mode: "refresh_token", BaseURL: "https://api.crm.example",
			Refresh: broker.NewSecret("refresh-0123456789"), Origin: broker.FromFile,
			OAuth2: &broker.OAuth2{
				TokenURL: "https://login.crm.example/token?tenant=1", Auth: broker.AuthPrivateKeyJWT, Scopes: []string{"a", "b"}, Audience: "https://crm.example",
				Resource: "https://api.crm.example", Extra: map[string]string{"prompt": "none"}, Lifetime: time.Hour, KeyID: "k1", Algorithm: "ES256",
			},
		},
		{ID: "other", Platform: "oauth2", AppID: "CLIENT_ID", Secrets: secrets(shopSecret), Origin: broker.FromFile, OAuth2: &broker.OAuth2{Issuer: "https://login.crm.example"}},
	}
	if diff := cmp.Diff(want, got.Apps, compareSecrets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// oauthApp is an app of the platform oauth2 in lines of its own, with more of them behind.
func oauthApp(more ...string) string {
	return "apps:\n  - platform: oauth2\n    app_id: client\n    secret: ${SECRET}\n    " + strings.Join(more, "\n    ") + "\n"
}

func TestFaultsOfAppsSettings(t *testing.T) {
	t.Parallel()
	const url = "oauth2: {token_url: https://login.example/token"
	for _, c := range []faultCase{
		{"params of a platform that has none", `apps:
  - platform: wechat
    app_id: wx1
    secret: ${SECRET}
    params: {agent_id: "1"}
`, `5: apps[0].params.agent_id: is not known: the platform wechat has no params; remove it`},
		{"a misspelt param", `apps:
  - platform: suite
    app_id: c1
    secret: ${SECRET}
    params:
      corp_id: ww1
      agentid: "1"
`, `7: apps[0].params.agentid: is not known: there are corp_id, agent_id; did you mean "agent_id"?`},
		{"a param that is missing", `apps:
  - {id: a, platform: suite, app_id: c1, secret: "${SECRET}"}
  - id: b
    platform: suite
    app_id: c2
    secret: ${SECRET}
    params:
      agent_id: "1"
`, `2: apps[0].params.corp_id: is missing; name the corp, as the console shows it
8: apps[1].params.corp_id: is missing; name the corp, as the console shows it`},
		{"params that are no short text", `apps:
  - platform: suite
    app_id: c1
    secret: ${SECRET}
    params:
      corp_id: ""
      agent_id: [1]
  - {id: b, platform: suite, app_id: c2, secret: "${SECRET}", params: [corp_id]}
  - {id: c, platform: suite, app_id: c2, secret: "${SECRET}", params: {corp_id: "` + strings.Repeat("x", 257) + `"}}
`, `6: apps[0].params.corp_id: is empty; give it a value or remove it
7: apps[0].params.agent_id: has to be a single value, but a list stands here
8: apps[1].params: has to be a mapping (name: value), but a list stands here
8: apps[1].params.corp_id: is missing; name the corp, as the console shows it
9: apps[2].params.corp_id: is no param: write 1 to 256 bytes of printable text`},
		{"oauth2 elsewhere", `apps:
  - platform: wechat
    app_id: wx1
    secret: ${SECRET}
    oauth2: {token_url: https://login.example/token}
`, `5: apps[0].oauth2: has no meaning: the platform wechat itself says where its tokens are got; remove it`},
		{"no oauth2", oauthApp("mode: client_credentials"), `2: apps[0].oauth2: is missing; say at which token_url, or of which issuer, tokens are got`},
		{"an oauth2 that is none", oauthApp("oauth2: here"), `5: apps[0].oauth2: has to be a mapping (name: value), but a single value stands here`},
		{"an unknown field", oauthApp(url + ", scope: a}"), `5: apps[0].oauth2.scope: unknown field; did you mean "scopes"?`},
		{"nowhere", oauthApp("oauth2: {}"), `5: apps[0].oauth2.token_url: is missing; give the provider's token endpoint, or its issuer instead`},
		{"in two places", oauthApp(url+",", "  issuer: https://login.example}"), `6: apps[0].oauth2.issuer: is given beside token_url; keep one of them`},
		{"in the clear", oauthApp("oauth2:", "  token_url: http://login.example.com/token"), `6: apps[0].oauth2.token_url: is plain http to a public host, where secrets and tokens could be read on the way; use https (http is accepted for loopback and private addresses and internal names)`},
		{"an issuer with a query", oauthApp("oauth2:", "  issuer: https://login.example/?a=1"), `6: apps[0].oauth2.issuer: contains a query or fragment; remove it`},
		{"an unknown way to prove oneself", oauthApp(url+",", "  auth: basik}"), `6: apps[0].oauth2.auth: is not known: there are basic, body, private_key_jwt; did you mean "basic"?`},
		{"an unknown grant", oauthApp(url+"}", "mode: password"), `6: apps[0].mode: platform oauth2 has no mode "password"; write one of: client_credentials, refresh_token`},
		{"scopes", oauthApp(url+",", "  scopes: [a, a]}"), `6: apps[0].oauth2.scopes: has an entry twice; keep one`},
		{"a scope with a space", oauthApp(url+",", "  scopes: [a b]}"), `6: apps[0].oauth2.scopes: has an entry that is no scope: want printable ASCII without spaces, quotation marks and backslashes`},
		{"a parameter of ours", oauthApp(url+",", "  extra: {client_secret: x, a: b}}"), `6: apps[0].oauth2.extra.client_secret: is a parameter that this server sets itself; remove it`},
		{"a resource", oauthApp(url+",", "  resource: api}"), `6: apps[0].oauth2.resource: is not an absolute URI without a fragment; write one such as https://api.example.com`},
		{"a lifetime", oauthApp(url+",", "  lifetime: 5}"), `6: apps[0].oauth2.lifetime: "5" has no unit; write a duration such as 90s, 10m or 1h30m`},
		{"a long lifetime", oauthApp(url+",", "  lifetime: 9999h}"), `6: apps[0].oauth2.lifetime: "9999h" is too long; write at most 720h`},
		{"a key where none is used", oauthApp(url+",", "  key_id: k,", "  algorithm: RS256}"), `6: apps[0].oauth2.key_id: is only for auth: private_key_jwt; remove it
7: apps[0].oauth2.algorithm: is only for auth: private_key_jwt; remove it`},
		{"no key", oauthApp(url+",", "  auth: private_key_jwt}"), `4: apps[0].secret: is not a private key; with auth: private_key_jwt give one as PEM, of RSA with at least 2048 bits, of P-256, P-384 or P-521, or of Ed25519`},
		{"an unknown algorithm", "apps:\n  - platform: oauth2\n    app_id: client\n    secret: ${PEM}\n    " + url + ", auth: private_key_jwt,\n      algorithm: HS256}\n", `6: apps[0].oauth2.algorithm: is not known: there are RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA; did you mean "RS256"?`},
		{"the algorithm of another key", "apps:\n  - platform: oauth2\n    app_id: client\n    secret: ${PEM}\n    " + url + ", auth: private_key_jwt,\n      algorithm: RS256}\n", `6: apps[0].oauth2.algorithm: does not fit the key, which signs by ES256`},
		{"a key of several lines that is none", oauthApp("mode: refresh_token", "refresh_token: |", "  a", "  b", url+"}"), `6: apps[0].refresh_token: contains white space or a control character, which no secret does; check how it is set`},
		{"no refresh token", oauthApp("mode: refresh_token", url+"}"), `2: apps[0].refresh_token: is missing; give the one to begin with as refresh_token: ${NAME}, or the path of a file with it as refresh_token_file`},
		{"a refresh token where none is used", oauthApp("refresh_token: ${REFRESH}", url+"}"), `5: apps[0].refresh_token: is only for the mode refresh_token; remove it`},
		{"a refresh token elsewhere", `apps:
  - platform: wechat
    app_id: wx1
    secret: ${SECRET}
    refresh_token: ${REFRESH}
`, `5: apps[0].refresh_token: has no meaning: the platform wechat gives tokens without one; remove it`},
		{"a refresh token that cannot be read", oauthApp("mode: refresh_token", "refresh_token_file: none", url+"}"), `6: apps[0].refresh_token_file: "none" cannot be read: no such file or directory`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := load(t, c.text, withSettings("PEM", signingKey(t)))
			if err == nil || got != nil {
				t.Fatalf("no fault in:\n%s", c.text)
			}
			lines := faultLines(t, err)
			if diff := cmp.Diff(c.want, lines); diff != "" {
				t.Errorf("%s(-want +got):\n%s", c.text, diff)
			}
			if strings.Contains(lines, "refresh-0") || strings.Contains(lines, shopSecret) {
				t.Error("I6: a fault shows a secret")
			}
		})
	}
}

// I1, I8: apps that differ in what a platform tells apart are different apps; the same
// registration is there once.
func TestARegistrationIsThereOnceI1(t *testing.T) {
	t.Parallel()
	const (
		suite    = `platform: suite, app_id: c1, secret: "${SECRET}"`
		other    = `platform: suite, app_id: c1, secret: "${SECRET2}"`
		oauth    = `platform: oauth2, app_id: client, secret: "${SECRET}"`
		bySecret = "it has the same platform, app_id and base_url and one of its secrets, for which the platform gives one token, whatever the params"
		same     = "it has the same platform, app_id, base_url, mode, params and oauth2, or the same refresh_token"
	)
	for name, c := range map[string]struct {
		one, two string
		same     string // what is said; "": they are two
	}{
		"two agents of a corp":        {suite + `, params: {corp_id: w, agent_id: "1"}`, other + `, params: {corp_id: w, agent_id: "2"}`, ""},
		"two with one secret":         {suite + `, params: {corp_id: w, agent_id: "1"}`, suite + `, params: {corp_id: w, agent_id: "2"}`, bySecret},
		"an agent and the corp":       {suite + `, params: {corp_id: w, agent_id: "1"}`, other + `, params: {corp_id: w}`, ""},
		"an agent, and once more":     {suite + `, params: {corp_id: w, agent_id: "1"}`, suite + `, params: {corp_id: w}`, bySecret},
		"one of its secrets":          {suite + `, params: {corp_id: w}`, `platform: suite, app_id: c1, secret: ["${SECRET2}", "${SECRET}"], params: {corp_id: w, agent_id: "1"}`, bySecret},
		"one secret of two corps":     {suite + `, params: {corp_id: v}`, suite + `, params: {corp_id: w}`, ""},
		"one agent":                   {suite + `, params: {corp_id: w, agent_id: "1"}`, suite + `, mode: v1, params: {agent_id: "1", corp_id: w}`, same},
		"two without an agent":        {suite + `, params: {corp_id: w}`, suite + `, params: {corp_id: w}`, same},
		"one agent, tried out":        {suite + `, params: {corp_id: w}`, suite + `, params: {corp_id: w}, base_url: "http://127.0.0.1:1"`, ""},
		"two scopes":                  {oauth + `, oauth2: {token_url: "https://l.example", scopes: [a]}`, oauth + `, oauth2: {token_url: "https://l.example", scopes: [b]}`, ""},
		"the same scopes":             {oauth + `, oauth2: {token_url: "https://l.example", scopes: [a, b]}`, oauth + `, oauth2: {token_url: "https://l.example", scopes: [b, a], auth: body}`, same},
		"two audiences":               {oauth + `, oauth2: {token_url: "https://l.example", audience: a}`, oauth + `, oauth2: {token_url: "https://l.example", audience: b}`, ""},
		"two grants":                  {oauth + `, mode: refresh_token, refresh_token: "${REFRESH}", oauth2: {token_url: "https://l.example"}`, oauth + `, mode: refresh_token, refresh_token: "${REFRESH2}", oauth2: {token_url: "https://l.example"}`, ""},
		"one grant":                   {oauth + `, mode: refresh_token, refresh_token: "${REFRESH}", oauth2: {token_url: "https://l.example", scopes: [a]}`, oauth + `, mode: refresh_token, refresh_token: "${REFRESH}", oauth2: {token_url: "https://l.example", scopes: [b]}`, same},
		"one app id at two platforms": {`platform: wechat, app_id: c1, secret: "${SECRET}"`, suite + `, params: {corp_id: w}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, "apps:\n  - {id: one, "+c.one+"}\n  - {id: two, "+c.two+"}\n", withSettings())
			if c.same == "" {
				if err != nil {
					t.Errorf("I8: %v", err)
				}
				return
			}
			want := "3: apps[1]: is the same app as apps[0]: " + c.same + "; the two would kill each other's tokens, so keep one and let clients share it"
			switch {
			case c.same == bySecret:
				want += "; if the platform has two, give each its own secret"
			case strings.Contains(c.one, "suite") && !strings.Contains(c.one, "agent_id"):
				want += "; if the platform has two, give each its params.agent_id"
			}
			if err == nil {
				t.Fatal("I1: the two are taken for different apps")
			}
			if diff := cmp.Diff(want, faultLines(t, err)); diff != "" {
				t.Errorf("I1: (-want +got):\n%s", diff)
			}
		})
	}
}

// With the sandbox nothing goes to a real provider.
func TestWithTheSandboxTokensAreGotNearby(t *testing.T) {
	t.Parallel()
	opt := withSettings()
	opt.Sandbox = true
	if _, err := load(t, oauthApp("base_url: http://127.0.0.1:1", "oauth2: {token_url: http://127.0.0.1:1/token}"), opt); err != nil {
		t.Error(err)
	}
	if _, err := load(t, oauthApp("oauth2: {token_url: http://127.0.0.1:1/token}"), opt); err != nil {
		t.Error(err)
	}
	for _, at := range []string{`token_url: "https://login.example/token?a=1"`, "issuer: https://login.example"} {
		_, err := load(t, oauthApp("base_url: http://127.0.0.1:1", "oauth2: {"+at+"}"), opt)
		if err == nil || !strings.Contains(err.Error(), "the sandbox does not run beside apps that point at a real platform") {
			t.Errorf("%s: %v", at, err)
		}
	}
}
