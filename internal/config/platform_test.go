package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// acme is a platform of which much is described.
const acme = `platforms:
  - name: acme
    base_url: https://api.acme.example
    params:
      - {name: tenant, required: true, help: its number}
    modes:
      - name: token
        tokens:
          - request: {method: POST, path: /auth/token, json: {app: "{app_id}", key: "{secret}", tenant: "{param.tenant}"}, header: {X-From: hufu}}
            answer: {token: data.token, lifetime: data.ttl, default: 2h, extra: {code: "0"}}
            rotation: {family: eager, lifetime: 2h, overlap: 5m, per_day: 200}
            drop_in: token
          - kind: page_ticket
            from: access_token
            request: {path: /ticket, query: {type: page}}
            answer: {token: ticket, lifetime: ttl}
            rotation: {family: fixed, lifetime: 1h, age_unknown: true, per_day: 50}
      - name: far
        base_url: https://far.acme.example
        tokens:
          - request: {method: POST, path: /auth/token, basic: true, form: {grant_type: client_credentials}, base_url: https://login.acme.example}
            answer: {token: access_token, default: 1h}
            rotation: {family: independent, unplanned: 7}
            on_demand: true
        check: {path: /far/me, field: me}
    surfaces:
      - {prefix: "", attach: {header: Authorization, scheme: Bearer}, errors: {code: [code], ok: [0], message: [msg], status: 200, need_code: true}}
      - prefix: /far/
        base_url: https://far.acme.example
        attach: {query: token}
        errors: {code: [error], message: [text], by_status: true, status: 400, detail: [more], request_id: X-Trace, wait: X-Reset}
        words: {"": {code: failed, status: 403, extra: {kind: none}}}
    codes:
      - {code: 4001, at: call, name: token_rejected, says: the token is not good, hint: nothing, rejects: true}
      - {code: -7, name: busy, class: throttled, reset: minute, retry: 5s}
      - {code: "4030", name: elsewhere, class: misconfigured, lives: true, unknown: true, beside: "88"}
    words: {unknown_app: {code: "1001", message: no such app}, "": {code: "9999"}}
    check: {method: GET, path: /ping, query: {app: "{app_id}"}}
    denied: ["/clear*"]
    exchanges: [{method: POST, path: /login, in: json, app_id: app, secret: key, tokens: [user]}]
    users: ["/my/*"]
    foreign: [/partner]
    gives: [{path: /session, tokens: [data.user]}]
    either: true
    kinds: {"/pages/*": page_ticket}
`

func TestAPlatformIsDescribedInTheFile(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, acme+`apps:
  - {platform: acme, app_id: a1, secret: "${SECRET}", mode: far, params: {tenant: "7"}}
  - {platform: wechat, app_id: wx1, secret: "${SECRET2}"}
`, options())
	if len(c.Platforms) != 1 || len(c.Apps) != 2 {
		t.Fatalf("%d platforms, %d apps", len(c.Platforms), len(c.Apps))
	}
	bearer := declared.Place{Header: "Authorization", Scheme: "Bearer"}
	want := declared.Definition{
		Name: "acme", BaseURL: "https://api.acme.example", Params: []broker.Param{{Name: "tenant", Required: true, Help: "its number"}},
		Modes: []declared.Mode{{Name: "token", Tokens: []declared.Token{{
			Kind: broker.AccessToken, DropIn: "token",
			Request: declared.Request{
				Method: "POST", Path: "/auth/token", Header: map[string]string{"X-From": "hufu"},
				JSON: map[string]string{"app": "{app_id}", "key": "{secret}", "tenant": "{param.tenant}"},
			},
			Answer:   declared.Answer{Token: "data.token", Lifetime: "data.ttl", Default: 2 * time.Hour, Extra: map[string]string{"code": "0"}},
			Rotation: broker.Rotation{Family: broker.Eager, Lifetime: 2 * time.Hour, Overlap: 5 * time.Minute, Limits: broker.Limits{PerDay: 200, Unplanned: 100}},
		}, {
			Kind: "page_ticket", From: broker.AccessToken,
			Request:  declared.Request{Method: "GET", Path: "/ticket", Query: map[string]string{"type": "page"}},
			Answer:   declared.Answer{Token: "ticket", Lifetime: "ttl"},
			Rotation: broker.Rotation{Family: broker.Fixed, Lifetime: time.Hour, AgeUnknown: true, Limits: broker.Limits{PerDay: 50, Unplanned: 50}},
		}}}, {
			Name: "far", BaseURL: "https://far.acme.example", Check: &declared.Check{Method: "GET", Path: "/far/me", Field: "me"},
			Tokens: []declared.Token{{
				Kind: broker.AccessToken, OnDemand: true,
				Request: declared.Request{
					Method: "POST", Path: "/auth/token", BaseURL: "https://login.acme.example", Basic: true, Form: map[string]string{"grant_type": "client_credentials"},
				},
				Answer:   declared.Answer{Token: "access_token", Default: time.Hour},
				Rotation: broker.Rotation{Family: broker.Independent, Limits: broker.Limits{PerDay: 2000, Unplanned: 7}},
			}},
		}},
		Surfaces: []declared.Surface{
			{Attach: bearer, Errors: declared.Errors{Code: []string{"code"}, OK: []string{"0"}, Message: []string{"msg"}, Status: 200, NeedCode: true}},
			{
				Prefix: "/far/", BaseURL: "https://far.acme.example", Attach: declared.Place{Query: "token"},
				Errors: declared.Errors{Code: []string{"error"}, Message: []string{"text"}, ByStatus: true, Status: 400, Detail: []string{"more"}, RequestID: "X-Trace", Wait: "X-Reset"},
				Words:  map[string]declared.Word{"": {Code: "failed", Status: 403, Extra: map[string]string{"kind": "none"}}},
			},
		},
		Codes: []declared.Code{
			{Code: "4001", At: declared.AtCall, Name: "token_rejected", Class: broker.Transient, Says: "the token is not good", Hint: "nothing", Rejects: true},
			{Code: "-7", Name: "busy", Class: broker.Throttled, Says: "the platform refused: busy", Hint: "look the code up in the platform's documentation", Reset: broker.ResetMinute, Retry: 5 * time.Second},
			{Code: "4030", Name: "elsewhere", Class: broker.Misconfigured, Says: "the platform refused: elsewhere", Hint: "look the code up in the platform's documentation", Lives: true, Unknown: true, Beside: "88"},
		},
		Words: map[string]declared.Word{"unknown_app": {Code: "1001", Message: "no such app"}, "": {Code: "9999"}},
		Check: &declared.Check{Method: "GET", Path: "/ping", Query: map[string]string{"app": "{app_id}"}},
		Gives: []declared.Giving{{Path: "/session", Tokens: []string{"data.user"}}}, Either: true,
		Denied:    []string{"/clear*"},
		Exchanges: []declared.Exchange{{Method: "POST", Path: "/login", In: "json", AppID: "app", Secret: "key", Tokens: []string{"user"}}},
		Users:     []string{"/my/*"}, Foreign: []string{"/partner"}, Kinds: map[string]broker.Kind{"/pages/*": "page_ticket"},
	}
	if diff := cmp.Diff(want, c.Platforms[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := declared.New(c.Platforms[0], nil); err != nil {
		t.Error(err)
	}
}

// I1: where all modes give one token, two apps that differ in their mode only are one.
func TestAnAppWithOneTokenIsNotThereTwice(t *testing.T) {
	t.Parallel()
	apps := `apps:
  - {id: a, platform: acme, app_id: a1, secret: "${SECRET}", params: {tenant: "7"}}
  - {id: b, platform: acme, app_id: a1, secret: "${SECRET}", params: {tenant: "8"}, mode: far}
`
	mustLoad(t, acme+apps, options())
	_, err := load(t, strings.Replace(acme, "    params:", "    one_token: true\n    params:", 1)+apps, options())
	if got := faultLines(t, err); !strings.Contains(got, "apps[1]: is the same app as apps[0]: it has the same platform, app_id and base_url") {
		t.Errorf("%s", got)
	}
}

func TestAPlatformWithOneModeNeedNotNameIt(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `platforms:
  - name: tiny
    base_url: https://tiny.example
    tokens:
      - request: {path: /token, query: {id: "{app_id}", key: "{secret}"}}
        answer: {token: token, default: 1h}
        rotation: {family: fixed}
    surfaces:
      - {attach: {query: token}, errors: {code: [error], message: [message]}}
    words: {"": {code: "1"}}
apps:
  - {platform: tiny, app_id: a1, secret: "${SECRET}", mode: token}
`, options())
	if d := c.Platforms[0]; len(d.Modes) != 1 || d.Modes[0].Name != "token" || d.Modes[0].Tokens[0].Kind != broker.AccessToken {
		t.Errorf("%+v", d.Modes)
	}
}

func TestFaultsOfPlatforms(t *testing.T) {
	t.Parallel()
	runFaultCases(t, []faultCase{
		{"nothing", "platforms: [{}]\n", `1: platforms[0].name: has to be 1 to 64 of a-z, 0-9 and -, and to begin with a letter or a digit
1: platforms[0].base_url: is missing
1: platforms[0].modes: are missing: say how tokens are got
1: platforms[0].surfaces: have none with the prefix "", which is for all other paths`},
		{"names that are taken", `platforms:
  - name: wechat
    base_url: https://a.example
    tokens: []
`, `2: platforms[0].surfaces: have none with the prefix "", which is for all other paths
2: platforms[0].name: is that of another platform, which is built in or described above; give it a name of its own
4: platforms[0].tokens: have none of the kind access_token, which opens the platform's calls`},
		{"everywhere", `platforms:
  - name: acme
    base_url: https://api.acme.example/
    params: [{name: a-b}]
    tokens:
      - kind: access_token
        request: {method: PUT, path: auth, json: {app.id: "{app}", key: "{secret}"}, colour: red}
        answer: {lifetime: ttl}
        rotation: {family: eager, unplanned: 3000}
        drop_in: a b
    surfaces:
      - attach: {query: token, header: Token}
        errors: {code: [code], message: [msg], status: 500}
      - {prefix: /x, attach: {query: token}, errors: {code: [code], message: [msg], detail: [code]}}
    codes:
      - {code: 1, name: Bad-Name, class: bad}
      - {name: other, rejects: true, lives: true}
    words: {"": {}, throttled: {code: 2, state: 3}}
    check: {path: "", json: {a: b}}
    exchanges: [{path: /login, in: cookie}]
    users: [my]
    kinds: {"/pages/*": page_ticket}
apps:
  - {platform: acme, app_id: a1, secret: "${SECRET}"}
`, `4: platforms[0].params[0].name: has to be of a-z, 0-9 and _, and to begin with a letter
7: platforms[0].tokens[0].request.method: "PUT" is not known; write one of: GET, POST
7: platforms[0].tokens[0].request.path: has to begin with a slash and to be written plainly: without a query, and without . or .. or nothing between two slashes
7: platforms[0].tokens[0].request.json.?: has something else in braces than app_id, secret or param.NAME
7: platforms[0].tokens[0].request.colour: unknown field; known here: method, base_url, path, query, header, json, form, basic
8: platforms[0].tokens[0].answer.token: is missing: the field in which the token stands
9: platforms[0].tokens[0].rotation.overlap: has to be there for the family eager, and for no other
9: platforms[0].tokens[0].rotation.unplanned: has to be 1 to per_day: the part that is for rejected tokens
10: platforms[0].tokens[0].drop_in: has to be of a-z, 0-9 and _, and to begin with a letter
12: platforms[0].surfaces[0].attach: has to have one of query and header: where the token stands
13: platforms[0].surfaces[0].errors.status: "500" is not a whole number from 200 to 499
14: platforms[0].surfaces[1].errors: do not make one JSON object: a field is there twice, or has a value and fields inside of it
16: platforms[0].codes[0].name: has to be of a-z, 0-9 and _, and to begin with a letter
16: platforms[0].codes[0].class: "bad" is not known; did you mean "bad_credential"?
17: platforms[0].codes[1].code: is missing
17: platforms[0].codes[1].lives: cannot be there beside rejects
18: platforms[0].words[""]: has no code, or one of a success
18: platforms[0].words.throttled.state: unknown field; did you mean "status"?
19: platforms[0].check.path: is empty; give it a value or remove it
19: platforms[0].check.json: is a body, which a GET does not have
20: platforms[0].exchanges[0].app_id: is missing: the name of the field
20: platforms[0].exchanges[0].secret: is missing: the name of the field
20: platforms[0].exchanges[0].in: "cookie" is not known; write one of: query, form, json, basic
21: platforms[0].users[0]: has to be a path that begins with a slash, with a * at its end where it is the beginning of others
22: platforms[0].kinds["/pages/*"]: names a kind that no mode has`},
		{"what cannot work", `platforms:
  - name: acme
    base_url: https://api.acme.example
    tokens:
      - request: {path: /a/../b, query: {id: "{app_id}", key: "{secret}"}}
        answer: {token: token, default: 1h}
        rotation: {family: eager, lifetime: 1h, overlap: 2h}
      - kind: ticket
        from: access_token
        request: {path: /a//b}
        answer: {token: token, default: 1h}
        rotation: {family: late, lifetime: 1h, window: 61m}
    surfaces:
      - {attach: {query: token}, errors: {code: [code], message: [msg]}, words: {token_mising: {code: 1}}}
      - {prefix: /x/./y, attach: {query: token}, errors: {code: [code], message: [msg]}}
    words:
      unknown_ap: {code: 1}
      0123456789abcdef0123456789abcdef: {code: 1}
      system: {code: 1}
      ambiguous_app: {code: 1}
      "": {code: 1}
    check: {path: /ping#here}
    users: ["/my/../*"]
`, `5: platforms[0].tokens[0].request.path: has to begin with a slash and to be written plainly: without a query, and without . or .. or nothing between two slashes
7: platforms[0].tokens[0].rotation.overlap: is longer than the lifetime, and no token lives on for longer than it lives
10: platforms[0].tokens[1].request.path: has to begin with a slash and to be written plainly: without a query, and without . or .. or nothing between two slashes
12: platforms[0].tokens[1].rotation.window: is longer than the lifetime, of which it is the end
14: platforms[0].surfaces[0].words.token_mising: is neither the code of an error of this server nor a class of them; did you mean "token_missing"?
15: platforms[0].surfaces[1].prefix: has to begin with a slash and to be written plainly: without a query, and without . or .. or nothing between two slashes
17: platforms[0].words.unknown_ap: is neither the code of an error of this server nor a class of them; did you mean "unknown_app"?
18: platforms[0].words.?: is neither the code of an error of this server nor a class of them
19: platforms[0].words.system: is neither the code of an error of this server nor a class of them
22: platforms[0].check.path: has to begin with a slash and to be written plainly: without a query, and without . or .. or nothing between two slashes
23: platforms[0].users[0]: has to be a path that begins with a slash, with a * at its end where it is the beginning of others`},
		{"not twice and not both", `platforms:
  - name: acme
    base_url: https://api.acme.example
    modes: []
    tokens: []
    surfaces:
      - {attach: {query: token}, errors: {code: [code], message: [msg]}}
    words: {"": {code: 1}}
  - name: acme
    base_url: http://acme.example
    tokens: 1
    surfaces: [x]
`, `4: platforms[0].modes: are missing: say how tokens are got
5: platforms[0].tokens: is given beside modes; move the tokens into one of them
9: platforms[1].name: is that of another platform, which is built in or described above; give it a name of its own
10: platforms[1].base_url: is plain http to a public host, where secrets and tokens could be read on the way; use https (http is accepted for loopback and private addresses and internal names)
11: platforms[1].tokens: has to be a list (lines that start with -), but a single value stands here
12: platforms[1].surfaces[0]: has to be a mapping (name: value), but a single value stands here`},
	})
}

// What is described above is a platform for what stands below, and only there.
func TestAPlatformOfTheFileIsOneOfItsOwn(t *testing.T) {
	t.Parallel()
	opt := options()
	before := slices.Clone(opt.Platforms)
	mustLoad(t, acme, opt)
	if len(opt.Platforms) != len(before) {
		t.Error("the table of the caller was changed")
	}
	if c := config.Default(); len(c.Platforms) > 0 {
		t.Error("there is a platform by default")
	}
}
