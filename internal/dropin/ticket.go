package dropin

import (
	"errors"
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
)

// serveTicket is GET /cgi-bin/ticket/getticket. It carries an access token and nothing
// else: whoever has one of the app's may have its tickets, as on the platform. Whose SDK
// asks is not known from it; where all of the app's clients use the same one, it is that
// one's margin that is added.
func (h *Handler) serveTicket(w http.ResponseWriter, r request) outcome {
	q := r.URL.RawQuery
	seen := param(q, "access_token")
	if seen == "" {
		return h.refuse(w, r, refusal{code: codeNoToken})
	}
	var kind broker.Kind
	switch param(q, "type") {
	case "jsapi":
		kind = broker.JSAPITicket
	case "wx_card":
		kind = broker.WxCardTicket
	default:
		kind = ""
	}
	c := broker.Caller{Remote: r.RemoteAddr, RequestID: r.rid}
	token := broker.NewSecret(seen)
	if kind == "" {
		// The platform looks at the token first.
		if _, ok := h.svc.ByToken(r.Context(), token); ok {
			return h.refuse(w, r, refusal{code: codeInvalidArgs, reason: "the type of ticket is neither jsapi nor wx_card"})
		}
		return h.refuse(w, r, refusal{code: codeBadToken})
	}
	held, err := h.svc.ReadByToken(r.Context(), c, token, kind)
	switch {
	case errors.Is(err, broker.ErrNotAllowed):
		return h.refuse(w, r, refusal{code: codeBadToken, reason: "no app has this access token now"})
	case err != nil:
		return h.fail(w, r, c, "", err)
	}
	writeToken(w, r.rid, `{"errcode":0,"errmsg":"ok","ticket":`, held.Secret.Reveal(), h.profile(&broker.Client{SDK: h.svc.CommonSDK(held.Key.App)}).ExpiresIn(held.Promise(held.Now)))
	return succeeded
}
