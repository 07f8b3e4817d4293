package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// Gateway passes calls on to the platforms. It returns an error where it has answered
// nothing.
type Gateway interface {
	Call(w http.ResponseWriter, r *http.Request, c broker.Caller, key broker.Secret, app, path string) error
}

const gatewayPrefix = "/gateway/"

// keyHeader is where a client shows its key that needs the header Authorization for the
// platform, such as for the token of a user.
const keyHeader = "X-Hufu-Key"

// passOn serves /gateway/{app}/PLATFORM_PATH for a client that shows its key. What is not
// passed on because it is managed here, tokens and tickets, is answered in the platform's
// form by those who do so, and so are calls with one of the platform's tokens where a key
// could stand: some platforms want theirs in the same header, and an id and a secret by HTTP
// Basic. The path is passed on as it was written: a mux would clean it, and answer with a
// redirect.
func (a *API) passOn(w http.ResponseWriter, r *http.Request) {
	id := a.ids.next()
	bare := r
	if own := r.Header[keyHeader]; own != nil {
		bare = r.Clone(r.Context())
		bare.Header["Authorization"] = nil
		if len(own) == 1 {
			bare.Header["Authorization"] = []string{"Bearer " + own[0]}
		}
	}
	c, err := a.authenticate(bare, id)
	if err == nil {
		key, _ := bearer(bare)
		app, path, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), gatewayPrefix), "/")
		err = a.cfg.Gateway.Call(w, r, c, broker.NewSecret(key), app, "/"+path)
	}
	switch {
	case err == nil:
	case a.cfg.DropIn == nil:
		a.renderError(w, r, id, err)
	case errors.Is(err, broker.ErrManagedHere), c.Client == nil && (showsBasic(bare) || a.showsToken(bare)):
		a.cfg.DropIn.ServeHTTP(w, bare)
	default:
		a.renderError(w, r, id, err)
	}
}

// showsBasic reports whether a request shows an id and a secret by HTTP Basic, which are not
// for the native API.
func showsBasic(r *http.Request) bool {
	_, _, ok := r.BasicAuth()
	return ok
}

// showsToken reports whether a request shows, where a key could stand, a token that was
// handed out here or is known to be a user's.
func (a *API) showsToken(r *http.Request) bool {
	h := r.Header["Authorization"]
	if len(h) != 1 {
		return false
	}
	scheme, rest, _ := strings.Cut(h[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	tok := broker.NewSecret(rest)
	return a.svc.Owns(tok) || a.svc.OfUser(tok)
}
