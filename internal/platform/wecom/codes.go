package wecom

import (
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Hints that several codes share.
const (
	whereCorp   = "我的企业 → 企业信息 → 企业ID (My company → Company info → CorpID) at work.weixin.qq.com"
	whereApp    = "应用管理 → the app (App management) at work.weixin.qq.com"
	hintBaseURL = "check that the app's base_url is https://qyapi.weixin.qq.com and that nothing on the way changes the request"
	hintSecret  = "put the app's present Secret into the app: " + whereApp + ". Each app of a corp has its own, as have 通讯录同步 (contacts) and 客户联系 (customers). Mend it soon: WeCom bans an address for an hour that comes with wrong secrets often"
	hintReject  = "nothing to do if it stays the only one: WeCom may end tokens early, and the new one is fetched at once"
	hintLimit   = "it ends by itself, at the earliest after a minute. If it comes again, find what calls the platform so often: the limits are those of the corp, of the app and of this server's address"
	hintVisible = "see what the app may do: " + whereApp + ", its 可见范围 (visible range) and the permissions of the API that is called"
	hintLogin   = "let the user log in again: a code works once and for five minutes"
	hintSuite   = "the call is one of service providers (服务商); this app is to be a corp's own, with the corp's id and the app's own Secret"
)

// codes says what the platform's codes mean. The codes and their words are those of its
// global table [A*, S], the classes ours.
func codes() []declared.Code {
	return slices.Concat(tokenCodes(), callCodes(), suiteCodes())
}

// tokenCodes are those of calls with the app secret or its token.
func tokenCodes() []declared.Code {
	rejected := func(code string) declared.Code { return declared.Rejected(code, hintReject) }
	secret := func(code string, at declared.At) declared.Code {
		return declared.Code{Code: code, At: at, Name: "wrong_secret", Class: broker.BadCredential, Says: "the platform refuses the app's Secret: it is wrong, was reset or belongs to another corp", Hint: hintSecret}
	}
	return []declared.Code{
		{
			// Nothing hangs on whether a token was made: asked again, the platform gives the same.
			Code: "-1", Name: "system_busy", Class: broker.Transient,
			Says: "the platform has a fault of its own", Hint: "nothing to do if it passes: the call is repeated",
		},
		rejected("40014"),
		rejected("42001"),
		// Of a secret at the token path; of a token elsewhere, as SDKs take it too [S].
		secret("40001", declared.AtIssue),
		rejected("40001"),
		secret("40091", ""),
		{Code: "40013", Name: "wrong_app_id", Class: broker.Misconfigured, Says: "the platform does not know the corp", Hint: "compare the app's app_id with " + whereCorp},
		{Code: "41001", Name: "token_missing", Class: broker.Misconfigured, Says: "the access token did not reach the platform", Hint: hintBaseURL},
		{Code: "41002", Name: "app_id_missing", Class: broker.Misconfigured, Says: "the app has no app_id, or it did not reach the platform", Hint: "set the app's app_id to the CorpID: " + whereCorp},
		{Code: "41004", Name: "secret_missing", Class: broker.Misconfigured, Says: "the app has no secret, or it did not reach the platform", Hint: "set the app's secret: " + whereApp},
		{Code: "50003", Name: "app_disabled", Class: broker.Denied, Says: "the app is disabled", Hint: "enable it (启用): " + whereApp},
		{
			Code: "60020", Name: "ip_not_whitelisted", Class: broker.Misconfigured, Says: "this server's address is none of the app's trusted ones",
			Hint: "add {ip} to the app's 企业可信IP (trusted IPs): " + whereApp + "; it takes about a minute",
		},
		// The same code is said for the limits of a minute, an hour and a day; what it is said
		// for is closed for as long [A].
		{Code: "45009", Name: "frequency_limit", Class: broker.Throttled, Says: "the platform is called too often", Hint: hintLimit, Reset: broker.ResetMinute},
		{Code: "45033", Name: "concurrency_limit", Class: broker.Throttled, Says: "too many calls of this sort are under way at once", Hint: hintLimit, Retry: time.Second},
	}
}

// callCodes are those of other calls that say something about the app.
func callCodes() []declared.Code {
	return []declared.Code{
		{Code: "48002", Name: "api_not_authorized", Class: broker.Misconfigured, Says: "the app may not make this call", Hint: hintVisible, Lives: true},
		{Code: "60011", Name: "out_of_range", Class: broker.Misconfigured, Says: "the member, department or tag is outside of what the app may see", Hint: hintVisible, Lives: true},
		{Code: "40056", Name: "wrong_agent_id", Class: broker.Misconfigured, Says: "there is no such agent", Hint: "compare the AgentId in the call, and the app's agent_id, with " + whereApp, Lives: true},
		{Code: "301002", Name: "foreign_agent", Class: broker.Misconfigured, Says: "the agent in the call is another than that of the token", Hint: "send the AgentId of the app that the call is made for: " + whereApp, Lives: true},
		{Code: "40029", Name: "bad_login_code", Class: broker.Invalid, Says: "the login code is wrong, old or was used", Hint: hintLogin},
		{Code: "40005", Name: "wrong_type", Class: broker.Invalid, Says: "there is nothing of the type in the call", Hint: "see the call's documentation"},
		{Code: "40093", Name: "bad_signature", Class: broker.Invalid, Says: "the page's signature is wrong", Hint: "sign the page's whole URL without what follows #; wx.config takes the corp's ticket, wx.agentConfig that of the app"},
		{Code: "43001", Name: "wrong_method", Class: broker.Invalid, Says: "the call wants GET", Hint: hintBaseURL},
		{Code: "43002", Name: "wrong_method", Class: broker.Invalid, Says: "the call wants POST", Hint: hintBaseURL},
		{Code: "43003", Name: "https_required", Class: broker.Misconfigured, Says: "the call did not come by https", Hint: hintBaseURL},
		{Code: "44002", Name: "empty_body", Class: broker.Invalid, Says: "the call came without its body", Hint: hintBaseURL},
		{Code: "47001", Name: "bad_format", Class: broker.Invalid, Says: "the platform could not read the call's body", Hint: "send JSON in UTF-8"},
	}
}

// suiteCodes are those of service providers. This server acts as none, but a secret of the
// wrong sort gets them too. 42007 and 42009 mean other things here than at WeChat [A*].
func suiteCodes() []declared.Code {
	suite := func(code, name, says string) declared.Code {
		return declared.Code{Code: code, Name: name, Class: broker.Misconfigured, Says: says, Hint: hintSuite}
	}
	return []declared.Code{
		suite("40078", "bad_authorization_code", "the authorization code is wrong"),
		suite("40080", "wrong_suite_secret", "the platform refuses the suite's secret"),
		suite("40082", "bad_suite_token", "the platform refuses the suite's token"),
		suite("40083", "wrong_suite_id", "the platform does not know the suite"),
		suite("40084", "bad_permanent_code", "the platform refuses the permanent code"),
		suite("40085", "bad_suite_ticket", "the suite's ticket is wrong or too old"),
		suite("42007", "pre_auth_code_expired", "the pre-authorization code is too old"),
		suite("42009", "suite_token_expired", "the suite's token has expired"),
	}
}
