package feishu

import (
	"net/http"

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
		"unknown_app":      param,
		"wrong_app":        param,
		"app_id_missing":   param,
		"key_missing":      param,
		"empty_body":       param,
		"bad_body":         param,
		"bad_argument":     param,
		"unauthorized":     {Code: "10014", Message: "app secret invalid"},
		"wrong_method":     {Code: "99991301", Message: "request method doesn't match"},
		"token_missing":    {Code: "99991661", Message: "Missing access token for authorization"},
		"token_unknown":    rejected,
		"wrong_token_kind": rejected,
		"token_rejected":   rejected,
		"token_not_kept":   denied,
		"not_allowed":      denied,
		"managed_here":     nowhere,
		"no_gateway":       nowhere,
		"bad_path":         nowhere,
		"unknown_kind":     nowhere,
		"throttled":        often,
		"":                 {Code: "1500", Message: "internal error"},
	}
}

// oauthWords are those of the paths that follow RFC 6749, whose libraries look at error.
func oauthWords() map[string]declared.Word {
	word := func(code, name, message string) declared.Word {
		return declared.Word{Code: code, Message: message, Extra: map[string]string{"error": name}}
	}
	client := word("20002", "invalid_client", "The client secret is invalid.")
	client.Status = http.StatusUnauthorized
	request := word("20063", "invalid_request", "The request is malformed.")
	return map[string]declared.Word{
		"unknown_app":      client,
		"wrong_app":        client,
		"unauthorized":     client,
		"app_id_missing":   request,
		"key_missing":      request,
		"empty_body":       request,
		"bad_body":         request,
		"bad_argument":     request,
		"wrong_method":     request,
		"wrong_grant_type": word("20036", "unsupported_grant_type", "The specified grant_type is not supported here. For a user's, use /open-apis/authen/v2/oauth/token."),
		"not_allowed":      word("20009", "unauthorized_client", "The client may not do this."),
		"not_ready":        word("20072", "temporarily_unavailable", "The server is temporarily unavailable."),
		"":                 word("20050", "server_error", "An unexpected server error occurred."),
	}
}
