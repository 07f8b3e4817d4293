package wechat

import (
	"io"
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/query"
)

// upstream is how the platform's calls look. All of its credentials are parameters of
// the query [A].
type upstream struct{}

// Parameters that are credentials.
const (
	paramToken   = "access_token"
	paramAppID   = "appid"
	paramSecret  = "secret"
	paramRefresh = "refresh_token"
	// paramAppSecret is what the one call that clears quotas without a token has instead
	// of a secret.
	paramAppSecret = "appsecret"
)

// Shown implements [broker.Upstream]. Where a user's token is renewed, its refresh token
// is what the call shows.
func (upstream) Shown(r *http.Request) broker.Shown {
	q := r.URL.RawQuery
	token, secret := paramToken, paramSecret
	switch {
	case is(r.URL.Path, pathUserRefresh):
		token = paramRefresh
	case is(r.URL.Path, pathClearQuotaV2):
		secret = paramAppSecret
	}
	return broker.Shown{
		Token: broker.NewSecret(query.Value(q, token)),
		AppID: query.Value(q, paramAppID),
		Key:   broker.NewSecret(query.Value(q, secret)),
	}
}

// Attach implements [broker.Upstream].
func (upstream) Attach(r *http.Request, tok broker.Secret) {
	r.URL.RawQuery = query.Replace(r.URL.RawQuery, query.Param{Name: paramToken, Value: tok.Reveal()})
}

// Substitute implements [broker.Upstream]. A token goes as well: some SDKs send one along
// with everything [S], and no such call wants it.
func (upstream) Substitute(r *http.Request, appID string, secret broker.Secret) {
	id := query.Param{Name: paramAppID, Value: appID}
	wanted, other := paramSecret, paramAppSecret
	clears := is(r.URL.Path, pathClearQuotaV2)
	if clears {
		wanted, other = other, wanted
	}
	r.URL.RawQuery = query.Replace(r.URL.RawQuery, id, query.Param{Name: wanted, Value: secret.Reveal()},
		query.Param{Name: other}, query.Param{Name: paramToken})
	if clears && r.Method == http.MethodPost {
		setForm(r, `{"appid":`+quote(appID)+`,"appsecret":`+quote(secret.Reveal())+`}`)
	}
}

// setForm gives a request another body. The documentation of clear_quota/v2 contradicts
// itself about whether its parameters go into the query or the body [A], so they are in
// both, and what the caller wrote there goes nowhere. It cannot be had again from
// GetBody, so that nothing sends it twice: every success costs one of ten a month.
func setForm(r *http.Request, body string) {
	r.Body, r.GetBody = io.NopCloser(strings.NewReader(body)), nil
	r.ContentLength, r.TransferEncoding = int64(len(body)), nil
	r.Header.Set("Content-Type", "application/json")
	r.Header.Del("Content-Length") // the request's own field says it
	r.Header.Del("Content-Encoding")
}
