package gateway

import (
	"cmp"
	"context"
	"net/url"

	"github.com/hufu-io/hufu/internal/broker"
)

// call is one call on its way: who makes it, where it goes, and what opens it there.
type call struct {
	caller   broker.Caller
	app      *broker.App
	platform *broker.Platform
	route    broker.Route
	place    place
	shown    broker.Shown
	small    bool          // it is a GET without a body
	named    string        // the app that the base URL names; "": none
	key      broker.Secret // the client key that was shown, if one was
	// authorization is the header of that name where a token of a user stands in it, which
	// passes untouched.
	authorization string
	body          *taken // what was read of the body to look for credentials; nil: nothing
	url           *url.URL
	counted       string // the path as it is counted and trusted, see meterPath

	kind    broker.Kind     // of the token that opens a CallApp
	token   broker.Token    // that token
	secrets []broker.Secret // what opens a CallExchange, the likeliest first

	dog     watchdog
	writer  patientWriter // to the caller
	outcome outcome
	err     *broker.Error // why there is no answer of the platform
}

// callKey is under which a request's context has its call, which the proxy's functions
// take from it.
type callKey struct{}

func callOf(ctx context.Context) *call {
	x, _ := ctx.Value(callKey{}).(*call)
	return x
}

// repeatable reports whether there may be a reason to make the call once more. Those that
// anybody may make are not kept for it.
func (x *call) repeatable() bool {
	return x.route.Sort == broker.CallApp || x.route.Sort == broker.CallExchange
}

// wants settles which kind of the app's tokens opens the call: that of the token that was
// shown, else the one that the path wants.
func (x *call) wants() broker.Kind { return cmp.Or(x.kind, x.route.Kind, broker.AccessToken) }
