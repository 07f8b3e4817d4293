package oauth2

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// Refuse implements [broker.Upstream]. What the provider said of a call is said again as it
// was. At the token path it spoke of the refresh token or secret that is kept here, and a
// library that heard invalid_grant or invalid_client would blame its own. With an error of
// this server comes what to do about it, because the developer of the caller may see nothing
// else.
func (upstream) Refuse(path string, err *broker.Error, requestID string) broker.Refusal {
	if err == nil {
		err = broker.AsError(nil)
	}
	var code, words string
	var status int
	issues := platform.Canonical(path) == tokenPath
	switch {
	case err.PlatformCode == "":
		code, status = worded(err, issues)
		words = explained(err)
	case issues:
		code, status = ours(err.Class)
		words = explained(err) + "; the provider said " + strings.TrimSuffix(err.PlatformCode+": "+platform.Clean(err.PlatformMessage), ": ")
	default:
		code, words, status = err.PlatformCode, err.PlatformMessage, statusOf(err.PlatformCode, err)
	}
	if requestID != "" {
		words = strings.TrimLeft(words+" (request id "+requestID+")", " ")
	}
	x := broker.Refusal{Status: status, ContentType: "application/json", Body: errorBody(code, words)}
	if status == http.StatusUnauthorized {
		x.Challenge = challenge(code, err, issues)
	}
	return x
}

// challenge is what comes with every 401: by RFC 6749 (section 5.2) at the token path, and by
// RFC 6750 (section 3) elsewhere, where a call that shows nothing hears no code.
func challenge(code string, err *broker.Error, issues bool) string {
	switch {
	case issues:
		return `Basic realm="hufu"`
	case err.Code == broker.ErrTokenMissing.Code:
		return `Bearer realm="hufu"`
	default:
		return `Bearer realm="hufu", error="` + code + `"`
	}
}

func explained(err *broker.Error) string {
	words := err.Code
	if err.Message != "" {
		words += ": " + platform.Clean(err.Message)
	}
	if err.Hint != "" {
		words += "; " + platform.Clean(err.Hint)
	}
	return words
}

// worded is the code of RFC 6749, at the token path, or of RFC 6750 for an error of this
// server. Clients that have an unknown key are told the same as those whose app there is
// not.
func worded(err *broker.Error, issues bool) (code string, status int) {
	switch err.Code {
	case broker.ErrNoAppID.Code, broker.ErrNoKey.Code, broker.ErrUnauthorized.Code, broker.ErrUnknownApp.Code:
		if issues {
			return "invalid_client", http.StatusUnauthorized
		}
		return "invalid_token", http.StatusUnauthorized
	case broker.ErrNotAllowed.Code:
		if issues {
			return "unauthorized_client", http.StatusBadRequest
		}
		return "insufficient_scope", http.StatusForbidden
	case broker.ErrTokenMissing.Code, broker.ErrTokenUnknown.Code, broker.ErrTokenKind.Code, broker.ErrRejected.Code:
		return "invalid_token", http.StatusUnauthorized
	case broker.ErrBadGrant.Code:
		return "unsupported_grant_type", http.StatusBadRequest
	case broker.ErrNoGateway.Code:
		return "invalid_request", http.StatusNotFound
	}
	switch err.Class {
	case broker.BadCredential, broker.Misconfigured:
		// It is the app's, for which the caller can do nothing, and asking again does not help:
		// libraries do that after a status of 500 or more.
		if issues {
			return "unauthorized_client", http.StatusBadRequest
		}
		return "access_denied", http.StatusForbidden
	case broker.Denied:
		return "access_denied", http.StatusForbidden
	case broker.NotFound, broker.Invalid:
		return "invalid_request", http.StatusBadRequest
	case broker.Throttled, broker.Transient:
	}
	return ours(err.Class)
}

// ours is the code of what is between this server and the provider, for which a caller can do
// nothing.
func ours(class broker.Class) (code string, status int) {
	switch class {
	case broker.Throttled:
		return "temporarily_unavailable", http.StatusTooManyRequests
	case broker.Transient:
		return "temporarily_unavailable", http.StatusServiceUnavailable
	case broker.BadCredential, broker.Misconfigured, broker.Denied, broker.NotFound, broker.Invalid:
	}
	return "server_error", http.StatusBadGateway
}

// statusOf is the status that comes with a code that the provider has said.
func statusOf(code string, err *broker.Error) int {
	switch {
	case err.Class == broker.Throttled:
		return http.StatusTooManyRequests
	case code == "invalid_client", code == "invalid_token":
		return http.StatusUnauthorized
	case code == "insufficient_scope", code == "access_denied":
		return http.StatusForbidden
	case code == "temporarily_unavailable":
		return http.StatusServiceUnavailable
	case code == "server_error":
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}

func errorBody(code, words string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// Two texts can always be written.
	_ = enc.Encode(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, words})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
