package xiaohongshu

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// words are the errors of this server as the platform would say them.
func words() map[string]declared.Word {
	appID := declared.Word{Code: "10002", Message: "appid not exist"}
	secret := declared.Word{Code: "10003", Message: "secret error"}
	params := declared.Word{Code: "10001", Message: "params error"}
	token := declared.Word{Code: "10005", Message: "access_token invalid"}
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
		broker.ErrTokenMissing.Code:  {Code: "10004", Message: "access_token missing"},
		broker.ErrTokenUnknown.Code:  token,
		broker.ErrTokenKind.Code:     token,
	}
}
