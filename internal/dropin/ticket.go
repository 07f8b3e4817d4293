package dropin

import (
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/query"
)

const ticketPath = "/cgi-bin/ticket/getticket"

// serveTicket is GET /cgi-bin/ticket/getticket. It carries an access token and nothing
// else: whoever has one of the app's may have its tickets, as on the platform. Whose SDK
// asks is not known from a real one; where all of the app's clients use the same one, it
// is that one's margin that is added.
func (h *Handler) serveTicket(w http.ResponseWriter, r request) outcome {
	q := r.URL.RawQuery
	c, app, no := h.holder(r, query.Value(q, "access_token"))
	if no.code != 0 {
		return h.refuse(w, r, no)
	}
	var kind broker.Kind
	switch query.Value(q, "type") {
	case "jsapi":
		kind = broker.JSAPITicket
	case "wx_card":
		kind = broker.WxCardTicket
	default:
		// The platform looks at the token first.
		return h.refuse(w, r, refusal{code: codeInvalidArgs, reason: "the type of ticket is neither jsapi nor wx_card", client: c.Client, app: app.ID})
	}
	held, err := h.svc.ReadTicket(r.Context(), c, app, kind, ticketPath)
	if err != nil {
		return h.fail(w, r, c, app.ID, err)
	}
	sdk := c.Client
	if sdk == nil {
		sdk = &broker.Client{SDK: h.svc.CommonSDK(app.ID)}
	}
	writeToken(w, r.rid, `{"errcode":0,"errmsg":"ok","ticket":`, held.Secret.Reveal(), h.expiresIn(sdk, &held))
	return succeeded
}

// holder is whose ticket is asked for: the app of the token that is shown, or the one that
// the base URL names where the caller shows its key in the header.
func (h *Handler) holder(r request, seen string) (broker.Caller, *broker.App, refusal) {
	c := broker.Caller{Remote: r.RemoteAddr, RequestID: r.rid}
	if key := r.bearer(); key != "" {
		if c.Client = h.svc.Authenticate(key); c.Client == nil {
			return c, nil, refusal{code: codeBadSecret, more: hintKey, reason: "no client has this key"}
		}
		app, err := h.svc.Callable(c, r.app)
		if err != nil {
			return c, nil, refusal{code: codeUnauthorized, reason: "the client may make no calls on the app", client: c.Client}
		}
		if h.svc.OfUser(broker.NewSecret(seen)) {
			return c, nil, ofUser(c.Client)
		}
		return c, app, refusal{}
	}
	switch {
	case seen == "":
		return c, nil, refusal{code: codeNoToken}
	case h.svc.OfUser(broker.NewSecret(seen)):
		return c, nil, ofUser(nil)
	}
	c, app, ok := h.svc.ByToken(r.Context(), c, broker.NewSecret(seen))
	if !ok || r.app != "" && app.ID != r.app {
		return c, nil, refusal{code: codeBadToken, reason: "no app has this access token now, or its client may not use it any more"}
	}
	return c, app, refusal{}
}

// ofUser refuses the token of a user in the place of the app's own, by name (I8).
func ofUser(c *broker.Client) refusal {
	return refusal{code: codeBadToken, reason: "the token is one of a user", client: c, said: errUserToken}
}

var errUserToken = &broker.Error{
	Code: broker.ErrTokenKind.Code, Class: broker.Invalid, Message: "this is the token of a user who logged in through a page, and the path wants the app's own",
	Hint: "a user's token opens the platform's paths for that user only; for the app's own, ask its token path",
}
