package declared

import (
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/query"
)

// shown is the token in a place of a request; zero: there is none.
func (p Place) shown(r *http.Request) broker.Secret {
	if p.Query != "" {
		return broker.NewSecret(query.Value(r.URL.RawQuery, p.Query))
	}
	v := r.Header.Get(p.Header)
	if p.Scheme != "" {
		scheme, token, ok := strings.Cut(v, " ")
		if !ok || !strings.EqualFold(scheme, p.Scheme) {
			return broker.Secret{}
		}
		v = strings.TrimLeft(token, " ")
	}
	return broker.NewSecret(v)
}

// written is what stands in the header for a token.
func (p Place) written(tok broker.Secret) string {
	if p.Scheme == "" {
		return tok.Reveal()
	}
	return p.Scheme + " " + tok.Reveal()
}

// attach puts a token into a place of a request, and takes away what stands in all others.
func attach(r *http.Request, to Place, tok broker.Secret, all []Place) {
	var params []query.Param
	if to.Query != "" {
		params = append(params, query.Param{Name: to.Query, Value: tok.Reveal()})
	}
	for _, p := range all {
		switch {
		case p.Query == "":
			r.Header.Del(p.Header)
		case p.Query != to.Query:
			params = append(params, query.Param{Name: p.Query})
		}
	}
	if len(params) > 0 {
		r.URL.RawQuery = query.Replace(r.URL.RawQuery, params...)
	}
	if to.Header != "" {
		r.Header.Set(to.Header, to.written(tok))
	}
}
