package httpapi_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, d)
	}
}

// shape is an answer as the golden files show it.
func shape(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\t%d %s", w.Code, w.Header().Get("Content-Type"))
	for _, name := range []string{"Retry-After", "WWW-Authenticate", "Allow"} {
		if v := w.Header().Get(name); v != "" {
			fmt.Fprintf(&b, "; %s: %s", name, v)
		}
	}
	body := w.Body.String()
	if id := w.Header().Get("X-Request-Id"); id != "" {
		body = strings.ReplaceAll(body, id, "ID")
	}
	fmt.Fprintf(&b, "\n\t%s", body)
	return b.String()
}

// Every way in which a request can be wrong, byte for byte.
func TestProblemsHaveTheirExactForm(t *testing.T) {
	t.Parallel()
	mistyped := registry.NewKey().Reveal()
	mistyped = mistyped[:len(mistyped)-1] + "!"
	put := func(app, body string) call {
		return call{method: "PUT", target: "/v1/apps/" + app, key: adminKey, body: body}
	}
	post := func(body string) call {
		return call{method: "POST", target: "/v1/clients", key: adminKey, body: body}
	}
	renew := func(body string) call {
		return call{method: "POST", target: tokenPath + "/renew", key: ordersKey, body: body}
	}
	cases := []struct {
		name string
		call call
	}{
		{"no key", call{target: tokenPath}},
		{"another scheme", call{target: tokenPath, header: map[string]string{"Authorization": "Basic b3JkZXJzOmtleQ=="}}},
		{"an empty key", call{target: tokenPath, header: map[string]string{"Authorization": "Bearer "}}},
		{"an unknown key", call{target: tokenPath, key: "unknown-key-0123456789abcdef01234567890"}},
		{"a mistyped key", call{target: tokenPath, key: mistyped}},
		{"a key with an app's id behind it", call{target: tokenPath, key: ordersKey + ".shop"}},
		{"an unknown key with an app's id behind it", call{target: tokenPath, key: "unknown-key-0123456789abcdef01234567890.shop"}},
		{"a key that is too long", call{target: tokenPath, key: strings.Repeat("k", 600)}},
		{"the app's own secret", call{target: tokenPath, key: secret}},
		{"an app that the client may not read", call{target: "/v1/apps/other/tokens/access_token", key: ordersKey}},
		{"an app that does not exist, for one who may read all", call{target: "/v1/apps/nowhere/tokens/access_token", key: adminKey}},
		{"an app of the client's pattern that does not exist", call{target: "/v1/apps/api-9/tokens/access_token", key: ordersKey}},
		{"an unknown kind", call{target: "/v1/apps/shop/tokens/refresh_token", key: ordersKey}},
		{"no such call", call{target: "/v1/tokens", key: ordersKey}},
		{"no such call, without a key", call{target: "/v1/tokens"}},
		{"a wrong method", call{method: "POST", target: tokenPath, key: ordersKey}},
		{"a wrong min_ttl", call{target: tokenPath + "?min_ttl=soon", key: ordersKey}},
		{"a renewal without a body", renew("")},
		{"a renewal that says nothing", renew("{}")},
		{"a renewal with an unknown field", renew(`{"versions":17}`)},
		{"a renewal with a wrong type", renew(`{"version":"17"}`)},
		{"a renewal with a fraction", renew(`{"version":1.5}`)},
		{"a renewal cut short", renew(`{"version":17`)},
		{"a renewal with something after it", renew(`{"version":17}{}`)},
		{"a renewal with garbage", renew("version=17")},
		{"a renewal with a wrong content type", call{method: "POST", target: tokenPath + "/renew", key: ordersKey, body: `{"version":17}`, header: map[string]string{"Content-Type": "text/xml"}}},
		{"a renewal with a huge body", renew(`{"token":"` + strings.Repeat("x", 70_000) + `"}`)},
		{"a renewal without the right", call{method: "POST", target: tokenPath + "/renew", key: readerKey, body: `{"version":17}`}},
		{"management without the right", call{target: "/v1/apps", key: ordersKey}},
		{"clients without the right", call{target: "/v1/clients", key: ordersKey}},
		{"the audit without the right", call{target: "/v1/audit", key: ordersKey}},
		{"an app without the right", call{target: "/v1/apps/shop", key: ordersKey}},
		{"an app that does not exist", call{target: "/v1/apps/nowhere", key: adminKey}},
		{"a change of an app of the file", put("shop", `{"platform":"wechat","app_id":"wx1","secret":"s"}`)},
		{"the removal of an app of the file", call{method: "DELETE", target: "/v1/apps/shop", key: adminKey}},
		{"the removal of an app that does not exist", call{method: "DELETE", target: "/v1/apps/nowhere", key: adminKey}},
		{"an app with a bad id", put("Shop_1", `{"platform":"wechat","app_id":"wx1","secret":"s"}`)},
		{"an app with two ids", put("new", `{"id":"old","platform":"wechat","app_id":"wx1","secret":"s"}`)},
		{"an app without a platform", put("new", `{"app_id":"wx1","secret":"s"}`)},
		{"an app without a secret", put("new", `{"platform":"wechat","app_id":"wx1"}`)},
		{"an app with an empty secret", put("new", `{"platform":"wechat","app_id":"wx1","secret":["a",""]}`)},
		{"an app with a number for a secret", put("new", `{"platform":"wechat","app_id":"wx1","secret":5}`)},
		{"an app of an unknown platform", put("new", `{"platform":"weixin","app_id":"wx1","secret":"s"}`)},
		{"an app of an unknown mode", put("new", `{"platform":"wechat","app_id":"wx1","secret":"s","mode":"fast"}`)},
		{"an app with a bad duration", put("new", `{"platform":"wechat","app_id":"wx1","secret":"s","renew":{"every":"1 hour"}}`)},
		{"an app with a negative duration", put("new", `{"platform":"wechat","app_id":"wx1","secret":"s","renew":{"every":"-1h"}}`)},
		{"an app with a duration too short", put("new", `{"platform":"wechat","app_id":"wx1","secret":"s","overlap":"1ms"}`)},
		{"an app with a duration too long", put("new", `{"platform":"wechat","app_id":"wx1","secret":"s","renew":{"ahead":"721h"}}`)},
		{"an app with a delay too long", put("new", `{"platform":"wechat","app_id":"wx1","secret":"s","renew":{"initial_delay":"100000h"}}`)},
		{"an app with spaces in its app_id", put("new", `{"platform":"wechat","app_id":"wx 1","secret":"s"}`)},
		{"an app with a line end in its app_id", put("new", `{"platform":"wechat","app_id":"wx1\nlevel=ERROR","secret":"s"}`)},
		{"an app with letters of its own in its app_id", put("new", `{"platform":"wechat","app_id":"w×1","secret":"s"}`)},
		{"an app with a long app_id", put("new", `{"platform":"wechat","app_id":"`+strings.Repeat("x", 129)+`","secret":"s"}`)},
		{"an app with a long secret", put("new", `{"platform":"wechat","app_id":"wx1","secret":"`+strings.Repeat("x", 513)+`"}`)},
		{"an app with a secret that was copied in quotes", put("new", `{"platform":"wechat","app_id":"wx1","secret":["s","“s”"]}`)},
		{"an app with many secrets", put("new", `{"platform":"wechat","app_id":"wx1","secret":["1","2","3","4","5","6","7","8","9"]}`)},
		{"an app with a denied path that is none", put("new", `{"platform":"wechat","app_id":"wx1","secret":"s","deny":["/x","/a?b"]}`)},
		{"an app with a text for a deny list", put("new", `{"platform":"wechat","app_id":"wx1","secret":"s","deny":"/x"}`)},
		{"an app that is there already", put("new", `{"platform":"wechat","app_id":"`+appID+`","base_url":"http://sandbox","secret":"s"}`)},
		{"an app with an unknown field", put("new", `{"platform":"wechat","app_id":"wx1","secrets":"s"}`)},
		{"a client with a bad name", post(`{"name":"-x","apps":["shop"]}`)},
		{"a client without apps", post(`{"name":"x"}`)},
		{"a client with a key of its own", post(`{"name":"x","apps":["shop"],"key":"chosen"}`)},
		{"a client with an unknown right", post(`{"name":"x","apps":["shop"],"allow":["write"]}`)},
		{"a client with an unknown SDK", post(`{"name":"x","apps":["shop"],"sdk":"mine"}`)},
		{"a client that gets what nobody knows", post(`{"name":"x","apps":["shop"],"handout":"fake"}`)},
		{"a client that gets virtual tokens and may not call", post(`{"name":"x","apps":["shop"],"allow":["read","renew"],"handout":"virtual"}`)},
		{"a client that gets virtual tokens by default and may not call", post(`{"name":"x","apps":["shop"],"handout":"virtual"}`)},
		{"a client with no paths", post(`{"name":"x","apps":["shop"],"allow":["call"],"paths":[]}`)},
		{"a client with paths that may not call", post(`{"name":"x","apps":["shop"],"paths":["/x"]}`)},
		{"a client with a path that is none", post(`{"name":"x","apps":["shop"],"allow":["call"],"paths":["/x","y"]}`)},
		{"a client with very many paths", post(`{"name":"x","apps":["shop"],"allow":["call"],"paths":["/x"` + strings.Repeat(`,"/x"`, 100) + `]}`)},
		{"a client whose name is taken", post(`{"name":"orders","apps":["shop"]}`)},
		{"the removal of a client of the file", call{method: "DELETE", target: "/v1/clients/orders", key: adminKey}},
		{"the removal of a client that does not exist", call{method: "DELETE", target: "/v1/clients/nobody", key: adminKey}},
		{"a wrong limit", call{target: "/v1/audit?limit=0", key: adminKey}},
		{"a limit too large", call{target: "/v1/apps?limit=1001", key: adminKey}},
		{"a wrong time", call{target: "/v1/audit?from=yesterday", key: adminKey}},
		{"a wrong page", call{target: "/v1/audit?before=x", key: adminKey}},
		{"a watch of nothing", call{target: "/v1/watch", key: ordersKey}},
		{"a watch without a key", call{target: "/v1/watch?app=shop"}},
		{"a watch of what the client may not read", call{target: "/v1/watch?app=shop&app=other", key: ordersKey}},
		{"a watch of what does not exist", call{target: "/v1/watch?app=api-9", key: ordersKey}},
		{"the rotation of keys, where there is none", call{method: "POST", target: "/v1/keys/rotate", key: adminKey}},
	}
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		issues := s.Issues()
		var out strings.Builder
		for _, c := range cases {
			w := s.do(c.call)
			fmt.Fprintf(&out, "%s\n%s", c.name, shape(w))
			p := problemIn(t, w, w.Code)
			if got := api.Status(p.Code, p.Class); got != w.Code {
				t.Errorf("%s: status %d, but its code stands for %d", c.name, w.Code, got)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: Cache-Control %q", c.name, w.Header().Get("Cache-Control"))
			}
		}
		golden(t, "problems.golden", out.String())
		if s.Issues() != issues || s.Checks() != 0 {
			t.Error("refused requests reached the platform")
		}
	})
}

// Where no live token is left, the answer has the platform's words and what to do.
func TestThePlatformsFaultsAreToldWithAHint(t *testing.T) {
	t.Parallel()
	fault := func(f sandbox.Fault) func(*sandbox.Sandbox) error {
		return func(s *sandbox.Sandbox) error { s.Inject(f); return nil }
	}
	cases := []struct {
		name    string
		prepare func(*sandbox.Sandbox) error
		code    string // of the platform
		class   string
	}{
		{"address", func(s *sandbox.Sandbox) error { return s.SetWhitelist(appID, "10.0.0.1") }, "40164", api.ClassMisconfigured},
		{"secret", func(s *sandbox.Sandbox) error { return s.SetSecret(appID, "another") }, "40125", api.ClassBadCredential},
		{"punished", func(s *sandbox.Sandbox) error { return s.Freeze(appID, sandbox.FrozenPunished) }, "50004", api.ClassDenied},
		{"quota", fault(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 45009}), "45009", api.ClassThrottled},
		{"minute quota", fault(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 45011}), "45011", api.ClassThrottled},
		{"gone", fault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 502}), "", api.ClassTransient},
		{"silent", fault(sandbox.Fault{Kind: sandbox.FaultHang}), "", api.ClassTransient},
		{"garbage", fault(sandbox.Fault{Kind: sandbox.FaultGarbage}), "", api.ClassTransient},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, stacktest.Config{Policy: broker.Policy{InitialDelay: time.Hour}}, func(t *testing.T, s *stack) {
				if err := c.prepare(s.Sandbox); err != nil {
					t.Fatal(err)
				}
				for i := range 3 {
					w := s.get(tokenPath, ordersKey)
					if i > 0 && w.Header().Get("Retry-After") == "" {
						t.Error("no Retry-After, although the server waits")
					}
					body := w.Body.String()
					p := problemIn(t, w, http.StatusBadGateway)
					if p.Class != c.class || p.Detail == "" || p.Hint == "" {
						t.Errorf("%+v, want class %s", p, c.class)
					}
					switch {
					case c.code == "" && p.Platform != nil:
						t.Errorf("the platform said nothing, but: %+v", p.Platform)
					case c.code != "" && (p.Platform == nil || p.Platform.Code != c.code || p.Platform.Message == ""):
						t.Errorf("the platform said %s, but: %+v", c.code, p.Platform)
					}
					if c.name == "address" && !strings.Contains(p.Hint, "127.0.0.1") {
						t.Errorf("the hint does not name the address to add: %s", p.Hint)
					}
					if strings.Contains(body, secret) || strings.Contains(body, ordersKey) {
						t.Errorf("I6: a secret in %s", body)
					}
				}
			})
		})
	}
}

func TestAServerThatStopsIsNotReady(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Policy: broker.Policy{InitialDelay: time.Hour}}, func(t *testing.T, s *stack) {
		if err := s.Manager.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		w := s.get(tokenPath, ordersKey)
		if w.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		if p := problemIn(t, w, http.StatusServiceUnavailable); p.Code != api.CodeNotReady {
			t.Errorf("%+v", p)
		}
	})
}

// hidden is what a panic's value may hold.
type hidden struct{ token string }

func TestAPanicIsA500ThatShowsNothing(t *testing.T) {
	t.Parallel()
	bad := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(hidden{"83_secret_in_a_panic"}) })
	inBubbleWith(t, httpapi.Config{DropIn: bad}, func(t *testing.T, s *stack) {
		w := s.do(call{target: "/cgi-bin/token?secret=" + ordersKey})
		body := w.Body.String()
		p := problemIn(t, w, http.StatusInternalServerError)
		if p.Code != api.CodeInternal || strings.Contains(body, "83_") || strings.Contains(body, "panic") || strings.Contains(body, "goroutine") {
			t.Errorf("%s", body)
		}
		log := s.Log.String()
		if strings.Contains(log, "83_secret") || strings.Contains(log, ordersKey) {
			t.Errorf("I6: the panic's value is in the log: %s", log)
		}
		if !strings.Contains(log, "httpapi_test.hidden") || !strings.Contains(log, p.RequestID) || !strings.Contains(log, "errors_test.go") {
			t.Errorf("the log does not tell what panicked, where and for which request: %s", log)
		}
		if s.token().Token == "" {
			t.Error("a panic ended more than its request")
		}
	})
}

func TestAnAbortIsPassedOn(t *testing.T) {
	t.Parallel()
	bad := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	inBubbleWith(t, httpapi.Config{DropIn: bad}, func(t *testing.T, s *stack) {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // the value itself
				t.Errorf("recovered %v, want the abort", p)
			}
		}()
		s.do(call{target: "/x"})
	})
}

// I6: no query, no body, no key and no token is ever logged, whatever fails.
func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		tok := s.token()
		s.Store.Fail(fmt.Errorf("the store is away"))
		for _, c := range []call{
			{target: tokenPath + "?secret=in-the-query", key: ordersKey},
			{target: tokenPath + "?min_ttl=in-the-query", key: ordersKey},
			{target: tokenPath, key: "unknown-key"},
			{target: "/v1/watch?app=in-the-query", key: ordersKey},
			{target: "/v1/audit?client=in-the-query", key: adminKey},
			{target: "/nothing?secret=in-the-query"},
			{method: "POST", target: tokenPath + "/renew", key: ordersKey, body: `{"token":"` + tok.Token + `"}`},
			{method: "POST", target: tokenPath + "/renew", key: ordersKey, body: `{"token":"in-the-body"}`},
			{method: "POST", target: tokenPath + "/renew", key: ordersKey, body: `{"in-the-body":1}`},
			{method: "PUT", target: "/v1/apps/new", key: adminKey, body: `{"platform":"wechat","app_id":"wx1","secret":"in-the-body"}`},
			{method: "POST", target: "/v1/clients", key: adminKey, body: `{"name":"new","apps":["shop"]}`},
		} {
			s.do(c)
		}
		s.Store.Fail(nil)
		s.Settle()
		log := s.Log.String()
		for _, hidden := range []string{ordersKey, adminKey, secret, tok.Token, "unknown-key", "in-the-query", "in-the-body", "?"} {
			if strings.Contains(log, hidden) {
				t.Errorf("I6: %q is in the log:\n%s", hidden, log)
			}
		}
		if !strings.Contains(log, "a request failed") {
			t.Errorf("faults of the server are not logged:\n%s", log)
		}
	})
}

func TestRequestIDsAreUnique(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		seen := map[string]bool{}
		for i := range 900 {
			id := s.get([]string{tokenPath, "/healthz", "/v1/apps"}[i%3], ordersKey).Header().Get("X-Request-Id")
			if id == "" || seen[id] {
				t.Fatalf("request id %q is none, or came twice", id)
			}
			seen[id] = true
		}
	})
}

// Whoever writes slowly or hangs up in mid-body gets an answer, and nothing panics.
func TestABodyThatBreaksOffIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		r := call{method: "POST", target: tokenPath + "/renew", key: ordersKey, body: "x"}.request(context.Background())
		r.Body = brokenBody{}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		problemIn(t, w, http.StatusBadRequest)
	})
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, fmt.Errorf("connection reset, secret=x") }
func (brokenBody) Close() error             { return nil }
