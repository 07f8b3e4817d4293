package feishu

import (
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// words are this server's errors in the platform's terms. What is said of tokens is what
// SDKs get a new one for.
func words() map[string]declared.Word {
	var (
		param    = declared.Word{Code: "10003", Message: "invalid param"}
		rejected = declared.Word{Code: "99991663", Message: "Invalid access token for authorization"}
		denied   = declared.Word{Code: "99991672", Message: "Access denied"}
		nowhere  = declared.Word{Code: "99991201", Message: "resource not find", Status: http.StatusNotFound}
		often    = declared.Word{Code: "99991400", Message: "request trigger frequency limit", Status: http.StatusTooManyRequests}
	)
	return map[string]declared.Word{
		broker.ErrUnknownApp.Code:    param,
		broker.ErrAmbiguous.Code:     param,
		broker.ErrWrongApp.Code:      param,
		broker.ErrNoAppID.Code:       param,
		broker.ErrNoKey.Code:         param,
		broker.ErrEmptyBody.Code:     param,
		broker.ErrBadBody.Code:       param,
		broker.ErrBadArgument.Code:   param,
		broker.ErrUnauthorized.Code:  {Code: "10014", Message: "app secret invalid"},
		broker.ErrBadMethod.Code:     {Code: "99991301", Message: "request method doesn't match"},
		broker.ErrTokenMissing.Code:  {Code: "99991661", Message: "Missing access token for authorization"},
		broker.ErrTokenUnknown.Code:  rejected,
		broker.ErrTokenKind.Code:     rejected,
		broker.ErrRejected.Code:      rejected,
		broker.ErrTokenNotKept.Code:  denied,
		broker.ErrNotAllowed.Code:    denied,
		broker.ErrManagedHere.Code:   nowhere,
		broker.ErrNoGateway.Code:     nowhere,
		broker.ErrBadPath.Code:       nowhere,
		broker.ErrUnknownKind.Code:   nowhere,
		string(broker.Misconfigured): denied,
		string(broker.Denied):        denied,
		string(broker.Throttled):     often,
		"":                           {Code: "1500", Message: "internal error"},
	}
}

// oauthWords are those of the paths that follow RFC 6749, whose libraries look at error. A
// client that is wrong gets HTTP 400 there and not 401 [A, S]. The platform's own faults have
// 500 and 503 [A]; words have no such status, so that these keep 400.
func oauthWords() map[string]declared.Word {
	word := func(code, name, message string) declared.Word {
		return declared.Word{Code: code, Message: message, Extra: map[string]string{"error": name}}
	}
	client := word("20002", "invalid_client", "The client secret is invalid.")
	often := word("99991400", "too_many_requests", "request trigger frequency limit")
	often.Status = http.StatusTooManyRequests
	denied := word("20009", "unauthorized_client", "The client may not do this.")
	request := word("20063", "invalid_request", "The request is malformed.")
	return map[string]declared.Word{
		broker.ErrUnknownApp.Code:    client,
		broker.ErrAmbiguous.Code:     client,
		broker.ErrWrongApp.Code:      client,
		broker.ErrUnauthorized.Code:  client,
		broker.ErrNoAppID.Code:       request,
		broker.ErrNoKey.Code:         request,
		broker.ErrEmptyBody.Code:     request,
		broker.ErrBadBody.Code:       request,
		broker.ErrBadArgument.Code:   request,
		broker.ErrBadMethod.Code:     request,
		broker.ErrBadGrant.Code:      word("20036", "unsupported_grant_type", "The specified grant_type is not supported here. For a user's, use /open-apis/authen/v2/oauth/token."),
		broker.ErrNotAllowed.Code:    denied,
		string(broker.Misconfigured): denied,
		string(broker.Denied):        denied,
		string(broker.Throttled):     often,
		broker.ErrNotReady.Code:      word("20072", "temporarily_unavailable", "The server is temporarily unavailable."),
		"":                           word("20050", "server_error", "An unexpected server error occurred."),
	}
}
