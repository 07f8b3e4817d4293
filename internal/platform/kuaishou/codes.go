package kuaishou

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Hints that several codes share.
const (
	whereSettings = "mp.kuaishou.com → 开发管理 → 开发设置 (Development → Development settings)"
	hintBaseURL   = "check that the app's base_url is https://open.kuaishou.com and that nothing on the way changes the request"
	hintReject    = "nothing to do if it passes: a new token is issued"
	hintUser      = "let the user authorize again"
)

// codes say what the platform's codes mean. The call of the token documents the first two
// [A]; the others are those of the open platform's list [A*] and of its SDK for Java [S].
// That calls of mini programs have the same is inferred: no page names a code for a token
// of theirs that is not good [I].
func codes() []declared.Code {
	code := func(at declared.At, code, name string, class broker.Class, says, hint string) declared.Code {
		return declared.Code{Code: code, At: at, Name: name, Class: class, Says: says, Hint: hint}
	}
	rejected := func(code string) declared.Code { return declared.Rejected(code, hintReject) }
	busy := code(declared.AtIssue, "100200500", "system_busy", broker.Transient, "the platform has a fault of its own", "nothing to do if it passes: the call is repeated")
	busy.Unknown = true
	limit := code("", "100200410", "frequency_limit", broker.Throttled, "the platform is called too often", "it ends by itself. If it comes again, find what calls the platform for this app so often")
	limit.Retry = 10 * time.Second
	return []declared.Code{
		code(declared.AtIssue, "100200100", "bad_request", broker.Misconfigured, "the platform misses a parameter, or does not understand one", "set the app's app_id and secret; if they are set: "+hintBaseURL),
		code(declared.AtCall, "100200100", "bad_argument", broker.Invalid, "the platform misses a parameter, or does not understand one", "see the platform's message; most calls want app_id in the query too"),
		code("", "100200101", "wrong_secret", broker.BadCredential, "the platform refuses the app id or the app secret", "compare the app's app_id and secret with those at "+whereSettings),

		rejected("100200102"), // "the request is refused, maybe the token is not valid"
		rejected("100200108"), // too old

		code("", "100200104", "wrong_grant_type", broker.Misconfigured, "the platform does not know the grant type", hintBaseURL),
		code("", "100200103", "wrong_response_type", broker.Misconfigured, "the platform does not know the response type", hintBaseURL),
		code("", "100200105", "bad_login_code", broker.Invalid, "the login code is none, or was used before", "let the user log in again; a login code works once and for minutes"),
		code(declared.AtCall, "100200106", "bad_scope", broker.Misconfigured, "the app has no such scope", "see which rights it has at mp.kuaishou.com"),
		code(declared.AtCall, "100200107", "bad_open_id", broker.Invalid, "there is no such user", "a user's open id belongs to one app"),
		code(declared.AtCall, "100200109", "user_not_authorized", broker.Denied, "the user has taken the authorization back", hintUser),
		code(declared.AtCall, "100200110", "user_not_authorized", broker.Denied, "the user's authorization is over", hintUser),
		code(declared.AtCall, "100200111", "user_not_authorized", broker.Denied, "the user never authorized the app", hintUser),
		code(declared.AtCall, "100200114", "bad_signature", broker.Invalid, "the platform refuses the call's signature", "see the platform's message"),
		code(declared.AtCall, "100200112", "bad_bundle_token", broker.Invalid, "the bundle token is none", "see the platform's message"),
		code("", "100200113", "refresh_token_expired", broker.Denied, "the user's refresh token is too old", hintUser),
		busy,
		// How many calls are too many, and for how long, is not said.
		limit,
		code(declared.AtCall, "100200500", "system_busy", broker.Transient, "the platform has a fault of its own", "nothing to do if it passes: call again"),
	}
}
