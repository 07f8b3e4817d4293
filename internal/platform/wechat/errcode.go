package wechat

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// The codes that decide something here. The others are only in the table.
const (
	codeSystem       = -1
	codeBadToken     = 40001
	codeBadGrant     = 40002
	codeBadOpenID    = 40003
	codeBadAppID     = 40013
	codeInvalidToken = 40014
	codeBadCode      = 40029
	codeBadRefresh   = 40030
	codeBadPath      = 40066
	codeBadArgument  = 40097
	codeBadSecret    = 40125
	codeNoToken      = 41001
	codeNoAppID      = 41002
	codeNoRefresh    = 41003
	codeNoSecret     = 41004
	codeNoCode       = 41008
	codeExpired      = 42001
	codeOldRefresh   = 42002
	codeGrantOver    = 42007
	codeRequireGet   = 43001
	codeRequirePost  = 43002
	codeEmptyBody    = 44002
	codeDayQuota     = 45009
	codeMinuteQuota  = 45011
	codeBadFormat    = 47001
	codeUnauthorized = 48001
	// codeComponentToken asks for the token of a third-party platform.
	codeComponentToken = 61014
)

// meaning is what one of the platform's codes says.
type meaning struct {
	code   string // ours, stable
	class  broker.Class
	errmsg string // the platform's words
	says   string // ours
	hint   string // {ip} stands for the address that was refused
	reset  broker.Reset
	retry  time.Duration
}

// place is where a code was said. A few mean something else at the token endpoints.
type place int

const (
	atCall    place = iota // a call with a token
	atToken                // a token endpoint, or another that takes the app secret
	atUser                 // a call with a user's token
	atProfile              // the one of these that asks who the user is
	atRefresh              // where a user's token is renewed
)

// unfamiliar is for codes that are not in the table. They are taken to pass by
// themselves: what is new in the platform is more often a new kind of trouble than a
// setting of ours, the back-off keeps the calls few and inside the app's budget, and
// whoever looks sees the platform's own words. Taken for permanent, a passing fault
// would alarm somebody and be mended late.
var unfamiliar = meaning{
	code: "platform_refused", class: broker.Transient,
	says: "the platform refused for a reason that is not known here",
	hint: "look the code up in WeChat's list of global return codes; the rid at the end of its message lets its support find the call",
}

// refusal is the error for an errcode other than 0. Such an answer is a refusal: the
// platform did not act, and the outcome is known.
//
// The exception is -1 where tokens are issued. It says that something failed inside the
// platform, not at which point, and nothing says that no token was made before [I].
// If one was, asking again at once would kill the current token, which readers have
// been promised; waiting for the promises to end costs minutes out of an hour.
func refusal(errcode int64, errmsg string, where place, secrets ...broker.Secret) *broker.Error {
	m := lookup(errcode, where)
	e := m.err(callerIP(errmsg))
	e.PlatformCode = strconv.FormatInt(errcode, 10)
	e.PlatformMessage = platform.Clean(errmsg, secrets...)
	e.Unknown = errcode == codeSystem && (where == atToken || where == atRefresh)
	return e
}

// refusalHere is for what the platform would refuse and was not asked.
func refusalHere(errcode int64) *broker.Error { return lookup(errcode, atToken).err("") }

func (m meaning) err(ip string) *broker.Error {
	if ip == "" {
		ip = "this server's public address"
	}
	return &broker.Error{
		Code: m.code, Class: m.class, Message: m.says, Hint: strings.ReplaceAll(m.hint, "{ip}", ip),
		Reset: m.reset, RetryAfter: m.retry,
	}
}

func lookup(errcode int64, where place) meaning {
	if where == atToken && errcode == codeBadToken {
		// Nobody shows a token there. The older documentation gives this code for a wrong
		// secret [A*]; what is seen today is 40125.
		errcode = codeBadSecret
	}
	if m, ok := particular[where][errcode]; ok {
		return m
	}
	if m, ok := meanings[errcode]; ok {
		return m
	}
	return unfamiliar
}

// rejects reports whether the platform says that the token is not good. Everything
// that spends a renewal on it has to compare versions first: 40001 is also said to
// those who are late with a token that has been replaced [A, P, S].
func rejects(e *broker.Error) bool {
	return slices.Contains([]string{
		strconv.Itoa(codeBadToken), strconv.Itoa(codeInvalidToken), strconv.Itoa(codeExpired),
	}, e.PlatformCode)
}

// isCode reports whether an error is one of the platform's codes.
func isCode(e *broker.Error, code int) bool { return e.PlatformCode == strconv.Itoa(code) }

// throttles reports whether the platform says that a quota is used up.
func throttles(e *broker.Error) bool {
	return slices.Contains([]string{strconv.Itoa(codeDayQuota), strconv.Itoa(codeMinuteQuota)}, e.PlatformCode)
}

// Errcode gives an error in the platform's own terms, for callers who believe that
// they talk to the platform: what the platform itself said where it said something,
// else what it would say. The message has no rid, unless the platform gave one.
func Errcode(err *broker.Error) (code int, errmsg string) {
	if err == nil {
		return 0, Errmsg(0)
	}
	if code, bad := strconv.Atoi(err.PlatformCode); bad == nil && code != 0 {
		if err.PlatformMessage == "" {
			return code, Errmsg(code)
		}
		return code, err.PlatformMessage
	}
	code = codeSystem
	switch {
	case errors.Is(err, broker.ErrNoAppID):
		code = codeNoAppID
	case errors.Is(err, broker.ErrNoKey):
		code = codeNoSecret
	case errors.Is(err, broker.ErrNoGrantType), errors.Is(err, broker.ErrBadGrant):
		code = codeBadGrant
	case errors.Is(err, broker.ErrBadMethod):
		code = codeRequireGet
	case errors.Is(err, broker.ErrEmptyBody):
		code = codeEmptyBody
	case errors.Is(err, broker.ErrBadBody):
		code = codeBadFormat
	case errors.Is(err, broker.ErrBadArgument):
		code = codeBadArgument
	case errors.Is(err, broker.ErrUnknownApp), errors.Is(err, broker.ErrAmbiguous), errors.Is(err, broker.ErrWrongApp):
		code = codeBadAppID
	case errors.Is(err, broker.ErrTokenMissing):
		code = codeNoToken
	case errors.Is(err, broker.ErrTokenUnknown), errors.Is(err, broker.ErrTokenKind):
		code = codeBadToken
	case errors.Is(err, broker.ErrBadPath), errors.Is(err, broker.ErrManagedHere), errors.Is(err, broker.ErrNoGateway):
		code = codeBadPath
	case errors.Is(err, broker.ErrTokenNotKept):
		code = codeComponentToken
	case errors.Is(err, broker.ErrUnauthorized):
		code = codeBadSecret
	case err.Class == broker.Throttled && err.Reset == broker.ResetMinute:
		code = codeMinuteQuota
	case err.Class == broker.Throttled:
		code = codeDayQuota
	case err.Class == broker.BadCredential:
		code = codeBadSecret
	case err.Class == broker.Denied, err.Class == broker.Misconfigured: // not codeSystem, after which SDKs ask again
		code = codeUnauthorized
	case err.Class == broker.NotFound:
		code = codeBadAppID
	case err.Class == broker.Invalid:
		code = codeBadFormat
	}
	return code, Errmsg(code) + " (" + err.Code + ")"
}

// Errmsg is what the platform says with a code, without a rid; "error" if that is not
// known.
func Errmsg(code int) string {
	if code == 0 {
		return "ok"
	}
	if m, ok := meanings[int64(code)]; ok {
		return m.errmsg
	}
	return "error"
}
