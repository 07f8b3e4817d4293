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

// passOn serves /gateway/{app}/PLATFORM_PATH for a client that shows its key. What is not
// passed on because it is managed here, tokens and tickets, is answered in the platform's
// form by those who do so. The path is passed on as it was written: a mux would clean it,
// and answer with a redirect.
func (a *API) passOn(w http.ResponseWriter, r *http.Request) {
	id := a.ids.next()
	c, err := a.authenticate(r, id)
	if err == nil {
		key, _ := bearer(r)
		app, path, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), gatewayPrefix), "/")
		err = a.cfg.Gateway.Call(w, r, c, broker.NewSecret(key), app, "/"+path)
	}
	switch {
	case err == nil:
	case errors.Is(err, broker.ErrManagedHere) && a.cfg.DropIn != nil:
		a.cfg.DropIn.ServeHTTP(w, r)
	default:
		a.renderError(w, r, id, err)
	}
}
