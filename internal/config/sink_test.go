package config_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
)

const redisPassword = "pA55-w0rd"

var (
	hookSecret  = "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("h", 32)))
	otherSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("o", 24)))
)

// withSinks are options in whose environment the secrets of sinks are.
func withSinks() config.Options {
	return options("HOOK", hookSecret, "REDIS", redisPassword, "REDIS_URL", "redis://:"+redisPassword+"@cache/1")
}

func TestSinksOfOtherServersAreReadFieldByField(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "redis", "rediss://u:"+redisPassword+"@r1.example.com:6380?addr=r2.example.com:6380&master_set=m\n", 0o600)
	put(t, dir, "hook", otherSecret, 0o600)
	path := put(t, dir, "hufu.yaml", `
apps:
  - platform: wechat
    id: shop
    app_id: wxAbC
    secret: ${SECRET}
    sinks:
      - {type: redis, url: "${REDIS_URL}"}
      - {type: redis, url: "redis://:${REDIS}@cache", kind: jsapi_ticket, key: "t:{app}:{app_id}:{kind}", format: json}
      - {type: redis, url: redis://cache, format: silenceper}
      - {type: redis, url: redis://cache, format: wxjava, kind: wx_card_ticket}
      - {type: redis, url_file: redis, format: easywechat, key: "easywechat:hufu.{app_id}"}
      - {type: webhook, url: "https://hooks.example.com/x?y=z", secret: "${HOOK}", include_token: true}
      - {type: webhook, url: http://hooks.internal/x, secret_file: hook, kind: jsapi_ticket}
`, 0o644) // Nothing secret stands in it.
	c, err := config.Load(path, withSinks())
	if err != nil {
		t.Fatal(err)
	}
	secret := broker.NewSecret
	want := []broker.Sink{
		{Type: "redis", URL: secret("redis://:" + redisPassword + "@cache/1"), Key: "hufu:shop:access_token", Format: "raw"},
		{Type: "redis", URL: secret("redis://:" + redisPassword + "@cache"), Key: "t:shop:wxAbC:jsapi_ticket", Kind: "jsapi_ticket", Format: "json"},
		{Type: "redis", URL: secret("redis://cache"), Key: "gowechat_officialaccount__access_token_wxAbC", Format: "silenceper"},
		{Type: "redis", URL: secret("redis://cache"), Key: "wx:ticket:key:wxAbC:wx_card", Kind: "wx_card_ticket", Format: "wxjava"},
		{
			Type: "redis", URL: secret("rediss://u:" + redisPassword + "@r1.example.com:6380?addr=r2.example.com:6380&master_set=m"),
			Key: "easywechat:hufu.wxAbC", Format: "easywechat",
		},
		{Type: "webhook", URL: secret("https://hooks.example.com/x?y=z"), Secret: secret(hookSecret), IncludeToken: true},
		{Type: "webhook", URL: secret("http://hooks.internal/x"), Secret: secret(otherSecret), Kind: "jsapi_ticket"},
	}
	if diff := cmp.Diff(want, c.Apps[0].Sinks, compareSecrets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFaultsOfSinksOfOtherServers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"fields of other types", `sinks:
  - {type: redis, url: redis://h, path: /run/a, secret: "${HOOK}", include_token: true}
  - {type: webhook, url: https://h, secret: "${HOOK}", key: a, format: raw}
  - {type: properties, path: /run/a, url: redis://h}
`, `
6: apps[0].sinks[0].path: a sink of type redis has no path; remove it
6: apps[0].sinks[0].secret: a sink of type redis has no secret; remove it
6: apps[0].sinks[0].include_token: a sink of type redis has no include_token; remove it
7: apps[0].sinks[1].key: a sink of type webhook has no key; remove it
7: apps[0].sinks[1].format: a sink of type webhook has no format; remove it
8: apps[0].sinks[2].url: a sink of type properties has no url; remove it`},
		{"URLs of a Redis", `sinks:
  - {type: redis, url: "http://:${REDIS}@h"}
  - {type: redis, url: "redis://:${REDIS}@"}
  - {type: redis, url: "redis://:${REDIS}@cache.example.com"}
  - {type: redis, url: "redis://:${REDIS}@h/x"}
  - {type: redis, url: "redis://:${REDIS}@h?skip_verify=1"}
  - {type: redis, url: "redis://:${REDIS}@h?addr=i:0"}
  - {type: redis, url: "redis://:${REDIS}@h/1?addr=i"}
  - {type: redis, url: "redis://:${REDIS}/@h"}
  - {type: redis, url: "redis://h i"}
  - {type: redis, url: redis://h, url_file: nothing}
`, `
6: apps[0].sinks[0].url: has a scheme that is neither redis nor rediss; write one such as redis://HOST:6379/0
7: apps[0].sinks[1].url: has no host; write one such as redis://HOST:6379/0
8: apps[0].sinks[2].url: is plain redis to a public host, where the password and tokens could be read on the way; use rediss (redis is accepted for loopback and private addresses and internal names)
9: apps[0].sinks[3].url: has a path that is not the number of a database; write one such as redis://HOST:6379/0
10: apps[0].sinks[4].url: has a query with something else than addr=HOST:PORT and one master_set=NAME, and with that one sentinel_username and one sentinel_password; remove it
11: apps[0].sinks[5].url: has a server that is not HOST or HOST:PORT, with a port from 1 to 65535
12: apps[0].sinks[6].url: names a database of a cluster, which has only 0; remove it
13: apps[0].sinks[7].url: is not a URL; write one such as redis://:PASSWORD@HOST:6379/0, with %XX for what is special in the password
14: apps[0].sinks[8].url: contains white space or a control character, which no secret does; check how it is set
15: apps[0].sinks[9].url_file: is given beside url; keep one of them`},
		{"keys and formats", `sinks:
  - {type: redis, url: redis://h, key: "a{appid}"}
  - {type: redis, url: redis://h, format: php}
  - {type: redis, url: redis://h, format: easywechat}
  - {type: redis, url: redis://h, format: silenceper, kind: wx_card_ticket}
  - {type: redis, url: redis://h, key: "` + strings.Repeat("k", 513) + `"}
`, `
6: apps[0].sinks[0].key: has a brace that belongs to none of the placeholders {app}, {app_id} and {kind}; remove it
7: apps[0].sinks[1].format: "php" is not known; write one of: raw, json, silenceper, silenceper-mini, wxjava, easywechat
8: apps[0].sinks[2].key: is missing; format easywechat has none of its own for this kind, so give the one that is read
9: apps[0].sinks[3].key: is missing; format silenceper has none of its own for this kind, so give the one that is read
10: apps[0].sinks[4].key: is 513 bytes long; at most 512 are taken`},
		{"one key twice", `sinks:
  - {type: redis, url: "redis://u:${REDIS}@h:6379", key: k}
  - {type: redis, url: redis://H/0, key: k, kind: jsapi_ticket}
  - {type: redis, url: redis://h/1, key: k}
  - {type: redis, url: redis://i, key: k}
  - {type: redis, url: "redis://g?addr=h", key: k, kind: jsapi_ticket}
  - {type: redis, url: redis://j, kind: jsapi_ticket}
  - {type: redis, url: redis://j, format: json, kind: jsapi_ticket}
`, `
7: apps[0].sinks[1].key: is the key that apps[0].sinks[0] writes in the same Redis; give one of them another key
10: apps[0].sinks[4].key: is the key that apps[0].sinks[0] writes in the same Redis; give one of them another key
12: apps[0].sinks[6].url: is the key that apps[0].sinks[5] writes in the same Redis; give one of them another key`},
		{"webhooks", `sinks:
  - {type: webhook, url: "hooks.example.com/${HOOK}", secret: "${HOOK}"}
  - {type: webhook, url: "https://u:${REDIS}@h/", secret: "${HOOK}"}
  - {type: webhook, url: "http://hooks.example.com/${HOOK}", secret: "${HOOK}"}
  - {type: webhook, url: "http://hooks.internal/${HOOK}", secret: "${HOOK}", include_token: true}
  - {type: webhook, url: "http://127.0.0.1:1/", secret: "${HOOK}", include_token: true}
  - {type: webhook, url: https://h/, secret: "${SECRET}"}
  - {type: webhook, url: "http://127.0.0.1:1/", secret: "${HOOK}", kind: access_token}
  - {type: webhook, url: "http://127.0.0.1:1/", secret: "${HOOK}", kind: jsapi_ticket}
  - {type: webhook, url: ftp://h/, secret: "${HOOK}", include_token: 1}
`, `
6: apps[0].sinks[0].url: is not an absolute URL; write one such as https://hooks.example.com/hufu
7: apps[0].sinks[1].url: contains a user or password; remove it: calls are signed
8: apps[0].sinks[2].url: is plain http to a public host; use https (http is accepted for loopback and private addresses and internal names)
9: apps[0].sinks[3].url: is plain http to another machine, where the token of include_token could be read on the way; use https
11: apps[0].sinks[5].secret: is not whsec_ and the base64 of 24 to 64 bytes; make one with: echo whsec_$(openssl rand -base64 32)
12: apps[0].sinks[6].url: is told of the same token by apps[0].sinks[4]; remove one
14: apps[0].sinks[8].url: has a scheme that is neither https nor http; write one such as https://hooks.example.com/hufu
14: apps[0].sinks[8].include_token: "1" is not known; write one of: true, false`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, app(c.text), withSinks())
			got := faultLines(t, err)
			if diff := cmp.Diff(strings.TrimSpace(c.want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, s := range []string{redisPassword, hookSecret} {
				if strings.Contains(got, s) {
					t.Error("a fault quotes a secret (I6)")
				}
			}
		})
	}
}

func TestTwoAppsDoNotWriteOneRedisKey_I8(t *testing.T) {
	t.Parallel()
	_, err := load(t, `
apps:
  - {id: a, platform: wechat, app_id: wx1, secret: "${SECRET}", sinks: [{type: redis, url: redis://h, format: wxjava}]}
  - {id: b, platform: wechat, app_id: wx1, mode: classic, secret: "${SECRET}", sinks: [{type: redis, url: redis://h, format: wxjava}]}
`, withSinks())
	want := `4: apps[1].sinks[0].url: is the key that apps[0].sinks[0] writes in the same Redis; give one of them another key`
	if diff := cmp.Diff(want, faultLines(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyAPasswordMakesAURLASecretOfTheFile(t *testing.T) {
	t.Parallel()
	for line, ok := range map[string]bool{
		"{type: redis, url: redis://cache:6379/0}":                         true,
		`{type: redis, url: "redis://u:${REDIS}@cache"}`:                   true,
		`{type: redis, url: "${REDIS_URL}"}`:                               true,
		"{type: redis, url: redis://:" + redisPassword + "@cache}":         false,
		`{type: webhook, url: https://h/hufu, secret: "${HOOK}"}`:          true,
		"{type: webhook, url: https://h/hufu, secret: " + hookSecret + "}": false,
	} {
		path := put(t, t.TempDir(), "hufu.yaml", app("sinks:\n  - "+line+"\n"), 0o644)
		if _, err := config.Load(path, withSinks()); (err == nil) != ok {
			t.Errorf("%s, in a file that others can read: %v", line, err)
		}
	}
}
