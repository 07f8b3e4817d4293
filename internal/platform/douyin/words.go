package douyin

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// words are the errors of this server as the platform would say them, in the numbers of
// the newer list.
func words() map[string]declared.Word {
	token := declared.Word{Code: "28001003", Message: "access_token invalid"}
	denied := declared.Word{Code: "28001018", Message: "api unauthorized"}
	path := declared.Word{Code: "28001017", Message: "unknown URI"}
	often := declared.Word{Code: "28003018", Message: "too many requests"}
	return map[string]declared.Word{
		"":                           {Code: "28001005", Message: "system busy"},
		broker.ErrTokenMissing.Code:  token,
		broker.ErrTokenUnknown.Code:  token,
		broker.ErrTokenKind.Code:     token,
		broker.ErrNotAllowed.Code:    denied,
		broker.ErrAmbiguous.Code:     denied,
		string(broker.Misconfigured): denied,
		string(broker.Denied):        denied,
		broker.ErrBadPath.Code:       path,
		broker.ErrManagedHere.Code:   path,
		broker.ErrNoGateway.Code:     path,
		string(broker.Throttled):     often,
	}
}

// issueWords are words with those of the calls that are opened by the app secret, which
// have numbers of their own.
func issueWords(appID, secret, grant, params declared.Word) map[string]declared.Word {
	w := words()
	for _, code := range []string{
		broker.ErrUnknownApp.Code, broker.ErrWrongApp.Code, broker.ErrAmbiguous.Code, string(broker.Misconfigured), string(broker.Denied),
	} {
		w[code] = appID
	}
	w[broker.ErrUnauthorized.Code] = secret
	w[broker.ErrBadGrant.Code] = grant
	for _, e := range []*broker.Error{broker.ErrNoAppID, broker.ErrNoKey, broker.ErrBadBody, broker.ErrEmptyBody} {
		w[e.Code] = params
	}
	return w
}

// miniWords are those of the token of mini programs.
func miniWords() map[string]declared.Word {
	return issueWords(
		declared.Word{Code: "40015", Message: "bad appid"}, declared.Word{Code: "40017", Message: "bad secret"},
		declared.Word{Code: "40020", Message: "bad grant_type"}, declared.Word{Code: "40014", Message: "missing parameter"},
	)
}

// clientWords are those of client_token.
func clientWords() map[string]declared.Word {
	params := declared.Word{Code: "10002", Message: "parameter error"}
	return issueWords(
		declared.Word{Code: "10003", Message: "client_key not exist"}, declared.Word{Code: "10013", Message: "client_key or client_secret error"},
		params, params,
	)
}
