package gateway

import (
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
	c := broker.Caller{Remote: r.RemoteAddr, RequestID: requestID}
	// The first platform that can tell whose call it is has it. If none can, the first
	// that sees anything of its own says what is wrong.
	var first *call
	var firstErr error
	for _, p := range g.platforms {
		x := &call{caller: c, platform: p, place: at, route: p.Upstream.Route(at.path), shown: p.Upstream.Shown(r), small: r.Method == http.MethodGet && r.ContentLength == 0, named: app}
		err := g.identify(x)
		if err == nil && app != "" && x.app.ID != app {
			err = errOtherApp
		}
		if err == nil {
			return x, nil
		}
		if first == nil || errors.Is(firstErr, broker.ErrTokenMissing) {
			first, firstErr = x, err
		}
	}
	return first, firstErr
}

// identify finds the app, and the client if it can be told.
func (g *Gateway) identify(x *call) error {
	switch x.route.Sort {
	case broker.CallApp:
		return g.identifyByToken(x)
	case broker.CallExchange:
		return g.identifyByKey(x)
	case broker.CallUser:
		return g.identifyByUser(x)
	case broker.CallManaged:
		return errManaged
	case broker.CallForeign:
		return errNotKept
	default:
		return errNotKept
	}
}

func (g *Gateway) identifyByToken(x *call) error {
	if x.shown.Token.IsZero() {
		return errNoToken
	}
	c, a, ok := g.svc.Bearer(x.caller, x.shown.Token)
	switch {
	case ok && a.Platform == x.platform.Name:
		x.caller, x.app = c, a
		return nil
	case g.users.Has(x.shown.Token):
		return errUserToken
	default:
		return errUnknownToken
	}
}

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
	x.app, err = g.svc.CallableBy(x.caller, access.Meant{Platform: x.platform.Name, AppID: x.shown.AppID, App: named})
	return err
}

func (g *Gateway) identifyByUser(x *call) error {
	switch {
	case x.shown.Token.IsZero():
		return errNoToken
	case g.svc.Owns(x.shown.Token):
		return errAppToken
	case !x.route.Nameless || !x.small:
		return errNameless
	}
	if x.app = g.appOfUser(x); x.app == nil {
		return broker.ErrUnknownApp
	}
	if o, known := g.users.owner(x.shown.Token); known && !g.is(o, x.app) {
		return errOtherApp
	}
	if x.shown.AppID != "" && x.shown.AppID != x.app.AppID {
		return errOtherApp
	}
	return nil
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
		Hint: "call /gateway/{app}/… with the header Authorization: Bearer CLIENT_KEY",
	}
	errBusy = &broker.Error{
		Code: broker.ErrNotReady.Code, Class: broker.Throttled, Reset: broker.ResetMinute, Message: "too many calls that do not say whose they are are being passed on", RetryAfter: time.Second,
		Hint: "call /gateway/{app}/… with the header Authorization: Bearer CLIENT_KEY",
	}
	errNoKey = &broker.Error{
		Code: broker.ErrUnauthorized.Code, Class: broker.Denied, Message: "the call shows no app id, or no client key in the place of the app secret",
		Hint: "this is a Hufu server: put the client's Hufu key in the place of the app secret, in the query",
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
