package qq

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// words are the errors of this server as the platform would say them.
func words() map[string]declared.Word {
	var (
		busy    = declared.Word{Code: "-1", Message: "system error"}
		appID   = declared.Word{Code: "40013", Message: "invalid appid"}
		secret  = declared.Word{Code: "40001", Message: "invalid credential"}
		token   = declared.Word{Code: "40001", Message: "invalid credential, access_token is invalid or not latest"}
		path    = declared.Word{Code: "40066", Message: "invalid url"}
		minute  = declared.Word{Code: "45011", Message: "api minute-quota reach limit"}
		forbids = declared.Word{Code: "48001", Message: "api unauthorized"}
	)
	return map[string]declared.Word{
		"":                           busy,
		broker.ErrUnknownApp.Code:    appID,
		broker.ErrAmbiguous.Code:     appID,
		broker.ErrWrongApp.Code:      appID,
		broker.ErrNoAppID.Code:       appID,
		broker.ErrUnauthorized.Code:  secret,
		broker.ErrNoKey.Code:         secret,
		broker.ErrBadGrant.Code:      {Code: "40002", Message: "invalid grant_type"},
		broker.ErrTokenMissing.Code:  {Code: "41001", Message: "access_token missing"},
		broker.ErrTokenUnknown.Code:  token,
		broker.ErrTokenKind.Code:     token,
		broker.ErrNotAllowed.Code:    forbids,
		broker.ErrBadPath.Code:       path,
		broker.ErrManagedHere.Code:   path,
		broker.ErrNoGateway.Code:     path,
		string(broker.Misconfigured): forbids,
		string(broker.Denied):        forbids,
		string(broker.Throttled):     minute,
	}
}
