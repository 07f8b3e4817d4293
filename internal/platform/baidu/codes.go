package baidu

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Hints that several codes share.
const (
	hintBaseURL = "check that the app's base_url is https://aip.baidubce.com and that nothing on the way changes the request"
	hintReject  = "nothing to do if it passes: a new token is issued"
	hintPasses  = "nothing to do if it passes; if it stays, tell the platform its log_id"
	hintBuy     = "see the service's quota, and buy more, at console.bce.baidu.com"
	hintRights  = "tick the service in the application's list at console.bce.baidu.com"
	hintArgs    = "see the platform's message and the service's documentation"
)

// codes say what the platform's codes mean. Those of the token's call are words [A, P].
// Those of the services are numbers: up to 111 everywhere [A], from there on those that
// all services for pictures and texts have in common [A].
func codes() []declared.Code {
	code := func(at declared.At, code, name string, class broker.Class, says, hint string) declared.Code {
		return declared.Code{Code: code, At: at, Name: name, Class: class, Says: says, Hint: hint}
	}
	call := func(c, name string, class broker.Class, says, hint string) declared.Code {
		return code(declared.AtCall, c, name, class, says, hint)
	}
	lives := func(c declared.Code) declared.Code {
		c.Lives = true
		return c
	}
	rejected := func(code string) declared.Code { return declared.Rejected(code, hintReject) }
	quota := func(c, says string) declared.Code {
		c2 := lives(call(c, "daily_quota", broker.Throttled, says, hintBuy))
		c2.Reset = broker.ResetDay
		return c2
	}
	slower := func(c, says string) declared.Code {
		c2 := lives(call(c, "second_quota", broker.Throttled, says, "call more slowly, or buy more calls a second at console.bce.baidu.com"))
		c2.Retry = time.Second
		return c2
	}
	busy := code(declared.AtIssue, "server_error", "system_busy", broker.Transient, "the platform has a fault of its own", "nothing to do if it passes: the call is repeated")
	busy.Unknown = true
	return []declared.Code{
		// One word for two faults; the description is "unknown client id" or "Client
		// authentication failed" [A].
		code(declared.AtIssue, "invalid_client", "wrong_secret", broker.BadCredential, "the platform does not know the API Key, or refuses the Secret Key", "the platform's message says which: \"unknown client id\" is the app's app_id (API Key), anything else its secret (Secret Key). Both are in the application's list at console.bce.baidu.com"),
		code(declared.AtIssue, "invalid_request", "bad_request", broker.Misconfigured, "the platform misses a parameter", hintBaseURL),
		code(declared.AtIssue, "unsupported_grant_type", "wrong_grant_type", broker.Misconfigured, "the platform does not know the grant type", hintBaseURL),
		code(declared.AtIssue, "unauthorized_client", "api_not_authorized", broker.Misconfigured, "the application may not have tokens in this way", hintRights),
		code(declared.AtIssue, "invalid_scope", "bad_scope", broker.Misconfigured, "the application has no such scope", hintRights),
		busy,

		rejected("110"), rejected("111"),
		// A token that is no token at all, and everything else that the gateway in front of the
		// services does not understand [A]. Which of the two it was cannot be told, and a good
		// token is not to be replaced for a caller's slip.
		call("100", "bad_argument", broker.Invalid, "the platform does not understand a parameter, or the token that the call shows is none", hintArgs),

		call("1", "system_busy", broker.Transient, "the platform has a fault of its own", hintPasses),
		call("2", "system_busy", broker.Transient, "the service cannot be reached for the moment", hintPasses),
		call("3", "wrong_path", broker.Misconfigured, "the platform has no such call", hintBaseURL),
		slower("4", "the service is used too much by all"),
		lives(call("6", "api_not_authorized", broker.Misconfigured, "the application may not use this service", hintRights)),
		call("13", "system_busy", broker.Transient, "the platform could not get a token for the service", hintPasses),
		call("14", "bad_signature", broker.Misconfigured, "the platform refuses the call's signature", "calls with an access token have none: remove the header Authorization from the call"),
		call("15", "wrong_app_id", broker.Misconfigured, "the platform does not know the application", hintPasses),
		quota("17", "the day's calls of this service are used up, or it is not paid for"),
		slower("18", "there are more calls in a second than are paid for"),
		quota("19", "all calls of this service are used up"),

		call("216100", "bad_argument", broker.Invalid, "the service does not understand a parameter", hintArgs),
		call("216101", "bad_argument", broker.Invalid, "the service misses a parameter", hintArgs),
		call("216102", "wrong_path", broker.Misconfigured, "there is no such service", hintBaseURL),
		call("216103", "bad_argument", broker.Invalid, "a parameter is too long", hintArgs),
		call("216110", "wrong_app_id", broker.Misconfigured, "the service does not know the application", hintRights),
		call("216200", "bad_argument", broker.Invalid, "the picture is empty", hintArgs),
		call("216201", "bad_argument", broker.Invalid, "the picture has a format that the service does not read", hintArgs),
		call("216202", "bad_argument", broker.Invalid, "the picture is too large", hintArgs),
		call("282000", "system_busy", broker.Transient, "the service has a fault of its own", hintPasses),
	}
}
