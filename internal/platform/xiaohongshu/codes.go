package xiaohongshu

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Hints that several codes share.
const (
	whereSettings = "miniapp.xiaohongshu.com → 开发设置 (Development settings)"
	hintPasses    = "nothing to do if it passes: call again"
)

// codes say what the platform's codes mean. One is documented [A].
func codes() []declared.Code {
	return []declared.Code{
		{
			// It does not say that no token was made before something failed [I].
			Code: "2", At: declared.AtIssue, Name: "system_busy", Class: broker.Transient, Unknown: true,
			Says: "the platform has a fault of its own", Hint: "nothing to do if it passes: the call is repeated",
		},
		{
			Code: "2", At: declared.AtCall, Name: "system_busy", Class: broker.Transient,
			Says: "the platform has a fault of its own", Hint: hintPasses,
		},
	}
}

// words are the errors of this server as the platform would say them.
func words() map[string]declared.Word {
	return map[string]declared.Word{"": {Code: "2", Message: "system busy"}}
}
