package xiaohongshu

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Hints that several codes share.
const (
	whereSettings = "miniapp.xiaohongshu.com → 开发设置 (Development settings)"
	hintRequest   = "set the app's app_id and secret; if they are set, check that its base_url is https://miniapp.xiaohongshu.com and that nothing on the way changes the request"
	hintReject    = "nothing to do if it stays the only one; else another server uses the same secret and issues tokens: find it, or give it a key of this server"
	hintSecret    = "if the secret (AppSecret) was reset, put the new one into the app: " + whereSettings
	hintAppID     = "compare the app's app_id with that at " + whereSettings
)

// codes say what the platform's codes mean. That of a system that is not well is documented
// [A]. Those from 410001 on are documented nowhere: the platform's staff and its users name
// them in its own tracker, github.com/redengineer/redmini, and a probe has met the one of
// tokens in 2026 [C]. Of a missing parameter or a missing token nothing is known: 10001 is the
// sandbox's [U], and a call without a token is taken to get the code of a bad one [I].
func codes() []declared.Code {
	return []declared.Code{
		{
			// It does not say that no token was made before something failed [I].
			Code: "2", At: declared.AtIssue, Name: "system_busy", Class: broker.Transient, Unknown: true,
			Says: "the platform has a fault of its own", Hint: "nothing to do if it passes: the call is repeated",
		},
		{
			Code: "2", At: declared.AtCall, Name: "system_busy", Class: broker.Transient,
			Says: "the platform has a fault of its own", Hint: "nothing to do if it passes: call again",
		},
		{
			Code: "10001", At: declared.AtIssue, Name: "bad_request", Class: broker.Misconfigured,
			Says: "the platform misses a parameter", Hint: hintRequest,
		},
		{
			Code: "10001", At: declared.AtCall, Name: "bad_argument", Class: broker.Invalid,
			Says: "the platform does not understand a parameter", Hint: "see the platform's message",
		},
		{
			// 应用失效, 应用无效: of an id that there is not, and of an app that was taken down. It is
			// said before anybody looks at the token.
			Code: "410002", Name: "wrong_app_id", Class: broker.Misconfigured,
			Says: "the platform does not know the app id, or the app is not in force any more", Hint: hintAppID,
		},
		{
			// 应用秘钥不匹配.
			Code: "410004", Name: "wrong_secret", Class: broker.BadCredential,
			Says: "the platform refuses the app secret", Hint: hintSecret,
		},
		// 应用访问令牌不匹配: of a token that there is not, or that is too old. It is also said of a
		// good one that is not of the kind a call wants, as of a provider's; of a path that no
		// token has opened yet the gateway asks the check before it believes it.
		declared.Rejected("410101", hintReject),
		{
			// 授权码不匹配.
			Code: "410103", At: declared.AtCall, Name: "bad_login_code", Class: broker.Invalid,
			Says: "the login code is none, was used before, or is another app's", Hint: "let the user log in again; a login code works once",
		},
		{
			// 网络异常，请稍后再试: something behind the platform did not answer in time.
			Code: "5", At: declared.AtCall, Name: "system_busy", Class: broker.Transient,
			Says: "the platform has a fault of its own", Hint: "nothing to do if it passes: call again",
		},
	}
}
