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
		return c, app, refusal{}
	}
	if seen == "" {
		return c, nil, refusal{code: codeNoToken}
	}
	c, app, ok := h.svc.ByToken(r.Context(), c, broker.NewSecret(seen))
	if !ok || r.app != "" && app.ID != r.app {
		return c, nil, refusal{code: codeBadToken, reason: "no app has this access token now, or its client may not use it any more"}
	}
	return c, app, refusal{}
}
