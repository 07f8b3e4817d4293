package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
)

var (
	errNoSuchCall = &broker.Error{Code: api.CodeNotFound, Class: broker.NotFound, Message: "no such call", Hint: "docs/api.md lists the calls"}
	errMethod     = &broker.Error{Code: api.CodeMethod, Class: broker.Invalid, Message: "the path has no such method", Hint: "the header Allow lists those it has"}
)

// undeclaredKeyed is [API.undeclared] for paths that need a key.
func (a *API) undeclaredKeyed(w http.ResponseWriter, r *http.Request) {
	id := a.ids.next()
	if _, err := a.authenticate(r, id); err != nil {
		a.renderError(w, r, id, err)
		return
	}
	a.undeclared(w, r)
}

// undeclared answers what no call is declared for: 405 where the path has other
// methods, else 404.
func (a *API) undeclared(w http.ResponseWriter, r *http.Request) {
	err := errNoSuchCall
	if allow := a.methods(r); len(allow) > 0 {
		w.Header().Set("Allow", strings.Join(allow, ", "))
		err = errMethod
	}
	a.renderError(w, r, a.ids.next(), err)
}

// methods lists the methods that are declared for the request's path.
func (a *API) methods(r *http.Request) []string {
	var found []string
	for _, m := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete} {
		_, pattern := a.mux.Handler(&http.Request{Method: m, URL: r.URL, Host: r.Host})
		if strings.HasPrefix(pattern, m+" ") {
			found = append(found, m)
		}
	}
	if len(found) > 0 && found[0] == http.MethodGet {
		found = slices.Insert(found, 1, http.MethodHead)
	}
	return found
}
