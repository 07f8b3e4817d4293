package feishu_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
	"github.com/hufu-io/hufu/internal/platform/feishu"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	appID     = "cli_a0123456789abcde"
	appSecret = "5e4f0c2b9d7a41d8a3b6c5d4e3f20112"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for _, at := range []struct {
		def declared.Definition
		new func(*platform.Caller) broker.Platform
	}{{feishu.Definition(), feishu.Platform}, {feishu.LarkDefinition(), feishu.Lark}} {
		t.Run(at.def.Name, func(t *testing.T) {
			t.Parallel()
			contract(t, at.def, at.new)
		})
	}
}

func contract(t *testing.T, def declared.Definition, newPlatform func(*platform.Caller) broker.Platform) {
	t.Helper()
	platformtest.Declared(t, platformtest.DeclaredHarness{
		Definition: def,
		New:        newPlatform,
		App:        broker.App{ID: "bot", Platform: def.Name, AppID: appID, Secrets: []broker.Secret{broker.NewSecret(appSecret)}},
		Documented: documented(),
		Calls: map[string]broker.CallSort{
			"/open-apis/im/v1/messages":                   broker.CallApp,
			"/open-apis/tenant/v2/tenant/query":           broker.CallApp,
			"/open-apis/authen/v1/access_token":           broker.CallApp, // by the token of the app itself
			"/open-apis/authen/v1/oidc/access_token":      broker.CallApp,
			"/open-apis/authen/v1/user_info":              broker.CallUser,
			"/open-apis/authen/v2/oauth/token":            broker.CallExchange,
			"/open-apis/auth/v3/tenant_access_token":      broker.CallForeign,
			"/open-apis/auth/v3/app_ticket/resend":        broker.CallForeign,
			"/open-apis/bot/v2/hook/6d1c3b0e-2f5a-4f7b-8": broker.CallForeign,
			"/oauth/v1/device_authorization":              broker.CallForeign,
			"/anything/else":                              broker.CallApp,
		},
		OK:      []string{`{"code":0,"msg":"success","data":{}}`, `{"data":{}}`},
		CheckOK: `{"code":0,"msg":"ok","bot":{"activate_status":2,"app_name":"name"}}`,
		Open:    platformtest.Simulated(simulated(def.Name)),
	})
}

// simulated is the app as the platform knows it.
func simulated(name string) sandbox.App {
	return sandbox.App{Platform: name, ID: appID, Secret: appSecret}
}

// I7: hardly an app uses the token of the app itself, so that it waits for somebody to ask.
func TestI7OnlyTheTenantsTokenIsKeptUnasked(t *testing.T) {
	t.Parallel()
	p := feishu.Platform(platform.NewCaller(nil))
	for _, mode := range p.Modes {
		for kind, src := range p.Kinds(mode) {
			if want := kind != broker.AccessToken; src.Waits() != want {
				t.Errorf("%s in mode %s waits: %v, want %v", kind, mode, src.Waits(), want)
			}
		}
	}
}

// The token of the app itself opens the older logins, and nothing else.
func TestTheAppsOwnTokenOpensTheOlderLogins(t *testing.T) {
	t.Parallel()
	up := feishu.Platform(platform.NewCaller(nil)).Upstream
	for path, want := range map[string]broker.Kind{
		"/open-apis/authen/v1/access_token":              broker.AppAccessToken,
		"/open-apis/authen/v1/refresh_access_token":      broker.AppAccessToken,
		"/open-apis/authen/v1/oidc/refresh_access_token": broker.AppAccessToken,
		"/open-apis/mina/v2/tokenLoginValidate":          broker.AppAccessToken,
		"/open-apis/authen/v1/user_info":                 "",
		"/open-apis/im/v1/messages":                      "",
	} {
		if got := up.Route(path).Kind; got != want {
			t.Errorf("I8: %s is opened by %q, want %q", path, got, want)
		}
	}
}

// Only the OAuth endpoints are at the accounts' host; an app's own base URL is for all.
func TestTheOAuthEndpointIsAtAnotherHost(t *testing.T) {
	t.Parallel()
	for _, p := range []broker.Platform{feishu.Platform(platform.NewCaller(nil)), feishu.Lark(platform.NewCaller(nil))} {
		for path, want := range map[string]string{
			"/oauth/v3/token":                  map[string]string{"feishu": "https://accounts.feishu.cn", "lark": "https://accounts.larksuite.com"}[p.Name],
			"/open-apis/authen/v2/oauth/token": p.BaseURL,
			"/open-apis/im/v1/messages":        p.BaseURL,
		} {
			if got := p.Base("", path); got != want {
				t.Errorf("%s: %s is at %s, want %s", p.Name, path, got, want)
			}
		}
	}
}

func documented() map[string]string {
	return map[string]string{
		// Of auth/v3. 10003 means an app id there and a parameter elsewhere.
		"10003": "wrong_app_id", "10014": "wrong_secret", "10015": "wrong_secret", "99991543": "wrong_secret", "10005": "app_not_authorized",
		"10012": "app_of_the_store", "10016": "app_of_the_store", "10013": "system_busy",
		// Of the paths that follow RFC 6749.
		"20001": "parameter_missing", "20002": "wrong_secret", "20036": "wrong_grant_type", "20048": "wrong_app_id", "20063": "bad_format", "20070": "two_authentications",
		"20009": "app_not_installed", "20069": "app_disabled", "20050": "system_busy", "20072": "system_busy",
		"20003": "bad_login_code", "20004": "login_code_expired", "20065": "login_code_used", "20024": "foreign_login_code", "20049": "bad_code_verifier",
		"20071": "wrong_redirect_uri", "20067": "bad_scope", "20068": "bad_scope",
		"20037": "refresh_token_expired", "20064": "refresh_token_revoked", "20073": "refresh_token_used",
		"20005": "user_token_rejected", "20006": "user_token_rejected", "20026": "bad_refresh_token", "20074": "refresh_not_allowed",
		"20008": "user_unknown", "20010": "user_may_not", "20066": "user_state",
		// Of tokens, apps, addresses and limits.
		"99991663": "token_rejected", "99991664": "token_rejected", "99991665": "token_rejected", "99991671": "token_rejected", "99991677": "token_rejected",
		"99991668": "user_token_rejected", "99991669": "bad_refresh_token", "99991679": "user_scope_missing", "99991661": "token_missing",
		"99991662": "app_disabled", "99991673": "app_not_installed", "99991401": "ip_not_whitelisted", "99991400": "frequency_limit", "99991403": "month_quota",
		"20013": "token_rejected", "20014": "token_rejected",
		// Of other calls.
		"99991672": "scope_missing", "99991676": "scope_missing", "11205": "no_bot", "11207": "app_disabled", "11210": "app_not_installed",
		"99992402": "bad_parameter", "9499": "bad_parameter", "99991201": "wrong_path", "99991301": "wrong_method",
		"1500": "system_busy", "2200": "system_busy", "5000": "system_busy",
	}
}

// Libraries of RFC 6749 look at error, whoever refuses: this server or the platform.
func TestTheOAuthEndpointRefusesAsRFC6749Says(t *testing.T) {
	t.Parallel()
	up := feishu.Platform(platform.NewCaller(nil)).Upstream
	for name, tt := range map[string]struct {
		err    *broker.Error
		status int
		code   int
	}{
		"invalid_client":          {broker.ErrUnauthorized, http.StatusBadRequest, 20002},
		"unsupported_grant_type":  {broker.ErrBadGrant, http.StatusBadRequest, 20036},
		"server_error":            {broker.ErrNoToken, http.StatusBadRequest, 20050},
		"temporarily_unavailable": {broker.ErrNotReady, http.StatusBadRequest, 20072},
		"too_many_requests":       {&broker.Error{Code: "frequency_limit", Class: broker.Throttled}, http.StatusTooManyRequests, 99991400},
		"invalid_request":         {&broker.Error{Code: "bad_format", PlatformCode: "20063", PlatformMessage: "the platform's words"}, http.StatusBadRequest, 20063},
	} {
		x := up.Refuse("/oauth/v3/token", tt.err, "rid")
		var got struct {
			Code             int    `json:"code"`
			Error            string `json:"error"`
			ErrorDescription string `json:"error_description"`
		}
		if err := json.Unmarshal(x.Body, &got); err != nil || got.Error != name || got.Code != tt.code || got.ErrorDescription == "" || x.Status != tt.status {
			t.Errorf("%s is said with HTTP %d: %s", name, x.Status, x.Body)
		}
		if y := up.Refuse("/open-apis/im/v1/messages", tt.err, "rid"); strings.Contains(string(y.Body), `"error"`) {
			t.Errorf("a call of business is refused with %s", y.Body)
		}
	}
}

// Where the platform says how long to wait, that is believed rather than the usual time.
func TestThePlatformSaysHowLongToWait(t *testing.T) {
	t.Parallel()
	up := feishu.Platform(platform.NewCaller(nil)).Upstream
	for header, want := range map[string]time.Duration{"52": 52 * time.Second, "": 10 * time.Second, "soon": 10 * time.Second, "-1": 10 * time.Second, "99999": time.Hour} {
		resp := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"X-Ogw-Ratelimit-Reset": {header}}}
		j := up.Judge("/open-apis/im/v1/messages", resp, []byte(`{"code":99991400,"msg":"request trigger frequency limit"}`))
		if j.Verdict != broker.VerdictThrottled || j.Err.RetryAfter != want || j.Err.Reset != broker.ResetNone {
			t.Errorf("%q: verdict %d, %+v; want to wait %v", header, j.Verdict, j.Err, want)
		}
	}
}
