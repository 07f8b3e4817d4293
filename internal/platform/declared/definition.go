package declared

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Definition describes a platform as data. It is what the packages of the built-in
// platforms and the section platforms of a configuration file have in common: a platform
// that fits into it needs no code of its own.
type Definition struct {
	// Name is the platform's name in configurations.
	Name string
	// BaseURL is where the platform is; a mode or a surface may be elsewhere.
	BaseURL string
	// Params are what the platform wants to know of an app besides its id and secret. In
	// templates they are {param.NAME}.
	Params []broker.Param
	// OneToken says that an app id has one token on the platform, whatever the mode and the
	// params with which it is asked for.
	OneToken bool
	// Modes are the ways to issue; the first is the default.
	Modes []Mode
	// Surfaces are the groups of paths that look alike. The longest prefix counts. One with
	// the prefix "" has to be there: it is for all other paths.
	Surfaces []Surface
	// Codes say what the codes mean that the platform refuses with. Those that are not
	// there are taken to pass by themselves.
	Codes []Code
	// Words are the codes with which the errors of this server are said in the platform's
	// own form, by the codes of the errors here, such as unknown_app and token_missing, or by
	// their classes, such as throttled; "" is for all others, and has to be there.
	Words map[string]Word
	// Check is a harmless call that shows whether a token is good. Nil: there is none.
	Check *Check
	// Denied are the patterns of paths that only administrators may call unless an app says
	// otherwise.
	Denied []string
	// Exchanges are the paths that are opened by the app secret and give something else than
	// the app's token, such as a user's session.
	Exchanges []Exchange
	// Users are the patterns of paths that are opened by the token of a user, and Foreign
	// those that are opened by one that is not kept here. A pattern is a path, or the
	// beginning of one with * at its end.
	Users   []string
	Foreign []string
	// Gives are the paths, other than the exchanges, whose answers give tokens of users.
	Gives []Giving
	// Either says that users' tokens stand where the app's does and open the same paths, so
	// that the app's own is not put in the place of one that is not known.
	Either bool
	// Kinds says which token opens the paths of a pattern, where that is not the access
	// token.
	Kinds map[string]broker.Kind
}

// Mode is a way to issue.
type Mode struct {
	Name string
	// BaseURL is where the mode's apps are. Empty: that of the definition.
	BaseURL string
	Tokens  []Token
	// Check is that of the mode's tokens. Nil: that of the definition.
	Check *Check
}

// Token is one kind of token, and how it is got.
type Token struct {
	Kind broker.Kind
	// From is the kind of token that opens the request, for tickets. Empty: the app secret
	// does.
	From     broker.Kind
	Request  Request
	Answer   Answer
	Rotation broker.Rotation
	// OnDemand has it got only once somebody asks for it. Those with From always are.
	OnDemand bool
	// DropIn is what the path is called in metrics where it is served here to SDKs. Empty:
	// it is not served.
	DropIn string
}

// Request is a call as it is made. Values are templates, in which {app_id}, {secret} and
// {param.NAME} stand for what the app has; one with a parameter that the app does not have
// is left out. Where From of the token is set, that token is attached as the path's surface
// says.
type Request struct {
	Method string // GET or POST
	// BaseURL is where this one call goes. Empty: as for every other call of the path.
	BaseURL string
	// Path is a template too, each of whose segments is a text or one of the above in braces.
	Path   string
	Query  map[string]string
	Header map[string]string
	// At most one of JSON and Form is there.
	JSON map[string]string
	Form map[string]string
	// Basic sends the app's id and secret by HTTP Basic.
	Basic bool
}

// Answer says where things stand in an answer. Names of fields inside of others are
// joined by dots, as in data.access_token.
type Answer struct {
	Token    string
	Lifetime string // in seconds
	// Default is the lifetime where the answer says none. Zero: it has to.
	Default time.Duration
	// Extra are fields of a success that say nothing, but that SDKs look at, such as errcode
	// 0. A value that is JSON, such as 0, true or "0" with its quotation marks, stands as
	// that, and any other as a text.
	Extra map[string]string
}

// Surface is a group of paths that look alike.
type Surface struct {
	Prefix string
	// BaseURL is where the paths are. Empty: that of the mode.
	BaseURL string
	Attach  Place
	Errors  Errors
	// Words are said here instead of those of the definition that have the same name.
	Words map[string]Word
}

// Place is where a token stands in a call: one of the two.
type Place struct {
	Query  string // the name of the parameter
	Header string // the name of the header
	Scheme string // what stands before the token in the header, such as Bearer
}

// Errors says how answers say that a call was refused.
type Errors struct {
	// Code is where the code stands: of several fields the first that is there. A call is
	// refused where it says something else than OK.
	Code []string
	// OK are the codes of a success. An answer without a code is one too, unless NeedCode.
	OK       []string
	NeedCode bool
	// ByStatus says that refusals always have a status of 400 or more, so that what stands
	// where codes do in another answer says nothing.
	ByStatus bool
	// Message is where the words stand.
	Message []string
	// Detail is where a code stands that says more than the one of Code, as DingTalk's
	// sub_code does beside errcode 88. Where it is there, it counts.
	Detail []string
	// Status is the HTTP status of a refusal said here. Zero: 200. Whatever it is, an answer
	// with a status of 400 or more is never a success.
	Status int
	// RequestID is the field, or the header where it begins with a capital letter, in which
	// the platform names the request. Empty: there is none.
	RequestID string
	// Wait is the header in which the platform says, in seconds, when to ask again, where it
	// is another than Retry-After.
	Wait string
}

// Code is what one of the platform's codes says.
type Code struct {
	Code string // as it is written, numbers in decimal
	// At is where the code is said with this meaning. Empty: everywhere.
	At    At
	Name  string // ours, stable, in snake_case
	Class broker.Class
	Says  string // in words
	// Hint is what the operator does next. In it, {ip} stands for the address that the
	// platform names in its words.
	Hint  string
	Reset broker.Reset
	Retry time.Duration
	// Rejects says that the token is not good, and a new one is to be got.
	Rejects bool
	// Lives says that it is only said to tokens that are good.
	Lives bool
	// Unknown says that the platform may have issued nevertheless.
	Unknown bool
	// Beside is what stands in the place of Code where this one stands in that of Detail.
	Beside string
}

// Rejected is the code of a token that is not good. Where tokens are issued by the app
// secret nothing is said of one, so that the code may mean something else there.
func Rejected(code, hint string) Code {
	e := broker.ErrRejected
	return Code{Code: code, At: AtCall, Name: e.Code, Class: e.Class, Says: e.Message, Hint: hint, Rejects: true}
}

// At is where a code is said.
type At string

// The places.
const (
	AtIssue At = "issue" // where a token is got by the app secret
	AtCall  At = "call"  // at all other calls
)

// Word is a code and its words.
type Word struct {
	Code    string
	Message string
	Status  int // zero: that of the surface's errors
	// Extra are further fields of the answer, each a text.
	Extra map[string]string
}

// Check is a call that changes nothing. Its values are templates without {secret}. It is for
// the tokens of the kind that opens its path.
type Check struct {
	Method string // GET or POST
	Path   string
	Query  map[string]string
	JSON   map[string]string
	// Field is there in every answer to a good token. Empty: the code of a success has to
	// be, unless refusals are told by the status.
	Field string
}

// Giving is a path whose answers give tokens of a user, in these fields.
type Giving struct {
	Path   string
	Tokens []string
}

// Exchange is a path that is opened by the app secret.
type Exchange struct {
	Method string
	Path   string
	// In is where the id and secret stand: query, form, json or basic.
	In     string
	AppID  string // the names of the fields
	Secret string
	// Tokens are the fields of the answer in which tokens of a user stand.
	Tokens []string
}
