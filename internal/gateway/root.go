package gateway

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

// Forward passes on a call that looks as if it were made at the platform itself, and so
// shows what the platform wants to see: a token that was handed out here, or a client key
// in the place of the app secret. Only one on the given app where that is not "". Errors
// are answered in the platform's own form. The path is as it was written.
func (g *Gateway) Forward(w http.ResponseWriter, r *http.Request, app, path, requestID string) {
	x, err := g.bare(r, app, path, requestID)
	if err == nil {
		err = g.serve(w, r, x)
	} else {
		g.metrics.end(outRefusedHere)
	}
	if err != nil {
		g.refuse(w, r, x, requestID, err)
	}
}

func (g *Gateway) bare(r *http.Request, app, path, requestID string) (*call, error) {
	if len(g.platforms) == 0 {
		return nil, broker.ErrNoGateway
	}
	if !passable(r.Method) {
		return nil, errMethod
	}
	at, ok := parsePlace(path)
	if !ok {
		return nil, errPath
	}
	var body *taken // read once, for all who look into it
	var unread error
	c := candidates{named: app, gateway: g}
	for _, p := range g.platforms {
		x := &call{
			caller: broker.Caller{Remote: r.RemoteAddr, RequestID: requestID}, platform: p, place: at, route: p.Upstream.Route(at.path),
			small: r.Method == http.MethodGet && r.ContentLength == 0, named: app,
		}
		sure, err := true, error(nil)
		if x.route.Body {
			if body == nil && unread == nil {
				body, unread = takeBody(r)
			}
			x.body, err = body, unread
		}
		if err == nil {
			x.look(r)
			sure, err = g.identify(x)
		}
		if err == nil && app != "" && x.app.ID != app {
			err = errOtherApp
		}
		if err == nil && sure {
			return x, nil
		}
		c.add(x, err)
	}
	x, err := c.best()
	if err != nil {
		if y := c.keyed(r); y != nil {
			x, err = y, errKeyAsToken
		}
	}
	if err != nil && x.caller.Client != nil && x.app == nil {
		g.svc.Refused(err) // which each platform says that was asked, and the call is one
	}
	return x, err
}

// identify finds the app, and the client if it can be told. It is sure of it unless any
// app of the platform would do: another platform may then have as good a claim.
func (g *Gateway) identify(x *call) (sure bool, err error) {
	switch x.route.Sort {
	case broker.CallApp:
		return true, g.identifyByToken(x)
	case broker.CallExchange:
		return true, g.identifyByKey(x)
	case broker.CallUser:
		return g.identifyByUser(x)
	case broker.CallManaged:
		return true, errManaged
	case broker.CallForeign:
		return true, errNotKept
	default:
		return true, errNotKept
	}
}

func (g *Gateway) identifyByToken(x *call) error {
	if x.shown.Token.IsZero() {
		return errNoToken
	}
	c, a, kind, ok := g.svc.Bearer(x.caller, x.shown.Token)
	switch {
	case ok && a.Platform == x.platform.Name:
		x.caller, x.app, x.kind = c, a, kind
		return nil
	case g.users.Has(x.shown.Token):
		return errUserToken
	default:
		return errUnknownToken
	}
}

// identifyByKey finds the app of a call that shows a client key in the place of the app
// secret. Our name of the app may stand before the path or, after a dot, behind the key.
func (g *Gateway) identifyByKey(x *call) error {
	if x.shown.AppID == "" || x.shown.Key.IsZero() {
		return errNoKey
	}
	var named string
	if x.caller.Client, named = g.svc.AuthenticateNamed(x.shown.Key.Reveal()); x.caller.Client == nil {
		return errUnknownKey
	}
	x.key = x.shown.Key
	if named != "" {
		key, _ := access.CutApp(x.key.Reveal())
		x.key = broker.NewSecret(key)
	}
	var err error
	x.app, err = g.svc.CallableBy(x.caller, access.Meant{Platform: x.platform.Name, AppID: x.shown.AppID, App: cmp.Or(named, x.named)})
	if errors.Is(err, broker.ErrUnknownApp) {
		return access.NoneMeant(named) //nolint:wrapcheck // it is what the caller hears
	}
	return err
}

func (g *Gateway) identifyByUser(x *call) (sure bool, err error) {
	switch {
	case x.shown.Token.IsZero():
		return true, errNoToken
	case g.svc.Owns(x.shown.Token):
		return true, errAppToken
	case g.svc.IsKey(x.shown.Token.Reveal()):
		return true, errKeyInside
	case !x.route.Nameless || !x.small:
		return true, errNameless
	}
	o, known := g.users.owner(x.shown.Token)
	switch x.app = g.appOfUser(x); {
	case x.app == nil:
		return true, broker.ErrUnknownApp
	case known && !g.is(o, x.app), x.shown.AppID != "" && x.shown.AppID != x.app.AppID:
		return true, errOtherApp
	}
	return known || x.named != "" || x.shown.AppID != "", nil
}

// appOfUser finds the app for a call with a user's token; nil: there is none.
func (g *Gateway) appOfUser(x *call) *broker.App {
	if x.named != "" {
		a, _ := g.svc.CallableNamed(x.platform.Name, x.named)
		return a
	}
	if o, known := g.users.owner(x.shown.Token); known {
		if a := g.svc.Lookup(o.app); a != nil && a.Platform == x.platform.Name {
			return a
		}
		return nil
	}
	a, _ := g.svc.CallableByUser(x.platform.Name, x.shown.AppID, x.platform.BaseURL)
	return a
}

var (
	errUnknownToken = &broker.Error{
		Code: broker.ErrTokenUnknown.Code, Class: broker.Invalid, Message: "no app here has this token now",
		Hint: "it may have been replaced long ago, fetched elsewhere, be the token of a user, which opens only that user's paths, or a virtual one whose client was revoked or may not call the app any more; ask this server for the app's token",
	}
	errNameless = &broker.Error{
		Code: broker.ErrUnauthorized.Code, Class: broker.Denied, Message: "the call does not say which app it is for, and is none of those that need not",
		Hint: "call /gateway/{app}/… with the header Authorization: Bearer CLIENT_KEY, or X-Hufu-Key: CLIENT_KEY where the platform wants its token in the other one",
	}
	errBusy = &broker.Error{
		Code: broker.ErrNotReady.Code, Class: broker.Throttled, Reset: broker.ResetMinute, Message: "too many calls that do not say whose they are are being passed on", RetryAfter: time.Second,
		Hint: "call /gateway/{app}/… with the header Authorization: Bearer CLIENT_KEY",
	}
	errNoKey = &broker.Error{
		Code: broker.ErrUnauthorized.Code, Class: broker.Denied, Message: "the call shows no app id, or no client key in the place of the app secret",
		Hint: "this is a Hufu server: put the client's Hufu key in the place of the app secret",
	}
	errUnknownKey = &broker.Error{
		Code: broker.ErrUnauthorized.Code, Class: broker.Denied, Message: broker.ErrUnauthorized.Message,
		Hint: "this is a Hufu server: put the client's Hufu key in the place of the app secret",
	}
)

// refuse answers in the platform's own form.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, x *call, requestID string, err error) {
	if r.Context().Err() != nil {
		return // nobody is there
	}
	if p := g.first(x); p != nil {
		path := ""
		if x != nil {
			path = x.place.path
		}
		say(w, p, path, broker.AsError(err), requestID)
		return
	}
	h := w.Header()
	h["X-Request-Id"], h["Cache-Control"] = []string{requestID}, noStore
	http.Error(w, "calls are not passed on to any platform", http.StatusNotFound)
}

// say answers with an error as a platform says it on a path.
func say(w http.ResponseWriter, p *broker.Platform, path string, err *broker.Error, requestID string) {
	a := p.Upstream.Refuse(path, err, requestID)
	h := w.Header()
	h["X-Request-Id"], h["Cache-Control"] = []string{requestID}, noStore
	h.Set("Content-Type", a.ContentType)
	if a.Challenge != "" {
		h.Set("WWW-Authenticate", a.Challenge)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the peer is gone if this fails
}

// first is the platform whose call it is, as far as that is known.
func (g *Gateway) first(x *call) *broker.Platform {
	switch {
	case x != nil:
		return x.platform
	case len(g.platforms) > 0:
		return g.platforms[0]
	default:
		return nil
	}
}

// noStore is shared and not changed.
var noStore = []string{"no-store"}
