package dropin_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/dropin"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/stacktest"
)

const robotID = "cli_1" // what acme calls the app robot

// withAcme has the app robot of the platform acme, and the client bob who may read it.
func withAcme(clients ...*broker.Client) (*fake, stacktest.Config) {
	f, p := acme()
	return f, stacktest.Config{
		Platforms: []broker.Platform{p}, Apps: []*broker.App{f.app("robot", robotID)},
		Clients: append(clients, fakeClient("bob", "robot")),
	}
}

func basic(id, key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+key))
}

// However a platform is asked, and whatever its answers look like, its paths give the
// managed tokens, of the kind that is asked for.
func TestEveryPlatformIsAskedInItsOwnWay(t *testing.T) {
	t.Parallel()
	f, c := withAcme()
	inBubble(t, c, func(t *testing.T, s *stack) {
		key := stacktest.Key("bob")
		form := "id=" + robotID + "&secret=" + key
		for _, call := range []struct {
			path, body string
			header     []string
			kind       broker.Kind
			by         string
		}{
			{"/open/token", credentials(robotID, key), nil, broker.AccessToken, "token"},
			{"//open///token/", credentials(robotID, key), nil, broker.AccessToken, "token"},
			{"/open/app_token", credentials(robotID, key), nil, broker.AppAccessToken, "app_token"},
			{"/v1/corp-1/token", credentials(robotID, key), nil, broker.AccessToken, "corp_token"},
			{"/v1//any/token", credentials(robotID, key), nil, broker.AccessToken, "corp_token"},
			{"/gateway/robot/v1/corp-1/token", credentials(robotID, key), nil, broker.AccessToken, "corp_token"},
			{"/oauth/token", form, nil, broker.AccessToken, "form"},
			{"/oauth/token", "", []string{"Authorization", basic(robotID, key)}, broker.AccessToken, "form"},
			{"/gateway/robot/open/token", "{}", []string{"Authorization", "Bearer " + key}, broker.AccessToken, "token"},
			{"/gateway/robot/open/app_token", `{"id":"` + robotID + `"}`, []string{"Authorization", "bearer " + key}, broker.AppAccessToken, "app_token"},
		} {
			w := s.do("POST", call.path, call.body, call.header...)
			value := f.token("robot", call.kind)
			if got, want := w.Body.String(), `{"ok":true,"by":"`+call.by+`","data":{"value":"`+value+`","ttl":`; value == "" || !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s, want %s…", call.path, got, want)
			}
		}
		// A ticket is opened by the token; at the app's own base URL by the key as well.
		tok := f.token("robot", broker.AccessToken)
		for path, bearer := range map[string]string{"/open/ticket": tok, "/gateway/robot/open/ticket": tok} {
			g := s.ask(t, "POST", path, "", "Authorization", "Bearer "+bearer)
			if g.Data.Value == "" || g.Data.Value != f.token("robot", broker.JSAPITicket) || g.Data.TTL < 1 {
				t.Errorf("%s: %+v", path, g)
			}
		}
	})
}

// What is wrong is said by the platform whose path it is, with the path, and to strangers
// nothing of what is here.
func TestEveryPlatformSaysFaultsInItsOwnWords(t *testing.T) {
	t.Parallel()
	f, c := withAcme(stacktest.Client("shopper", stacktest.Key("shopper"), broker.Read, "shop"))
	inBubble(t, c, func(t *testing.T, s *stack) {
		bob, shopper := stacktest.Key("bob"), stacktest.Key("shopper")
		for _, tt := range []struct{ name, method, path, body, code string }{
			{"nothing", "POST", "/open/token", "{}", "app_id_missing"},
			{"no key", "POST", "/open/token", `{"id":"cli_1"}`, "key_missing"},
			{"no JSON", "POST", "/open/token", "id=cli_1", "bad_body"},
			{"a body over the limit", "POST", "/open/token", `{"x":"` + strings.Repeat("x", 70_000) + `"}`, "bad_body"},
			{"another method", "GET", "/open/token", "", "wrong_method"},
			{"a wrong key", "POST", "/open/token", credentials(robotID, "guess"), "unauthorized"},
			{"a wrong key, and no such app", "POST", "/open/token", credentials("cli_none", "guess"), "unauthorized"},
			{"a wrong key at a path with a name in it", "POST", "/v1/corp/token", credentials(robotID, "guess"), "unauthorized"},
			{"no such app", "POST", "/open/token", credentials("cli_none", bob), "unknown_app"},
			{"an app of others", "POST", "/open/token", credentials(robotID, shopper), "unknown_app"},
			{"no grant type", "POST", "/open/token", `{"id":"cli_1","secret":"` + bob + `"}`, "grant_type_missing"},
			{"a wrong grant type", "POST", "/open/token", `{"id":"cli_1","secret":"` + bob + `","grant":"x"}`, "wrong_grant_type"},
			{"a wrong grant type, and no such app", "POST", "/open/token", `{"id":"cli_none","secret":"` + bob + `","grant":"x"}`, "unknown_app"},
			{"a ticket without a token", "POST", "/open/ticket", "", "token_missing"},
		} {
			g := s.ask(t, tt.method, tt.path, tt.body)
			if g.Platform != "acme" || g.Code != tt.code || g.Path != tt.path {
				t.Errorf("%s: %+v, want %s", tt.name, g, tt.code)
			}
			if id := g.ID; !strings.Contains(s.Log.String(), "request_id="+id+" platform=acme") {
				t.Errorf("%s: nothing in the log about %s", tt.name, id)
			}
		}
		if g := s.ask(t, "POST", "/open/token", credentials(robotID, "guess")); !strings.Contains(g.Hint, "put a Hufu key") {
			t.Errorf("a wrong key: %+v", g)
		}
		// An app that is not the client's is as one that is not there.
		for id, key := range map[string]string{"cli_none": bob, robotID: shopper} {
			if g := s.ask(t, "POST", "/open/token", credentials(id, key)); g.Hint != "there is no app with this id that this client may use" {
				t.Errorf("%s: %+v", id, g)
			}
		}
		if n := f.token("robot", broker.AppAccessToken); !strings.HasSuffix(n, "-1") && !strings.HasSuffix(n, "-2") {
			t.Errorf("refused calls had tokens issued: %s", n)
		}
		if w := s.do("OPTIONS", "/open/token", ""); w.Header().Get("Allow") != "POST, HEAD, OPTIONS" {
			t.Errorf("OPTIONS: %v", w.Header())
		}
		// A path of nobody is refused in the words of the first platform.
		for _, path := range []string{"/v1/token", "/v1//token", "/v1/a/b/token", "/v1/a/token/b", "/open", "/OPEN/token"} {
			if a := decode(t, s.do("POST", path, credentials(robotID, bob))); a.Errcode != 40066 {
				t.Errorf("%s: %+v", path, a)
			}
		}
	})
}

// I8: no token opens a path but one of the app and the kind that it wants. Tokens of
// another platform, of another kind, tickets and keys are all the same there.
func TestOnlyAnAppsOwnAccessTokenOpensItsTicketsI8(t *testing.T) {
	t.Parallel()
	f, c := withAcme()
	inBubble(t, c, func(t *testing.T, s *stack) {
		bob := stacktest.Key("bob")
		s.ask(t, "POST", "/open/app_token", credentials(robotID, bob))
		mine := s.ask(t, "POST", "/open/token", credentials(robotID, bob)).Data.Value
		ticket := s.ask(t, "POST", "/open/ticket", "", "Authorization", "Bearer "+mine).Data.Value
		theirs := s.token(ordersID).AccessToken
		if ticket == "" || theirs == "" {
			t.Fatalf("ticket %q, token %q", ticket, theirs)
		}
		for name, tok := range map[string]string{
			"another platform's token": theirs, "a ticket": ticket, "a token of another kind": f.token("robot", broker.AppAccessToken), "a key": bob, "a guess": "guess",
		} {
			if g := s.ask(t, "POST", "/open/ticket", "", "Authorization", "Bearer "+tok); g.Code != "token_unknown" || g.OK {
				t.Errorf("I8: %s: %+v", name, g)
			}
			if g := s.ask(t, "POST", "/gateway/shop/open/ticket", "", "Authorization", "Bearer "+tok); g.OK || g.Data.Value != "" {
				t.Errorf("I8: %s for another platform's app: %+v", name, g)
			}
		}
		for name, tok := range map[string]string{"acme's token": mine, "acme's ticket": ticket} {
			if a := decode(t, s.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+tok, "")); a.Errcode != 40001 || a.Ticket != "" {
				t.Errorf("I8: %s at WeChat: %+v", name, a)
			}
		}
	})
}

// I8: one id at two platforms is two apps.
func TestOneIDAtTwoPlatformsIsTwoAppsI8(t *testing.T) {
	t.Parallel()
	f, c := withAcme(fakeClient("both", "robot", "shop", "twin"), fakeClient("one", "shop"))
	twin := f.app("twin", appID)
	c.Apps = append(c.Apps, twin)
	inBubble(t, c, func(t *testing.T, s *stack) {
		both, one := stacktest.Key("both"), stacktest.Key("one")
		if a, g := decode(t, s.do("GET", tokenPath(appID, both), "")), s.ask(t, "POST", "/open/token", credentials(appID, both)); a.AccessToken == "" ||
			g.Data.Value != f.token("twin", broker.AccessToken) || a.AccessToken == g.Data.Value {
			t.Errorf("I8: WeChat's paths give %q, acme's %q", a.AccessToken, g.Data.Value)
		}
		if g := s.ask(t, "POST", "/open/token", credentials(appID, one)); g.Code != "unknown_app" {
			t.Errorf("I8: who may read WeChat's app only: %+v", g)
		}
		if a := decode(t, s.do("GET", tokenPath(robotID, both), "")); a.Errcode != 40013 {
			t.Errorf("I8: acme's app on WeChat's path: %+v", a)
		}
	})
}

// Early re-asks are told apart by kind: that a client has one token says nothing of another.
func TestKindsAreSuspectedOneByOne(t *testing.T) {
	t.Parallel()
	f, c := withAcme()
	inBubble(t, c, func(t *testing.T, s *stack) {
		body := credentials(robotID, stacktest.Key("bob"))
		tenant := s.ask(t, "POST", "/open/token", body).Data.Value
		app := s.ask(t, "POST", "/open/app_token", body).Data.Value
		if f.checked(tenant) != 0 || f.checked(app) != 0 {
			t.Fatalf("%d and %d checks for the first read of each kind", f.checked(tenant), f.checked(app))
		}
		f.kill("robot", broker.AppAccessToken)
		again := s.ask(t, "POST", "/open/app_token", body).Data.Value
		if f.checked(tenant) != 0 || f.checked(app) != 1 || again == app || again != f.token("robot", broker.AppAccessToken) {
			t.Errorf("I4: a dead token of one kind, asked for again early: %q, %d checks of it and %d of the other", again, f.checked(app), f.checked(tenant))
		}
		f.kill("robot", broker.AccessToken)
		forced := s.ask(t, "POST", "/v1/corp/token", strings.Replace(body, "{", `{"force":true,`, 1)).Data.Value
		if forced == tenant || forced != f.token("robot", broker.AccessToken) {
			t.Errorf("a dead token, asked for by force: %q", forced)
		}
	})
}

// Where tokens live on to their own expiry, one that was replaced still opens what it did.
func TestATokenOpensTicketsForAsLongAsItLives(t *testing.T) {
	t.Parallel()
	f, c := withAcme()
	inBubble(t, c, func(t *testing.T, s *stack) {
		body := credentials(robotID, stacktest.Key("bob"))
		old := ""
		for begun := time.Now(); old == "" || f.token("robot", broker.AccessToken) == old; time.Sleep(time.Minute) {
			if old = s.ask(t, "POST", "/open/token", body).Data.Value; time.Since(begun) > 3*time.Hour {
				t.Fatal("the token is never renewed")
			}
		}
		for _, step := range []struct {
			after time.Duration
			ok    bool
		}{{0, true}, {20 * time.Minute, true}, {11 * time.Minute, false}} {
			time.Sleep(step.after)
			if g := s.ask(t, "POST", "/open/ticket", "", "Authorization", "Bearer "+old); g.OK != step.ok {
				t.Errorf("%v later: %+v", step.after, g)
			}
		}
	})
}

// forwarder notes what is passed on.
type forwarder struct{ calls []string }

func (f *forwarder) Forward(w http.ResponseWriter, _ *http.Request, app, path, _ string) {
	f.calls = append(f.calls, app+" "+path)
	_, _ = w.Write([]byte(`{"ok":true}`))
}

// A base URL that names an app is that of its platform: another platform's token path is a
// path like any other there. Strangers hear the same of every app, and of none.
func TestABaseURLIsThatOfTheAppsPlatform(t *testing.T) {
	t.Parallel()
	f, c := withAcme()
	c.Apps = append(c.Apps, f.app("robot-2", "cli_2"))
	inBubble(t, c, func(t *testing.T, s *stack) {
		to := &forwarder{}
		h, err := dropin.New(dropin.Config{
			Service: s.Service, Logger: slog.New(slog.DiscardHandler), Forward: to, Platforms: append([]broker.Platform{wechat.Platform(nil)}, c.Platforms...),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Handler = h
		bob, tok := "Bearer "+stacktest.Key("bob"), "Bearer "+f.token("robot", broker.AccessToken)
		for _, tt := range []struct {
			path, authorization string
			passed              bool
		}{
			{"/gateway/robot/cgi-bin/token", bob, true},
			{"/gateway/robot/cgi-bin/token", tok, true},
			{"/gateway/robot-2/cgi-bin/token", tok, false},
			{"/gateway/robot/cgi-bin/token", "", false},
			{"/gateway/robot/cgi-bin/token", "Bearer guess", false},
			{"/gateway/robot/open/token", bob, false},
			{"/gateway/shop/cgi-bin/token", bob, false},
			{"/gateway/none/cgi-bin/token", bob, false},
			{"/gateway/robot/anything", "", true},
			{"/cgi-bin/user/get", "", true},
		} {
			to.calls = nil
			var header []string
			if tt.authorization != "" {
				header = []string{"Authorization", tt.authorization}
			}
			s.do("GET", tt.path, "", header...)
			if passed := len(to.calls) > 0; passed != tt.passed {
				t.Errorf("%s with %.10q: passed on: %t", tt.path, tt.authorization, passed)
			}
		}
		seen := map[string][]string{}
		for _, app := range []string{"robot", "shop", "none"} {
			for _, target := range []string{"/gateway/" + app + "/cgi-bin/token?grant_type=client_credential&appid=x&secret=guess", "/gateway/" + app + "/cgi-bin/token"} {
				body := mask(s.do("GET", target, "").Body.String())
				seen[body] = append(seen[body], app)
			}
			body := s.ask(t, "POST", "/gateway/"+app+"/open/token", credentials(robotID, "guess"))
			body.ID = ""
			seen[fmt.Sprint(body)] = append(seen[fmt.Sprint(body)], app)
		}
		for body, apps := range seen {
			if !cmp.Equal(slices.Sorted(slices.Values(apps)), []string{"none", "robot", "shop"}) {
				t.Errorf("strangers hear %q of %v only", body, apps)
			}
		}
	})
}

// There are as many series as there are paths, whatever is asked.
func TestMetricsHaveAFixedNumberOfSeries(t *testing.T) {
	t.Parallel()
	_, c := withAcme()
	inBubble(t, c, func(t *testing.T, s *stack) {
		want := series(t, s)
		if len(want) != 3*(1+3+5) || !slices.Contains(want, "acme corp_token ok") || !slices.Contains(want, "wechat stable_token refused") || !slices.Contains(want, " other refused") {
			t.Errorf("series %q", want)
		}
		for i := range 20 {
			s.do("POST", fmt.Sprintf("/v1/corp-%d/token", i), credentials(fmt.Sprint(i), fmt.Sprint(i)))
			s.do("GET", fmt.Sprintf("/x/%d", i), "")
		}
		if d := cmp.Diff(want, series(t, s)); d != "" {
			t.Errorf("after calls (-want +got):\n%s", d)
		}
	})
}

func series(tb testing.TB, s *stack) (found []string) {
	tb.Helper()
	families, err := s.Metrics.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() != "hufu_dropin_requests_total" {
				continue
			}
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			found = append(found, labels["platform"]+" "+labels["path"]+" "+labels["result"])
		}
	}
	return found
}

func TestTokenPathsHaveToBeComplete(t *testing.T) {
	t.Parallel()
	s := stacktest.New(t, stacktest.Config{})
	f, whole := acme()
	dumb := f.platform(byBearer("ticket", "/open/ticket"))
	dumb.Upstream = nil
	for name, tt := range map[string]struct {
		platforms []broker.Platform
		want      string
	}{
		"whole":           {[]broker.Platform{whole}, ""},
		"no platform":     {nil, "no platform"},
		"without words":   {[]broker.Platform{dumb}, "platform acme has token paths"},
		"without a name":  {[]broker.Platform{f.platform(byJSON("", "/x", broker.AccessToken))}, `token path "/x"`},
		"without a slash": {[]broker.Platform{f.platform(byJSON("x", "x", broker.AccessToken))}, `token path "x"`},
		"empty":           {[]broker.Platform{f.platform(broker.TokenPath{Name: "x", Method: "GET", Path: "/x"})}, `token path "/x"`},
	} {
		_, err := dropin.New(dropin.Config{Service: s.Service, Logger: s.Logger, Platforms: tt.platforms})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
