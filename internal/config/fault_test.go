package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
)

// faultCase is a file and everything that is wrong with it, as LINE: PATH: message.
type faultCase struct{ name, text, want string }

func runFaultCases(t *testing.T, cases []faultCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := load(t, c.text, options("UGLY", "a b\tç "+shopSecret))
			if err == nil {
				t.Fatalf("no fault in:\n%s", c.text)
			}
			if got != nil {
				t.Error("there is a configuration beside the faults")
			}
			if diff := cmp.Diff(c.want, faultLines(t, err)); diff != "" {
				t.Errorf("%s(-want +got):\n%s", c.text, diff)
			}
		})
	}
}

func TestFaultsOfTheFile(t *testing.T) {
	t.Parallel()
	runFaultCases(t, []faultCase{
		{"unknown fields at every level", `lisen: 127.0.0.1:80
colour: blue
apps:
  - platform: wechat
    appid: wx1
    app_id: wx1
    secret: ${SECRET}
    renew: {evry: 1h}
    sinks:
      - {type: json, path: /run/a, mode: 0600}
clients:
  - {name: a, key: "${KEY}", apps: [a], alow: [read]}
log: {Level: info}
limits: {max_body: 1}
audit: {keeep: 1h}
`, `1: lisen: unknown field; did you mean "listen"?
2: colour: unknown field; known here: listen, public_url, data_dir, keyset_file, admin_key_file, store, store_file, platforms, apps, clients, log, metrics, limits, audit, users
5: apps[0].appid: unknown field; did you mean "app_id"?
8: apps[0].renew.evry: unknown field; did you mean "every"?
10: apps[0].sinks[0].mode: unknown field; known here: type, kind, path
12: clients[0].alow: unknown field; did you mean "allow"?
13: log.Level: unknown field; did you mean "level"?
14: limits.max_body: unknown field; did you mean "max_body_bytes"?
15: audit.keeep: unknown field; did you mean "keep"?`},
		{"a forgotten space after a field's name", `apps:
  - {platform: wechat, app_id: wx1, secret:5ec0e7a1}
log: {level:debug}
`, `2: apps[0].secret: is missing; give the app's secret as secret: ${NAME}, or the path of a file with it as secret_file
2: apps[0].?: unknown field; write a colon and a space after a field's name
3: log.?: unknown field; write a colon and a space after a field's name`},
		{"duplicate keys", `listen: 127.0.0.1:80
listen: 127.0.0.1:81
log:
  level: info
  level: debug
nope: 1
nope: 2
`, `2: listen: is given twice, first on line 1; keep one
5: log.level: is given twice, first on line 4; keep one
6: nope: unknown field; known here: listen, public_url, data_dir, keyset_file, admin_key_file, store, store_file, platforms, apps, clients, log, metrics, limits, audit, users
7: nope: is given twice, first on line 6; keep one`},
		{"wrong forms", `listen: [a]
data_dir: {a: b}
apps: shop
clients: {name: orders}
log: info
limits: [1]
metrics: {on: true}
`, `1: listen: has to be a single value, but a list stands here
2: data_dir: has to be a single value, but a mapping (name: value) stands here
3: apps: has to be a list (lines that start with -), but a single value stands here
4: clients: has to be a list (lines that start with -), but a mapping (name: value) stands here
5: log: has to be a mapping (name: value), but a single value stands here
6: limits: has to be a mapping (name: value), but a list stands here
7: metrics: has to be a single value, but a mapping (name: value) stands here`},
		{"wrong forms below", `apps:
  - shop
  - [shop]
  - platform: wechat
    app_id: [wx1]
    secret: {value: x}
    renew: 1h
    sinks: {type: json}
clients:
  - name: orders
    key: [a, b]
    apps: shop
    allow: read
`, `2: apps[0]: has to be a mapping (name: value), but a single value stands here
3: apps[1]: has to be a mapping (name: value), but a list stands here
5: apps[2].app_id: has to be a single value, but a list stands here
6: apps[2].secret: has to be a single value, but a mapping (name: value) stands here
7: apps[2].renew: has to be a mapping (name: value), but a single value stands here
8: apps[2].sinks: has to be a list (lines that start with -), but a mapping (name: value) stands here
11: clients[0].key: has to be a single value, but a list stands here
12: clients[0].apps: has to be a list (lines that start with -), but a single value stands here
13: clients[0].allow: has to be a list (lines that start with -), but a single value stands here`},
		{"no mapping at all", "- listen\n", `1: has to be a mapping (name: value), but a list stands here`},
		{"a word by itself", `
listen
`, `2: has to be a mapping (name: value), but a single value stands here`},
		{"anchors and aliases", `log: &l
  level: info
limits: *l
apps: &apps []
`, `1: log: anchors are not supported; remove it, or put the value in quotes if it starts with &
3: limits: aliases are not supported; write the value out, or put it in quotes if it starts with *
4: apps: anchors are not supported; remove it, or put the value in quotes if it starts with &`},
		{"an alias bomb", `a: &a [x, x]
b: &b [*a, *a]
c: &c [*b, *b]
`, `1: a: unknown field; known here: listen, public_url, data_dir, keyset_file, admin_key_file, store, store_file, platforms, apps, clients, log, metrics, limits, audit, users
1: a: anchors are not supported; remove it, or put the value in quotes if it starts with &
2: b: unknown field; known here: listen, public_url, data_dir, keyset_file, admin_key_file, store, store_file, platforms, apps, clients, log, metrics, limits, audit, users
2: b: anchors are not supported; remove it, or put the value in quotes if it starts with &
2: b[0]: aliases are not supported; write the value out, or put it in quotes if it starts with *
2: b[1]: aliases are not supported; write the value out, or put it in quotes if it starts with *
3: c: unknown field; known here: listen, public_url, data_dir, keyset_file, admin_key_file, store, store_file, platforms, apps, clients, log, metrics, limits, audit, users
3: c: anchors are not supported; remove it, or put the value in quotes if it starts with &
3: c[0]: aliases are not supported; write the value out, or put it in quotes if it starts with *
3: c[1]: aliases are not supported; write the value out, or put it in quotes if it starts with *`},
		{"merge keys", `log:
  <<: {level: info}
  format: json
`, `2: log: merge keys are not supported; write the fields out`},
		{"tags", `listen: !!str 127.0.0.1:80
log: !custom {level: info}
`, `1: listen: tags are not supported; remove it, or put the value in quotes if it starts with !
2: log: tags are not supported; remove it, or put the value in quotes if it starts with !`},
		{"keys that are no words", `[a, b]: c
? {d: e}
: f
`, `1: a field's name has to be a word
2: a field's name has to be a word`},
		{"two documents", `listen: 127.0.0.1:80
---
listen: 127.0.0.1:81
`, `2: a second YAML document begins here; the configuration is one document, remove the ---`},
		{"empty values", `listen:
data_dir: ""
store: ~
keyset_file: ${EMPTY}
metrics:
`, `1: listen: is empty; give it a value or remove it
2: data_dir: is empty; give it a value or remove it
3: store: is empty; give it a value or remove it
4: keyset_file: is empty, because the environment variable is; set it or remove the field
5: metrics: is empty; give it a value or remove it`},
	})
}

func TestFaultsOfTheEnvironment(t *testing.T) {
	t.Parallel()
	runFaultCases(t, []faultCase{
		{"a variable that is not set", "listen: 127.0.0.1:${PORT}\n", `1: listen: the environment variable PORT is not set; set it for the server`},
		{"a dollar sign by itself", app("mode: a$b\n"), `5: apps[0].mode: has a dollar sign by itself; write $$ for a dollar sign, ${NAME} for the environment`},
		{"a dollar sign at the end", app("mode: ab$\n"), `5: apps[0].mode: has a dollar sign by itself; write $$ for a dollar sign, ${NAME} for the environment`},
		{"an open brace", app("mode: ${MODE\n"), `5: apps[0].mode: has a ${ without the name of an environment variable and a }; write ${NAME}, or $$ for a dollar sign`},
		{"a name that is none", app("mode: ${1MODE}\nid: ${}\n"), `5: apps[0].mode: has a ${ without the name of an environment variable and a }; write ${NAME}, or $$ for a dollar sign
6: apps[0].id: has a ${ without the name of an environment variable and a }; write ${NAME}, or $$ for a dollar sign`},
		{"what comes from it is not quoted", `listen: ${SECRET}
store: ${SECRET}
metrics: ${SECRET}
apps:
  - {id: "${UGLY}", platform: "${SECRET}", app_id: "${UGLY}", secret_file: "${SECRET}", mode: "${SECRET}", overlap: "${SECRET}"}
  - platform: wechat
    app_id: wx1
    secret: ${UGLY}
    base_url: ${SECRET}
    mode: ${SECRET}
    sinks: [{type: "${SECRET}", path: "${SECRET}", kind: "${SECRET}"}]
clients:
  - {name: "${UGLY}", key: "${UGLY}", apps: ["${UGLY}"], allow: ["${SECRET}"], handout: "${SECRET}", sdk: "${SECRET}"}
`, `1: listen: "${SECRET}" is not an address; write HOST:PORT, such as 127.0.0.1:8080, or :8080 for all interfaces
2: store: is not known; write one of: embedded, postgres://…, mysql://…, redis://…, rediss://…
3: metrics: "${SECRET}" is not known; write one of: true, false
5: apps[0].id: contains a line break or another control character; write it on one line
5: apps[0].platform: platform "${SECRET}" is not known; write one of: wechat, wecom
5: apps[0].app_id: contains a line break or another control character; write it on one line
5: apps[0].secret_file: "${SECRET}" cannot be read: no such file or directory
5: apps[0].overlap: "${SECRET}" is not a duration; the longest unit is the hour, a day is 24h
8: apps[1].secret: contains white space or a control character, which no secret does; check how it is set
9: apps[1].base_url: is not an absolute URL; write one such as https://api.example.com
10: apps[1].mode: platform wechat has no mode "${SECRET}"; write one of: stable, classic
11: apps[1].sinks[0].type: "${SECRET}" is not known; write one of: properties, json, redis, webhook
11: apps[1].sinks[0].kind: "${SECRET}" is not a kind of token; one is such as access_token
13: clients[0].name: contains a line break or another control character; write it on one line
13: clients[0].key: contains white space or a control character, which no secret does; check how it is set
13: clients[0].apps[0]: contains a line break or another control character; write it on one line
13: clients[0].allow[0]: "${SECRET}" is not known; write one of: read, renew, call, users, admin
13: clients[0].handout: "${SECRET}" is not known; write one of: real, virtual
13: clients[0].sdk: "${SECRET}" is not a known SDK; write one of: chanxuehong, co-wechat-api, easywechat, generic, go-workwx, lark-node-sdk, oapi-sdk-go, oapi-sdk-java, oapi-sdk-python, powerwechat, senparc, silenceper, silenceper-stable, wechatpy, wxjava, wxjava-redis`},
	})
}

func TestFaultsOfTheServer(t *testing.T) {
	t.Parallel()
	runFaultCases(t, []faultCase{
		{"addresses", "listen: 8080\n", `1: listen: "8080" is not an address; write HOST:PORT, such as 127.0.0.1:8080, or :8080 for all interfaces`},
		{"an address without a port", "listen: \"127.0.0.1\"\n", `1: listen: "127.0.0.1" is not an address; write HOST:PORT, such as 127.0.0.1:8080, or :8080 for all interfaces`},
		{"an address with a port that is none", "listen: 127.0.0.1:http\n", `1: listen: "127.0.0.1:http" has no port from 0 to 65535; write HOST:PORT, such as 127.0.0.1:8080, or :8080 for all interfaces`},
		{"an address with a port too high", "listen: 127.0.0.1:65536\n", `1: listen: "127.0.0.1:65536" has no port from 0 to 65535; write HOST:PORT, such as 127.0.0.1:8080, or :8080 for all interfaces`},
		{"an address with a host that is none", "listen: \"a b:80\"\n", `1: listen: "a b:80" has no host that could be one; write HOST:PORT, such as 127.0.0.1:8080, or :8080 for all interfaces`},
		{"a store twice", "store: embedded\nstore_file: x\n", `2: store_file: is given beside store; keep one of them`},
		{"stores that nobody knows", "store: oracle://u:hunter2@h\n", `1: store: has a scheme that is not known; write one of: embedded, postgres://…, mysql://…, redis://…, rediss://…`},
		{"a store with a slip", "store: embed\n", `1: store: "embed" is not known; did you mean "embedded"?`},
		{"choices", `log: {level: warning, format: xml}
metrics: yes
`, `1: log.level: "warning" is not known; write one of: debug, info, warn, error
1: log.format: "xml" is not known; write one of: text, json
2: metrics: "yes" is not known; write one of: true, false`},
		{"numbers", "limits: {max_header_bytes: 1MiB, max_body_bytes: 1, max_connections: 0}\n", `1: limits.max_header_bytes: "1MiB" is not a whole number from 4096 to 1048576
1: limits.max_body_bytes: "1" is not a whole number from 4096 to 67108864
1: limits.max_connections: "0" is not a whole number from 16 to 1048576`},
		{"how long the audit is kept", "audit: {keep: 90d}\n", `1: audit.keep: "90d" is not a duration; the longest unit is the hour, a day is 24h`},
		{"users who are not kept", "users: {keep: 1m}\n", `1: users.keep: "1m" is too short; write at least 1h`},
		{"an audit that is not kept", "audit: {keep: 0s}\n", `1: audit.keep: "0s" cannot be switched off like this; write at least 1h, or remove the field for the default`},
	})
}

func TestFaultsOfTheApp(t *testing.T) {
	t.Parallel()
	runFaultCases(t, []faultCase{
		{"what is missing", `apps:
  - {}
  -
`, `2: apps[0].platform: is missing; name the platform the app is registered on: wechat, wecom
2: apps[0].app_id: is missing; give the id the platform knows the app by
2: apps[0].secret: is missing; give the app's secret as secret: ${NAME}, or the path of a file with it as secret_file
3: apps[1].platform: is missing; name the platform the app is registered on: wechat, wecom
3: apps[1].app_id: is missing; give the id the platform knows the app by
3: apps[1].secret: is missing; give the app's secret as secret: ${NAME}, or the path of a file with it as secret_file`},
		{"a platform nobody knows", `apps:
  - {platform: wechta, app_id: wx1, secret: "${SECRET}"}
  - {platform: feishu, app_id: wx2, secret: "${SECRET}"}
  - {platform: 企业微信, app_id: wx3, secret: "${SECRET}"}
`, `2: apps[0].platform: platform "wechta" is not known; did you mean "wechat"?
3: apps[1].platform: platform "feishu" is not known; write one of: wechat, wecom
4: apps[2].platform: platform "企业微信" is not known; did you mean "wecom"?`},
		{"a mode nobody knows", app("mode: stabel\n"), `5: apps[0].mode: platform wechat has no mode "stabel"; did you mean "stable"?`},
		{"ids that are none", `apps:
  - {id: Shop, platform: wechat, app_id: wx1, secret: "${SECRET}"}
  - {id: -shop, platform: wechat, app_id: wx2, secret: "${SECRET}"}
  - {platform: wechat, app_id: cli_a1, secret: "${SECRET}"}
  - {id: a, platform: wechat, app_id: "wx 3", secret: "${SECRET}"}
  - {id: b, platform: wecom, app_id: “wx4”, secret: "${SECRET}"}
`, `2: apps[0].id: "Shop" is not an id; use 1 to 64 of a-z, 0-9 and -, not starting with -
3: apps[1].id: "-shop" is not an id; use 1 to 64 of a-z, 0-9 and -, not starting with -
4: apps[2].id: is missing, and app_id does not fit in its place; give the app an id of 1 to 64 of a-z, 0-9 and -
5: apps[3].app_id: "wx 3" is not an app id; it has at most 128 printable ASCII characters and no spaces, and only plain quotes (" or ') stand around it
6: apps[4].app_id: "“wx4”" is not an app id; it has at most 128 printable ASCII characters and no spaces, and only plain quotes (" or ') stand around it`},
		{"a secret that was copied with what stood around it", `apps:
  - {platform: wechat, app_id: wx1, secret: “5ec0e7a1”}
  - {platform: wechat, app_id: wx2, secret: ["5ec0e7a1\u200b", "‘5ec0e7a2", "5e“c0e7a3", "密5ec0e7a4"]}
`, `2: apps[0].secret: begins or ends with a full-width quote (“), which is part of no secret; remove it
3: apps[1].secret[0]: begins or ends with a character that cannot be seen (U+200B), which is part of no secret; remove it
3: apps[1].secret[1]: begins or ends with a full-width quote (‘), which is part of no secret; remove it`},
		{"an id twice", `apps:
  - {id: shop, platform: wechat, app_id: wx1, secret: "${SECRET}"}
  - {id: shop, platform: wechat, app_id: wx2, secret: "${SECRET}"}
  - {platform: wechat, app_id: SHOP, secret: "${SECRET}"}
`, `3: apps[1].id: is the same as that of apps[0]; give each app an id of its own
4: apps[2].id: is the same as that of apps[0]; give each app an id of its own`},
		{"full-width colons that YAML takes for text", `log: {level：info}
apps:
  - id：shop
`, `1: log.?: unknown field; write a colon and a space after a field's name
3: apps[0]: has to be a mapping (name: value), but a single value stands here; write : and a space after a field's name, not a full-width colon (：)`},
		{"nothing but full-width colons", "apps：\n  - id：shop\n", `1: has to be a mapping (name: value), but a single value stands here; write : and a space after a field's name, not a full-width colon (：)`},
		{"an app twice", `apps:
  - {id: a, platform: wechat, app_id: wx1, secret: "${SECRET}"}
  - {id: b, platform: wechat, app_id: wx1, secret: "${SECRET}", mode: stable, base_url: "https://api.weixin.qq.com/"}
`, `3: apps[1]: is the same app as apps[0]: it has the same platform, app_id, base_url, mode, params and oauth2, or the same refresh_token; the two would kill each other's tokens, so keep one and let clients share it`},
		{"an app twice, by two ways in", `apps:
  - {id: a, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "https://sh.api.weixin.qq.com"}
  - {id: b, platform: wechat, app_id: wx1, secret: "${SECRET}"}
`, `3: apps[1]: is the same app as apps[0]: it has the same platform, app_id, base_url, mode, params and oauth2, or the same refresh_token; the two would kill each other's tokens, so keep one and let clients share it`},
		{"no secret", `apps:
  - platform: wechat
    app_id: wx1
`, `2: apps[0].secret: is missing; give the app's secret as secret: ${NAME}, or the path of a file with it as secret_file`},
		{"an empty list of secrets", `apps:
  - platform: wechat
    app_id: wx1
    secret: []
`, `4: apps[0].secret: is an empty list; give at least one secret`},
		{"secrets that are empty", `apps:
  - {platform: wechat, app_id: wx1, secret:  }
  - {platform: wechat, app_id: wx2, secret: ["", "${EMPTY}"]}
`, `2: apps[0].secret: is empty; give it a value or remove it
3: apps[1].secret[0]: is empty; give it a value or remove it
3: apps[1].secret[1]: is empty, because the environment variable is; set it or remove the field`},
		{"a secret twice", `apps:
  - {platform: wechat, app_id: wx1, secret: ["${SECRET}", "${SECRET2}", "${SECRET}"]}
`, `2: apps[0].secret[2]: is the same secret as apps[0].secret[0]; remove one`},
		{"a secret here and in a file", app("secret_file: /run/secrets/shop\n"), `5: apps[0].secret_file: is given beside secret; keep one of them`},
		{"a secret with white space", `apps:
  - {platform: wechat, app_id: wx1, secret: "5ec0 e7a1"}
  - platform: wechat
    app_id: wx2
    secret: |
      5ec0e7a1
`, `2: apps[0].secret: contains white space or a control character, which no secret does; check how it is set
5: apps[1].secret: contains white space or a control character, which no secret does; check how it is set`},
		{"base URLs", `apps:
  - {id: a0, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "api.weixin.qq.com"}
  - {id: a1, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "/cgi-bin"}
  - {id: a2, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "ftp://api.weixin.qq.com"}
  - {id: a3, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "https://u:hunter2@api.weixin.qq.com"}
  - {id: a4, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "https://api.weixin.qq.com/?a=b"}
  - {id: a5, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "https://api.weixin.qq.com#a"}
  - {id: a6, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "https://api.weixin.qq.com:0"}
  - {id: a7, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "https://a:b"}
  - {id: a8, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "http://api.weixin.qq.com"}
  - {id: a9, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "http://8.8.8.8"}
  - {id: a10, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "https://"}
  - {id: a11, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "https:api.weixin.qq.com"}
  - {id: a12, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "http://169.254.169.254"}
  - {id: a13, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "http://[fe80::1]:8090"}
  - {id: a14, platform: wechat, app_id: wx1, secret: "${SECRET}", base_url: "http://[::ffff:169.254.169.254]"}
`, `2: apps[0].base_url: is not an absolute URL; write one such as https://api.example.com
3: apps[1].base_url: is not an absolute URL; write one such as https://api.example.com
4: apps[2].base_url: has a scheme that is neither https nor http; write one such as https://api.example.com
5: apps[3].base_url: contains a user or password; remove it
6: apps[4].base_url: contains a query or fragment; remove it
7: apps[5].base_url: contains a query or fragment; remove it
8: apps[6].base_url: has no port from 1 to 65535; write the port, or nothing for the scheme's own
9: apps[7].base_url: is not an absolute URL; write one such as https://api.example.com
10: apps[8].base_url: is plain http to a public host, where secrets and tokens could be read on the way; use https (http is accepted for loopback and private addresses and internal names)
11: apps[9].base_url: is plain http to a public host, where secrets and tokens could be read on the way; use https (http is accepted for loopback and private addresses and internal names)
12: apps[10].base_url: is not an absolute URL; write one such as https://api.example.com
13: apps[11].base_url: is not an absolute URL; write one such as https://api.example.com
14: apps[12].base_url: is plain http to a public host, where secrets and tokens could be read on the way; use https (http is accepted for loopback and private addresses and internal names)
15: apps[13].base_url: is plain http to a public host, where secrets and tokens could be read on the way; use https (http is accepted for loopback and private addresses and internal names)
16: apps[14].base_url: is plain http to a public host, where secrets and tokens could be read on the way; use https (http is accepted for loopback and private addresses and internal names)`},
		{"durations", app("overlap: 5\nrenew: {every: 1.5, ahead: -10m, initial_delay: 0}\n"), `5: apps[0].overlap: "5" has no unit; write a duration such as 90s, 10m or 1h30m
6: apps[0].renew.every: "1.5" has no unit; write a duration such as 90s, 10m or 1h30m
6: apps[0].renew.ahead: "-10m" is negative; write a duration such as 90s, 10m or 1h30m
6: apps[0].renew.initial_delay: "0" has no unit; write a duration such as 90s, 10m or 1h30m`},
		{"more durations", app("overlap: 10 min\nrenew: {every: 0s, ahead: 500ms, initial_delay: 721h}\n"), `5: apps[0].overlap: "10 min" is not a duration; write one such as 90s, 10m or 1h30m
6: apps[0].renew.every: "0s" cannot be switched off like this; write at least 1s, or remove the field for the default
6: apps[0].renew.ahead: "500ms" is too short; write at least 1s
6: apps[0].renew.initial_delay: "721h" is too long; write at most 720h`},
		{
			"more secrets than are tried", "apps:\n  - platform: wechat\n    app_id: wx1\n    secret:\n" + manySecrets(broker.MaxSecrets+2),
			`13: apps[0].secret[8]: is one too many; at most 8 secrets are tried, so remove those that are no longer valid`,
		},
		{"days", app("overlap: 1d\n"), `5: apps[0].overlap: "1d" is not a duration; the longest unit is the hour, a day is 24h`},
	})
}

func TestFaultsOfTheSink(t *testing.T) {
	t.Parallel()
	runFaultCases(t, []faultCase{
		{"what is missing", app("sinks:\n  - {}\n"), `6: apps[0].sinks[0].type: is missing; write one of: properties, json, redis, webhook`},
		{"what is missing of each type", app(`sinks:
  - {type: properties}
  - {type: redis}
  - {type: webhook}
`), `6: apps[0].sinks[0].path: is missing; give the file to write
7: apps[0].sinks[1].url: is missing; give the Redis as url: redis://HOST:6379/0, with the password as ${NAME} in it, or the path of a file with the URL as url_file
8: apps[0].sinks[2].url: is missing; give the receiver as url: https://HOST/PATH, or the path of a file with the URL as url_file
8: apps[0].sinks[2].secret: is missing; give what calls are signed with as secret: ${NAME}, or the path of a file with it as secret_file; make one with: echo whsec_$(openssl rand -base64 32)`},
		{"a type nobody knows", app(`sinks:
  - {type: propertys, path: /run/a}
  - {type: kafka, url: "kafka://h", path: /run/b}
`), `6: apps[0].sinks[0].type: "propertys" is not known; did you mean "properties"?
7: apps[0].sinks[1].type: "kafka" is not known; write one of: properties, json, redis, webhook`},
		{"kinds", app(`sinks:
  - {type: json, path: /run/a, kind: jsapi_tiket}
  - {type: json, path: /run/b, kind: Access Token}
`), `6: apps[0].sinks[0].kind: platform wechat has no kind "jsapi_tiket"; did you mean "jsapi_ticket"?
7: apps[0].sinks[1].kind: "Access Token" is not a kind of token; one is such as access_token`},
		{"a key of a json file", app("sinks:\n  - {type: json, path: /run/a, key: token}\n"), `6: apps[0].sinks[0].key: a sink of type json fills its file and has no key; remove it`},
		{"one target twice", app(`sinks:
  - {type: properties, path: /run/a}
  - {type: properties, path: /run/../run/a, key: access_token}
  - {type: json, path: /run/a}
  - {type: json, path: /run/b}
  - {type: json, path: /run/b}
  - {type: properties, path: /run/b}
`), `7: apps[0].sinks[1].path: gets the same key from apps[0].sinks[0]; give one of them another key
8: apps[0].sinks[2].path: is a file that apps[0].sinks[0] writes a line of; give each its own
10: apps[0].sinks[4].path: is the file that apps[0].sinks[3] fills; give each its own
11: apps[0].sinks[5].path: is the file that apps[0].sinks[3] fills; give each its own`},
		{"the server's own files", `keyset_file: /etc/hufu/keyset.json
apps:
  - platform: wechat
    app_id: wx1
    secret: ${SECRET}
    sinks:
      - {type: json, path: /etc/hufu/keyset.json}
      - {type: json, path: data/hufu.db}
      - {type: properties, path: hufu.yaml}
`, `7: apps[0].sinks[0].path: is a file the server needs itself; choose another path
8: apps[0].sinks[1].path: is in data_dir, which is the server's own; choose a path outside of it
9: apps[0].sinks[2].path: is a file the server needs itself; choose another path`},
	})
}

func TestFaultsOfTheClient(t *testing.T) {
	t.Parallel()
	runFaultCases(t, []faultCase{
		{"what is missing", `clients:
  - {}
`, `2: clients[0].name: is missing; give the client a name, which the audit and the metrics show
2: clients[0].key: is missing; give the client's key as key: ${NAME}, or the path of a file with it as key_file
2: clients[0].apps: is missing; list the ids of the apps the client may use, or patterns such as "shop-*"`},
		{"names that are none", `clients:
  - {name: "a b", key: "${KEY}", apps: ["*"]}
`, `2: clients[0].name: "a b" is not a name; use 1 to 64 letters, digits, dots, dashes and underscores, starting with a letter or digit`},
		{"a name and a key twice", `clients:
  - {name: a, key: "${KEY}", apps: ["*"]}
  - {name: a, key: "${KEY}", apps: ["*"]}
`, `3: clients[1].name: is the same as that of clients[0]; give each client a name of its own
3: clients[1].key: is the same as that of clients[0]; give each client a key of its own`},
		{"a short key", client("key: orders-key\n"), `4: clients[0].key: has 10 characters and needs at least 32; make one with: openssl rand -hex 32`},
		{"a key that fits no header", client("key: \u043a\u043b\u044e\u0447-0123456789abcdef0123456789abcdef\n"), `4: clients[0].key: contains characters that cannot stand in an HTTP header; use letters, digits and ASCII punctuation`},
		{"the secret of an app as a key", `apps:
  - {platform: wechat, app_id: wx1, secret: ["${SECRET2}", "${SECRET}"]}
clients:
  - {name: a, key: "${SECRET}", apps: ["*"]}
`, `4: clients[0].key: is the secret at apps[0].secret[1]; make a key of its own with: openssl rand -hex 32`},
		{"apps", `clients:
  - {name: a, key: "${KEY}", apps: []}
  - {name: b, key: "${KEY2}", apps: [Shop, "", "shop.*"]}
`, `2: clients[0].apps: is empty; list the ids of the apps the client may use, or patterns such as "shop-*"
3: clients[1].apps[0]: "Shop" fits no id; use a-z, 0-9, - and *
3: clients[1].apps[1]: is empty; give it a value or remove it
3: clients[1].apps[2]: "shop.*" fits no id; use a-z, 0-9, - and *`},
		{"rights", client("key: ${KEY}\nallow: [read, renwe, write]\n"), `5: clients[0].allow[1]: "renwe" is not known; did you mean "renew"?
5: clients[0].allow[2]: "write" is not known; write one of: read, renew, call, users, admin`},
		{"no rights", client("key: ${KEY}\nallow: []\n"), `5: clients[0].allow: grants nothing; list at least one right, or remove it for read and renew`},
		{"no apps, for an administrator", `clients:
  - {name: a, key: "${KEY}", allow: [admin], apps: []}
`, `2: clients[0].apps: is empty; list the ids of the apps the client may use, or patterns such as "shop-*"`},
		{"the name of another's client", client("key: ${KEY}\n") + "  - {name: boss, key: \"${KEY2}\", allow: [admin]}\n", `6: clients[1].name: is the name of the client that runs the place; use another one`},
		{"a way of handing out nobody knows", client("key: ${KEY}\nhandout: fake\n"), `5: clients[0].handout: "fake" is not known; write one of: real, virtual`},
		{"virtual tokens without call", client("key: ${KEY}\nallow: [read, renew]\nhandout: virtual\n"), `6: clients[0].handout: gives the client virtual tokens, which need call, but its allow has no call; add call there, or remove handout for real tokens`},
		{"virtual tokens and no rights named", client("key: ${KEY}\nhandout: virtual\n"), `5: clients[0].handout: gives the client virtual tokens, which need call, but its allow has no call; add call there, or remove handout for real tokens`},
		{"virtual tokens and a right that is none", client("key: ${KEY}\nallow: [cal]\nhandout: virtual\n"), `5: clients[0].allow[0]: "cal" is not known; did you mean "call"?`},
		{"an SDK nobody knows", client("key: ${KEY}\nsdk: silencer\n"), `5: clients[0].sdk: "silencer" is not a known SDK; did you mean "silenceper"?`},
	})
}
