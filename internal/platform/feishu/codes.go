package feishu

import (
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Hints that several codes share. The consoles are open.feishu.cn/app and, for Lark,
// open.larksuite.com/app.
const (
	whereApp     = "开发者后台 → the app → 凭证与基础信息 (Developer Console → Credentials & Basic Info)"
	whereScopes  = "开发者后台 → the app → 权限管理 (Developer Console → Permissions & Scopes)"
	whereVersion = "版本管理与发布 (Version Management & Release)"
	hintPlace    = "check that the app's platform is feishu for an app of open.feishu.cn, and lark for one of open.larksuite.com"
	hintBaseURL  = "check that the app's base_url is the platform's own and that nothing on the way changes the request"
	hintReject   = "nothing to do if it stays the only one. If one and the same call meets it again and again, it is one that does not take a tenant's token, of which the platform says the same"
	hintState    = "see in the tenant's 管理后台 → 工作台 → 应用管理 (Admin Console → Workplace → App Management) that the app is installed and enabled, and that a version of it is released: " + whereVersion
	hintLogin    = "let the user log in again: a code works once and for five minutes, a refresh token once"
	hintPasses   = "nothing to do if it passes: the call is repeated"
)

// codes says what the platform's codes mean. The codes and their words are those of its
// general table and of its token paths' [A, A*, S], the classes ours. Several mean one thing
// where tokens are asked for and another elsewhere.
func codes() []declared.Code {
	return slices.Concat(issueCodes(), oauthCodes(), tokenCodes(), callCodes())
}

// issueCodes are those of auth/v3, without those that only business calls have.
func issueCodes() []declared.Code {
	secret := func(code, says string) declared.Code {
		return declared.Code{Code: code, At: declared.AtIssue, Name: "wrong_secret", Class: broker.BadCredential, Says: says, Hint: "put the app's present App Secret into the app: " + whereApp + "; " + hintPlace}
	}
	store := func(code, says string) declared.Code {
		return declared.Code{Code: code, At: declared.AtIssue, Name: "app_of_the_store", Class: broker.Misconfigured, Says: says, Hint: "apps of the app store (商店应用) are issued by a ticket that the platform pushes; use an app that the tenant has made for itself (自建应用)"}
	}
	return []declared.Code{
		// What a wrong app id gets [P].
		{Code: "10003", At: declared.AtIssue, Name: "wrong_app_id", Class: broker.Misconfigured, Says: "the platform does not know the app id", Hint: "compare the app's app_id with the App ID: " + whereApp + "; " + hintPlace},
		// Of a wrong secret [S]; the older table has it for an app that is stopped [A].
		secret("10014", "the platform refuses the App Secret, or the app is disabled"),
		secret("10015", "the platform refuses the App Secret"),
		secret("99991543", "the platform refuses the App ID or the App Secret"),
		{Code: "10005", At: declared.AtIssue, Name: "app_not_authorized", Class: broker.Denied, Says: "the platform does not let the app in", Hint: hintState},
		store("10012", "the platform refuses the app's ticket"),
		store("10016", "the platform does not push the app's ticket"),
		{Code: "10013", At: declared.AtIssue, Name: "system_busy", Class: broker.Transient, Says: "the platform made no token for the tenant", Hint: hintPasses},
	}
}

// oauthCodes are those of the paths that follow RFC 6749. What is about a user's code is
// never said to an app.
func oauthCodes() []declared.Code {
	login := func(code, name, says string) declared.Code {
		return declared.Code{Code: code, Name: name, Class: broker.Invalid, Says: says, Hint: hintLogin}
	}
	form := func(code, name, says string) declared.Code {
		return declared.Code{Code: code, Name: name, Class: broker.Misconfigured, Says: says, Hint: hintBaseURL}
	}
	return []declared.Code{
		form("20001", "parameter_missing", "the request lacks something"),
		form("20036", "wrong_grant_type", "the platform does not know the grant type"),
		form("20063", "bad_format", "the platform could not read the request"),
		form("20070", "two_authentications", "the app has shown its secret in two ways at once"),
		{Code: "20002", Name: "wrong_secret", Class: broker.BadCredential, Says: "the platform refuses the App ID or the App Secret", Hint: "put the app's present App Secret into the app: " + whereApp + "; " + hintPlace},
		{Code: "20048", Name: "wrong_app_id", Class: broker.Misconfigured, Says: "the platform does not know the app id", Hint: "compare the app's app_id with the App ID: " + whereApp + "; " + hintPlace},
		{Code: "20009", Name: "app_not_installed", Class: broker.Denied, Says: "the tenant has not installed the app", Hint: hintState},
		{Code: "20069", Name: "app_disabled", Class: broker.Denied, Says: "the app is not enabled", Hint: hintState},
		{Code: "20050", Name: "system_busy", Class: broker.Transient, Says: "the platform has a fault of its own", Hint: hintPasses},
		{Code: "20072", Name: "system_busy", Class: broker.Transient, Says: "the platform is not there for a while", Hint: hintPasses},
		login("20003", "bad_login_code", "the login code is wrong"),
		login("20004", "login_code_expired", "the login code is too old"),
		login("20065", "login_code_used", "the login code was used before"),
		login("20024", "foreign_login_code", "the code or refresh token is that of another app"),
		login("20037", "refresh_token_expired", "the refresh token is too old"),
		login("20064", "refresh_token_revoked", "the refresh token was taken back"),
		login("20073", "refresh_token_used", "the refresh token was used before"),
		login("20049", "bad_code_verifier", "the code verifier is not that of the login"),
		login("20071", "wrong_redirect_uri", "the redirect URI is not that of the login"),
		login("20067", "bad_scope", "a scope is asked for twice"),
		login("20068", "bad_scope", "a scope is asked for that was not granted"),
		login("20005", "user_token_rejected", "the platform rejects the user's token"),
		login("20006", "user_token_rejected", "the user's token is too old"),
		login("20026", "bad_refresh_token", "the platform rejects the user's refresh token"),
		{Code: "20074", Name: "refresh_not_allowed", Class: broker.Misconfigured, Says: "the app may not refresh users' tokens", Hint: "switch it on: 开发者后台 → the app → 安全设置 (Developer Console → Security Settings)"},
		{Code: "20008", Name: "user_unknown", Class: broker.Denied, Says: "there is no such user", Hint: hintLogin},
		{Code: "20010", Name: "user_may_not", Class: broker.Denied, Says: "the user may not use the app", Hint: "widen the app's 可用范围 (availability): " + whereVersion},
		{Code: "20066", Name: "user_state", Class: broker.Denied, Says: "the user has left or is frozen", Hint: hintLogin},
	}
}

// tokenCodes are what is said of a token, its app and the caller's address.
func tokenCodes() []declared.Code {
	rejected := func(code string) declared.Code { return declared.Rejected(code, hintReject) }
	user := func(code, name, says string) declared.Code {
		return declared.Code{Code: code, Name: name, Class: broker.Invalid, Says: says, Hint: hintLogin}
	}
	return []declared.Code{
		// 99991663 is also said by calls that take no tenant's token at all [A]. On a path that
		// no token has opened yet it is not believed before the check has shown the same.
		rejected("99991663"), // the tenant's
		rejected("99991664"), // the app's own
		rejected("99991665"), // the tenant's
		rejected("20013"),    // the tenant's, said by the logins' paths [A]
		rejected("20014"),    // the app's own, said by the older logins [A]
		rejected("99991671"), // one that does not begin as tokens do
		// One that has expired, by the table a user's [A, S]. It counts where the call showed the
		// app's own, which has no user's beside it.
		rejected("99991677"),
		// A user's token, and in a probe of 2026 a JWT that was made up [P]. Whether
		// a tenant's token of mode oauth gets it too, once it is dead, is not known [U]. Calls that
		// take no user's token say it as well, so that it is not taken for the app's.
		user("99991668", "user_token_rejected", "the platform rejects the user's token, or the call takes none"),
		user("99991669", "bad_refresh_token", "the platform rejects the user's refresh token"),
		user("99991679", "user_scope_missing", "the user did not grant what the call needs"),
		{Code: "99991661", Name: "token_missing", Class: broker.Misconfigured, Says: "the token did not reach the platform", Hint: hintBaseURL},
		{Code: "99991662", Name: "app_disabled", Class: broker.Denied, Says: "the app is disabled", Hint: hintState},
		{Code: "99991673", Name: "app_not_installed", Class: broker.Denied, Says: "the app cannot be used in the tenant", Hint: hintState},
		{Code: "99991401", Name: "ip_not_whitelisted", Class: broker.Misconfigured, Says: "this server's address is not on the app's IP whitelist", Hint: "add {ip} to the IP 白名单: 开发者后台 → the app → 安全设置 (Developer Console → Security Settings → IP Whitelist)"},
		{Code: "99991403", Name: "month_quota", Class: broker.Throttled, Says: "the tenant's calls of this month are used up", Hint: "more calls are to be had with another edition: see the tenant's 管理后台 (Admin Console)", Retry: time.Hour}, // [A]
		// The limits are those of an app at one path, by the second and the minute, and what is
		// over them is refused alone [A]: it closes the path for nobody.
		{Code: "99991400", Name: "frequency_limit", Class: broker.Throttled, Says: "the platform is called too often", Hint: "it ends by itself, mostly within the minute. If it comes again, find what calls the platform for this app so often", Retry: 10 * time.Second},
	}
}

// callCodes are those of other calls that say something about the app.
func callCodes() []declared.Code {
	scope := func(code, says string) declared.Code {
		return declared.Code{
			Code: code, Name: "scope_missing", Class: broker.Misconfigured, Says: says, Lives: true,
			Hint: "ask for the permission that the platform names and release a version of the app: " + whereScopes + ", " + whereVersion,
		}
	}
	return []declared.Code{
		scope("99991672", "the app lacks the permission for the call"),
		scope("99991676", "the token lacks the permission for the call"),
		{Code: "11205", Name: "no_bot", Class: broker.Misconfigured, Says: "the app is no bot", Hint: "add the bot to the app and release a version: 开发者后台 → the app → 添加应用能力 (Developer Console → Add Features)", Lives: true},
		{Code: "11207", Name: "app_disabled", Class: broker.Denied, Says: "the app cannot be used in the tenant", Hint: hintState},
		{Code: "11210", Name: "app_not_installed", Class: broker.Denied, Says: "the tenant has not installed the app", Hint: hintState},
		{Code: "10003", At: declared.AtCall, Name: "bad_parameter", Class: broker.Invalid, Says: "a parameter of the call is missing or wrong", Hint: "see the call's documentation"},
		{Code: "99992402", Name: "bad_parameter", Class: broker.Invalid, Says: "a parameter of the call is missing or wrong", Hint: "see the call's documentation"},
		{Code: "99991201", Name: "wrong_path", Class: broker.Misconfigured, Says: "the platform has no such call", Hint: hintBaseURL},
		{Code: "99991301", Name: "wrong_method", Class: broker.Misconfigured, Says: "the call came with a wrong method", Hint: hintBaseURL},
		{Code: "1500", Name: "system_busy", Class: broker.Transient, Says: "the platform has a fault of its own", Hint: hintPasses},
		{Code: "2200", Name: "system_busy", Class: broker.Transient, Says: "the platform has a fault of its own", Hint: hintPasses},
		{Code: "9499", Name: "bad_parameter", Class: broker.Invalid, Says: "a parameter of the call is missing or wrong", Hint: "see the call's documentation"},
		{Code: "5000", Name: "system_busy", Class: broker.Transient, Says: "the platform has a fault of its own", Hint: hintPasses},
	}
}
