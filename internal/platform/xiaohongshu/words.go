package xiaohongshu

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// words are the errors of this server as the platform would say them.
func words() map[string]declared.Word {
	appID := declared.Word{Code: "410002", Message: "应用无效"}
	secret := declared.Word{Code: "410004", Message: "应用秘钥不匹配"}
	params := declared.Word{Code: "10001", Message: "params error"} // [U]
	token := declared.Word{Code: "410101", Message: "应用访问令牌不匹配"}
	return map[string]declared.Word{
		"":                           {Code: "2", Message: "system error"},
		broker.ErrUnknownApp.Code:    appID,
		broker.ErrAmbiguous.Code:     appID,
		broker.ErrWrongApp.Code:      appID,
		string(broker.Misconfigured): params,
		string(broker.Denied):        params,
		broker.ErrUnauthorized.Code:  secret,
		broker.ErrNoAppID.Code:       params,
		broker.ErrNoKey.Code:         params,
		broker.ErrBadBody.Code:       params,
		broker.ErrEmptyBody.Code:     params,
		broker.ErrTokenMissing.Code:  token, // [I]
		broker.ErrTokenUnknown.Code:  token,
		broker.ErrTokenKind.Code:     token,
	}
}
