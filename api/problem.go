package api

import (
	"fmt"
	"net/http"
	"time"
)

// Problem is an error answer, as RFC 9457 has it (application/problem+json).
type Problem struct { //nolint:errname // RFC 9457 calls it a problem, and so does everybody who reads one
	Type   string `json:"type,omitempty"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Code is stable; see the constants. Class says who can do something about it.
	Code      string `json:"code"`
	Class     string `json:"class"`
	Detail    string `json:"detail,omitempty"`
	Hint      string `json:"hint,omitempty"` // what the operator does next
	RequestID string `json:"request_id,omitempty"`
	// Platform is what the platform said, where it said something.
	Platform *PlatformError `json:"platform,omitempty"`
	// RetryAfter is the answer's header Retry-After: when asking again makes sense. Zero
	// where nothing was said. It is not in the body.
	RetryAfter time.Duration `json:"-"`
}

// PlatformError is an error in the platform's own words.
type PlatformError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error implements error.
func (p *Problem) Error() string {
	s := p.Title
	if p.Detail != "" {
		s = p.Detail
	}
	if p.Platform != nil {
		s += " (platform said " + p.Platform.Code + ": " + p.Platform.Message + ")"
	}
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	if p.RetryAfter > 0 {
		s += fmt.Sprintf("; try again in %d s", int64((p.RetryAfter+time.Second-1)/time.Second))
	}
	return s
}

// The classes of errors.
const (
	ClassTransient     = "transient"
	ClassThrottled     = "throttled"
	ClassBadCredential = "bad_credential" //nolint:gosec // the name of a class, not a credential
	ClassMisconfigured = "misconfigured"
	ClassDenied        = "denied"
	ClassNotFound      = "not_found"
	ClassInvalid       = "invalid"
)

// Codes of the server itself. Codes that come from a platform are listed in docs/api.md.
const (
	CodeUnauthorized = "unauthorized"   // no key, or an unknown one
	CodeNotAllowed   = "not_allowed"    // the client may not do this
	CodeUnknownApp   = "unknown_app"    // no such app
	CodeUnknownKind  = "unknown_kind"   // the app has no such kind of token
	CodeNotFound     = "not_found"      // no such path, client or entry
	CodeInvalid      = "invalid"        // the request is malformed
	CodeReadOnly     = "read_only"      // it is defined in the configuration file
	CodeExists       = "already_exists" // the name is taken
	CodeConflict     = "conflict"       // somebody else changed it meanwhile, or has it already
	CodeTooLarge     = "too_large"      // the body is over the limit
	CodeThrottled    = "throttled"      // the client holds more open than its share
	CodeMethod       = "method_not_allowed"
	CodeNoToken      = "no_live_token" // the platform gave no token, and none is left
	CodeBudgetSpent  = "budget_spent"  // the day's unplanned renewals are used up
	CodeNotReady     = "not_ready"     // the server is starting or stopping, or busy with calls like this one
	CodeStoreAway    = "store_unreachable"
	CodeInternal     = "internal" // a fault of the server
)

// Codes of calls through the gateway that are not passed on, or get no answer. What a
// platform answers, refusals included, is passed on as it is and has none of them.
const (
	CodeBadPath        = "bad_path"             // the path could mean more than one thing
	CodeBadMethod      = "bad_method"           // the method is none that is passed on
	CodeKeyInside      = "key_inside"           // the client key would have gone to the platform
	CodeWrongApp       = "wrong_app"            // the path names one app, the call another
	CodeTokenMissing   = "token_missing"        // the path wants a user's token
	CodeWrongTokenKind = "wrong_token_kind"     // an app's token where a user's belongs, or the other way round
	CodeBodyUnreadable = "body_unreadable"      // the caller's body ended early
	CodeNoGateway      = "no_gateway"           // the app's platform has no gateway
	CodeTokenNotKept   = "token_not_kept"       // the path wants a token of a kind that is not kept here
	CodeUnreachable    = "platform_unreachable" // no answer; what became of the call may not be known
)

// Codes of what is about users.
const (
	CodeNoGrant            = "no_grant"            // nothing is kept of what the user granted the app
	CodeAuthorizationEnded = "authorization_ended" // only the user can make the grant anew
	CodeScopeLacking       = "scope_lacking"       // the user has not granted that much
	CodeNoLogin            = "no_login"            // users cannot log in to the app here
	CodeGrantSealed        = "grant_sealed"        // what is kept of the user cannot be opened
	CodeBusy               = "busy"                // the user's token is being renewed just now; ask again
	CodeBadCode            = "bad_code"            // a login's code is unknown, used or too old
	CodePageNotAllowed     = "page_not_allowed"    // the page's host is none of the app's page_hosts
	CodeAgentIDMissing     = "agent_id_missing"    // the app does not say which agent of its corp it is
)

// Status is the HTTP status that goes with a code of the server; other codes go by
// their class.
func Status(code, class string) int {
	switch code {
	case CodeUnauthorized:
		return http.StatusUnauthorized
	case CodeReadOnly, CodeExists, CodeConflict:
		return http.StatusConflict
	case CodeMethod:
		return http.StatusMethodNotAllowed
	case CodeThrottled:
		return http.StatusTooManyRequests
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeNotReady, CodeStoreAway, CodeBusy:
		return http.StatusServiceUnavailable
	case CodeInternal:
		return http.StatusInternalServerError
	case CodeNotAllowed, CodeAuthorizationEnded, CodeScopeLacking:
		return http.StatusForbidden
	}
	switch class {
	case ClassNotFound:
		return http.StatusNotFound
	case ClassInvalid:
		return http.StatusBadRequest
	default:
		// The platform refused or failed, and no live token is left.
		return http.StatusBadGateway
	}
}
