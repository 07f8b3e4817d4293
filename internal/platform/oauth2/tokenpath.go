package oauth2

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// tokenPath is this server's own token endpoint for libraries of OAuth 2.0. Whatever grant
// the app's tokens come from, its callers use their client credentials.
const tokenPath = "/oauth2/token" //nolint:gosec // a path

func tokenPaths() []broker.TokenPath {
	return []broker.TokenPath{{Name: "oauth2_token", Method: http.MethodPost, Path: tokenPath, Ask: ask, Answer: answer}}
}

// ask reads who a caller is, by HTTP Basic or in the form, and not in both (section 2.3).
func ask(r *http.Request, body []byte) (broker.Asked, *broker.Error) {
	if len(strings.TrimSpace(string(body))) == 0 {
		return broker.Asked{}, broker.ErrEmptyBody
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		return broker.Asked{}, broker.ErrBadBody
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return broker.Asked{}, broker.ErrBadBody
	}
	a := broker.Asked{Kind: broker.AccessToken, AppID: form.Get(fieldID), Key: broker.NewSecret(form.Get(fieldSecret))}
	if id, key, ok := r.BasicAuth(); ok {
		if !a.Key.IsZero() || a.AppID != "" && a.AppID != decoded(id) {
			a.Wrong = broker.ErrBadArgument
		}
		a.AppID, a.Key = decoded(id), broker.NewSecret(decoded(key))
	}
	if form.Get(fieldGrant) != ClientCredentials {
		wrong := *broker.ErrBadGrant
		wrong.Hint = fieldGrant + ": want " + ClientCredentials
		a.Wrong = &wrong
	}
	for _, values := range form {
		if len(values) > 1 { // section 3.2 allows none
			a.Wrong = broker.ErrBadArgument
		}
	}
	return a, nil
}

// decoded reads what section 2.3.1 has callers encode, and some do not. A key of a client
// here may have a plus in it, but no percent sign that is none.
func decoded(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	if v, err := url.QueryUnescape(s); err == nil {
		return v
	}
	return s
}

// answer is a success of section 5.1.
func answer(b []byte, token string, expiresIn int64) []byte {
	q, err := json.Marshal(token)
	if err != nil {
		q = []byte(`""`) // a text can always be written
	}
	b = append(b, `{"access_token":`...)
	b = append(b, q...)
	b = append(b, `,"token_type":"Bearer","expires_in":`...)
	b = strconv.AppendInt(b, expiresIn, 10)
	return append(b, '}')
}
