package dropin

import (
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
)

const ticketPath = "/cgi-bin/ticket/getticket"

// serveTicket is GET /cgi-bin/ticket/getticket. It carries an access token and nothing
// else: whoever has one of the app's may have its tickets, as on the platform. Whose SDK
// asks is not known from a real one; where all of the app's clients use the same one, it
// is that one's margin that is added.
func (h *Handler) serveTicket(w http.ResponseWriter, r request) outcome {
	q := r.URL.RawQuery
	seen := param(q, "access_token")
	if seen == "" {
		return h.refuse(w, r, refusal{code: codeNoToken})
	}
	c, app, ok := h.svc.ByToken(r.Context(), broker.Caller{Remote: r.RemoteAddr, RequestID: r.rid}, broker.NewSecret(seen))
	if !ok {
		return h.refuse(w, r, refusal{code: codeBadToken, reason: "no app has this access token now, or its client may not use it any more"})
	}
	var kind broker.Kind
	switch param(q, "type") {
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
