package declared

import (
	"net/http"
	"strings"

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
	attach(r, u.surfaceOf(r).Attach, tok, u.places)
}

// Shown implements [broker.Upstream]. What stands in the body is seen where GetBody gives
// it again.
func (u upstream) Shown(r *http.Request) broker.Shown {
	s := broker.Shown{Token: u.surfaceOf(r).Attach.shown(r)}
	x := u.exchange(r.URL.Path)
	if x == nil {
		return s
	}
	var secret string
	switch x.In {
	case inQuery:
		s.AppID, secret = query.Value(r.URL.RawQuery, x.AppID), query.Value(r.URL.RawQuery, x.Secret)
	case inBasic:
		s.AppID, secret, _ = r.BasicAuth()
	default:
		if in, ok := readBody(again(r), r.Header.Get("Content-Type")); ok {
			s.AppID, secret = in.text(x.AppID), in.text(x.Secret)
		}
	}
	s.Key = broker.NewSecret(secret)
	return s
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

// exchange finds the exchange at a path, whatever stands before it; nil: there is none.
func (d *described) exchange(path string) *Exchange {
	path = platform.Canonical(path)
	for i, x := range d.def.Exchanges {
		if strings.HasSuffix(path, platform.Canonical(x.Path)) {
			return &d.def.Exchanges[i]
		}
	}
	return nil
}
