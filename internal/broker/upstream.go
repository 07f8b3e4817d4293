package broker

import "net/http"

// CallSort says what a call on one of a platform's paths is, and so what may be done
// with it on its way there.
type CallSort int

// The sorts of calls.
const (
	// CallApp is opened by the app's own token, which is attached to it.
	CallApp CallSort = iota
	// CallUser is opened by a token that belongs to a user of the app, and passes
	// untouched: such a token never stands for the app's own, nor the other way round (I8).
	CallUser
	// CallExchange is opened by the app secret, and gives something else than the app's
	// token. The secret takes the place of the client key in it.
	CallExchange
	// CallManaged asks for what is kept here: tokens and tickets. It is never passed on,
	// because a new token could end the one that everybody has.
	CallManaged
	// CallForeign is opened by a token of a kind that is not kept here. It is not passed on:
	// with the app's own token the platform would say that this is not good, and a good
	// token would be replaced.
	CallForeign
)

// Route is what is known of one path of a platform.
type Route struct {
	Sort CallSort
	// Nameless says that a call may be made without saying whose it is: it shows all that
	// its platform wants to see, and is small. Only GETs of a [CallUser] are.
	Nameless bool
	// Metered says that the platform counts calls of this path for the app as a whole, so
	// that one caller's refusal for the quota holds for all.
	Metered bool
	// Clears says that a success gives the app its used-up quotas back.
	Clears bool
	// Kind is which of the app's tokens opens a [CallApp]. Empty: [AccessToken].
	Kind Kind
	// Either says that a token of a user stands in the same place of a [CallApp], and opens it
	// for that user: the app's own is not put in the place of one that is not known.
	Either bool
	// Own says that the path is known to be one of the platform's, as those are that begin
	// like no other's. It decides nothing but who speaks where several platforms could be
	// meant and none can tell whose call it is.
	Own bool
	// Body says that what a [CallExchange] is opened by stands in its body, as JSON or as a
	// form, instead of the query or a header. Before [Upstream.Shown] is asked, such a body
	// has been read whole and is in memory: GetBody of the request returns it from its
	// beginning, as often as it is called, without I/O and without an error, and Body is
	// what GetBody returned once. Where there is no body, GetBody is nil. It has at most
	// [MaxShownBody] bytes and no content encoding: other calls are refused before.
	Body bool
}

// MaxShownBody bounds, in bytes, the bodies in which platforms look for credentials.
const MaxShownBody = 64 << 10

// Shown is what a call shows in the places where its platform looks for credentials.
// What is not shown is zero.
type Shown struct {
	Token Secret // where a token stands
	AppID string // where the platform's name of the app stands
	Key   Secret // where the app secret stands, and here a client key
}

// Judgement is what a platform's answer says.
type Judgement struct {
	// Verdict is on the token that the call carried.
	Verdict Verdict
	// Err is what the platform refused with; nil where it did not.
	Err *Error
	// Users are tokens of a user of the app that the answer gives. They are remembered for
	// as long as the process runs, to tell them from the app's own.
	Users []Secret
}

// Refusal is an error in the form that a platform gives its own.
type Refusal struct {
	Status      int
	ContentType string
	Body        []byte
	// Challenge is the header WWW-Authenticate. Empty: there is none.
	Challenge string
}

// Upstream is the gateway's side of a platform: how its calls look. Its methods change
// nothing but the request they are given, do no I/O, and are safe for concurrent use.
// Paths have single slashes and are decoded. That of a request that is to be looked at or
// changed is the platform's own as well, without what stands before it at this server or in
// the app's base URL, and no path is changed. The header Authorization, where a request
// has one, is meant for the platform: a client key that stood there has been taken away.
type Upstream interface {
	// Hosts are the platform's own hosts. An app's calls go to its base URL and nowhere
	// else, whatever a request says; this is what base URLs are checked against.
	Hosts() []string
	// Denied are the patterns of paths that only administrators may call unless an app
	// says otherwise: those that spend what cannot be had again.
	Denied() []string
	// Route says what a path is. Unknown paths are [CallApp].
	Route(path string) Route
	// Shown finds what a call shows. It reads a body only where Body of the path's [Route]
	// says so, by GetBody and never from Body itself, and consumes nothing. What cannot be
	// read shows nothing.
	Shown(r *http.Request) Shown
	// Attach puts a token where the platform wants it, instead of any that is there.
	Attach(r *http.Request, tok Secret)
	// Substitute puts the app's id and secret where the platform wants them, instead of
	// any that are there.
	//
	// Where Body of the path's [Route] is set, it makes another body of the one that GetBody
	// gives, in the encoding that the platform wants, with everything else that the caller
	// wrote left as it was. It sets Body, GetBody and ContentLength to the new one, and the
	// header Content-Type; GetBody goes on to give it from memory, because it is looked
	// through before it is sent. A body that it cannot read becomes one with nothing of the
	// caller's in it. Before it is asked again, with another secret, the body is the caller's
	// once more.
	Substitute(r *http.Request, appID string, secret Secret)
	// Judge reads an answer, of which body is the whole content in the clear, or nil where
	// that is too large or of a type that errors never have.
	Judge(path string, resp *http.Response, body []byte) Judgement
	// Refuse says an error in the form that the platform gives its own on a path. The
	// request's id is in it where the platform would have put its own.
	Refuse(path string, err *Error, requestID string) Refusal
}
