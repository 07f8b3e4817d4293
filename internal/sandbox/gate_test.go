package sandbox_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestTokenEndpointsValidateInThePlatformsOrder(t *testing.T) {
	t.Parallel()
	good := tokenPath(appID, secret)
	for _, tc := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"good", "GET", good, "", 0},
		{"POST instead of GET", "POST", good, "", 43001},
		{"no parameters", "GET", "/cgi-bin/token", "", 41002},
		{"no appid", "GET", "/cgi-bin/token?grant_type=client_credential&secret=" + secret, "", 41002},
		{"no secret", "GET", "/cgi-bin/token?grant_type=client_credential&appid=" + appID, "", 41004},
		{"unknown appid before grant_type", "GET", "/cgi-bin/token?appid=wx&secret=x", "", 40013},
		{"grant_type before secret", "GET", "/cgi-bin/token?grant_type=client_credentials&secret=x&appid=" + appID, "", 40002},
		{"wrong secret", "GET", tokenPath(appID, "wrong"), "", 40125},
		{"another app's secret", "GET", tokenPath(other, secret), "", 40125},
		{"broken query", "GET", "/cgi-bin/token?appid=%zz;&secret=%", "", 41002},
		{"unknown path", "GET", "/cgi-bin/tokens", "", 40066},
		{"double slash is no platform path", "GET", "//cgi-bin/token", "", 40066},

		{"stable: good", "POST", "/cgi-bin/stable_token", stableBody(appID, secret, false), 0},
		{"stable: GET", "GET", "/cgi-bin/stable_token?appid=" + appID, "", 43002},
		{"stable: empty", "POST", "/cgi-bin/stable_token", "", 44002},
		{"stable: blank", "POST", "/cgi-bin/stable_token", " \n", 44002},
		{"stable: a form", "POST", "/cgi-bin/stable_token", "appid=" + appID, 47001},
		{"stable: an array", "POST", "/cgi-bin/stable_token", "[]", 47001},
		{"stable: null", "POST", "/cgi-bin/stable_token", "null", 47001},
		{"stable: half", "POST", "/cgi-bin/stable_token", `{"appid":"`, 47001},
		{"stable: wrong type", "POST", "/cgi-bin/stable_token", `{"appid":1}`, 47001},
		{"stable: force as text", "POST", "/cgi-bin/stable_token", `{"force_refresh":"true"}`, 47001},
		{"stable: nothing in it", "POST", "/cgi-bin/stable_token", "{}", 41002},
		{"stable: no secret", "POST", "/cgi-bin/stable_token", `{"appid":"` + appID + `"}`, 41004},
		{"stable: unknown appid", "POST", "/cgi-bin/stable_token", stableBody("wx", "x", false), 40013},
		{"stable: wrong grant_type", "POST", "/cgi-bin/stable_token", `{"grant_type":"x","secret":"x","appid":"` + appID + `"}`, 40002},
		{"stable: wrong secret", "POST", "/cgi-bin/stable_token", stableBody(appID, "x", false), 40125},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, sandbox.Config{}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
				r := c.do(tc.method, tc.path, tc.body)
				if r.code() != tc.want {
					t.Errorf("errcode = %d (%s), want %d", r.code(), r.Errmsg, tc.want)
				}
				if got := r.AccessToken != ""; got != (tc.want == 0) {
					t.Errorf("there is a token: %v", got)
				}
			})
		})
	}
}

func TestFrozenAppsAreRefusedAfterTheSecretIsChecked(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		a := c.token()
		for _, how := range []sandbox.Frozen{sandbox.FrozenSecret, sandbox.FrozenPunished, sandbox.FrozenAccount} {
			if err := sb.Freeze(appID, how); err != nil {
				t.Fatal(err)
			}
			if got := c.token().code(); got != int(how) {
				t.Errorf("cgi-bin/token: errcode %d, want %d", got, how)
			}
			if got := c.stable().code(); got != int(how) {
				t.Errorf("stable_token: errcode %d, want %d", got, how)
			}
			if got := c.do("GET", tokenPath(appID, "wrong"), "").code(); got != 40125 {
				t.Errorf("wrong secret: errcode %d, want 40125", got)
			}
		}
		if c.use(a.AccessToken) != 0 {
			t.Error("freezing ended a token")
		}
		if err := sb.Unfreeze(appID); err != nil {
			t.Fatal(err)
		}
		if got := c.stable().code(); got != 0 {
			t.Errorf("after unfreezing: errcode %d", got)
		}
	})
}

func TestWhitelist(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, _ caller) {
		from := func(ip string) caller { return newCaller(t, sb.TransportFrom(ip)) }
		if err := sb.SetWhitelist(appID, "10.1.2.3", "192.0.2.0/24", "2001:db8::1"); err != nil {
			t.Fatal(err)
		}
		for ip, want := range map[string]int{
			"10.1.2.3": 0, "::ffff:10.1.2.3": 0, "10.1.2.4": 40164,
			"192.0.2.77": 0, "192.0.3.1": 40164, "2001:db8::1": 0, "2001:db8::2": 40164,
			"[2001:db8::1]:443": 0, "10.1.2.3:1234": 0,
		} {
			if got := from(ip).stable().code(); got != want {
				t.Errorf("caller %s: errcode %d, want %d", ip, got, want)
			}
		}
		got := from("116.25.45.231").token().Errmsg
		const want = "invalid ip 116.25.45.231 ipv6 ::ffff:116.25.45.231, not in whitelist rid: "
		if !strings.HasPrefix(got, want) {
			t.Errorf("errmsg = %q", got)
		}
		if got := from("2001:db8::2").token().Errmsg; !strings.HasPrefix(got, "invalid ip 2001:db8::2 ipv6 2001:db8::2, ") {
			t.Errorf("errmsg = %q", got)
		}
		if got := from("10.1.2.4").do("GET", tokenPath(appID, "wrong"), "").code(); got != 40125 {
			t.Errorf("wrong secret from a wrong address: errcode %d, want 40125", got)
		}

		if err := sb.SetWhitelist(appID, "nonsense"); err == nil {
			t.Error("a whitelist entry that is no address was accepted")
		}
		if err := sb.SetWhitelist(appID); err != nil {
			t.Fatal(err)
		}
		if got := from("10.1.2.4").stable().code(); got != 0 {
			t.Errorf("empty whitelist: errcode %d", got)
		}
	})
}

func TestTheWhitelistCanComeBeforeTheSecret(t *testing.T) {
	t.Parallel()
	cfg := sandbox.Config{
		Apps:           []sandbox.App{{ID: appID, Secret: secret, Whitelist: []string{"10.1.2.3"}}},
		WhitelistFirst: true,
	}
	bubble(t, cfg, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		if got := c.do("GET", tokenPath(appID, "wrong"), "").code(); got != 40164 {
			t.Errorf("errcode %d, want 40164", got)
		}
	})
}

func TestNewAddressesNeedTheAdministrator(t *testing.T) {
	t.Parallel()
	cfg := sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret, ConfirmIPs: true}}}
	bubble(t, cfg, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		check := func(what string, want int) {
			t.Helper()
			if got := c.stable().code(); got != want {
				t.Errorf("%s: errcode %d, want %d", what, got, want)
			}
		}
		refuse := func() {
			t.Helper()
			if err := sb.RefuseIP(appID, "127.0.0.1"); err != nil {
				t.Fatal(err)
			}
		}
		check("new address", 89503)
		refuse()
		check("refused once", 89507)
		time.Sleep(time.Hour)
		check("an hour later", 89503)
		refuse()
		check("refused twice", 89506)
		time.Sleep(24*time.Hour - time.Nanosecond)
		check("nearly a day later", 89506)
		time.Sleep(time.Nanosecond)
		check("a day later", 89503)
		if err := sb.ConfirmIP(appID, "::ffff:127.0.0.1"); err != nil {
			t.Fatal(err)
		}
		check("confirmed", 0)
		if got := newCaller(t, sb.TransportFrom("10.0.0.1")).stable().code(); got != 89503 {
			t.Errorf("another address: errcode %d, want 89503", got)
		}
	})
}

func TestASecretThatIsReplacedIsWrongAtOnceAndTokensLiveOn(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		a := c.stable()
		if err := sb.SetSecret(appID, "new"); err != nil {
			t.Fatal(err)
		}
		if got := c.stable().code(); got != 40125 {
			t.Errorf("old secret: errcode %d, want 40125", got)
		}
		if got := c.do("GET", tokenPath(appID, "new"), "").code(); got != 0 {
			t.Errorf("new secret: errcode %d", got)
		}
		if !sb.Live(a.AccessToken) {
			t.Error("the token died with the secret")
		}
	})
}

func TestABodyBeyondReasonIsRefused(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{})
	body := strings.NewReader(strings.Repeat(" ", 32<<20+1))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/cgi-bin/stable_token", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := sb.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", resp.StatusCode)
	}
}
