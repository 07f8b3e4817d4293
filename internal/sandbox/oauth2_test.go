package sandbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	rfcToken  = "POST /oauth2/token"
	rfcMe     = "GET /oauth2/v1/me"
	rfcSeed   = "seed-refresh-token"
	rfcSecret = "s3cret & more"
)

func rfcApp(change func(*sandbox.App)) sandbox.Config {
	a := sandbox.App{Platform: "oauth2", ID: "client:1", Secret: rfcSecret, Refresh: rfcSeed}
	if change != nil {
		change(&a)
	}
	return sandbox.Config{Apps: []sandbox.App{a, {Platform: "oauth2", ID: "other", Secret: "other-secret"}}}
}

func basicOf(id, secret string) []string {
	return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))}
}

func postOf(id, secret, more string) string {
	return "client_id=" + url.QueryEscape(id) + "&client_secret=" + url.QueryEscape(secret) + "&" + more
}

const credentials = "grant_type=client_credentials"

func TestOAuth2TokenEndpoint(t *testing.T) {
	t.Parallel()
	on(t, "oauth2", rfcApp(nil), func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		for _, s := range []shot{
			{line: rfcToken, body: credentials, header: basicOf("client:1", rfcSecret)},
			{line: rfcToken, body: credentials + "&scope=a+b", header: basicOf("client:1", rfcSecret)},
			{line: rfcToken, body: postOf("client:1", rfcSecret, credentials)},
		} {
			a := c.shoot(s)
			if a.status != 200 || a.at("token_type") != "Bearer" || a.at("expires_in") != float64(3600) || a.at("refresh_token") != nil || !sb.Of("oauth2").Live(a.token("access_token")) {
				t.Errorf("%+v: %d %s", s, a.status, a.text)
			}
		}
		for _, tt := range []struct {
			shot   shot
			status int
			code   string
		}{
			{shot{line: rfcToken, body: credentials, header: basicOf("client:1", "wrong")}, 401, "invalid_client"},
			{shot{line: rfcToken, body: credentials, header: basicOf("nobody", rfcSecret)}, 401, "invalid_client"},
			{shot{line: rfcToken, body: credentials}, 401, "invalid_client"},
			{shot{line: rfcToken, body: postOf("client:1", rfcSecret, credentials), header: basicOf("client:1", rfcSecret)}, 400, "invalid_request"},
			{shot{line: rfcToken, body: credentials + "&scope=a&scope=b", header: basicOf("client:1", rfcSecret)}, 400, "invalid_request"},
			{shot{line: rfcToken, body: `{"grant_type":"client_credentials"}`, header: basicOf("client:1", rfcSecret)}, 400, "invalid_request"},
			{shot{line: rfcToken, body: "a=b", header: basicOf("client:1", rfcSecret)}, 400, "invalid_request"},
			{shot{line: rfcToken, body: "grant_type=password", header: basicOf("client:1", rfcSecret)}, 400, "unsupported_grant_type"},
			{shot{line: rfcToken, body: "grant_type=refresh_token&refresh_token=made-up", header: basicOf("client:1", rfcSecret)}, 400, "invalid_grant"},
			{shot{line: rfcToken, body: "grant_type=refresh_token&refresh_token=" + rfcSeed, header: basicOf("other", "other-secret")}, 400, "invalid_grant"},
		} {
			if a := c.shoot(tt.shot); a.status != tt.status || a.at("error") != tt.code {
				t.Errorf("%+v: %d %s, want %d %s", tt.shot, a.status, a.text, tt.status, tt.code)
			}
		}
		if !sb.Of("oauth2").RefreshLives(rfcSeed) {
			t.Error("somebody else's try has ended a refresh token")
		}
	})
}

func TestOAuth2Resource(t *testing.T) {
	t.Parallel()
	cfg := rfcApp(nil)
	cfg.Allow = []sandbox.MisuseKind{sandbox.KilledToken}
	on(t, "oauth2", cfg, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		token := c.shoot(shot{line: rfcToken, body: credentials, header: basicOf("client:1", rfcSecret)}).token("access_token")
		bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
		for _, s := range []shot{{line: rfcMe, header: bearer(token)}, {line: "POST /oauth2/v1/customers", body: `{"name":"x"}`, header: bearer(token)}} {
			if a := c.shoot(s); a.status != 200 || a.at("client.app_id") != "client:1" {
				t.Errorf("%s: %d %s", s.line, a.status, a.text)
			}
		}
		sb.Of("oauth2").Kill(token)
		for _, header := range [][]string{nil, bearer("made-up"), bearer(token)} {
			if a := c.shoot(shot{line: rfcMe, header: header}); a.status != 401 || header != nil && a.at("error") != "invalid_token" || header == nil && a.at("error") != nil {
				t.Errorf("%v: %d %s", header, a.status, a.text)
			}
		}
	})
}

func TestOAuth2Metadata(t *testing.T) {
	t.Parallel()
	on(t, "oauth2", rfcApp(nil), func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		for _, path := range []string{"/.well-known/oauth-authorization-server/oauth2", "/oauth2/.well-known/openid-configuration", "/oauth2/.well-known/oauth-authorization-server"} {
			if a := c.shoot(shot{line: "GET " + path}); a.status != 200 || a.at("issuer") != c.base+"/oauth2" || a.at("token_endpoint") != c.base+"/oauth2/token" {
				t.Errorf("%s: %d %s", path, a.status, a.text)
			}
		}
	})
}

func TestOAuth2RefreshTokensAreUsedUp(t *testing.T) {
	t.Parallel()
	for _, grace := range []time.Duration{0, time.Minute} {
		cfg := rfcApp(func(a *sandbox.App) { a.RefreshGrace = grace })
		cfg.Allow = []sandbox.MisuseKind{sandbox.RefreshUsedTwice}
		on(t, "oauth2", cfg, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
			p := sb.Of("oauth2")
			use := func(refresh string) said {
				return c.shoot(shot{line: rfcToken, body: "grant_type=refresh_token&refresh_token=" + refresh, header: basicOf("client:1", rfcSecret)})
			}
			first := use(rfcSeed)
			second := use(first.token("refresh_token"))
			if first.status != 200 || second.status != 200 || !p.Live(first.token("access_token")) || !p.Live(second.token("access_token")) ||
				p.RefreshLives(rfcSeed) || p.RefreshLives(first.token("refresh_token")) || p.CurrentRefresh("client:1") != second.token("refresh_token") {
				t.Errorf("%s, %s", first.text, second.text)
			}
			again := use(first.token("refresh_token"))
			if grace > 0 {
				if again.status != 200 || again.token("refresh_token") == second.token("refresh_token") {
					t.Errorf("within the grace: %s", again.text)
				}
				again = use(rfcSeed) // the one before the one before
			}
			if again.status != 400 || again.at("error") != "invalid_grant" || p.Reuses("client:1") != 1 || p.RefreshLives(p.CurrentRefresh("client:1")) {
				t.Errorf("used twice: %s", again.text)
			}
			if last := use(p.CurrentRefresh("client:1")); last.at("error") != "invalid_grant" || p.Reuses("client:1") != 1 {
				t.Errorf("of a family that has ended: %s", last.text)
			}
			if err := p.Authorize("client:1", "fresh"); err != nil || use("fresh").status != 200 {
				t.Errorf("authorized again: %v", err)
			}
			if err := p.Revoke("client:1"); err != nil || use(p.CurrentRefresh("client:1")).at("error") != "invalid_grant" {
				t.Errorf("revoked: %v", err)
			}
			if p.Authorize("client:1", "fresh") == nil || p.Authorize("nobody", "x") == nil || sb.Of("baidu").Authorize("x", "y") == nil {
				t.Error("authorized what cannot be")
			}
		})
	}
}

func TestOAuth2RefreshTokensThatStay(t *testing.T) {
	t.Parallel()
	on(t, "oauth2", rfcApp(func(a *sandbox.App) { a.KeepRefresh = true }), func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		for range 3 {
			if a := c.shoot(shot{line: rfcToken, body: "grant_type=refresh_token&refresh_token=" + rfcSeed, header: basicOf("client:1", rfcSecret)}); a.status != 200 || a.at("refresh_token") != nil {
				t.Error(a.text)
			}
		}
		if !sb.Of("oauth2").RefreshLives(rfcSeed) {
			t.Error("it was used up")
		}
	})
}

func TestOAuth2Assertions(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	on(t, "oauth2", rfcApp(func(a *sandbox.App) { a.PublicKey = public }), func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		n := 0
		sign := func(change func(map[string]any)) string {
			n++
			claims := map[string]any{
				"iss": "client:1", "sub": "client:1", "aud": c.base + "/oauth2/token", "jti": fmt.Sprint(n), "exp": time.Now().Add(time.Minute).Unix(),
			}
			change(claims)
			payload, err := json.Marshal(claims)
			if err != nil {
				t.Fatal(err)
			}
			text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
			digest := sha256.Sum256([]byte(text))
			r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
			if err != nil {
				t.Fatal(err)
			}
			return text + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
		}
		use := func(assertion string) said {
			return c.shoot(shot{line: rfcToken, body: credentials + "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=" + assertion})
		}
		good := sign(func(map[string]any) {})
		if a := use(good); a.status != 200 {
			t.Fatal(a.text)
		}
		if a := use(sign(func(m map[string]any) { m["aud"] = []string{"x", c.base + "/oauth2"} })); a.status != 200 {
			t.Error(a.text)
		}
		for name, bad := range map[string]string{
			"twice":         good,
			"too old":       sign(func(m map[string]any) { m["exp"] = time.Now().Unix() }),
			"for too long":  sign(func(m map[string]any) { m["exp"] = time.Now().Add(time.Hour).Unix() }),
			"for others":    sign(func(m map[string]any) { m["aud"] = "https://elsewhere" }),
			"of others":     sign(func(m map[string]any) { m["iss"] = "other" }),
			"without an id": sign(func(m map[string]any) { m["jti"] = "" }),
			"changed":       strings.Replace(sign(func(map[string]any) {}), "eyJ", "eyK", 1),
			"unsigned":      sign(func(map[string]any) {})[:40] + "..",
			"no JWT":        "x",
		} {
			if a := use(bad); a.status != 401 || a.at("error") != "invalid_client" {
				t.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		if a := c.shoot(shot{line: rfcToken, body: credentials, header: basicOf("client:1", rfcSecret)}); a.at("error") != "invalid_client" {
			t.Errorf("by a secret: %s", a.text)
		}
	})
}

func TestOAuth2ControlCalls(t *testing.T) {
	t.Parallel()
	on(t, "oauth2", rfcApp(nil), func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		if a := c.shoot(shot{line: "POST /_sandbox/oauth2/apps/client:1/authorize", body: `{"refresh_token":"by-hand"}`}); a.status != 200 || !sb.Of("oauth2").RefreshLives("by-hand") {
			t.Errorf("%d %s", a.status, a.text)
		}
		if a := c.shoot(shot{line: "POST /_sandbox/oauth2/apps/client:1/revoke", body: `{}`}); a.status != 200 || sb.Of("oauth2").RefreshLives("by-hand") {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
}
