package dropin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// twins are two platforms that have a path in common, an id of an app on it as well, and
// one path that each is asked at in its own way.
func twins() (east, west *fake, c stacktest.Config) {
	east, west = newFake("east"), newFake("west")
	c.Platforms = []broker.Platform{
		east.platform(byJSON("token", "/open/token", broker.AccessToken), byBearer("eastern", "/open/ticket"), byForm("mixed", "/mixed/token")),
		west.platform(byJSON("token", "/open/token", broker.AccessToken), byBearer("western", "/open/ticket"), byJSON("mixed", "/mixed/{any}", broker.AccessToken)),
	}
	c.Apps = []*broker.App{east.app("east-1", "cli_1"), west.app("west-1", "cli_1"), west.app("west-2", "cli_2")}
	c.Clients = []*broker.Client{
		fakeClient("easterner", "east-1"), fakeClient("westerner", "west-*"), fakeClient("both", "east-1", "west-*"), fakeClient("neither", "shop"),
		stacktest.Client("caller", stacktest.Key("caller"), broker.Call, "*"),
	}
	return east, west, c
}

// Of two platforms with one path that one is meant which has the app for the caller.
func TestThePlatformThatHasTheAppIsMeant(t *testing.T) {
	t.Parallel()
	east, west, c := twins()
	inBubble(t, c, func(t *testing.T, s *stack) {
		for _, tt := range []struct {
			client, id string
			of         *fake
			app        string
		}{
			{"easterner", "cli_1", east, "east-1"},
			{"westerner", "cli_1", west, "west-1"},
			{"westerner", "cli_2", west, "west-2"},
			{"both", "cli_2", west, "west-2"},
			{"both", "cli_1", east, "east-1"}, // both have it: the first in the table
			{"both", "cli_1.west-1", west, "west-1"},
			{"both", "cli_1.east-1", east, "east-1"},
		} {
			id, named, _ := strings.Cut(tt.id, ".")
			key := stacktest.Key(tt.client)
			if named != "" {
				key += "." + named
			}
			for _, prefix := range []string{"", "/gateway/" + tt.app} {
				g := s.ask(t, "POST", prefix+"/open/token", credentials(id, key))
				if want := tt.of.token(tt.app, broker.AccessToken); g.Data.Value != want || want == "" {
					t.Errorf("I8: %s asks for %s: %+v, want %s", tt.client, tt.id, g, want)
				}
				ticket := s.ask(t, "POST", prefix+"/open/ticket", "", "Authorization", "Bearer "+g.Data.Value).Data.Value
				if want := tt.of.token(tt.app, broker.JSAPITicket); ticket != want || want == "" {
					t.Errorf("I8: the ticket is %q, want %q", ticket, want)
				}
			}
		}
		for app, of := range map[string]*fake{"east-1": east, "west-1": west, "west-2": west} {
			g := s.ask(t, "POST", "/gateway/"+app+"/open/ticket", "", "Authorization", "Bearer "+stacktest.Key("caller"))
			if want := of.token(app, broker.JSAPITicket); g.Data.Value != want || want == "" || g.By != of.name+"ern" {
				t.Errorf("I8: the ticket of %s is %+v, want %q", app, g, want)
			}
		}
		// If none has it, the first says so, but for what only callers with a good key hear.
		for _, tt := range []struct{ client, body, platform, code string }{
			{"neither", credentials("cli_1", stacktest.Key("neither")), "east", "unknown_app"},
			{"westerner", credentials("cli_3", stacktest.Key("westerner")), "east", "unknown_app"},
			{"a stranger", credentials("cli_1", "guess"), "east", "unauthorized"},
			{"a stranger", credentials("cli_2", "guess"), "east", "unauthorized"},
			{"nobody", "{}", "east", "app_id_missing"},
			{"westerner", strings.Replace(credentials("cli_1", stacktest.Key("westerner")), `"app"`, `"x"`, 1), "west", "wrong_grant_type"},
		} {
			if g := s.ask(t, "POST", "/open/token", tt.body); g.Platform != tt.platform || g.Code != tt.code {
				t.Errorf("%s: %+v, want %s by %s", tt.client, g, tt.code, tt.platform)
			}
		}
		// One cannot make anything of what is shown, and the other one knows the key.
		for _, tt := range []struct{ body, platform, code, value string }{
			{credentials("cli_1", stacktest.Key("westerner")), "", "", west.token("west-1", broker.AccessToken)},
			{credentials("cli_3", stacktest.Key("westerner")), "west", "unknown_app", ""},
			{credentials("cli_3", "guess"), "east", "app_id_missing", ""},
			{"id=cli_1&secret=" + stacktest.Key("easterner"), "", "", east.token("east-1", broker.AccessToken)},
			{"id=cli_3&secret=" + stacktest.Key("easterner"), "east", "unknown_app", ""},
			{"id=cli_3&secret=guess", "east", "unauthorized", ""},
		} {
			if g := s.ask(t, "POST", "/mixed/token", tt.body); g.Platform != tt.platform || g.Code != tt.code || g.Data.Value != tt.value {
				t.Errorf("%.20s: %+v, want %+v", tt.body, g, tt)
			}
		}
		if g := s.ask(t, "GET", "/open/token", ""); g.Platform != "east" || g.Code != "wrong_method" {
			t.Errorf("by GET: %+v", g)
		}
	})
}

// What a path wants is said to callers with a good key only: what stands in a description may
// not be for everybody.
func TestOnlyClientsHearWhatIsWanted(t *testing.T) {
	t.Parallel()
	_, _, c := twins()
	inBubble(t, c, func(t *testing.T, s *stack) {
		for key, hint := range map[string]string{stacktest.Key("easterner"): "grant: want app", "guess": ""} {
			body := fmt.Sprintf(`{"id":"cli_1","secret":%q,"grant":"other"}`, key)
			if g := s.ask(t, "POST", "/open/token", body); g.Code != broker.ErrBadGrant.Code || g.Hint != hint {
				t.Errorf("%.9s: %+v, want the hint %q", key, g, hint)
			}
		}
	})
}

// A call that one of two platforms refuses and the other one answers is none that was refused.
func TestOnlyCallsThatGetNothingAreCountedAsRefused(t *testing.T) {
	t.Parallel()
	_, _, c := twins()
	inBubble(t, c, func(t *testing.T, s *stack) {
		refused := func() (n float64) {
			families, err := s.Metrics.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				for _, m := range f.GetMetric() {
					if f.GetName() == "hufu_refusals_total" {
						n += m.GetCounter().GetValue()
					}
				}
			}
			return n
		}
		before := refused()
		s.ask(t, "POST", "/open/token", credentials("cli_2", stacktest.Key("westerner")))
		if n := refused() - before; n != 0 {
			t.Errorf("%v refusals of a call that got its token", n)
		}
		s.ask(t, "POST", "/open/token", credentials("cli_3", stacktest.Key("westerner")))
		if n := refused() - before; n != 1 {
			t.Errorf("%v refusals of a call that got none, want 1", n)
		}
	})
}

// KEY.APP names one of several apps with one id. A name that the client may not use, or of
// an app with another id or platform, is as one that does not exist, and strangers hear the
// same of every name.
func TestAKeyMayNameTheApp(t *testing.T) {
	t.Parallel()
	_, c := withAcme(fakeClient("blog", "other-*", "robot"), dotted("shop", "other-stable"), stacktest.Client("caller", stacktest.Key("caller"), broker.Read|broker.Call, "other-*"))
	var names []string
	for _, mode := range modes {
		a := stacktest.NewApp("other-"+mode, otherID)
		a.Mode = mode
		c.Apps, names = append(c.Apps, a), append(names, a.ID)
	}
	inBubble(t, c, func(t *testing.T, s *stack) {
		blog, caller := stacktest.Key("blog"), stacktest.Key("caller")
		get := func(id, key string) answer { return decode(t, s.do("GET", tokenPath(id, key), "")) }
		if a := get(otherID, blog); a.AccessToken != "" || !strings.Contains(a.Errmsg, "KEY.APP") {
			t.Errorf("without a name: %+v", a)
		}
		for i, name := range names {
			want := s.Sandbox.Current(otherID, sandbox.Mode(modes[i]))
			if a := get(otherID, blog+"."+name); a.AccessToken != want || want == "" {
				t.Errorf("%s: %+v, want %s", name, a, want)
			}
			body := fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":%q}`, otherID, blog+"."+name)
			if a := decode(t, s.do("POST", "/cgi-bin/stable_token", body)); a.AccessToken != want {
				t.Errorf("%s in a body: %+v", name, a)
			}
			if a := decode(t, s.do("GET", "/gateway/"+name+tokenPath(otherID, blog+"."+name), "")); a.AccessToken != want {
				t.Errorf("%s and its base URL: %+v", name, a)
			}
		}
		// What is named is said again, and nothing else differs.
		refused := func(target, name string) string {
			return strings.ReplaceAll(mask(s.do("GET", target, "").Body.String()), name, "NAME")
		}
		unknown := refused(tokenPath(otherID, blog+".no-such-app"), "no-such-app")
		if !strings.Contains(unknown, `"errcode":40013`) || !strings.Contains(unknown, `KEY.APP, and APP, which is \"NAME\", has to be`) {
			t.Errorf("no such app: %s", unknown)
		}
		s.Settle()
		if log := s.Log.String(); !strings.Contains(log, "app=no-such-app") {
			t.Errorf("the name is not in the log:\n%s", log)
		}
		for what, tt := range map[string]struct{ target, name string }{
			"an app that it may not use": {tokenPath(appID, blog+".shop"), "shop"}, "an app with another id": {tokenPath(appID, blog+".other-stable"), "other-stable"},
			"another platform's app": {tokenPath(robotID, blog+".robot"), "robot"}, "another app than the base URL's": {"/gateway/other-classic" + tokenPath(otherID, blog+".other-stable"), "other-stable"},
		} {
			if got := refused(tt.target, tt.name); got != unknown {
				t.Errorf("%s is told apart from one that does not exist:\n%s\n%s", what, got, unknown)
			}
		}
		stranger := mask(s.do("GET", tokenPath(otherID, "guess"), "").Body.String())
		for _, key := range []string{"guess.other-stable", "guess.no-such-app", "guess.NO APP", ".other-stable", "guess.", "x.y.other-stable"} {
			if got := mask(s.do("GET", tokenPath(otherID, key), "").Body.String()); got != stranger {
				t.Errorf("a stranger with %q hears %s\nnot %s", key, got, stranger)
			}
		}
		// So it is where a key in the header opens the path.
		for key, want := range map[string]int{caller: 0, caller + ".other-stable": 0, caller + ".other-classic": 40013, caller + ".no-such-app": 40013, "guess": 40125} {
			for _, path := range []string{"/cgi-bin/ticket/getticket?type=jsapi&access_token=" + s.Sandbox.Current(otherID, sandbox.Stable), "/cgi-bin/token?"} {
				if a := decode(t, s.do("GET", "/gateway/other-stable"+path, "", "Authorization", "Bearer "+key)); a.Errcode != want || want == 0 && a.Ticket+a.AccessToken == "" {
					t.Errorf("%.40s with a header of %.20s…: %+v, want %d", path, key, a, want)
				}
			}
		}
		// A key with a dot of its own is one key, whatever follows the dot.
		if a := get(appID, dottedKey); a.AccessToken != s.Sandbox.Current(appID, sandbox.Stable) {
			t.Errorf("a key with a dot: %+v", a)
		}
		if a := get(otherID, dottedKey+".other-stable"); a.AccessToken != s.Sandbox.Current(otherID, sandbox.Stable) {
			t.Errorf("a key with a dot, and an app: %+v", a)
		}
		if a := get(otherID, dottedKey[:len(dottedKey)-len(".shop")]+".other-stable"); a.Errcode != 40125 {
			t.Errorf("a part of a key, and an app: %+v", a)
		}
	})
}

// A mistyped key is told so also where it names an app, and a revoked one is not.
func TestAMistypedKeyIsToldSoWhereItNamesAnApp(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		wrong := "hufu_" + strings.Repeat("a", 38)
		c := fakeClient("gone", "shop")
		c.Origin = broker.FromAPI
		key, err := s.Registry.AddClient(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if a := s.token(key.Reveal() + ".shop"); a.AccessToken == "" {
			t.Errorf("a key of ours that names an app: %+v", a)
		}
		if err := s.Registry.DeleteClient(t.Context(), "gone"); err != nil {
			t.Fatal(err)
		}
		for key, mistyped := range map[string]bool{wrong: true, wrong + ".shop": true, key.Reveal() + ".shop": false} {
			if a := s.token(key); a.Errcode != 40125 || strings.Contains(a.Errmsg, "is mistyped") != mistyped {
				t.Errorf("%.10s…: %+v", key, a)
			}
		}
	})
}

// I6: no form of a key is logged.
func TestNoNamedKeyIsLogged(t *testing.T) {
	t.Parallel()
	_, c := withAcme()
	inBubble(t, c, func(t *testing.T, s *stack) {
		bob := stacktest.Key("bob")
		s.ask(t, "POST", "/open/token", credentials(robotID, bob+".robot"))
		s.ask(t, "POST", "/open/token", credentials(robotID, bob+".no-such-app"))
		s.ask(t, "POST", "/open/token", credentials(robotID, "guessed-key.robot"))
		s.do(http.MethodPost, "/gateway/robot/open/ticket", "", "Authorization", "Bearer guessed-token")
		s.Settle()
		for _, hidden := range []string{bob, "guessed-key", "guessed-token", "the-app-secret"} {
			if strings.Contains(s.Log.String(), hidden) {
				t.Errorf("I6: %q is in the log", hidden)
			}
		}
	})
}
