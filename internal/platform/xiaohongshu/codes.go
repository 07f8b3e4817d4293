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
// [A], and no other [U]: those from 10001 on are the sandbox's. Should the platform say
// another one of a token that is not good, its rejections are not seen in the gateway; who
// reports a token is answered by the check.
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
			Code: "10002", Name: "wrong_app_id", Class: broker.Misconfigured,
			Says: "the platform does not know the app id", Hint: hintAppID,
		},
		{
			Code: "10003", Name: "wrong_secret", Class: broker.BadCredential,
			Says: "the platform refuses the app secret", Hint: hintSecret,
		},
		{
			Code: "10004", Name: "token_missing", Class: broker.Misconfigured,
			Says: "the access token did not reach the platform", Hint: hintRequest,
		},
		declared.Rejected("10005", hintReject),
	}
}
