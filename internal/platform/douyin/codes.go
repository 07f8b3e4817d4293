package douyin

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Hints that several codes share.
const (
	whereSecret  = "developer.open-douyin.com → 开发 → 开发配置 (Development → Development settings)"
	hintBaseURL  = "check that the app's base_url is the platform's own, or empty, and that nothing on the way changes the request"
	hintAppID    = "compare the app's app_id (AppID, client_key) with that at " + whereSecret + ", and check that the app's mode fits: mini for the token of mini programs, client or stable for client_token"
	hintSecret   = "if the secret (AppSecret, client_secret) was reset, put the new one into the app; it belongs to exactly one app_id: " + whereSecret
	hintReject   = "nothing to do if it stays the only one; else another server uses the same secret and issues tokens, which mode stable does not mind: find it, or give it a key of this server"
	hintPasses   = "nothing to do if it passes; if it stays, tell the platform its log_id"
	hintRights   = "see which rights (scopes) the app has: developer.open-douyin.com → 控制台 (Console)"
	hintPlatform = "ask the platform's support for the reason"
	hintUser     = "let the user authorize again"
	hintLogin    = "let the user log in again; a login code works once and for minutes"
)

// issueCodes are those of the calls that are opened by the app secret [A]. Where one of
// them says that the platform is at fault it does not say that no token was made before [I].
func issueCodes() []declared.Code {
	issue := func(code, name string, class broker.Class, says, hint string) declared.Code {
		return declared.Code{Code: code, At: declared.AtIssue, Name: name, Class: class, Says: says, Hint: hint, Unknown: name == "system_busy"}
	}
	throttled := issue("10020", "too_many_issues", broker.Throttled, "tokens were asked for more than 500 times in 5 minutes", "see who asks: another server with the same secret, or one that asks for every call")
	throttled.Retry = 5 * time.Minute
	return []declared.Code{
		// The token of mini programs.
		issue("-1", "system_busy", broker.Transient, "the platform has a fault of its own", hintPasses),
		issue("40014", "bad_request", broker.Misconfigured, "the platform misses a parameter", hintBaseURL),
		issue("40015", "wrong_app_id", broker.Misconfigured, "the platform does not know the app id", hintAppID),
		issue("40017", "wrong_secret", broker.BadCredential, "the platform refuses the app secret", hintSecret),
		issue("40020", "wrong_grant_type", broker.Misconfigured, "the platform does not know the grant type", hintBaseURL),
		// client_token.
		issue("10002", "bad_request", broker.Misconfigured, "the platform misses a parameter, or does not understand one", hintBaseURL),
		issue("10003", "wrong_app_id", broker.Misconfigured, "the platform does not know the client_key", hintAppID),
		issue("10013", "wrong_secret", broker.BadCredential, "the platform refuses the client_key or client_secret", hintSecret),
		throttled,
		// Logins, of mini programs and of users.
		issue("40018", "bad_login_code", broker.Invalid, "the login code is none, was used before, or is another app's", hintLogin),
		issue("40019", "bad_login_code", broker.Invalid, "the anonymous login code is none, or was used before", hintLogin),
		issue("10007", "bad_login_code", broker.Invalid, "the user's authorization code is none, or was used before", hintLogin),
		{
			Code: "10010", Name: "refresh_token_expired", Class: broker.Denied,
			Says: "the user's refresh token is too old", Hint: hintUser,
		},
	}
}

// callCodes are those of all other calls: the platform's list of common codes in its newer
// and older form [A, S], and those of mini programs [A*].
func callCodes() []declared.Code {
	call := func(code, name string, class broker.Class, says, hint string) declared.Code {
		return declared.Code{Code: code, At: declared.AtCall, Name: name, Class: class, Says: says, Hint: hint}
	}
	lives := func(code, name string, class broker.Class, says, hint string) declared.Code {
		c := call(code, name, class, says, hint)
		c.Lives = true
		return c
	}
	rejected := func(code string) declared.Code { return declared.Rejected(code, hintReject) }
	busy := func(code string) declared.Code {
		return call(code, "system_busy", broker.Transient, "the platform has a fault of its own", hintPasses)
	}
	quota := func(code, name, says string, r broker.Reset) declared.Code {
		c := lives(code, name, broker.Throttled, says, "wait; for more ask the platform's support")
		c.Reset = r
		return c
	}
	return []declared.Code{
		// The newer list has 28001008 [A], and single calls document 28001003 [A]. The older form
		// is in SDKs [S]; a page of client_token has 10008 beside 2190008 for one that is too old
		// [A], and SDKs for one that is wrong too [S].
		rejected("28001003"), rejected("28001008"),
		rejected("2190002"), rejected("2190008"), rejected("10008"),
		rejected("11016"), // developer.toutiao.com: wrong or too old [A*]; nothing else was found that says so

		busy("28001005"), busy("28001006"), busy("2100001"), busy("2100004"), busy("-1"),

		quota("28003017", "daily_quota", "the app's quota of this call is used up", broker.ResetDay),
		quota("2190001", "daily_quota", "the app's quota of this call is used up", broker.ResetDay),
		quota("28003018", "minute_quota", "the call was made too often", broker.ResetMinute),
		quota("28001052", "minute_quota", "the platform sees a risk in how often the call is made", broker.ResetMinute),

		call("28001007", "bad_argument", broker.Invalid, "the platform does not understand a parameter", "see the platform's message"),
		call("2100005", "bad_argument", broker.Invalid, "the platform does not understand a parameter", "see the platform's message"),
		call("28001017", "wrong_path", broker.Misconfigured, "the platform has no such call", hintBaseURL),
		call("28001056", "call_withdrawn", broker.Misconfigured, "the platform does not offer this call any more", "see its documentation for what took its place"),

		lives("28001014", "api_not_authorized", broker.Misconfigured, "the app has no rights at all", hintRights),
		lives("28001018", "api_not_authorized", broker.Misconfigured, "the app has no right to this call", hintRights),
		lives("2190004", "api_not_authorized", broker.Misconfigured, "the app has no right to this call", hintRights),
		lives("2100007", "api_not_authorized", broker.Misconfigured, "the app has no right to this call", hintRights),
		call("28001016", "account_frozen", broker.Denied, "the app is banned or offline", hintPlatform),
		call("2190016", "account_frozen", broker.Denied, "the app is banned or offline", hintPlatform),
		lives("28001019", "api_forbidden", broker.Denied, "the platform forbids this call", hintPlatform),
		call("28001020", "user_not_testing", broker.Denied, "the user is not one of this test app", "add the user to the test app"),
		call("28001021", "test_app_ended", broker.Denied, "the test app's time is over", "make it a regular app"),

		call("28001012", "user_not_authorized", broker.Denied, "the user did not authorize this call", hintUser),
		call("2190003", "user_not_authorized", broker.Denied, "the user did not authorize this call", hintUser),
		call("28001015", "user_token_required", broker.Invalid, "the token is not that of the user whom the call names", "use the user's own token"),
		call("2190015", "user_token_required", broker.Invalid, "the token is not that of the user whom the call names", "use the user's own token"),
		call("28004020", "user_not_authorized", broker.Denied, "the user's way of authorizing does not give this scope", hintUser),
		call("28001042", "component_token_required", broker.Misconfigured, "the token of a third-party platform lacks the scope", "this call is one of third-party platforms"),
		call("28001045", "user_gone", broker.Denied, "the user has closed the account", "nothing is to be had of this user"),
		call("28001046", "user_banned", broker.Denied, "the user is banned", "nothing is to be had of this user"),
		call("2100009", "user_banned", broker.Denied, "the user is banned", "nothing is to be had of this user"),
		call("28001047", "user_private", broker.Denied, "the user's account is private", "nothing is to be had of this user"),
	}
}
