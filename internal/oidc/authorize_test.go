package oidc_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/oidc"
)

// asked is a request that would do, changed.
func asked(change map[string]string) string {
	q := url.Values{"client_id": {"forum"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"state-1"}}
	for name, v := range change {
		q.Set(name, v)
	}
	return "/oauth/shop/oidc/authorize?" + q.Encode()
}

// Where it is not certain who asks, and for which page, the browser stays here.
func TestABrowserIsNeverSentWhereNobodyMayAsk(t *testing.T) {
	t.Parallel()
	s := start(t)
	for what, at := range map[string]string{
		"an unknown client":               asked(map[string]string{"client_id": "nobody"}),
		"no client":                       asked(map[string]string{"client_id": ""}),
		"a client without the right":      asked(map[string]string{"client_id": "reader"}),
		"another page":                    asked(map[string]string{"redirect_uri": "https://evil.example.com/login/"}),
		"another path":                    asked(map[string]string{"redirect_uri": "https://www.example.com/open?to=//evil"}),
		"a code planted before ours":      asked(map[string]string{"redirect_uri": callback + "?code=evil"}),
		"a state planted before ours":     asked(map[string]string{"redirect_uri": callback + "?a=1&%53tate=evil"}),
		"a page of two readings":          asked(map[string]string{"redirect_uri": callback + "?a=1;code=evil"}),
		"no page":                         asked(map[string]string{"redirect_uri": ""}),
		"another scheme":                  asked(map[string]string{"redirect_uri": "javascript:alert(1)"}),
		"a repeated parameter":            asked(nil) + "&state=state-2",
		"one that is written otherwise":   asked(nil) + "&STATE=state-2",
		"one that is written oddly":       asked(nil) + "&%C5%BFtate=state-2",
		"what cannot be read":             asked(map[string]string{"max_age": "old"}),
		"an app without a login":          strings.Replace(asked(nil), "/shop/", "/bare/", 1),
		"an unknown app":                  strings.Replace(asked(nil), "/shop/", "/nowhere/", 1),
		"an app that is not the client's": strings.Replace(asked(map[string]string{"client_id": "wiki"}), "/shop/", "/news/", 1),
	} {
		q, err := s.browse(t, s.url+at)
		page, ok := errors.AsType[*pageError](err)
		if !ok || page.status != http.StatusBadRequest && page.status != http.StatusNotFound || !strings.HasPrefix(page.body, "page: ") {
			t.Errorf("%s: %v, %v", what, q, err)
		}
	}
	if len(s.relay.refs) != 0 {
		t.Error("a login has begun")
	}
}

// All other faults go back to the client, by the protocol.
func TestClientsAreToldWhatIsWrongWithARequest(t *testing.T) {
	t.Parallel()
	s := start(t)
	challenge := oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())
	for what, c := range map[string]struct {
		change map[string]string
		want   string
	}{
		"the implicit flow":     {map[string]string{"response_type": "id_token token"}, "unsupported_response_type"},
		"the hybrid flow":       {map[string]string{"response_type": "code id_token"}, "unsupported_response_type"},
		"no response type":      {map[string]string{"response_type": ""}, "invalid_request"},
		"a fragment":            {map[string]string{"response_mode": "fragment"}, "invalid_request"},
		"a form":                {map[string]string{"response_mode": "form_post"}, "invalid_request"},
		"no scope":              {map[string]string{"scope": ""}, "invalid_scope"},
		"not OpenID Connect":    {map[string]string{"scope": "profile"}, "invalid_scope"},
		"PKCE plain":            {map[string]string{"code_challenge": challenge, "code_challenge_method": "plain"}, "invalid_request"},
		"PKCE without a method": {map[string]string{"code_challenge": challenge}, "invalid_request"},
		"PKCE cut":              {map[string]string{"code_challenge": challenge[1:], "code_challenge_method": "S256"}, "invalid_request"},
		"PKCE without a value":  {map[string]string{"code_challenge_method": "S256"}, "invalid_request"},
		"no interaction":        {map[string]string{"prompt": "none"}, "login_required"},
		"none and login":        {map[string]string{"prompt": "none login"}, "invalid_request"},
		"a request object":      {map[string]string{"request": "e30.e30."}, "request_not_supported"},
		"a request by URL":      {map[string]string{"request_uri": "https://www.example.com/r"}, "request_uri_not_supported"},
		"too much to carry":     {map[string]string{"nonce": strings.Repeat("n", 2000)}, "invalid_request"},
	} {
		q, err := s.browse(t, s.url+asked(c.change))
		if err != nil || q.Get("error") != c.want || q.Get("state") != "state-1" || q.Has("code") {
			t.Errorf("%s: %v, %v; want %s", what, q, err, c.want)
		}
	}
	if len(s.relay.refs) != 0 {
		t.Error("a login has begun")
	}
}

// What is usual is understood: prompts that ask for what happens anyway, ages, languages, and
// what this server has never heard of.
func TestWhatIsUsualIsUnderstood(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, change := range []map[string]string{
		{"prompt": "login"},
		{"prompt": "consent select_account"},
		{"max_age": "0"},
		{"max_age": "3600"},
		{"ui_locales": "zh-CN en"},
		{"display": "touch"},
		{"response_mode": "query"},
		{"acr_values": "x"},
		{"login_hint": "ada"},
		{"claims": "{}"},
		{"audience": "x"},
		{"nonce": strings.Repeat("n", 600)},
		{"redirect_uri": callback + "?from=menu&lang=zh"},
	} {
		q, err := s.browse(t, s.url+asked(change))
		if err != nil || q.Get("code") == "" || q.Get("state") != "state-1" {
			t.Errorf("%v: %v, %v", change, q, err)
		}
	}
	for _, ref := range s.relay.refs {
		if len(ref) > 2048 || strings.ContainsFunc(ref, func(c rune) bool { return c <= ' ' || c > '~' }) || strings.Contains(ref, "forum") {
			t.Errorf("the relay is to carry %q", ref)
		}
	}
}

// A user who does not want to, and a platform that is away, are told to the client.
func TestARefusalGoesBackToTheClient(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range []struct{ says, description, want, description2 string }{
		{"access_denied", "the user did not agree", "access_denied", "the user did not agree"},
		{"temporarily_unavailable", "", "temporarily_unavailable", ""},
		{"server_error", "a \"quoted\" word \u00e9\r\n", "server_error", "a quoted word "},
		{"invalid_scope", "", "invalid_scope", ""},
		{"invalid_request", "", "invalid_request", ""},
		{"unauthorized_client", "", "unauthorized_client", ""},
		{"something new", "", "server_error", ""},
	} {
		s.relay.outcome = func(p *oidc.Provider, w http.ResponseWriter, r *http.Request, app *broker.App, ref string) {
			p.Failed(w, r, app, ref, c.says, c.description)
		}
		q, err := s.browse(t, s.url+asked(nil))
		if err != nil || q.Get("error") != c.want || q.Get("state") != "state-1" || q.Has("code") || q.Get("error_description") != c.description2 {
			t.Errorf("%s: %v, %v", c.says, q, err)
		}
	}
}

// Rights and pages that have gone while the user was at the platform are gone.
func TestWhatChangedMeanwhileCounts(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(s *stack){
		"the client was revoked":    func(s *stack) { delete(s.clients, "forum") },
		"the client lost the right": func(s *stack) { s.clients["forum"] = client("forum", broker.Rights(broker.Read), "shop") },
		"the page was removed": func(s *stack) {
			a := *s.apps["shop"]
			a.Login = &broker.Login{Redirects: []string{"https://m.example.com/"}, Scopes: a.Login.Scopes}
			s.apps["shop"], s.relay.apps["shop"] = &a, &a
		},
		"the app is another one": func(s *stack) {
			a := *s.apps["shop"]
			a.AppID = "wx-other"
			s.apps["shop"], s.relay.apps["shop"] = &a, &a
		},
	} {
		s := start(t)
		for _, ends := range []func(*oidc.Provider, http.ResponseWriter, *http.Request, *broker.App, string){
			s.done,
			func(p *oidc.Provider, w http.ResponseWriter, r *http.Request, app *broker.App, ref string) {
				p.Failed(w, r, app, ref, "access_denied", "")
			},
		} {
			s.relay.outcome = func(p *oidc.Provider, w http.ResponseWriter, r *http.Request, _ *broker.App, ref string) {
				s.change(func() { change(s) })
				ends(p, w, r, s.relay.apps["shop"], ref)
			}
			q, err := s.browse(t, s.url+asked(nil))
			if page, ok := errors.AsType[*pageError](err); !ok || page.status != http.StatusBadRequest {
				t.Errorf("%s: %v, %v", what, q, err)
			}
			s.change(func() {
				s.apps["shop"], s.clients["forum"] = app("shop"), client("forum", broker.Rights(broker.Users), "shop", "news")
			})
		}
	}
}

// Only the provider's own paths are served, by the methods that are right.
func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range []string{
		"/", "/oauth", "/oauth/", "/oauth/shop", "/oauth/shop/", "/oauth/shop/authorize", "/oauth/shop/callback", "/oauth/shop/oidc", "/oauth/shop/oidc/",
		"/oauth/shop/oidc/token/", "/oauth/shop/oidc/keys/x", "/oauth//oidc/token", "/oauth/Shop/oidc/token", "/oauth/a/b/oidc/token", "/oauth/../oidc/token",
		"/oidc/token", "/.well-known/openid-configuration", "/oauth/shop/healthz", "/oauth/shop/oidc/revoke", "/oauth/shop/oidc/introspect",
	} {
		if s.replicas[0].Serves(path) {
			t.Errorf("%s is served", path)
		}
	}
	for path, methods := range map[string]string{
		"/oauth/shop/.well-known/openid-configuration": "GET, HEAD", "/oauth/shop/oidc/keys": "GET, HEAD", "/oauth/shop/oidc/token": "POST",
		"/oauth/shop/oidc/userinfo": "GET, POST", "/oauth/shop/oidc/authorize": "GET, POST",
	} {
		if !s.replicas[0].Serves(path) {
			t.Errorf("%s is not served", path)
		}
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "ET", "T"} {
			resp := s.send(t, method, path, "", nil)
			refused := resp.status == http.StatusMethodNotAllowed
			if may := strings.Contains(", "+methods+",", ", "+method+","); may == refused || refused && resp.header.Get("Allow") != methods {
				t.Errorf("%s %s: %d, Allow: %s", method, path, resp.status, resp.header.Get("Allow"))
			}
			if resp.header.Get("Access-Control-Allow-Origin") != "" || resp.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s %s: %v", method, path, resp.header)
			}
		}
	}
	for _, endpoint := range []string{"/.well-known/openid-configuration", "/oidc/keys", "/oidc/userinfo"} {
		if resp := s.get(t, "/oauth/bare"+endpoint); resp.status != http.StatusNotFound {
			t.Errorf("an app without a login: %s is %d", endpoint, resp.status)
		}
	}
}
