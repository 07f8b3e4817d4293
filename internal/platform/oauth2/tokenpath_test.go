package oauth2_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/oauth2"
)

func TestTokenPathAsksAsRFC6749Says(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef0123456789abcdef+%/"
	path := oauth2.Platform(nil).TokenPaths[0]
	if path.Method != http.MethodPost || path.Path != "/oauth2/token" || path.Name == "" {
		t.Errorf("%+v", path)
	}
	const grant = "grant_type=client_credentials"
	body := func(more string) string { return grant + more }
	form := body("&client_id=" + url.QueryEscape(clientID) + "&client_secret=" + url.QueryEscape(key))
	for name, tt := range map[string]struct {
		body       string
		basic      [2]string
		kind       string
		err, wrong *broker.Error
		id, gotKey string
	}{
		"form":                    {body: form, id: clientID, gotKey: key},
		"Basic":                   {body: grant, basic: [2]string{url.QueryEscape(clientID), url.QueryEscape(key)}, id: clientID, gotKey: key},
		"Basic as it is":          {body: grant, basic: [2]string{"crm", "plain+key"}, id: "crm", gotKey: "plain+key"},
		"a scope":                 {body: form + "&scope=a+b", id: clientID, gotKey: key},
		"the same id twice":       {body: body("&client_id=crm"), basic: [2]string{"crm", "k"}, id: "crm", gotKey: "k"},
		"another id":              {body: body("&client_id=other"), basic: [2]string{"crm", "k"}, id: "crm", gotKey: "k", wrong: broker.ErrBadArgument},
		"twice":                   {body: form, basic: [2]string{"crm", "k"}, id: "crm", gotKey: "k", wrong: broker.ErrBadArgument},
		"no credentials":          {body: grant},
		"no grant":                {body: "client_id=crm&client_secret=k", id: "crm", gotKey: "k", wrong: broker.ErrBadGrant},
		"another grant":           {body: "grant_type=refresh_token&client_id=crm&client_secret=k", id: "crm", gotKey: "k", wrong: broker.ErrBadGrant},
		"a parameter twice":       {body: form + "&scope=a&scope=b", id: clientID, gotKey: key, wrong: broker.ErrBadArgument},
		"no body":                 {err: broker.ErrEmptyBody},
		"JSON":                    {body: `{"grant_type":"client_credentials"}`, kind: "application/json", err: broker.ErrBadBody},
		"a form that is none":     {body: "a=%zz", err: broker.ErrBadBody},
		"a type with a parameter": {body: form, kind: "application/x-www-form-urlencoded; charset=UTF-8", id: clientID, gotKey: key},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth2/token", http.NoBody)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if tt.kind != "" {
			r.Header.Set("Content-Type", tt.kind)
		}
		if tt.basic != [2]string{} {
			r.SetBasicAuth(tt.basic[0], tt.basic[1])
		}
		a, err := path.Ask(r, []byte(tt.body))
		if a.Wrong != nil && a.Wrong.Code == broker.ErrBadGrant.Code {
			if a.Wrong.Hint != "grant_type: want client_credentials" {
				t.Errorf("%s: the hint %q", name, a.Wrong.Hint)
			}
			a.Wrong = broker.ErrBadGrant
		}
		if err != tt.err || a.Wrong != tt.wrong || a.AppID != tt.id || a.Key.Reveal() != tt.gotKey || err == nil && a.Kind != broker.AccessToken || a.ByToken || a.Force {
			t.Errorf("%s: %+v (key %q), %v", name, a, a.Key.Reveal(), err)
		}
	}
	for _, token := range []string{"at-1", `a"\<é`, strings.Repeat("x", 5000)} {
		b := path.Answer([]byte("before"), token, 3599)
		var got struct {
			AccessToken string `json:"access_token"`
			TokenType   string `json:"token_type"`
			ExpiresIn   int64  `json:"expires_in"`
		}
		if err := json.Unmarshal(b[len("before"):], &got); err != nil || got.AccessToken != token || got.TokenType != "Bearer" || got.ExpiresIn != 3599 {
			t.Errorf("%s: %v", b, err)
		}
	}
}
