package broker

import "net/http"

// TokenPath is one of a platform's own paths that give tokens, as it is served here to
// SDKs whose base URL is this server. Its functions do no I/O, change nothing, and are safe
// for concurrent use.
type TokenPath struct {
	// Name is what logs and metrics call it.
	Name string
	// Method is the one that it is asked with.
	Method string
	// Path is as the platform writes it; whoever compares it does so by [Platform.Canonical].
	// A segment in braces stands for any.
	Path string
	// Ask reads what a caller shows, of whose request body is the whole body, which cannot be
	// read from the request any more. What is not there is left zero: a caller whose base
	// URL names the app may show its key in a header. The error is what can be told from the
	// form of the request alone.
	Ask func(r *http.Request, body []byte) (Asked, *Error)
	// Answer appends a token as the platform answers with it, as JSON, with the lifetime in
	// seconds.
	Answer func(b []byte, token string, expiresIn int64) []byte
}

// Asked is what a caller of a token path asks for, and what it shows for it.
type Asked struct {
	Kind Kind
	// AppID is the platform's name of the app; "" where the call shows none.
	AppID string
	// Key stands where the app secret stands on the platform: here it is a client key.
	Key Secret
	// Token is the app's token where it is that, instead of the app secret, which opens the
	// path: for tickets.
	Token Secret
	// ByToken says that the path is opened by a token.
	ByToken bool
	// Params are what the call says of the app's parameters. An app that has others is not
	// the one that is asked for.
	Params map[string]string
	// Force says that the caller wants another token than it has.
	Force bool
	// Wrong is what else is wrong with the call. That there is no such app comes before it,
	// and that the token is not good.
	Wrong *Error
}

// Faults of a call of a token path, which every platform says in its own words.
var (
	ErrNoAppID     = &Error{Code: "app_id_missing", Class: Invalid, Message: "the call does not say which app it is for"}
	ErrNoKey       = &Error{Code: "key_missing", Class: Invalid, Message: "there is nothing in the place of the app secret"}
	ErrBadGrant    = &Error{Code: "wrong_grant_type", Class: Invalid, Message: "the grant type is not the one of this path"}
	ErrNoGrantType = &Error{Code: "grant_type_missing", Class: Invalid, Message: "the call does not say its grant type"}
	ErrBadMethod   = &Error{Code: "wrong_method", Class: Invalid, Message: "the path is asked with another method"}
	ErrEmptyBody   = &Error{Code: "empty_body", Class: Invalid, Message: "the call has no body"}
	ErrBadBody     = &Error{Code: "bad_body", Class: Invalid, Message: "the body cannot be read"}
	ErrBadArgument = &Error{Code: "bad_argument", Class: Invalid, Message: "the call asks for something that there is not"}
)
