package qq

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Hints that several codes share.
const (
	hintBaseURL = "check that the app's base_url is https://api.q.qq.com and that nothing on the way changes the request"
	hintReject  = "nothing to do if it stays the only one; else another server uses the same secret and issues tokens: find it, or give it a key of this server"
	hintSecret  = "if the secret (AppSecret) was reset, put the new one into the app: q.qq.com → 开发设置 (Development settings)"
	hintRights  = "see which rights it has at q.qq.com"
	hintLogin   = "let the user log in again; a login code works once and for minutes"
)

// codes say what the platform's codes mean. Documented are those of the token's call [A],
// of logins [A] and of payments [A]; the others are WeChat's of the same words [I].
func codes() []declared.Code {
	rejected := func(code string) declared.Code { return declared.Rejected(code, hintReject) }
	return []declared.Code{
		{
			// It does not say that no token was made before something failed [I].
			Code: "-1", At: declared.AtIssue, Name: "system_busy", Class: broker.Transient, Unknown: true,
			Says: "the platform has a fault of its own", Hint: "nothing to do if it passes: the call is repeated",
		},
		{
			Code: "-1", At: declared.AtCall, Name: "system_busy", Class: broker.Transient,
			Says: "the platform has a fault of its own", Hint: "nothing to do if it passes: call again",
		},
		{
			Code: "40001", At: declared.AtIssue, Name: "wrong_secret", Class: broker.BadCredential,
			Says: "the platform refuses the app secret, or it is another app's", Hint: hintSecret,
		},
		{
			Code: "40002", Name: "wrong_grant_type", Class: broker.Misconfigured,
			Says: "the platform does not know the grant type", Hint: hintBaseURL,
		},
		{
			Code: "40013", Name: "wrong_app_id", Class: broker.Misconfigured,
			Says: "the platform does not know the app id", Hint: "compare the app's app_id, including its case, with that at q.qq.com: 开发设置 (Development settings)",
		},

		{
			// Of a login whose app id or secret is wrong: a newer list has these two [A*].
			Code: "-101222100", At: declared.AtIssue, Name: "wrong_secret", Class: broker.BadCredential,
			Says: "the platform refuses the app id or the app secret", Hint: hintSecret,
		},
		{
			Code: "-2100", At: declared.AtIssue, Name: "wrong_secret", Class: broker.BadCredential,
			Says: "the platform refuses the app id or the app secret", Hint: hintSecret,
		},

		// The one code of a token that is documented is that of payments, openApiPay [A]. Those
		// that follow are WeChat's [I].
		rejected("-3000"),
		rejected("40001"), rejected("40014"), rejected("42001"),
		{
			Code: "90017", At: declared.AtCall, Name: "api_not_authorized", Class: broker.Misconfigured, // [A]
			Says: "the app has no right to this call", Hint: hintRights,
		},
		{
			Code: "90018", At: declared.AtCall, Name: "bad_argument", Class: broker.Invalid, // [A]
			Says: "the platform does not understand a parameter", Hint: "see the platform's message",
		},
		{
			Code: "41001", Name: "token_missing", Class: broker.Misconfigured,
			Says: "the access token did not reach the platform", Hint: hintBaseURL,
		},
		{
			Code: "40066", Name: "wrong_path", Class: broker.Misconfigured,
			Says: "the platform has no such call", Hint: hintBaseURL,
		},
		{
			Code: "48001", Name: "api_not_authorized", Class: broker.Misconfigured, Lives: true,
			Says: "the app has no right to this call", Hint: hintRights,
		},
		{
			Code: "45009", Name: "daily_quota", Class: broker.Throttled, Reset: broker.ResetDay,
			Says: "the app's daily quota of this call is used up", Hint: "it ends at midnight in Beijing. See who spends it: other servers with the same secret, or clients that report tokens as rejected",
		},
		{
			Code: "45011", Name: "minute_quota", Class: broker.Throttled, Reset: broker.ResetMinute,
			Says: "there were too many calls in this minute, for logins more than 100 of one user", Hint: "it ends with the minute. If it comes again, find what else calls the platform for this app",
		},
		{
			Code: "40029", Name: "bad_login_code", Class: broker.Invalid,
			Says: "the login code is none, or was used before", Hint: hintLogin,
		},
	}
}
