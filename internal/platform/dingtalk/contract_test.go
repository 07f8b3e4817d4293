package dingtalk_test

import (
	"fmt"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/dingtalk"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	appKey    = "dingoa0123456789abcd"
	corpID    = "ding0123456789abcdef"
	appSecret = "5e4f0c2b9d7a41d8a3b6c5d4e3f20112"
)

func TestContract(t *testing.T) {
	t.Parallel()
	platformtest.Declared(t, platformtest.DeclaredHarness{
		Definition: dingtalk.Definition(),
		New:        dingtalk.Platform,
		App: broker.App{
			ID: "oa", Platform: dingtalk.Name, AppID: appKey, Secrets: []broker.Secret{broker.NewSecret(appSecret)},
			Params: map[string]string{dingtalk.CorpID: corpID},
		},
		Documented: documented(),
		Calls: map[string]broker.CallSort{
			"/v1.0/robot/oToMessages/batchSend":  broker.CallApp,
			"/v2.0/doc/me/query":                 broker.CallApp,
			"/topapi/v2/user/get":                broker.CallApp,
			"/topapi/v2/user/getuserinfo":        broker.CallApp, // A user's login takes the app's token.
			"/attendance/list":                   broker.CallApp,
			"/v1.0/contact/users/me":             broker.CallUser,
			"/v1.0/oauth2/userAccessToken":       broker.CallExchange,
			"/v1.0/oauth2/suiteAccessToken":      broker.CallForeign,
			"/v1.0/oauth2/corpAccessToken":       broker.CallForeign,
			"/service/get_corp_token":            broker.CallForeign,
			"/sns/getuserinfo_bycode":            broker.CallForeign,
			"/robot/send":                        broker.CallForeign,
			"/robot/sendBySession":               broker.CallForeign,
			"/v1.0/oauth2/apps/authInfo":         broker.CallApp,
			"/v1.0/robot/groupMessages/recall/x": broker.CallApp,
		},
		// What a newer call says in a field of this name is its own business.
		OK:      []string{`{"errcode":0,"errmsg":"ok","result":{}}`, `{"result":{}}`},
		CheckOK: `{"errcode":0,"errmsg":"ok","auth_org_scopes":{"authed_dept":[1]}}`,
		Open:    platformtest.Simulated(simulated()),
	})
}

// simulated is the app as the platform knows it.
func simulated() sandbox.App {
	return sandbox.App{Platform: dingtalk.Name, ID: appKey, Company: corpID, Secret: appSecret}
}

// The mode whose path has the corp in it is none without the corp, and that is said before
// there is an app, not when its first token is asked for.
func TestTheUnifiedModeWantsTheCorp(t *testing.T) {
	t.Parallel()
	p := dingtalk.Platform(platform.NewCaller(nil))
	for _, mode := range append(p.Modes, "") {
		faults := p.CheckSettings(&broker.App{Platform: dingtalk.Name, AppID: appKey, Mode: mode})
		if want := mode == dingtalk.Unified; want != (len(faults) == 1 && faults[0].Missing && faults[0].Path[1] == dingtalk.CorpID) || !want && len(faults) > 0 {
			t.Errorf("mode %q without a corp: %v", mode, faults)
		}
	}
}

// The two generations are at two hosts, whatever the app's mode is.
func TestOlderCallsAreAtAnotherHost(t *testing.T) {
	t.Parallel()
	p := dingtalk.Platform(platform.NewCaller(nil))
	for _, mode := range p.Modes {
		for path, want := range map[string]string{
			"/v1.0/oauth2/accessToken": dingtalk.BaseURL,
			"/v2.0/doc/me/query":       dingtalk.BaseURL,
			"/gettoken":                dingtalk.LegacyURL,
			"/topapi/v2/user/get":      dingtalk.LegacyURL,
			"/auth/scopes":             dingtalk.LegacyURL,
		} {
			if got := p.Base(mode, path); got != want {
				t.Errorf("%s: %s is at %s, want %s", mode, path, got, want)
			}
		}
	}
}

func documented() map[string]string {
	codes := map[string]string{
		// Of the older calls. 40001 means a secret at the token path and a token elsewhere, and
		// 40035 what is missing there and wrong elsewhere.
		"-1": "system_busy", "40001": "wrong_secret", "40089": "wrong_secret", "40096": "wrong_secret", "40035": "parameter_missing", "400002": "bad_parameter",
		"40014": "token_rejected", "42001": "token_rejected", "40000": "token_missing", "41001": "token_missing",
		"88": "not_authorized", "43007": "not_authorized", "60011": "scope_missing", "50002": "out_of_range", "60020": "ip_not_whitelisted", "33001": "wrong_corp",
		"22": "wrong_path", "404": "wrong_path", "40078": "bad_login_code",
		// Of the newer calls.
		"InvalidAuthentication": "token_rejected", "invalidClientIdOrSecret": "wrong_secret", "invalid.client": "wrong_secret",
		"unauthorized.client": "app_not_authorized", "unsupported.grant.type": "wrong_grant_type",
		"unknownError": "unknown_error", "server.error": "system_busy", "ServiceUnavailable": "system_busy",
		"Missingbody": "empty_body", "AuthenticationFailed.MissingParameter": "token_missing", "InvalidAction.NotFound": "wrong_path",
		"Forbidden.AccessDenied.AccessTokenPermissionDenied": "scope_missing", "apiPermissionDenied": "scope_missing",
		"Forbidden.AccessDenied.IpNotInWhiteList": "ip_not_whitelisted",
		"invalidSuiteKey":                         "third_party_app", "invalidSuiteTicket": "third_party_app", "accesstoken.expired": "user_token_expired",
		// Of limits.
		"90018": "frequency_limit", "deny": "address_blocked",
		"qps.exceed.limit": "frequency_limit", "request.overlimit": "frequency_limit", "oaplus.query.limit": "frequency_limit",
		"Forbidden.AccessDenied.QpsLimitForApi":                  "frequency_limit",
		"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi":         "frequency_limit",
		"Forbidden.AccessDenied.QpmLimitForAppkeyAndApi":         "frequency_limit",
		"Forbidden.AccessDenied.QpsLimitForSuitekeyAndOrgAndApi": "frequency_limit",
		"Forbidden.AccessDenied.QpmLimitForSuitekeyAndOrgAndApi": "frequency_limit",
	}
	for n := 90001; n <= 90014; n++ {
		codes[fmt.Sprint(n)] = "frequency_limit"
	}
	return codes
}
