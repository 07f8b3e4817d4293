package api

import "time"

// Token is one token as GET /v1/apps/{app}/tokens/{kind} answers it.
type Token struct {
	App   string `json:"app"`
	Kind  string `json:"kind"`
	Token string `json:"token"`
	// Version grows with every new token of an app and kind. It is the ETag.
	Version int64 `json:"version"`
	// ExpiresIn is a promise in whole seconds: for so long this token works, whatever
	// the server does by plan. Zero means: use it now and ask again before the next use.
	ExpiresIn int64 `json:"expires_in"`
	// Expiry is the instant at which the promise ends, in UTC. Callers whose clock may
	// be off count ExpiresIn from the arrival of the answer instead.
	Expiry time.Time `json:"expiry"`
}

// RenewRequest is the body of POST /v1/apps/{app}/tokens/{kind}/renew: what the caller
// saw rejected, as a version or as the token itself. One of the fields is required.
type RenewRequest struct {
	Version int64  `json:"version,omitempty"`
	Token   string `json:"token,omitempty"`
	// Leaked replaces the token although nobody saw it rejected. It needs the right admin.
	Leaked bool `json:"leaked,omitempty"`
}
