package gateway_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// Every way to fail before a call goes out, in both forms.
func TestCallsAreRefusedInTheFormOfTheirDoor(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		flipped := []byte(s.token(virtualKey))
		flipped[len(flipped)-1] ^= 1
		for name, c := range map[string]struct {
			a    answer
			want int
		}{
			"no token":                                {s.send(request(http.MethodGet, users, "")), 41001},
			"an empty token":                          {s.get(users, ""), 41001},
			"a token that is made up":                 {s.get(users, "83_madeup"), 40001},
			"a forged virtual token":                  {s.get(users, "hv1_"+strings.Repeat("A", 100)), 40001},
			"a virtual token with a bit flipped":      {s.get(users, string(flipped)), 40001},
			"a path that climbs":                      {s.get("/cgi-bin/../v1/apps", s.token(virtualKey)), 40066},
			"a path on the deny list":                 {s.post("/cgi-bin/clear_quota", s.token(virtualKey), `{"appid":"`+stacktest.AppID+`"}`), 48001},
			"the same in other letters":               {s.post("/CGI-BIN/Clear_Quota/", s.token(virtualKey), `{"appid":"`+stacktest.AppID+`"}`), 48001},
			"a path that the client may not call":     {s.get(users, s.token(limitedKey)), 48001},
			"a path that wants another sort of token": {s.post("/cgi-bin/component/api_component_token", s.token(virtualKey), "{}"), 61014},
		} {
			if c.a.status != http.StatusOK || c.a.Errcode != c.want || !strings.Contains(c.a.Errmsg, " rid: ") {
				t.Errorf("%s: %d %s, want %d", name, c.a.status, c.a.body, c.want)
			}
			if !strings.Contains(c.a.header.Get("Content-Type"), "json") || c.a.header.Get("X-Request-Id") == "" {
				t.Errorf("%s: header %v", name, c.a.header)
			}
		}
		for name, c := range map[string]struct {
			a      answer
			status int
			code   string
		}{
			"an unknown key":                      {s.keyed(http.MethodGet, users, "somebody", ""), http.StatusUnauthorized, "unauthorized"},
			"a client without call":               {s.keyed(http.MethodGet, users, stacktest.ReaderKey, ""), http.StatusForbidden, "not_allowed"},
			"a path that climbs":                  {s.keyed(http.MethodGet, "/cgi-bin/..%2f..%2fv1", callerKey, ""), http.StatusBadRequest, "bad_path"},
			"a path on the deny list":             {s.keyed(http.MethodPost, "/cgi-bin/clear_quota", callerKey, "{}"), http.StatusForbidden, "not_allowed"},
			"a path that the client may not call": {s.keyed(http.MethodGet, users, limitedKey, ""), http.StatusForbidden, "not_allowed"},
			"a user's path without a token":       {s.keyed(http.MethodGet, "/sns/userinfo", callerKey, ""), http.StatusBadRequest, "token_missing"},
			"the key in the query as well":        {s.keyed(http.MethodGet, users+"?key="+callerKey, callerKey, ""), http.StatusBadRequest, "key_inside"},
			"the key in the body as well":         {s.keyed(http.MethodPost, message, callerKey, `{"key":"`+callerKey+`"}`), http.StatusBadRequest, "key_inside"},
		} {
			if c.a.status != c.status || c.a.Code != c.code {
				t.Errorf("%s: %d %s, want %d %s", name, c.a.status, c.a.body, c.status, c.code)
			}
		}
		unknown := request(http.MethodGet, "/gateway/nowhere"+users, "")
		unknown.Header.Set("Authorization", "Bearer "+stacktest.AdminKey)
		if a := s.send(unknown); a.status != http.StatusNotFound {
			t.Errorf("an app that is not there: %d %s", a.status, a.body)
		}
		for _, path := range []string{
			users, message, "/sns/userinfo", "/cgi-bin/clear_quota", "/CGI-BIN/Clear_Quota/", "/cgi-bin/token", "/v1/apps", "/cgi-bin/../v1/apps",
			"/cgi-bin/component/api_component_token",
		} {
			// What the platform could not tell whose it is counts for nobody.
			for _, appID := range []string{stacktest.AppID, ""} {
				if n := s.Sandbox.Calls(appID, path); n != 0 {
					t.Errorf("%d calls of %s for %q reached the platform", n, path, appID)
				}
			}
		}
	})
}

// Limits of paths bind the clients that have them, and with a real token, which says
// nothing of its client, all that could have made the call.
func TestPathRulesLimitWhatAClientCalls(t *testing.T) {
	t.Parallel()
	limited := stacktest.Client("sender", stacktest.Key("sender"), broker.Read|broker.Call, "api-limited")
	limited.Paths = []string{"/cgi-bin/message/*"}
	app := stacktest.NewApp("api-limited", stacktest.OtherID)
	inBubble(t, stackConfig{Config: stacktest.Config{Apps: []*broker.App{app}, Clients: []*broker.Client{limited}}}, func(t *testing.T, s *stack) {
		if a := s.post(message, s.token(limitedKey), text); !a.ok() {
			t.Errorf("a path that the client may call: %s", a.body)
		}
		plain, ok := s.Service.ReadNow(broker.Caller{Client: limited}, "api-limited", broker.AccessToken)
		if !ok {
			t.Fatal("no token")
		}
		// caller may call all paths of api-*, and could have made this call.
		if a := s.get(users, plain.Secret.Reveal()); !a.ok() {
			t.Errorf("a real token that two clients may have: %s", a.body)
		}
	})
}

// What spends what cannot be had again is for administrators, and written down first.
func TestDeniedPathsAreForAdministratorsAndAudited(t *testing.T) {
	t.Parallel()
	open := stacktest.NewApp("api-open", stacktest.OtherID)
	open.Deny = []string{}
	inBubble(t, stackConfig{Config: stacktest.Config{Apps: []*broker.App{open}}}, func(t *testing.T, s *stack) {
		body := `{"appid":"` + stacktest.AppID + `"}`
		if a := s.keyed(http.MethodPost, "/cgi-bin/clear_quota", stacktest.AdminKey, body); a.Errcode != 0 || a.status != http.StatusOK {
			t.Errorf("an administrator: %d %s", a.status, a.body)
		}
		entries := s.Entries()
		if !slices.ContainsFunc(entries, func(e broker.AuditEntry) bool {
			return e.Action == "call_denied_path" && e.Client == "admin" && e.App == stacktest.App && e.Target == "/cgi-bin/clear_quota"
		}) {
			t.Errorf("I10: it is not in the audit: %+v", entries)
		}
		s.Store.Fail(context.DeadlineExceeded)
		arrived := s.Sandbox.Calls(stacktest.AppID, "/cgi-bin/clear_quota")
		if a := s.keyed(http.MethodPost, "/cgi-bin/clear_quota", stacktest.AdminKey, body); a.status == http.StatusOK {
			t.Errorf("I10: it was done although it could not be written down: %s", a.body)
		}
		if s.Sandbox.Calls(stacktest.AppID, "/cgi-bin/clear_quota") != arrived {
			t.Error("I10: it reached the platform although it could not be written down")
		}
		s.Store.Fail(nil)
		// An app whose deny list is empty lets its clients do it.
		r := request(http.MethodPost, "/gateway/api-open/cgi-bin/clear_quota", `{"appid":"`+stacktest.OtherID+`"}`)
		r.Header.Set("Authorization", "Bearer "+callerKey)
		if a := s.send(r); a.Errcode != 0 || a.status != http.StatusOK {
			t.Errorf("an app that denies nothing: %d %s", a.status, a.body)
		}
	})
}

// A virtual token is worth what its client may do at this moment.
func TestAVirtualTokenDiesWithItsClient(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		ctx := t.Context()
		add := func(apps []string, rights broker.Right) string {
			t.Helper()
			key, err := s.Registry.AddClient(ctx, &broker.Client{Name: "temp", Apps: apps, Rights: broker.Rights(rights), Handout: broker.HandoutVirtual})
			if err != nil {
				t.Fatal(err)
			}
			return key.Reveal()
		}
		remove := func() {
			t.Helper()
			if err := s.Registry.DeleteClient(ctx, "temp"); err != nil {
				t.Fatal(err)
			}
		}
		tok := s.token(add([]string{stacktest.App}, broker.Call))
		if a := s.get(users, tok); !a.ok() {
			t.Fatalf("%s", a.body)
		}
		if len(tok) > 512 || strings.Trim(tok, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			t.Errorf("the token %q cannot go into every URL", tok)
		}
		remove()
		if a := s.get(users, tok); a.Errcode != 40001 {
			t.Errorf("the token of a client that was revoked: %s", a.body)
		}
		again := s.token(add([]string{stacktest.App}, broker.Call))
		if a := s.get(users, tok); a.Errcode != 40001 {
			t.Errorf("the token of the client before: %s", a.body)
		}
		if a := s.get(users, again); !a.ok() {
			t.Errorf("the token of the new client: %s", a.body)
		}
		remove()
		add([]string{"api-*"}, broker.Call)
		if a := s.get(users, again); a.Errcode != 40001 {
			t.Errorf("the token of a client that lost the app: %s", a.body)
		}
		remove()
	})
}

// A path that the platform has throttled is left alone until it listens again, with the
// platform's own words, and other paths go on.
func TestAThrottledPathIsLeftAlone(t *testing.T) {
	t.Parallel()
	quotas := sandbox.Quotas{CallsPerDay: 10}
	inBubble(t, stackConfig{Config: stacktest.Config{Sandbox: sandbox.Config{Quotas: quotas}}}, func(t *testing.T, s *stack) {
		opaque := s.token(virtualKey)
		for i := range 10 {
			if a := s.get(users, opaque); !a.ok() {
				t.Fatalf("call %d: %s", i, a.body)
			}
		}
		first := s.get(users, opaque)
		arrived := s.Sandbox.Calls(stacktest.AppID, users)
		for range 20 {
			a := s.get(users, opaque)
			if a.Errcode != 45009 || a.header.Get("Retry-After") == "" || !strings.HasPrefix(a.Errmsg, "reach max api daily quota limit") {
				t.Errorf("got %s, the platform said %s", a.body, first.body)
			}
		}
		if n := s.Sandbox.Calls(stacktest.AppID, users) - arrived; n != 0 {
			t.Errorf("%d calls reached a platform that had said that it is enough", n)
		}
		if a := s.post(message, opaque, text); !a.ok() {
			t.Errorf("another path: %s", a.body)
		}
		if a := s.keyed(http.MethodPost, "/cgi-bin/clear_quota", stacktest.AdminKey, `{"appid":"`+stacktest.AppID+`"}`); a.Errcode != 0 {
			t.Fatalf("%s", a.body)
		}
		if a := s.get(users, opaque); !a.ok() {
			t.Errorf("after the quota was cleared: %s", a.body)
		}
		time.Sleep(time.Second)
	})
}

// An SDK whose base URL names the app, or whose transport shows the key, finds tokens,
// tickets and calls below it, and nothing of other apps.
func TestABaseURLMayNameTheApp(t *testing.T) {
	t.Parallel()
	twin := stacktest.NewApp("api-twin", stacktest.AppID)
	twin.Mode = "classic"
	inBubble(t, stackConfig{Config: stacktest.Config{Apps: []*broker.App{twin}}}, func(t *testing.T, s *stack) {
		credentials := exchangePath("", "grant_type", "client_credential", "appid", stacktest.AppID, "secret", callerKey)
		tokens := map[string]string{}
		for _, app := range []string{stacktest.App, "api-twin"} {
			a := s.send(request(http.MethodGet, "/gateway/"+app+"/cgi-bin/token"+credentials, ""))
			if a.AccessToken == "" {
				t.Fatalf("%s: %s", app, a.body)
			}
			tokens[app] = a.AccessToken
			if a := s.send(request(http.MethodGet, withToken("/gateway/"+app+users, a.AccessToken), "")); !a.ok() {
				t.Errorf("%s: a call: %s", app, a.body)
			}
			if a := s.send(request(http.MethodGet, withToken("/gateway/"+app+"/cgi-bin/ticket/getticket?type=jsapi", a.AccessToken), "")); !a.ok() || a.Ticket == "" {
				t.Errorf("%s: a ticket: %s", app, a.body)
			}
		}
		if tokens[stacktest.App] == tokens["api-twin"] {
			t.Error("I8: two apps with one app id got one token")
		}
		if a := s.send(request(http.MethodGet, withToken("/gateway/"+stacktest.App+"/cgi-bin/ticket/getticket?type=jsapi", tokens["api-twin"]), "")); a.Errcode != 40001 {
			t.Errorf("I8: a ticket for the token of another app: %s", a.body)
		}
		if a := s.keyed(http.MethodGet, "/cgi-bin/token", callerKey, ""); a.AccessToken != tokens[stacktest.App] {
			t.Errorf("a token with the key in the header: %s", a.body)
		}
		if a := s.keyed(http.MethodGet, "/cgi-bin/ticket/getticket?type=wx_card", virtualKey, ""); !a.ok() || a.Ticket == "" {
			t.Errorf("a ticket with the key in the header: %s", a.body)
		}
		for name, a := range map[string]answer{
			"another app's id":        s.send(request(http.MethodGet, "/gateway/api-twin/cgi-bin/token"+exchangePath("", "grant_type", "client_credential", "appid", stacktest.OtherID, "secret", callerKey), "")),
			"an app that is not here": s.send(request(http.MethodGet, "/gateway/nowhere/cgi-bin/token"+credentials, "")),
			"a client without rights": s.send(request(http.MethodGet, "/gateway/api-twin/cgi-bin/token"+exchangePath("", "grant_type", "client_credential", "appid", stacktest.AppID, "secret", stacktest.ReaderKey), "")),
		} {
			if a.Errcode != 40013 {
				t.Errorf("%s: %s", name, a.body)
			}
		}
	})
}

// I7: a path that wants another token than the app's rejects every one of them. That costs
// one issue, not one for every call.
func TestI7APathThatRejectsEveryTokenCostsOneIssue(t *testing.T) {
	t.Parallel()
	always := besides(func(*http.Request) (*http.Response, error) {
		return says(http.StatusOK, nil, `{"errcode":40001,"errmsg":"invalid credential"}`), nil
	})
	inBubble(t, stackConfig{Config: stacktest.Config{Mode: "classic"}, transport: always}, func(t *testing.T, s *stack) {
		opaque, issues := s.token(virtualKey), s.Issues()
		for range 20 {
			if a := s.get("/test/component", opaque); a.Errcode != 40001 {
				t.Errorf("got %s", a.body)
			}
			time.Sleep(10 * time.Second)
		}
		if n := s.Issues() - issues; n > 1 {
			t.Errorf("I7: %d issues for a path that rejects every token", n)
		}
		if a := s.get(users, opaque); !a.ok() {
			t.Errorf("another path: %s", a.body)
		}
	})
}
