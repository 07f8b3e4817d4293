package broker

import (
	"errors"
	"fmt"
	"time"
)

// Class says what kind of fault an error is, and so who can do something about it.
type Class string

// The classes; they are part of the public contract.
const (
	Transient     Class = "transient"      // goes away by itself
	Throttled     Class = "throttled"      // a quota is used up
	BadCredential Class = "bad_credential" //nolint:gosec // the name of a class; the secret is wrong or frozen
	Misconfigured Class = "misconfigured"  // somebody has to change a setting
	Denied        Class = "denied"
	NotFound      Class = "not_found"
	Invalid       Class = "invalid"
)

// Permanent reports whether waiting alone does not help.
func (c Class) Permanent() bool { return c == BadCredential || c == Misconfigured || c == Denied }

// Reset says when a throttled platform listens again.
type Reset int

// The resets.
const (
	ResetNone   Reset = iota
	ResetMinute       // at the next full minute
	ResetDay          // at the next midnight in Shanghai
)

// Error is a fault that an operator may see: a stable code, the class, what to do
// next, and the platform's own words where it said any. Message and Hint never
// contain a secret.
type Error struct {
	Code    string // stable, snake_case
	Class   Class
	Message string
	Hint    string
	// PlatformCode and PlatformMessage are what the platform said, "" if nothing.
	PlatformCode    string
	PlatformMessage string
	// Reset says when a throttled platform listens again.
	Reset Reset
	// RetryAfter is when asking again makes sense; zero: not said.
	RetryAfter time.Duration
	// Unknown marks an issue whose outcome is not known: the request may have
	// reached the platform, but no answer came back.
	Unknown bool
	Err     error
}

// Error implements error.
func (e *Error) Error() string {
	s := e.Message
	if s == "" {
		s = e.Code
	}
	if e.PlatformCode != "" {
		s += fmt.Sprintf(" (platform said %s: %s)", e.PlatformCode, e.PlatformMessage)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is match by code, so that sentinels can carry their own message.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && e != nil && t.Code == e.Code
}

// AsError finds the [Error] in a chain; any other error becomes a transient one
// with the code "internal", whose cause is for logs and not for callers.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: "internal", Class: Transient, Message: "internal error", Err: err}
}

// Sentinels, compared with errors.Is.
var (
	ErrNotFound     = errors.New("not found")                        // no such record
	ErrConflict     = errors.New("version conflict")                 // the record was written by somebody else
	ErrNotEmpty     = errors.New("there is something already")       // what is to be taken over has no place
	ErrLeaseHeld    = errors.New("lease is held by another")         // try later
	ErrLeaseLost    = errors.New("lease was lost")                   // it ran out or was taken over
	ErrUndecodable  = errors.New("what is stored cannot be decoded") // one row, and no other
	ErrUnknownKey   = errors.New("sealed with a key that the keyset does not have")
	ErrForgotten    = errors.New("the store has lost what was written to it")
	ErrUnknownApp   = &Error{Code: "unknown_app", Class: NotFound, Message: "no such app"}
	ErrUnknownKind  = &Error{Code: "unknown_kind", Class: NotFound, Message: "the app's platform has no such kind of token"}
	ErrNotAllowed   = &Error{Code: "not_allowed", Class: Denied, Message: "the client may not do this"}
	ErrNoToken      = &Error{Code: "no_live_token", Class: Transient, Message: "no live token, and the platform gave no new one"}
	ErrBudget       = &Error{Code: "budget_spent", Class: Throttled, Message: "the day's budget for unplanned renewals of this app is spent"}
	ErrTooSoon      = &Error{Code: "too_soon", Class: Throttled, Message: "this app's token was replaced out of turn several times just now, and the next time has to wait a little"}
	ErrWrongApp     = &Error{Code: "wrong_app", Class: Invalid, Message: "the call names another app than the one it is made on"}
	ErrTokenMissing = &Error{Code: "token_missing", Class: Invalid, Message: "the call shows no token"}
	ErrTokenUnknown = &Error{Code: "token_unknown", Class: Invalid, Message: "the token was not handed out here, or it is too old"}
	ErrTokenKind    = &Error{Code: "wrong_token_kind", Class: Invalid, Message: "the call shows a token of the wrong kind"}
	ErrBadPath      = &Error{Code: "bad_path", Class: Invalid, Message: "the path cannot be passed on to the platform"}
	ErrNoGateway    = &Error{Code: "no_gateway", Class: NotFound, Message: "calls to the app's platform are not passed on"}
	ErrManagedHere  = &Error{Code: "managed_here", Class: Invalid, Message: "the platform is not asked for this, because it is managed here"}
	ErrTokenNotKept = &Error{Code: "token_not_kept", Class: Invalid, Message: "the path wants a token of a kind that is not kept here, so that the call is not passed on"}
	ErrRejected     = &Error{Code: "token_rejected", Class: Transient, Message: "the platform rejects the access token"}
	ErrUnreachable  = &Error{Code: "platform_unreachable", Class: Transient, Message: "the platform could not be reached, or broke the call off"}
	ErrUnauthorized = &Error{Code: "unauthorized", Class: Denied, Message: "no client key, or an unknown one"}
	ErrNotReady     = &Error{Code: "not_ready", Class: Transient, Message: "the server is not ready"}
	ErrShuttingDown = &Error{Code: "shutting_down", Class: Transient, Message: "the server is shutting down"}
)

// ErrAmbiguous is the error of a caller that may mean several apps.
var ErrAmbiguous = &Error{
	Code: "ambiguous_app", Class: Misconfigured, Message: "the client may use several apps with this app id",
	Hint: "name the app in the place of the app secret, KEY.APP: the client key, a dot and this server's id of the app; or give the client the right to one of them only",
}

// ErrRefreshEnded is permanent, and yet the refresh token is kept: one answer of a provider
// that is not itself must not end a grant.
var ErrRefreshEnded = &Error{
	Code: "refresh_token_ended", Class: Misconfigured, Message: "the provider does not take the refresh token any more",
	Hint: "authorize the app at the provider again, and set what you get as the app's refresh_token; perhaps the one before was used elsewhere, which nobody else may do",
}

// ErrStoreAway is the error of a request that needs the store, which does not answer.
var ErrStoreAway = &Error{
	Code: "store_unreachable", Class: Transient, RetryAfter: time.Second,
	Message: "the store does not answer, so nothing was done",
	Hint:    "tokens are served from memory meanwhile; try again when /readyz says that the store can be reached",
}

// StoreAway is [ErrStoreAway] with its cause.
func StoreAway(err error) *Error {
	e := *ErrStoreAway
	e.Err = err
	return &e
}
