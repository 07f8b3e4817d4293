package dropin_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

var update = flag.Bool("update", false, "write the golden files anew")

var ridForm = regexp.MustCompile(` rid: ([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})"}$`)

// mask makes answers comparable that differ in their rid.
func mask(body string) string { return ridForm.ReplaceAllString(body, ` rid: TIME-RID-RID"}`) }

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

// Every refusal, byte for byte but for its rid.
func TestRefusalsHaveThePlatformsExactForm(t *testing.T) {
	t.Parallel()
	const good = "grant_type=client_credential&appid=" + appID + "&secret=" + ordersID
	stable := func(grant, app, key string) string {
		return fmt.Sprintf(`{"grant_type":%q,"appid":%q,"secret":%q}`, grant, app, key)
	}
	const grant = "client_credential"
	cases := []struct{ name, method, target, body string }{
		{"no parameters", "GET", "/cgi-bin/token", ""},
		{"no appid", "GET", "/cgi-bin/token?grant_type=client_credential&secret=" + ordersID, ""},
		{"empty appid", "GET", "/cgi-bin/token?grant_type=client_credential&appid=&secret=" + ordersID, ""},
		{"no secret", "GET", "/cgi-bin/token?grant_type=client_credential&appid=" + appID, ""},
		{"unknown appid", "GET", "/cgi-bin/token?grant_type=client_credential&appid=wx000000000000dead&secret=" + ordersID, ""},
		{"appid in another case", "GET", "/cgi-bin/token?grant_type=client_credential&appid=WX0123456789ABCDEF&secret=" + ordersID, ""},
		{"our id in the place of the appid", "GET", "/cgi-bin/token?grant_type=client_credential&appid=shop&secret=" + ordersID, ""},
		{"wrong key", "GET", "/cgi-bin/token?grant_type=client_credential&appid=" + appID + "&secret=wrong", ""},
		{"the app's own secret", "GET", "/cgi-bin/token?grant_type=client_credential&appid=" + appID + "&secret=" + secret, ""},
		{"wrong key, unknown appid", "GET", "/cgi-bin/token?grant_type=client_credential&appid=wx000000000000dead&secret=wrong", ""},
		{"no grant_type", "GET", "/cgi-bin/token?appid=" + appID + "&secret=" + ordersID, ""},
		{"wrong grant_type", "GET", "/cgi-bin/token?grant_type=client_credentials&appid=" + appID + "&secret=" + ordersID, ""},
		{"wrong grant_type, unknown appid", "GET", "/cgi-bin/token?grant_type=x&appid=wx000000000000dead&secret=" + ordersID, ""},
		{"wrong grant_type, wrong key", "GET", "/cgi-bin/token?grant_type=x&appid=" + appID + "&secret=wrong", ""},
		{"token by POST", "POST", "/cgi-bin/token?" + good, ""},
		{"stable_token by GET", "GET", "/cgi-bin/stable_token?" + good, ""},
		{"stable_token by PUT", "PUT", "/cgi-bin/stable_token", stable(grant, appID, ordersID)},
		{"stable_token without a body", "POST", "/cgi-bin/stable_token", ""},
		{"stable_token with blanks", "POST", "/cgi-bin/stable_token", " \n\t"},
		{"stable_token with half a body", "POST", "/cgi-bin/stable_token", `{"grant_type":"client_cred`},
		{"stable_token with a form", "POST", "/cgi-bin/stable_token", good},
		{"stable_token with a list", "POST", "/cgi-bin/stable_token", `[]`},
		{"stable_token with two objects", "POST", "/cgi-bin/stable_token", stable(grant, appID, ordersID) + "{}"},
		{"stable_token with a number for the appid", "POST", "/cgi-bin/stable_token", `{"grant_type":"client_credential","appid":1,"secret":"x"}`},
		{"stable_token with an object for force_refresh", "POST", "/cgi-bin/stable_token", `{"force_refresh":{}}`},
		{"stable_token with a huge body", "POST", "/cgi-bin/stable_token", `{"x":"` + strings.Repeat("x", 70_000) + `"}`},
		{"stable_token, no appid", "POST", "/cgi-bin/stable_token", `{}`},
		{"stable_token, no secret", "POST", "/cgi-bin/stable_token", `{"appid":"` + appID + `"}`},
		{"stable_token, unknown appid", "POST", "/cgi-bin/stable_token", stable(grant, "wx000000000000dead", ordersID)},
		{"stable_token, wrong key", "POST", "/cgi-bin/stable_token", stable(grant, appID, "wrong")},
		{"stable_token, wrong grant_type", "POST", "/cgi-bin/stable_token", stable("refresh_token", appID, ordersID)},
		{"ticket without a token", "GET", "/cgi-bin/ticket/getticket?type=jsapi", ""},
		{"ticket with an unknown token", "GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token=83_unknown", ""},
		{"ticket with a key", "GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token=" + ordersID, ""},
		{"ticket of an unknown type, with an unknown token", "GET", "/cgi-bin/ticket/getticket?type=x&access_token=83_unknown", ""},
		{"ticket of an unknown type", "GET", "/cgi-bin/ticket/getticket?type=x&access_token=LIVE", ""},
		{"ticket without a type", "GET", "/cgi-bin/ticket/getticket?access_token=LIVE", ""},
		{"ticket by POST", "POST", "/cgi-bin/ticket/getticket?type=jsapi&access_token=LIVE", ""},
		{"a business call", "GET", "/cgi-bin/user/get?access_token=LIVE", ""},
		{"a business call by POST", "POST", "/cgi-bin/message/custom/send?access_token=LIVE", `{"touser":"x"}`},
		{"the root", "GET", "/", ""},
		{"a path that goes up", "GET", "/x/../cgi-bin/token?" + good, ""},
		{"the gateway", "GET", "/gateway/shop/cgi-bin/user/get", ""},
	}
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		live := s.Sandbox.Current(appID, sandbox.Stable)
		issues := s.Issues()
		var out strings.Builder
		for _, c := range cases {
			w := s.do(c.method, strings.ReplaceAll(c.target, "LIVE", live), c.body)
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: status %d, header %v", c.name, w.Code, w.Header())
			}
			body := w.Body.String()
			rid := ridForm.FindStringSubmatch(body)
			if rid == nil {
				t.Errorf("%s: no rid in %s", c.name, body)
				continue
			}
			id := strings.Join(rid[1:], "-")
			if sec, err := strconv.ParseInt(rid[1], 16, 64); err != nil || sec != time.Now().Unix() {
				t.Errorf("%s: the rid's first group is %s, want the time", c.name, rid[1])
			}
			if got := w.Header().Get("X-Request-Id"); got != id {
				t.Errorf("%s: X-Request-Id %q, want the rid, %q", c.name, got, id)
			}
			if !strings.Contains(s.Log.String(), "request_id="+id) {
				t.Errorf("%s: the rid cannot be found in the log", c.name)
			}
			fmt.Fprintf(&out, "%s\n\t%s\n", c.name, mask(body))
		}
		golden(t, "refusals.golden", out.String())
		if s.Issues() != issues || s.Checks() != 0 {
			t.Error("refused calls reached the platform")
		}
	})
}

// Where no live token is left, the caller hears what the platform said.
func TestThePlatformsFaultsAreToldInItsOwnWords(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		prepare func(*sandbox.Sandbox) error
		want    string // what the answer begins with
	}{
		{"address not on the whitelist", func(s *sandbox.Sandbox) error { return s.SetWhitelist(appID, "10.0.0.1") }, `{"errcode":40164,"errmsg":"invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist rid: `},
		{"wrong secret", func(s *sandbox.Sandbox) error { return s.SetSecret(appID, "another") }, `{"errcode":40125,"errmsg":"invalid appsecret rid: `},
		{"punished", func(s *sandbox.Sandbox) error { return s.Freeze(appID, sandbox.FrozenPunished) }, `{"errcode":50004,"errmsg":"user not allow to use accesstoken, maybe for punishment rid: `},
		{"quota", func(s *sandbox.Sandbox) error {
			s.Inject(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 45009})
			return nil
		}, `{"errcode":45009,"errmsg":"reach max api daily quota limit rid: `},
		{"gone", func(s *sandbox.Sandbox) error {
			s.Inject(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 502})
			return nil
		}, `{"errcode":-1,"errmsg":"system error (`},
		{"silent", func(s *sandbox.Sandbox) error {
			s.Inject(sandbox.Fault{Kind: sandbox.FaultHang})
			return nil
		}, `{"errcode":-1,"errmsg":"system error (`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// The app's first issue waits, so that the fault is there before it.
			inBubble(t, stacktest.Config{Policy: broker.Policy{InitialDelay: time.Hour}}, func(t *testing.T, s *stack) {
				if err := c.prepare(s.Sandbox); err != nil {
					t.Fatal(err)
				}
				for range 2 { // by the platform itself, and by what is remembered of it
					w := s.do("GET", tokenPath(appID, ordersID), "")
					body := w.Body.String()
					if !strings.HasPrefix(body, c.want) {
						t.Errorf("%s\nwant %s…", body, c.want)
					}
					if !ridForm.MatchString(body) {
						t.Errorf("%s does not end in a rid", body)
					}
					if id := w.Header().Get("X-Request-Id"); !strings.Contains(s.Log.String(), "request_id="+id) {
						t.Errorf("request id %q is not in the log", id)
					}
					for _, hidden := range []string{ordersID, secret} {
						if strings.Contains(body, hidden) {
							t.Errorf("I6: a secret in %s", body)
						}
					}
				}
			})
		})
	}
}

// I6: keys, secrets and tokens come in queries and bodies; none is ever logged.
func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		live := s.token(ordersID).AccessToken
		s.stable(ordersID, true)
		for _, target := range []string{
			tokenPath(appID, "guessed-key"), tokenPath("wx-made-up", ordersID), "/cgi-bin/user/get?access_token=" + live,
			"/cgi-bin/ticket/getticket?type=jsapi&access_token=" + live, "/cgi-bin/ticket/getticket?type=x&access_token=guessed-token",
		} {
			s.do("GET", target, "")
			s.do("POST", target, `{"secret":"posted-key"}`)
		}
		s.do("POST", "/cgi-bin/stable_token", `{"grant_type":"x","appid":"posted-app","secret":"posted-key"`)
		s.Settle()
		log := s.Log.String()
		for _, hidden := range []string{ordersID, secret, live, "guessed-key", "guessed-token", "posted-key", "wx-made-up", "?", "secret="} {
			if strings.Contains(log, hidden) {
				t.Errorf("I6: %q is in the log:\n%s", hidden, log)
			}
		}
		if !strings.Contains(log, "a drop-in call was refused") {
			t.Error("refusals are not logged at all")
		}
	})
}

// Whoever has no key cannot fill the log.
func TestOnlyRefusalsOfClientsAreLoggedAsInfo(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		refused := func(do func()) (info, debug int) {
			before := len(s.Log.String())
			do()
			for line := range strings.Lines(s.Log.String()[before:]) {
				if strings.Contains(line, "a drop-in call was refused") {
					info += strings.Count(line, "level=INFO")
					debug += strings.Count(line, "level=DEBUG")
				}
			}
			return info, debug
		}
		nobody := []string{
			"/", "/cgi-bin/user/get", "/cgi-bin/token", tokenPath(appID, "wrong"), tokenPath("wx-made-up", "wrong"),
			"/cgi-bin/ticket/getticket?type=jsapi&access_token=83_unknown", "/cgi-bin/ticket/getticket",
		}
		if info, debug := refused(func() {
			for _, target := range nobody {
				s.do("GET", target, "")
				s.do("PUT", target, "")
			}
		}); info != 0 || debug != 2*len(nobody) {
			t.Errorf("of callers without a client: %d infos, %d debugs, want none and %d", info, debug, 2*len(nobody))
		}
		if info, debug := refused(func() { s.do("GET", tokenPath("wx-made-up", ordersID), "") }); info != 1 || debug != 0 {
			t.Errorf("of a client: %d infos, %d debugs, want one info", info, debug)
		}
	})
}

func TestRequestIDsAreUnique(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		seen := map[string]bool{}
		for range 1000 {
			id := s.do("GET", tokenPath(appID, ordersID), "").Header().Get("X-Request-Id")
			if seen[id] {
				t.Fatalf("request id %q came twice", id)
			}
			seen[id] = true
		}
	})
}
