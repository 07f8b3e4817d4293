package kuaishou

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// words are the errors of this server as the platform would say them.
func words() map[string]declared.Word {
	var (
		client = declared.Word{Code: "100200101", Message: "invalid client"}
		token  = declared.Word{Code: "100200102", Message: "access denied: invalid access_token"}
		params = declared.Word{Code: "100200100", Message: "invalid request"}
	)
	return map[string]declared.Word{
		"":                           {Code: "100200500", Message: "server error"},
		broker.ErrUnknownApp.Code:    client,
		broker.ErrAmbiguous.Code:     client,
		broker.ErrWrongApp.Code:      client,
		string(broker.Misconfigured): params,
		string(broker.Denied):        params,
		string(broker.Throttled):     {Code: "100200410", Message: "api rate limit"},
		broker.ErrUnauthorized.Code:  client,
		broker.ErrNoAppID.Code:       params,
		broker.ErrNoKey.Code:         params,
		broker.ErrBadBody.Code:       params,
		broker.ErrEmptyBody.Code:     params,
		broker.ErrBadGrant.Code:      {Code: "100200104", Message: "unsupported grant type"},
		broker.ErrTokenMissing.Code:  params,
		broker.ErrTokenUnknown.Code:  token,
		broker.ErrTokenKind.Code:     token,
		broker.ErrNotAllowed.Code:    {Code: "100200106", Message: "invalid scope"},
	}
}
