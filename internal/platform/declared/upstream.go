package declared

import (
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/query"
)

// upstream is how the platform's calls look.
type upstream struct{ *described }

// Hosts implements [broker.Upstream].
func (u upstream) Hosts() []string { return u.hosts }

// Denied implements [broker.Upstream].
func (u upstream) Denied() []string { return u.def.Denied }

// Route implements [broker.Upstream].
func (u upstream) Route(path string) broker.Route { return u.route(path) }

// Attach implements [broker.Upstream].
func (u upstream) Attach(r *http.Request, tok broker.Secret) {
	attach(r, u.surface(r.URL.Path).Attach, tok, u.places)
}

// Shown implements [broker.Upstream]. What stands in the body is seen where GetBody gives
// it again.
func (u upstream) Shown(r *http.Request) broker.Shown {
	s := broker.Shown{Token: u.surface(r.URL.Path).Attach.shown(r)}
	if x := u.exchange(r.URL.Path); x != nil {
		s.AppID, s.Key = x.shown(r)
	}
	return s
}

// shown are the id and what stands in the place of the secret.
func (x *Exchange) shown(r *http.Request) (appID string, key broker.Secret) {
	var secret string
	switch x.In {
	case inQuery:
		appID, secret = query.Value(r.URL.RawQuery, x.AppID), query.Value(r.URL.RawQuery, x.Secret)
	case inBasic:
		appID, secret, _ = r.BasicAuth()
	default:
		if in, ok := readBody(again(r), r.Header.Get("Content-Type")); ok {
			appID, secret = in.text(x.AppID), in.text(x.Secret)
		}
	}
	return appID, broker.NewSecret(secret)
}

// Substitute implements [broker.Upstream]. Tokens go: no such call wants one.
func (u upstream) Substitute(r *http.Request, appID string, secret broker.Secret) {
	x := u.exchange(r.URL.Path)
	if x == nil {
		return
	}
	attach(r, Place{}, broker.Secret{}, u.places)
	switch x.In {
	case inQuery:
		r.URL.RawQuery = query.Replace(r.URL.RawQuery, query.Param{Name: x.AppID, Value: appID}, query.Param{Name: x.Secret, Value: secret.Reveal()})
	case inBasic:
		r.SetBasicAuth(appID, secret.Reveal())
	default:
		substitute(r, x, appID, secret)
	}
}

// exchange finds the exchange at a path; nil: there is none.
func (d *described) exchange(path string) *Exchange {
	path = platform.Canonical(path)
	for i, x := range d.def.Exchanges {
		if path == platform.Canonical(x.Path) {
			return &d.def.Exchanges[i]
		}
	}
	return nil
}
