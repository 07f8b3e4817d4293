package baidu

import (
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// issueWords are the errors of this server as the platform would say them where it gives
// tokens.
func issueWords() map[string]declared.Word {
	client := declared.Word{Code: "invalid_client", Message: "unknown client id"}
	secret := declared.Word{Code: "invalid_client", Message: "Client authentication failed"}
	denied := declared.Word{Code: "unauthorized_client", Message: "The client may not have a token in this way", Status: http.StatusBadRequest}
	return map[string]declared.Word{
		"":                           {Code: "server_error", Message: "the token could not be had", Status: http.StatusBadRequest},
		broker.ErrUnknownApp.Code:    client,
		broker.ErrAmbiguous.Code:     client,
		broker.ErrWrongApp.Code:      client,
		broker.ErrNoAppID.Code:       client,
		broker.ErrUnauthorized.Code:  secret,
		broker.ErrNoKey.Code:         secret,
		broker.ErrBadGrant.Code:      {Code: "unsupported_grant_type", Message: "The authorization grant type is not supported", Status: http.StatusBadRequest},
		string(broker.Misconfigured): denied,
		string(broker.Denied):        denied,
		broker.ErrBadBody.Code:       {Code: "invalid_request", Message: "the request cannot be read", Status: http.StatusBadRequest},
	}
}

// words are those everywhere else.
func words() map[string]declared.Word {
	token := declared.Word{Code: "110", Message: "Access token invalid or no longer valid"}
	denied := declared.Word{Code: "6", Message: "No permission to access data"}
	path := declared.Word{Code: "3", Message: "Unsupported openapi method"}
	return map[string]declared.Word{
		"":                           {Code: "2", Message: "Service temporarily unavailable"},
		broker.ErrTokenMissing.Code:  token,
		broker.ErrTokenUnknown.Code:  token,
		broker.ErrTokenKind.Code:     token,
		broker.ErrNotAllowed.Code:    denied,
		string(broker.Misconfigured): denied,
		string(broker.Denied):        denied,
		broker.ErrAmbiguous.Code:     denied,
		broker.ErrBadPath.Code:       path,
		broker.ErrManagedHere.Code:   path,
		broker.ErrNoGateway.Code:     path,
		string(broker.Throttled):     {Code: "18", Message: "Open api qps request limit reached"},
	}
}
