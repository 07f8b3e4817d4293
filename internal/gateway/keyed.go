package gateway

import (
	"errors"
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
)

// Call passes on a call of a client that showed its key. The path is as it was written.
// An error is returned where nothing has been answered yet, for the caller to render.
func (g *Gateway) Call(w http.ResponseWriter, r *http.Request, c broker.Caller, key broker.Secret, app, path string) error {
	x, err := g.keyed(r, c, key, app, path)
	if err != nil {
		if !errors.Is(err, broker.ErrManagedHere) { // Others answer that.
			g.metrics.end(outRefusedHere)
		}
		return err
	}
	return g.serve(w, r, x)
}

func (g *Gateway) keyed(r *http.Request, c broker.Caller, key broker.Secret, app, path string) (*call, error) {
	a, err := g.svc.Callable(c, app)
	if err != nil {
		return nil, err
	}
	p := g.byName[a.Platform]
	if p == nil {
		return nil, broker.ErrNoGateway
	}
	if !passable(r.Method) {
		return nil, errMethod
	}
	at, ok := parsePlace(path)
	if !ok {
		return nil, errPath
	}
	x := &call{caller: c, app: a, platform: p, place: at, key: key, route: p.Upstream.Route(at.path)}
	if x.route.Body {
		if x.body, err = takeBody(r); err != nil {
			return nil, err
		}
	}
	x.look(r)
	switch x.route.Sort {
	case broker.CallManaged:
		return x, errManaged
	case broker.CallForeign:
		return x, errNotKept
	case broker.CallUser:
		if x.shown.Token.IsZero() {
			return x, errNoToken
		}
		if g.svc.Owns(x.shown.Token) {
			return x, errAppToken
		}
		if o, known := g.users.owner(x.shown.Token); known && !g.is(o, a) {
			return x, errOtherApp
		}
		if x.shown.AppID != "" && x.shown.AppID != a.AppID {
			return x, errOtherApp
		}
	case broker.CallApp:
		if g.users.Has(x.shown.Token) {
			return x, errUserToken
		}
		_, owner, kind, known := g.svc.Bearer(c, x.shown.Token)
		switch {
		case known && owner.ID != a.ID:
			return x, errOtherApp
		case !known && x.route.Either && !x.shown.Token.IsZero():
			return x, errUnknownToken
		}
		x.kind = kind
	case broker.CallExchange:
		if x.shown.AppID != "" && x.shown.AppID != a.AppID {
			return x, errOtherApp
		}
	}
	return x, nil
}

// What callers are told who mix things up.
var (
	errPath = &broker.Error{
		Code: broker.ErrBadPath.Code, Class: broker.Invalid, Message: broker.ErrBadPath.Message,
		Hint: "write it plainly: no segments that end in dots, no white space, no encoded slashes or percent signs, no parameters, at most 2048 bytes",
	}
	errManaged = &broker.Error{
		Code: broker.ErrManagedHere.Code, Class: broker.Invalid, Message: broker.ErrManagedHere.Message,
		Hint: "tokens and tickets: GET /v1/apps/{app}/tokens/{kind}, or the platform's own token path at the root of this host",
	}
	errNotKept = &broker.Error{
		Code: broker.ErrTokenNotKept.Code, Class: broker.Invalid, Message: broker.ErrTokenNotKept.Message,
		Hint: "send it to the platform's own host with the token that it wants, such as that of a third-party platform",
	}
	errNoToken = &broker.Error{
		Code: broker.ErrTokenMissing.Code, Class: broker.Invalid, Message: broker.ErrTokenMissing.Message,
		Hint: "put it where the platform wants it, such as access_token in the query or a header; or, on paths that want the app's own, call /gateway/{app}/… with the header Authorization: Bearer CLIENT_KEY; where the platform wants its token in that header, the key goes into X-Hufu-Key",
	}
	errAppToken = &broker.Error{
		Code: broker.ErrTokenKind.Code, Class: broker.Invalid, Message: "this is the app's own token, and the path wants that of a user who logged in through a page",
		Hint: "send the token that the exchange of the user's code gave",
	}
	errUserToken = &broker.Error{
		Code: broker.ErrTokenKind.Code, Class: broker.Invalid, Message: "this is the token of a user who logged in through a page, and the path wants the app's own",
		Hint: "a user's token opens the platform's paths for that user only; for the app's own, ask its token path",
	}
	errOtherApp = &broker.Error{
		Code: broker.ErrWrongApp.Code, Class: broker.Invalid, Message: broker.ErrWrongApp.Message,
		Hint: "name the app by its id in the path, and leave the platform's id out or send that app's",
	}
	errStray = &broker.Error{
		Code: errOtherApp.Code, Class: broker.Invalid, Message: "a token that is not for the app's platform stands in the call, and would have gone there",
		Hint: "look which app the base URL names, and where its platform wants its token: leave tokens of others, and virtual ones, out of all other places",
	}
)
