package dropin

import (
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
)

// giveTicket hands out what a token opens. Whose SDK asks is not known from a real one;
// where all of the app's clients use the same one, it is that one's margin that is added.
func (h *Handler) giveTicket(w http.ResponseWriter, r request, v *visit) outcome {
	held, err := h.svc.ReadTicket(r.Context(), v.caller, v.app, v.asked.Kind, v.at.canonical(r.path))
	if err != nil {
		return h.fail(w, r, v, err)
	}
	sdk := v.caller.Client
	if sdk == nil {
		sdk = &broker.Client{SDK: h.svc.CommonSDK(v.app.ID)}
	}
	writeToken(w, r.rid, v.at.Answer, held.Secret.Reveal(), h.expiresIn(sdk, &held))
	return succeeded
}

// showsToken finds the app of the token that is shown: whoever has one may have the app's
// tickets, as on the platform. Where the base URL names the app and the caller shows its
// key in the header, that says it.
func (h *Handler) showsToken(r request, v *visit) {
	seen, key := v.asked.Token, r.bearer()
	if key != "" {
		if client, named := h.svc.AuthenticateNamed(key); client != nil {
			v.caller.Client, v.named = client, named
			h.showsBoth(r, v)
			return
		}
	}
	switch {
	case key != "" && seen.Reveal() != key: // On some platforms it is where the token stands.
		v.refuse(errKey, "no client has this key")
	case seen.IsZero():
		v.refuse(broker.ErrTokenMissing, "")
	case h.svc.OfUser(seen):
		v.refuse(errUserToken, "the token is one of a user")
	default:
		c, app, ok := h.svc.ByToken(r.Context(), v.caller, v.at.platform.Name, seen)
		if !ok || r.app != "" && app.ID != r.app || !app.Fits(v.asked.Params) {
			v.refuse(broker.ErrTokenUnknown, "no app has this access token now, or its client may not use it any more")
			return
		}
		v.caller, v.app = c, app
	}
}

// showsBoth is for a client that shows its key and needs no token.
func (h *Handler) showsBoth(r request, v *visit) {
	if a := h.svc.Lookup(r.app); v.named != "" && v.named != r.app || a != nil && a.Platform != v.at.platform.Name {
		v.refuseApp("the app is another one than the key names, or another platform's")
		return
	}
	app, err := h.svc.Callable(v.caller, r.app)
	if err != nil {
		v.refuse(errMayNotCall, "the client may make no calls on the app")
		return
	}
	v.app = app
	if h.svc.OfUser(v.asked.Token) {
		v.refuse(errUserToken, "the token is one of a user")
	}
}

var (
	// errUserToken refuses the token of a user in the place of the app's own, by name (I8).
	errUserToken = &broker.Error{
		Code: broker.ErrTokenKind.Code, Class: broker.Invalid, Message: "this is the token of a user who logged in through a page, and the path wants the app's own",
		Hint: "a user's token opens the platform's paths for that user only; for the app's own, ask its token path",
	}
	errMayNotCall = &broker.Error{Code: broker.ErrNotAllowed.Code, Class: broker.Denied}
)
