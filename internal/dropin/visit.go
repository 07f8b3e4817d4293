package dropin

import (
	"cmp"
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
	named  string      // what the client says as APP of KEY.APP
	asked  broker.Asked
	err    *broker.Error // why the caller gets nothing
	reason string        // the same for the log; "": what the error says
	ours   bool          // the error is no fault of the call
}

// refuse ends the visit for a fault of the call.
func (v *visit) refuse(err *broker.Error, reason string) { v.err, v.reason = err, reason }

// serve answers a call of a token path.
func (h *Handler) serve(w http.ResponseWriter, r request, at []*endpoint) {
	var v visit
	h.choose(w, r, at, &v)
	var o outcome
	switch {
	case v.err != nil && v.ours:
		o = h.fail(w, r, &v, v.err)
	case v.err != nil:
		o = h.refuse(w, r, &v)
	case v.asked.ByToken:
		o = h.giveTicket(w, r, &v)
	default:
		o = h.giveToken(w, r, &v)
	}
	v.at.requests[o].Inc()
}

// choose takes a call for one of the platform's that has the app. If none has it, the
// first says what is wrong, but not before one at which the caller's key is good.
func (h *Handler) choose(w http.ResponseWriter, r request, at []*endpoint, v *visit) {
	var first visit
	var body []byte
	for _, e := range at {
		if e.Method != r.Method {
			continue
		}
		if first.at == nil && hasBody(r.Method) {
			if body, v.err = h.read(w, r); v.err != nil {
				v.at = e
				return
			}
		}
		*v = visit{at: e, caller: broker.Caller{Remote: r.RemoteAddr, RequestID: r.rid}}
		h.visit(r, body, v)
		if v.app != nil {
			return
		}
		if first.at == nil || first.caller.Client == nil && v.caller.Client != nil {
			first = *v
		}
		if v.err.Code == broker.ErrAmbiguous.Code {
			first = *v
			break
		}
	}
	if *v = first; v.at == nil {
		v.at, v.err = at[0], broker.ErrBadMethod
	}
	if v.caller.Client != nil && !v.asked.ByToken {
		h.svc.Refused(v.err)
	}
}

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
func (h *Handler) visit(r request, body []byte, v *visit) {
	if v.asked, v.err = v.at.Ask(r.Request, body); v.err != nil {
		return
	}
	if v.asked.ByToken {
		h.showsToken(r, v)
	} else {
		h.showsKey(r, v)
	}
	if v.err == nil && v.asked.Wrong != nil { // Platforms look at the app and the token first.
		v.refuse(v.asked.Wrong, "")
	}
}

// refuseApp refuses for an app that is not there for the caller.
func (v *visit) refuseApp(reason string) {
	v.refuse(broker.AsError(access.NoneMeant(v.named)), reason)
}

// showsKey finds the app for a client key in the place of the app secret. The order is the
// platform's, but for an unknown key: before it is looked at, nothing is said of apps.
func (h *Handler) showsKey(r request, v *visit) {
	key, bearer := v.asked.Key.Reveal(), r.bearer()
	if bearer != "" {
		// The header and the base URL say all that there is to say.
		key = bearer
		if v.asked.Wrong == broker.ErrNoGrantType {
			v.asked.Wrong = nil
		}
	}
	switch {
	case v.asked.AppID == "" && bearer == "":
		v.refuse(broker.ErrNoAppID, "")
	case key == "":
		v.refuse(broker.ErrNoKey, "")
	default:
		client, named := h.svc.AuthenticateNamed(key)
		if client == nil {
			h.refuseStranger(v, key)
			return
		}
		v.caller.Client, v.named = client, named
		h.findApp(r, v)
	}
}

func (h *Handler) refuseStranger(v *visit, key string) {
	switch {
	case v.asked.Wrong != nil:
		wrong := *v.asked.Wrong
		wrong.Hint = "" // What is wanted is for callers who may have it.
		v.refuse(&wrong, "")
	case h.svc.Mistyped(key):
		v.refuse(errMistyped, "the client key is mistyped: its checksum is wrong")
	default:
		v.refuse(errKey, "no client has this key; clients send their Hufu key in the place of the app secret")
	}
}

// findApp finds the app that a client means: the one that its base URL or its key names,
// which have to be the same, or else the one with the platform's app id.
func (h *Handler) findApp(r request, v *visit) {
	m := access.Meant{Platform: v.at.platform.Name, AppID: v.asked.AppID, App: cmp.Or(r.app, v.named), Params: v.asked.Params}
	err := error(broker.ErrUnknownApp)
	if v.named == "" || v.named == m.App {
		v.app, err = h.svc.DropIn(v.caller, v.asked.Kind, m)
	}
	switch {
	case errors.Is(err, broker.ErrUnknownApp):
		v.refuseApp("no app with this app id whose token the client may have")
	case err != nil:
		v.ours = true
		v.refuse(broker.AsError(err), "")
	}
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
