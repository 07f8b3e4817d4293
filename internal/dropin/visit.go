package dropin

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

// visit is a call taken for one of a platform's token path: who makes it, and for which
// app's token, or why not.
type visit struct {
	at     *endpoint // nil: no token path
	caller broker.Caller
	app    *broker.App // nil: not found
	asked  broker.Asked
	err    *broker.Error // why the caller gets nothing
	reason string        // the same for the log; "": what the error says
	ours   bool          // the error is no fault of the call
}

// refused is a visit that ends for a fault of the call.
func (v visit) refused(err *broker.Error, reason string) visit {
	v.err, v.reason = err, reason
	return v
}

// serve answers a call of a token path.
func (h *Handler) serve(w http.ResponseWriter, r request, at []*endpoint) {
	v := h.choose(w, r, at)
	var o outcome
	switch {
	case v.err != nil && v.ours:
		o = h.fail(w, r, v, v.err)
	case v.err != nil:
		o = h.refuse(w, r, v)
	case v.asked.ByToken:
		o = h.giveTicket(w, r, v)
	default:
		o = h.giveToken(w, r, v)
	}
	v.at.requests[o].Inc()
}

// choose takes a call for one of the platform's that has the app. If none has it, the
// first says what is wrong, but not before one at which the caller's key is good.
func (h *Handler) choose(w http.ResponseWriter, r request, at []*endpoint) visit {
	var chosen visit
	var body []byte
	for _, e := range at {
		if e.Method != r.Method {
			continue
		}
		first := chosen.at == nil
		if first && hasBody(r.Method) {
			var err *broker.Error
			if body, err = h.read(w, r); err != nil {
				return visit{at: e, err: err}
			}
		}
		v := h.visit(r, e, body)
		if v.app != nil || v.err == nil || errors.Is(v.err, errAmbiguous) {
			return v
		}
		if first || chosen.caller.Client == nil && v.caller.Client != nil {
			chosen = v
		}
	}
	if chosen.at == nil {
		return visit{at: at[0], err: broker.ErrBadMethod}
	}
	if chosen.caller.Client != nil && chosen.app == nil && !chosen.asked.ByToken {
		h.svc.Refused(chosen.err)
	}
	return chosen
}

var errAmbiguous = &broker.Error{Code: "ambiguous_app"}

func hasBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// read reads a body, up to a bound.
func (h *Handler) read(w http.ResponseWriter, r request) ([]byte, *broker.Error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBody))
	if err == nil {
		return body, nil
	}
	bad := &broker.Error{Code: broker.ErrBadBody.Code, Class: broker.Invalid, Message: "the body ended early"}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		bad.Message = "the body is too large"
		bad.Hint = fmt.Sprintf("the body is over %d bytes", tooLarge.Limit)
	}
	return nil, bad
}

// visit takes a call for one of an endpoint's.
func (h *Handler) visit(r request, e *endpoint, body []byte) visit {
	v := visit{at: e, caller: broker.Caller{Remote: r.RemoteAddr, RequestID: r.rid}}
	var err *broker.Error
	if v.asked, err = e.Ask(r.Request, body); err != nil {
		return v.refused(err, "")
	}
	if v.asked.ByToken {
		v = h.showsToken(r, v)
	} else {
		v = h.showsKey(r, v)
	}
	// Platforms look at the app before, and at the token.
	if wrong := v.asked.Wrong; v.err == nil && wrong != nil {
		return v.refused(wrong, "")
	}
	return v
}

// showsKey finds the app for a client key in the place of the app secret. The order is the
// platform's, but for an unknown key: before it is looked at, nothing is said of apps.
func (h *Handler) showsKey(r request, v visit) visit {
	key, bearer := v.asked.Key.Reveal(), r.bearer()
	if bearer != "" {
		// The header and the base URL say all that there is to say.
		key = bearer
		if errors.Is(v.asked.Wrong, broker.ErrNoGrantType) {
			v.asked.Wrong = nil
		}
	}
	switch {
	case v.asked.AppID == "" && bearer == "":
		return v.refused(broker.ErrNoAppID, "")
	case key == "":
		return v.refused(broker.ErrNoKey, "")
	}
	var named string
	if v.caller.Client, named = h.svc.AuthenticateNamed(key); v.caller.Client == nil {
		switch {
		case v.asked.Wrong != nil:
			return v.refused(v.asked.Wrong, "")
		case h.svc.Mistyped(key):
			return v.refused(errMistyped, "the client key is mistyped: its checksum is wrong")
		default:
			return v.refused(errKey, "no client has this key; clients send their Hufu key in the place of the app secret")
		}
	}
	m := access.Meant{Platform: v.at.platform.Name, AppID: v.asked.AppID, App: r.app}
	if m.App == "" {
		m.App = named
	}
	err := error(broker.ErrUnknownApp)
	if named == "" || named == m.App {
		v.app, err = h.svc.DropIn(v.caller, v.asked.Kind, m)
	}
	switch {
	case errors.Is(err, broker.ErrUnknownApp):
		return v.refused(broker.ErrUnknownApp, "no app with this app id whose token the client may have")
	case err != nil:
		v.ours = true
		return v.refused(broker.AsError(err), "")
	}
	return v
}

// What callers are told who show something else than a key, most often the app secret
// that they showed the platform. It follows from what they sent alone, and says nothing of
// what is here.
var (
	errKey = &broker.Error{
		Code: broker.ErrUnauthorized.Code, Class: broker.Denied, Message: broker.ErrUnauthorized.Message,
		Hint: "this is a Hufu server: put a Hufu key in the place of the app secret, one of a client that is there and was not revoked",
	}
	errMistyped = &broker.Error{
		Code: broker.ErrUnauthorized.Code, Class: broker.Denied, Message: broker.ErrUnauthorized.Message,
		Hint: "this Hufu client key is mistyped: copy the whole key, from hufu_ to its last character",
	}
)
