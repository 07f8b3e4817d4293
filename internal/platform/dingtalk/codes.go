package dingtalk

import (
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Hints that several codes share.
const (
	whereApp    = "open-dev.dingtalk.com → 应用开发 → the app → 凭证与基础信息 (Application development → Credentials and basic information)"
	whereScopes = "open-dev.dingtalk.com → 应用开发 → the app → 权限管理 (Application development → Permission management)"
	whereIP     = "open-dev.dingtalk.com → 应用开发 → the app → 安全设置 → 服务器出口IP (Application development → Security settings → Server egress IP)"
	hintBaseURL = "check that the app has no base_url, because the platform is at two hosts, and that nothing on the way changes the request"
	hintSecret  = "put the app's present Client Secret (AppSecret) into the app, and its Client ID (AppKey) as app_id: " + whereApp
	hintReject  = "nothing to do if it stays the only one; else see whether the token is really that of this app"
	hintLimit   = "it ends by itself. If it comes again, find what calls the platform so often"
	hintScope   = "ask for the permission that the platform names: " + whereScopes
	hintRange   = "widen what the app may see: " + whereScopes + ", 通讯录接口权限范围 (address book range), or its 可使用范围 (who may use it)"
	hintLogin   = "let the user log in again: a code works once and for five minutes"
	hintSuite   = "this is one of third-party apps (第三方企业应用); use an internal app of the corp (企业内部应用)"
	hintPasses  = "nothing to do if it passes: the call is repeated"
)

// codes says what the platform's codes mean: numbers are those of the older calls, words
// those of the newer ones. They and their meanings are those of its global tables and of the
// token paths [A*], where the live platform says another it is marked, and the classes ours.
func codes() []declared.Code {
	return slices.Concat(legacyCodes(), newerCodes(), limitCodes(), loginCodes())
}

func rejected(code string) declared.Code { return declared.Rejected(code, hintReject) }

// beside is a code that stands in sub_code, and errcode says 88 [P].
func beside(c declared.Code) declared.Code {
	c.Beside = "88"
	return c
}

func secret(code string, at declared.At) declared.Code {
	return declared.Code{Code: code, At: at, Name: "wrong_secret", Class: broker.BadCredential, Says: "the platform refuses the Client ID (AppKey) or the Client Secret (AppSecret)", Hint: hintSecret}
}

// legacyCodes are those of the older calls.
func legacyCodes() []declared.Code {
	return []declared.Code{
		{Code: "-1", Name: "system_busy", Class: broker.Transient, Says: "the platform has a fault of its own", Hint: hintPasses},
		// "The secret is wrong, or the token is" [A*].
		secret("40001", declared.AtIssue), rejected("40001"),
		beside(rejected("40014")), // the table has it alone [A*]
		rejected("42001"),
		secret("40096", ""), // [P], in no table
		secret("40089", ""),
		{Code: "40035", At: declared.AtIssue, Name: "parameter_missing", Class: broker.Misconfigured, Says: "the app id or the secret did not reach the platform", Hint: hintBaseURL},
		{Code: "40035", At: declared.AtCall, Name: "bad_parameter", Class: broker.Invalid, Says: "a parameter of the call is missing or wrong", Hint: "see the call's documentation"},
		{Code: "400002", Name: "bad_parameter", Class: broker.Invalid, Says: "a parameter of the call is wrong", Hint: "see the call's documentation"},
		beside(declared.Code{Code: "40000", Name: "token_missing", Class: broker.Misconfigured, Says: "the access token did not reach the platform", Hint: hintBaseURL}),
		{Code: "41001", Name: "token_missing", Class: broker.Misconfigured, Says: "the access token did not reach the platform", Hint: hintBaseURL},
		{Code: "88", Name: "not_authorized", Class: broker.Misconfigured, Says: "the platform does not let the call pass", Hint: hintScope},
		beside(declared.Code{Code: "60011", Name: "scope_missing", Class: broker.Misconfigured, Says: "the app lacks the permission for the call", Hint: hintScope, Lives: true}),
		{Code: "43007", Name: "not_authorized", Class: broker.Misconfigured, Says: "the call wants an authorization", Hint: hintScope},
		{Code: "50002", Name: "out_of_range", Class: broker.Misconfigured, Says: "the employee is outside of what the app may see", Hint: hintRange, Lives: true},
		{Code: "60020", Name: "ip_not_whitelisted", Class: broker.Misconfigured, Says: "this server's address is none of the app's", Hint: "add {ip}: " + whereIP},
		{Code: "33001", Name: "wrong_corp", Class: broker.Misconfigured, Says: "the platform does not know the corp", Hint: "see whether the app is one of the corp that the call is about"},
		{Code: "22", Name: "wrong_path", Class: broker.Misconfigured, Says: "the platform has no such call", Hint: hintBaseURL}, // [P]
		{Code: "InvalidAction.NotFound", Name: "wrong_path", Class: broker.Misconfigured, Says: "the platform has no such call", Hint: hintBaseURL},
		{Code: "404", Name: "wrong_path", Class: broker.Misconfigured, Says: "the platform has no such call", Hint: hintBaseURL},
	}
}

// newerCodes are those of the calls below /v1.0/ and /v2.0/. They are told by their code and
// not by the status that comes with it, of which one code has several [A*].
func newerCodes() []declared.Code {
	scope := func(code string) declared.Code {
		return declared.Code{Code: code, Name: "scope_missing", Class: broker.Misconfigured, Says: "the app lacks the permission for the call", Hint: hintScope, Lives: true}
	}
	suite := func(code, says string) declared.Code {
		return declared.Code{Code: code, Name: "third_party_app", Class: broker.Misconfigured, Says: says, Hint: hintSuite}
	}
	return []declared.Code{
		rejected("InvalidAuthentication"),
		secret("invalidClientIdOrSecret", ""),
		secret("invalid.client", ""),
		{Code: "unauthorized.client", Name: "app_not_authorized", Class: broker.Denied, Says: "the platform does not let the app in", Hint: "see that the app is enabled, and that corp_id is that of its corp: " + whereApp},
		{Code: "unsupported.grant.type", Name: "wrong_grant_type", Class: broker.Misconfigured, Says: "the platform does not know the grant type", Hint: hintBaseURL},
		// What a wrong corp gets at the unified path [P]; elsewhere it may be anything.
		{Code: "unknownError", At: declared.AtIssue, Name: "unknown_error", Class: broker.Transient, Says: "the platform has a fault of its own, or does not know the corp", Hint: "if it stays, compare corp_id with the CorpId on the first page of open-dev.dingtalk.com"},
		{Code: "unknownError", At: declared.AtCall, Name: "system_busy", Class: broker.Transient, Says: "the platform has a fault of its own", Hint: hintPasses},
		{Code: "server.error", Name: "system_busy", Class: broker.Transient, Says: "the platform has a fault of its own", Hint: hintPasses},
		{Code: "ServiceUnavailable", Name: "system_busy", Class: broker.Transient, Says: "the platform is not there for a while", Hint: hintPasses},
		{Code: "Missingbody", Name: "empty_body", Class: broker.Misconfigured, Says: "the platform could not read the call's body", Hint: "send JSON with the header Content-Type: application/json"},
		{Code: "AuthenticationFailed.MissingParameter", Name: "token_missing", Class: broker.Misconfigured, Says: "the access token did not reach the platform", Hint: hintBaseURL}, // [P]
		scope("Forbidden.AccessDenied.AccessTokenPermissionDenied"),
		scope("apiPermissionDenied"),
		{Code: "Forbidden.AccessDenied.IpNotInWhiteList", Name: "ip_not_whitelisted", Class: broker.Misconfigured, Says: "this server's address is none of the app's", Hint: "add {ip}: " + whereIP},
		suite("invalidSuiteKey", "the platform does not know the suite"), // [P]
		suite("invalidSuiteTicket", "the suite's ticket is wrong or too old"),
	}
}

// limitCodes are said to who calls too often. How long it lasts is said of addresses only.
func limitCodes() []declared.Code {
	often := func(code string) declared.Code {
		return declared.Code{Code: code, Name: "frequency_limit", Class: broker.Throttled, Says: "the platform is called too often", Hint: hintLimit, Retry: 5 * time.Second}
	}
	var all []declared.Code
	for _, code := range []string{
		// This server, this call, and the corp's and third parties' shares of them.
		"90001", "90002", "90003", "90004", "90005", "90006", "90007", "90008", "90009", "90010", "90011", "90012", "90013", "90014", "90018",
		"qps.exceed.limit", "request.overlimit", "oaplus.query.limit",
		"Forbidden.AccessDenied.QpsLimitForApi",
		"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi",
		"Forbidden.AccessDenied.QpsLimitForSuitekeyAndOrgAndApi", "Forbidden.AccessDenied.QpmLimitForSuitekeyAndOrgAndApi",
	} {
		all = append(all, often(code))
	}
	return append(all, declared.Code{
		Code: "deny", Name: "address_blocked", Class: broker.Throttled, Retry: 5 * time.Minute,
		Says: "the platform answers nothing to this server's address for five minutes: more than 10 000 calls came from it in 20 seconds",
		Hint: "find what calls the platform so often from this address, on other machines behind it too",
	})
}

// loginCodes are those of users' logins.
func loginCodes() []declared.Code {
	return []declared.Code{
		{Code: "40078", Name: "bad_login_code", Class: broker.Invalid, Says: "the login code is wrong, old or was used", Hint: hintLogin},
		{Code: "accesstoken.expired", Name: "user_token_expired", Class: broker.Invalid, Says: "the user's token has expired", Hint: hintLogin},
	}
}
