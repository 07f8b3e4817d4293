package config_test

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
)

// compareSecrets lets cmp look into the one type that hides its value.
var compareSecrets = cmp.Comparer(broker.Secret.Equal)

func secrets(texts ...string) []broker.Secret {
	var list []broker.Secret
	for _, s := range texts {
		list = append(list, broker.NewSecret(s))
	}
	return list
}

func rightsOf(names ...string) broker.Rights {
	set, _ := broker.ParseRights(names)
	return set
}

// defaults is Default as it is where the file is in dir.
func defaults(dir string) *config.Config {
	c := config.Default()
	c.File = filepath.Join(dir, "hufu.yaml")
	c.DataDir = filepath.Join(dir, "data")
	c.KeysetFile = filepath.Join(dir, "data", "keyset.json")
	c.AdminKeyFile = filepath.Join(dir, "data", "admin.key")
	return c
}

func TestTheContractsExampleIsReadFieldByField(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text, err := os.ReadFile("testdata/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// Nothing secret is written into it, so that everybody may read it.
	path := put(t, dir, "hufu.yaml", string(text), 0o644)
	got, err := config.Load(path, options("SHOP_SECRET", shopSecret, "ORDERS_KEY", ordersKey))
	if err != nil {
		t.Fatal(err)
	}
	want := defaults(dir)
	want.Apps = []*broker.App{{
		ID: "shop", Platform: "wechat", AppID: "wx0123456789abcdef", Secrets: secrets(shopSecret), Mode: "stable",
		BaseURL: "https://api.weixin.qq.com",
		Policy:  &broker.Policy{Overlap: 5 * time.Minute, Every: time.Hour, Ahead: 10 * time.Minute},
		Sinks:   []broker.Sink{{Type: "properties", Path: "/run/hufu/shop.properties", Key: "access_token"}},
		Origin:  broker.FromFile,
	}}
	want.Clients = []*broker.Client{{
		Name: "orders", Key: sha256.Sum256([]byte(ordersKey)), Apps: []string{"shop"},
		Rights: rightsOf("read", "renew", "call"), Handout: broker.HandoutReal, SDK: "generic", Origin: broker.FromFile,
	}}
	if diff := cmp.Diff(want, got, compareSecrets); diff != "" {
		t.Errorf("contract.yaml (-want +got):\n%s", diff)
	}
}

func TestTheFullExampleIsReadFieldByField(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "secrets/news-new", newsSecret+"\n", 0o600)
	put(t, dir, "secrets/news-old", "old-"+newsSecret, 0o400)
	put(t, dir, "secrets/ops-key", stockKey+"\r\n", 0o600)
	path := put(t, dir, "hufu.yaml", string(text), 0o644)
	opt := withSettings("SHOP_SECRET", shopSecret, "ORDERS_KEY", ordersKey, "MAILER_KEY", mailKey, "MEMBERS_KEY", membersKey,
		"REDIS_PASSWORD", redisPassword, "HOOK_SECRET", hookSecret, "HR_SECRET", "hr-secret-0123456789", "CRM_SECRET", "crm-secret-0123456789", "CRM_REFRESH", "crm-refresh-0123456789")
	for i := range opt.Platforms {
		if p := &opt.Platforms[i]; p.Name == "wecom" {
			p.Params = []broker.Param{{Name: broker.ParamAgentID}}
		}
	}
	got, err := config.Load(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	// Everything that has a default is written with it, unless that is the machine's.
	want := defaults(dir)
	want.Limits.MaxConnections, want.PublicURL = 4096, "https://hufu.example.com"
	want.Apps = []*broker.App{
		{
			ID: "shop", Platform: "wechat", AppID: "wx0123456789abcdef", Secrets: secrets(shopSecret), Mode: "stable",
			BaseURL: "https://api.weixin.qq.com",
			Policy:  &broker.Policy{Overlap: 5 * time.Minute, Every: broker.DefaultEvery, Ahead: broker.DefaultAhead},
			Sinks: []broker.Sink{
				{Type: "properties", Path: "/run/hufu/shop.properties", Key: "wechat.access_token", Kind: broker.AccessToken},
				{Type: "json", Path: "/run/hufu/shop-ticket.json", Kind: broker.JSAPITicket},
				{
					Type: "redis", URL: broker.NewSecret("redis://:" + redisPassword + "@cache:6379/0"),
					Key: "wechat:wx0123456789abcdef", Format: "raw",
				},
				{
					Type: "webhook", URL: broker.NewSecret("https://hooks.example.com/hufu"), Secret: broker.NewSecret(hookSecret),
				},
			},
			Deny: []string{"/cgi-bin/clear_quota", "/cgi-bin/menu/*"},
			Login: &broker.Login{
				Redirects: []string{"https://www.example.com/login/", "https://m.example.cn/wx"},
				Scopes:    []string{"snsapi_base", "snsapi_userinfo"}, AuthorizeURL: "https://open.weixin.qq.com",
			},
			PageHosts: []string{"www.example.com", "*.example.cn"},
			Origin:    broker.FromFile,
		},
		{
			ID: "wxfedcba9876543210", Platform: "wechat", AppID: "wxfedcba9876543210",
			Secrets: secrets(newsSecret, "old-"+newsSecret), Origin: broker.FromFile,
		},
		{
			ID: "hr", Platform: "wecom", AppID: "ww0123456789abcdef", Params: map[string]string{broker.ParamAgentID: "1000002"},
			Secrets: secrets("hr-secret-0123456789"), Origin: broker.FromFile,
		},
		{
			ID: "crm", Platform: "oauth2", AppID: "CLIENT_ID", Secrets: secrets("crm-secret-0123456789"), Mode: broker.RefreshMode,
			Refresh: broker.NewSecret("crm-refresh-0123456789"), BaseURL: "https://api.crm.example", Origin: broker.FromFile,
			OAuth2: &broker.OAuth2{
				TokenURL: "https://login.crm.example/token", Auth: broker.AuthBasic, Scopes: []string{"read", "write"}, Audience: "https://api.crm.example",
				Resource: "https://api.crm.example", Extra: map[string]string{"tenant": "acme"}, Lifetime: time.Hour,
			},
		},
	}
	if len(got.Platforms) != 1 || got.Platforms[0].Name != "acme" {
		t.Errorf("got the platforms %v", got.Platforms)
	}
	want.Platforms = got.Platforms // Their fields have a test of their own.
	want.Clients = []*broker.Client{
		{
			Name: "orders", Key: sha256.Sum256([]byte(ordersKey)), Apps: []string{"shop", "news-*"},
			Rights: rightsOf("read", "renew"), Handout: broker.HandoutReal, SDK: "generic", Origin: broker.FromFile,
		},
		{
			Name: "mailer", Key: sha256.Sum256([]byte(mailKey)), Apps: []string{"shop"},
			Rights: rightsOf("call"), Paths: []string{"/cgi-bin/message/*", "/cgi-bin/media/upload"}, Handout: broker.HandoutVirtual, Origin: broker.FromFile,
		},
		{
			Name: "members", Key: sha256.Sum256([]byte(membersKey)), Apps: []string{"shop"}, Rights: rightsOf("users"),
			Handout: broker.HandoutReal, Origin: broker.FromFile,
		},
		{
			Name: "ops", Key: sha256.Sum256([]byte(stockKey)), Apps: []string{"*"}, Rights: rightsOf("admin"),
			Handout: broker.HandoutReal, Origin: broker.FromFile,
		},
	}
	if diff := cmp.Diff(want, got, compareSecrets); diff != "" {
		t.Errorf("full.yaml (-want +got):\n%s", diff)
	}
}

func TestAFileWithoutContentIsTheDefaults(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "\n", "# only a comment\n", "---\n", "---\n...\n", "~", "{}", "apps:\nclients:\n",
		"apps: []\nclients: []\n", "log:\nlimits: {}\naudit:\n", "\xef\xbb\xbf# a byte order mark\n",
	} {
		dir := t.TempDir()
		got, err := config.Load(put(t, dir, "hufu.yaml", text, 0o644), config.Options{})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(defaults(dir), got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestServerFieldsAreRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got, err := config.Load(put(t, dir, "hufu.yaml", `
listen: ":0"
data_dir: /var/lib/hufu
log: {level: debug, format: json}
metrics: false
limits: {max_header_bytes: 8192, max_body_bytes: 65536, max_connections: 300}
audit: {keep: 24h}
users: {keep: 720h}
`, 0o644), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		File: filepath.Join(dir, "hufu.yaml"), Listen: ":0", DataDir: "/var/lib/hufu", Store: config.Store{Engine: config.Embedded},
		KeysetFile: "/var/lib/hufu/keyset.json", AdminKeyFile: "/var/lib/hufu/admin.key", Log: config.Log{Level: slog.LevelDebug, Format: config.LogJSON},
		Limits: config.Limits{MaxHeaderBytes: 8192, MaxBodyBytes: 65536, MaxConnections: 300}, Audit: config.Audit{Keep: 24 * time.Hour},
		Users: config.Users{Keep: 720 * time.Hour},
	}
	if diff := cmp.Diff(want, got, compareSecrets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRelativePathsStartAtTheFolderOfTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "etc/shop.secret", shopSecret, 0o600)
	path := put(t, dir, "etc/hufu.yaml", `
data_dir: ../var
apps:
  - platform: wechat
    app_id: wx1
    secret_file: shop.secret
    sinks: [{type: json, path: out/./token.json}]
`, 0o600)
	c, err := config.Load(path, options())
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.DataDir, c.KeysetFile, c.Apps[0].Sinks[0].Path, c.Apps[0].Secrets[0].Reveal()}
	want := []string{filepath.Join(dir, "var"), filepath.Join(dir, "var/keyset.json"), filepath.Join(dir, "etc/out/token.json"), shopSecret}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheEnvironmentIsPutIntoAnyText(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
listen: ${HOST}:${PORT}
metrics: ${METRICS}
limits: {max_body_bytes: "${BODY}"}
apps:
  - {id: "${ID}", platform: wechat, app_id: wx1, secret: "a$$b${DOLLARS}c", renew: {every: "${EVERY}"}}
`, options("HOST", "127.0.0.1", "PORT", "81", "METRICS", "false", "BODY", "4096", "ID", "shop", "DOLLARS", "${ID}$$$", "EVERY", "2h"))
	got := []any{c.Listen, c.Metrics, c.Limits.MaxBodyBytes, c.Apps[0].ID, c.Apps[0].Secrets[0].Reveal(), c.Apps[0].Policy.Every}
	// What comes from the environment is not read again: the dollars of DOLLARS stay.
	want := []any{"127.0.0.1:81", false, int64(4096), "shop", "a$b${ID}$$$c", 2 * time.Hour}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheProcessEnvironmentIsReadWhereNoneIsGiven(t *testing.T) {
	t.Setenv("HUFU_CONFIG_TEST_PORT", "82")
	c := mustLoad(t, "listen: 127.0.0.1:${HUFU_CONFIG_TEST_PORT}\n", config.Options{})
	if c.Listen != "127.0.0.1:82" {
		t.Errorf("listen = %q", c.Listen)
	}
}

func TestTextsThatLookLikeNumbersStayAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
apps:
  - {platform: wechat, app_id: 0101234567, secret: 00000000000000000000000000001e10}
clients:
  - {name: 2026-11-21, key: 00000000000000000000000000000001, apps: [010*]}
`, options())
	got := []any{c.Apps[0].ID, c.Apps[0].AppID, c.Apps[0].Secrets[0].Reveal(), c.Clients[0].Name, c.Clients[0].Key, c.Clients[0].Apps[0]}
	want := []any{
		"0101234567", "0101234567", "00000000000000000000000000001e10", "2026-11-21",
		broker.KeyHash(sha256.Sum256([]byte("00000000000000000000000000000001"))), "010*",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBaseURLsThatAreAccepted(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://API.weixin.qq.com/":    "https://api.weixin.qq.com",
		"https://proxy.example.com/wx/": "https://proxy.example.com/wx",
		"http://127.0.0.1:8090":         "http://127.0.0.1:8090",
		"http://[::1]:8090":             "http://[::1]:8090",
		"http://localhost":              "http://localhost",
		"http://10.1.2.3":               "http://10.1.2.3",
		"http://[fd00::1]":              "http://[fd00::1]",
		"http://100.100.0.1":            "http://100.100.0.1",
		"http://sandbox:8090":           "http://sandbox:8090",
		"http://wx.corp.internal":       "http://wx.corp.internal",
		"http://wx.ns.svc":              "http://wx.ns.svc",
	} {
		if got := mustLoad(t, app("base_url: "+in), options()).Apps[0].BaseURL; got != want {
			t.Errorf("base_url %s is read as %s, want %s", in, got, want)
		}
	}
}

func TestAppsMaySharePlatformAndAppIDWhereTheirTokensDiffer(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
apps:
  - {id: shop, platform: wechat, app_id: wx1, secret: "${SECRET}"}
  - {id: shop-classic, platform: wechat, app_id: wx1, secret: "${SECRET}", mode: classic}
  - {id: shop-test, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "http://127.0.0.1:1"}
  - {id: shop-wecom, platform: wecom, app_id: wx1, secret: "${SECRET}"}
`, options())
	if len(c.Apps) != 4 {
		t.Errorf("%d apps, want 4", len(c.Apps))
	}
}

func TestSinksMayShareAPropertiesFileUnderDifferentKeys(t *testing.T) {
	t.Parallel()
	mustLoad(t, app(`sinks:
  - {type: properties, path: /run/a.properties}
  - {type: properties, path: /run/a.properties, kind: jsapi_ticket}
  - {type: properties, path: /run/a.properties, key: other}
  - {type: json, path: /run/a.json}
`), options())
}

func TestTheSandboxRunsBesideLoopbackAppsOnly(t *testing.T) {
	t.Parallel()
	opt := options()
	opt.Sandbox = true
	for _, url := range []string{"http://127.0.0.1:8090", "https://localhost", "http://[::1]"} {
		if _, err := load(t, app("base_url: "+url), opt); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	const refused = "the sandbox does not run beside apps that point at a real platform; " +
		"start without --sandbox, or point the app at a loopback address"
	for text, want := range map[string]string{
		app(""): "2: apps[0]: " + refused,
		app("base_url: https://api.weixin.qq.com"): "5: apps[0].base_url: " + refused,
		app("base_url: http://10.0.0.1"):           "5: apps[0].base_url: " + refused,
	} {
		_, err := load(t, text, opt)
		if diff := cmp.Diff(want, faultLines(t, err)); diff != "" {
			t.Errorf("%s(-want +got):\n%s", text, diff)
		}
	}
}

func TestTheBoundsAreThoseOfEveryOtherWayInWhichAppsCome(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{broker.MinPeriod - 1, broker.MinPeriod, broker.MaxPeriod, broker.MaxPeriod + 1} {
		_, err := load(t, app(fmt.Sprintf("overlap: %[1]s\nrenew: {every: %[1]s, ahead: %[1]s}\n", d)), options())
		want := broker.Policy{Overlap: d, Every: d, Ahead: d}.Check()
		if (err == nil) != (want == nil) {
			t.Errorf("%v: %v here, %v there", d, err, want)
		}
	}
	text := "apps:\n  - platform: wechat\n    app_id: wx1\n    secret:\n" + manySecrets(broker.MaxSecrets)
	if n := len(mustLoad(t, text, options()).Apps[0].Secrets); n != broker.MaxSecrets {
		t.Errorf("%d secrets, want %d", n, broker.MaxSecrets)
	}
}
