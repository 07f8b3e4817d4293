package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	appID  = "wx0123456789abcdef"
	other  = "wxfedcba9876543210"
	secret = "0123456789abcdef0123456789abcdef"
	base   = "https://api.weixin.qq.com"
)

// reply is every field of every answer that the tests look at.
type reply struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
	Ticket      string `json:"ticket"`
	Errcode     *int   `json:"errcode"`
	Errmsg      string `json:"errmsg"`
}

// code is the errcode, zero where there is none.
func (r reply) code() int {
	if r.Errcode == nil {
		return 0
	}
	return *r.Errcode
}

// caller calls a sandbox in process, the way a business server would.
type caller struct {
	t      testing.TB
	client *http.Client
	base   string
}

func newCaller(t testing.TB, rt http.RoundTripper) caller {
	return caller{t: t, client: &http.Client{Transport: rt}, base: base}
}

// raw returns the body of the answer.
func (c caller) raw(method, path, body string) string {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %s: status %d, body %s", method, path, resp.StatusCode, b)
	}
	return string(b)
}

func (c caller) do(method, path, body string) reply {
	c.t.Helper()
	raw := c.raw(method, path, body)
	var r reply
	if err := json.Unmarshal([]byte(raw), &r); err != nil {
		c.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
	}
	return r
}

func tokenPath(appID, secret string) string {
	return "/cgi-bin/token?" + url.Values{
		"grant_type": {"client_credential"}, "appid": {appID}, "secret": {secret},
	}.Encode()
}

func (c caller) token() reply { c.t.Helper(); return c.do("GET", tokenPath(appID, secret), "") }

func stableBody(appID, secret string, force bool) string {
	b, _ := json.Marshal(map[string]any{
		"grant_type": "client_credential", "appid": appID, "secret": secret, "force_refresh": force,
	})
	return string(b)
}

func (c caller) stable() reply {
	c.t.Helper()
	return c.do("POST", "/cgi-bin/stable_token", stableBody(appID, secret, false))
}

func (c caller) forced() reply {
	c.t.Helper()
	return c.do("POST", "/cgi-bin/stable_token", stableBody(appID, secret, true))
}

// use makes the harmless call with a token and returns the errcode.
func (c caller) use(token string) int {
	c.t.Helper()
	return c.do("GET", "/cgi-bin/get_api_domain_ip?access_token="+url.QueryEscape(token), "").code()
}

// bubble runs f on a fake clock with a fresh sandbox.
func bubble(t *testing.T, cfg sandbox.Config, f func(t *testing.T, sb *sandbox.Sandbox, c caller)) {
	t.Helper()
	if cfg.Apps == nil {
		cfg.Apps = []sandbox.App{{ID: appID, Secret: secret}, {ID: other, Secret: "other-" + secret}}
	}
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.New(cfg)
		f(t, sb, newCaller(t, sb.Transport()))
	})
}
