package gateway

import (
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// keyed is for a call at the root that nobody can make and that shows a client key where a
// token stands: it is told so by a platform of which the client has apps, and not by the one
// in whose place the key stands. Nil: it is none of that sort.
func (c *candidates) keyed(r *http.Request) *call {
	x := c.first
	switch {
	case x == nil || c.named != "":
		return nil
	case c.err != errNoToken && c.err != errUnknownToken && c.err != errKeyInside: //nolint:errorlint // those very ones
		return nil
	}
	client, _ := c.gateway.svc.AuthenticateNamed(shownAsKey(r, x))
	if client == nil {
		return nil
	}
	var found *call
	for _, p := range c.gateway.platforms {
		if !c.gateway.svc.HasAppsOf(client, p.Name) {
			continue
		}
		y := &call{caller: x.caller, platform: p, place: x.place, route: p.Upstream.Route(x.place.path)}
		y.caller.Client = client
		// Of several platforms the one that has the path is meant, or else the one that looks
		// for a token where the key stands.
		if found == nil || !c.gateway.ownsPath(found) && (c.gateway.ownsPath(y) || p == x.platform) {
			found = y
		}
	}
	return found
}

// shownAsKey is what stands where a client of the native API has its key, or else in the
// place of the platform's token.
func shownAsKey(r *http.Request, x *call) string {
	if h := r.Header["Authorization"]; len(h) == 1 {
		if scheme, key, _ := strings.Cut(h[0], " "); strings.EqualFold(scheme, "Bearer") {
			return key
		}
	}
	return x.shown.Token.Reveal()
}

var errKeyAsToken = &broker.Error{
	Code: broker.ErrTokenKind.Code, Class: broker.Invalid, Message: "this is a client key, and the path wants a token",
	Hint: "call /gateway/{app}/… with the header Authorization: Bearer CLIENT_KEY; or get the app's token with the key, and show that",
}
