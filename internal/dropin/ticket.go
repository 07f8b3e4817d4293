package dropin

import (
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
)

// giveTicket hands out what a token opens. Whose SDK asks is not known from a real one;
// where all of the app's clients use the same one, it is that one's margin that is added.
func (h *Handler) giveTicket(w http.ResponseWriter, r request, v visit) outcome {
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
func (h *Handler) showsToken(r request, v visit) visit {
	seen := v.asked.Token
	if key := r.bearer(); key != "" {
		client, named := h.svc.AuthenticateNamed(key)
		switch {
		case client != nil:
			v.caller.Client = client
			return h.showsBoth(r, v, named)
		case seen.Reveal() != key: // On some platforms the token is what stands there.
			return v.refused(errKey, "no client has this key")
		}
	}
	switch {
	case seen.IsZero():
		return v.refused(broker.ErrTokenMissing, "")
	case h.svc.OfUser(seen):
		return v.refused(errUserToken, "the token is one of a user")
	}
	c, app, ok := h.svc.ByToken(r.Context(), v.caller, v.at.platform.Name, seen)
	if !ok || r.app != "" && app.ID != r.app {
		return v.refused(broker.ErrTokenUnknown, "no app has this access token now, or its client may not use it any more")
	}
	v.caller, v.app = c, app
	return v
}

// showsBoth is for a client that shows its key and needs no token.
func (h *Handler) showsBoth(r request, v visit, named string) visit {
	if a := h.svc.Lookup(r.app); named != "" && named != r.app || a != nil && a.Platform != v.at.platform.Name {
		return v.refused(broker.ErrUnknownApp, "the app is not the one that the key names, or of another platform")
	}
	app, err := h.svc.Callable(v.caller, r.app)
	if err != nil {
		return v.refused(errMayNotCall, "the client may make no calls on the app")
	}
	v.app = app
	if h.svc.OfUser(v.asked.Token) {
		return v.refused(errUserToken, "the token is one of a user")
	}
	return v
}

var (
	// errUserToken refuses the token of a user in the place of the app's own, by name (I8).
	errUserToken = &broker.Error{
		Code: broker.ErrTokenKind.Code, Class: broker.Invalid, Message: "this is the token of a user who logged in through a page, and the path wants the app's own",
		Hint: "a user's token opens the platform's paths for that user only; for the app's own, ask its token path",
	}
	errMayNotCall = &broker.Error{Code: broker.ErrNotAllowed.Code, Class: broker.Denied}
)
