package wecom

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// words are this server's errors in WeCom's terms.
func words() map[string]declared.Word {
	var (
		corpID    = declared.Word{Code: "40013", Message: "invalid corpid"}
		rejected  = declared.Word{Code: "40014", Message: "invalid access_token"}
		frequency = declared.Word{Code: "45009", Message: "api freq out of limit"}
		forbidden = declared.Word{Code: "48002", Message: "api forbidden"}
	)
	return map[string]declared.Word{
		broker.ErrUnknownApp.Code:    corpID,
		broker.ErrAmbiguous.Code:     corpID,
		broker.ErrWrongApp.Code:      corpID,
		broker.ErrNoAppID.Code:       {Code: "41002", Message: "corpid missing"},
		broker.ErrNoKey.Code:         {Code: "41004", Message: "corpsecret missing"},
		broker.ErrUnauthorized.Code:  {Code: "40001", Message: "invalid credential"},
		broker.ErrBadMethod.Code:     {Code: "43001", Message: "require GET method"},
		broker.ErrEmptyBody.Code:     {Code: "44002", Message: "empty post data"},
		broker.ErrBadBody.Code:       {Code: "47001", Message: "data format error"},
		broker.ErrBadArgument.Code:   {Code: "40005", Message: "invalid type"},
		broker.ErrTokenMissing.Code:  {Code: "41001", Message: "access_token missing"},
		broker.ErrTokenUnknown.Code:  rejected,
		broker.ErrTokenKind.Code:     rejected,
		broker.ErrRejected.Code:      rejected,
		broker.ErrTokenNotKept.Code:  forbidden,
		broker.ErrNotAllowed.Code:    forbidden,
		broker.ErrManagedHere.Code:   forbidden,
		broker.ErrNoGateway.Code:     forbidden,
		broker.ErrBadPath.Code:       forbidden,
		broker.ErrUnknownKind.Code:   forbidden,
		string(broker.Misconfigured): forbidden,
		string(broker.Denied):        forbidden,
		string(broker.Throttled):     frequency,
		"":                           {Code: "-1", Message: "system busy"},
	}
}
