package oauth2_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/oauth2"
)

const good = `{"access_token":"at-1","token_type":"Bearer","expires_in":3600}`

func TestAsksAsRFC6749Says(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*broker.App)
		form   map[string]string
	}{
		"client credentials": {nil, map[string]string{"grant_type": "client_credentials"}},
		"everything": {
			func(a *broker.App) {
				a.OAuth2.Scopes, a.OAuth2.Audience, a.OAuth2.Resource = []string{"b", "a"}, "https://api.crm.test", "urn:crm"
				a.OAuth2.Extra = map[string]string{"tenant": "t 1"}
			},
			map[string]string{"grant_type": "client_credentials", "scope": "b a", "audience": "https://api.crm.test", "resource": "urn:crm", "tenant": "t 1"},
		},
		"a refresh token": {
			func(a *broker.App) { a.Mode = oauth2.RefreshToken },
			map[string]string{"grant_type": "refresh_token", "refresh_token": refresh},
		},
		"in the body": {
			func(a *broker.App) { a.OAuth2.Auth = broker.AuthBody },
			map[string]string{"grant_type": "client_credentials", "client_id": clientID, "client_secret": secret},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := says(200, good)
			a := app(tt.change)
			got, err := issue(t.Context(), p, a)
			if err != nil || got.Token.Reveal() != "at-1" || got.Lifetime != time.Hour || !got.Refresh.IsZero() {
				t.Fatalf("issued %q for %v, %v", got.Token.Reveal(), got.Lifetime, err)
			}
			r := p.requests()[0]
			form := map[string]string{}
			for k, vs := range r.form {
				form[k] = strings.Join(vs, "|")
			}
			if diff := cmp.Diff(tt.form, form); diff != "" {
				t.Errorf("the form (-want +got):\n%s", diff)
			}
			if r.URL.String() != tokenURL || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
				t.Errorf("%s %s of %s", r.Method, r.URL, r.Header.Get("Content-Type"))
			}
			id, key, basic := r.BasicAuth()
			if body := a.OAuth2.Auth == broker.AuthBody; body && basic || !body && (id != "the-client%3Aid" || key != "s3cret%2F%2B+of+a+client%26mustnotbeseen") {
				t.Errorf("HTTP Basic shows %q and %q", id, key)
			}
		})
	}
}

func TestTokenURLIsCalledAsItIs(t *testing.T) {
	t.Parallel()
	for _, u := range []string{
		"https://login.crm.test", "https://login.crm.test/token/", "https://login.crm.test/a%2Fb/token", "https://login.crm.test/token?p=policy&q=%20",
		"http://127.0.0.1:8080/token", "http://keycloak/realms/a/token",
	} {
		p := says(200, good)
		if _, err := issue(t.Context(), p, app(func(a *broker.App) { a.OAuth2.TokenURL = u })); err != nil {
			t.Errorf("%s: %v", u, err)
			continue
		}
		if got := strings.Replace(p.requests()[0].URL.String(), "q=+", "q=%20", 1); strings.TrimSuffix(got, "/") != strings.TrimSuffix(u, "/") {
			t.Errorf("%s is called as %s", u, got)
		}
		if strings.HasSuffix(u, "token/") && !strings.HasSuffix(p.requests()[0].URL.Path, "/") {
			t.Errorf("%s has lost its slash", u)
		}
	}
	for _, u := range []string{"http://login.crm.test.example/token", "ftp://x/token", "token", "https://u:p@login.crm.test/token", "https://login.crm.test/token#x"} {
		p := says(200, good)
		_, err := issue(t.Context(), p, app(func(a *broker.App) { a.OAuth2.TokenURL = u }))
		if e := broker.AsError(err); e.Code != "bad_token_url" || !e.Class.Permanent() || e.Hint == "" || strings.Contains(e.Error(), "u:p") || len(p.requests()) > 0 {
			t.Errorf("%s: %v after %d requests", u, err, len(p.requests()))
		}
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	t.Parallel()
	for code, change := range map[string]func(*broker.App){
		"oauth2_missing":    func(a *broker.App) { a.OAuth2 = nil },
		"app_id_missing":    func(a *broker.App) { a.AppID = "" },
		"secret_missing":    func(a *broker.App) { a.Secrets = nil },
		"token_url_missing": func(a *broker.App) { a.OAuth2.TokenURL = "" },
		"bad_auth":          func(a *broker.App) { a.OAuth2.Auth = "client_secret_jwt" },
		"bad_parameter":     func(a *broker.App) { a.OAuth2.Extra = map[string]string{"client_secret": "x"} },
		"bad_private_key":   func(a *broker.App) { a.OAuth2.Auth = broker.AuthPrivateKeyJWT },
	} {
		p := says(200, good)
		_, err := issue(t.Context(), p, app(change))
		if e := broker.AsError(err); e.Code != code || !e.Class.Permanent() || e.Hint == "" || e.Unknown || len(p.requests()) > 0 {
			t.Errorf("%s: %v after %d requests", code, err, len(p.requests()))
		}
		keeps(t, err)
	}
}

func TestExtraParametersOverrideNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"grant_type", "scope", "audience", "resource", "client_id", "client_secret", "client_assertion", "client_assertion_type", "refresh_token"} {
		p := says(200, good)
		_, err := issue(t.Context(), p, app(func(a *broker.App) {
			a.OAuth2.Scopes, a.OAuth2.Audience, a.OAuth2.Resource = []string{"a"}, "x", "y"
			a.OAuth2.Extra = map[string]string{name: "evil"}
		}))
		if e := broker.AsError(err); e.Code != "bad_parameter" || !strings.Contains(e.Message, name) || len(p.requests()) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What has no setting of its own in this app may be set.
	p := says(200, good)
	if _, err := issue(t.Context(), p, app(func(a *broker.App) { a.OAuth2.Extra = map[string]string{"audience": "x"} })); err != nil {
		t.Error(err)
	}
}

func TestReadsSuccesses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body     string
		lifetime time.Duration // set by the app
		want     time.Duration
		code     string
	}{
		"usual":                     {good, 0, time.Hour, ""},
		"another case":              {`{"access_token":"at-1","token_type":"bEARER","expires_in":60}`, 0, time.Minute, ""},
		"no type":                   {`{"access_token":"at-1","expires_in":60}`, 0, time.Minute, ""},
		"a text":                    {`{"access_token":"at-1","token_type":"bearer","expires_in":"3599"}`, 0, 3599 * time.Second, ""},
		"more":                      {`{"access_token":"at-1","token_type":"bearer","expires_in":60,"scope":"a","id_token":"x","ext":{"a":[]}}`, 0, time.Minute, ""},
		"the app says it":           {`{"access_token":"at-1","token_type":"bearer"}`, 30 * time.Minute, 30 * time.Minute, ""},
		"the provider knows better": {good, time.Minute, time.Hour, ""},
		"nobody says it":            {`{"access_token":"at-1","token_type":"bearer"}`, 0, 0, "lifetime_missing"},
		"null":                      {`{"access_token":"at-1","token_type":"bearer","expires_in":null}`, 0, 0, "lifetime_missing"},
		"zero":                      {`{"access_token":"at-1","token_type":"bearer","expires_in":0}`, time.Hour, 0, platform.CodeGarbage},
		"words":                     {`{"access_token":"at-1","token_type":"bearer","expires_in":"soon"}`, time.Hour, 0, platform.CodeGarbage},
		"bound to a key":            {`{"access_token":"at-1","token_type":"DPoP","expires_in":60}`, 0, 0, "wrong_token_type"},
		"an old kind":               {`{"access_token":"at-1","token_type":"mac","expires_in":60}`, 0, 0, "wrong_token_type"},
		"a type that is none":       {`{"access_token":"at-1","token_type":["Bearer"],"expires_in":60}`, 0, 0, "wrong_token_type"},
		"no token":                  {`{"token_type":"bearer","expires_in":60}`, 0, 0, platform.CodeGarbage},
		"a token of two words":      {`{"access_token":"at 1","token_type":"bearer","expires_in":60}`, 0, 0, platform.CodeGarbage},
		"an error that is empty":    {`{"access_token":"at-1","token_type":"bearer","expires_in":60,"error":"","error_description":""}`, 0, time.Minute, ""},
		"an error beside it":        {`{"access_token":"at-1","token_type":"bearer","expires_in":60,"error":"server_error"}`, 0, 0, "system_busy"},
		"an error that is no code":  {`{"access_token":"at-1","token_type":"bearer","expires_in":60,"error":{}}`, 0, 0, platform.CodeGarbage},
		"nothing":                   {``, 0, 0, platform.CodeGarbage},
		"a login page":              {`<html>`, 0, 0, platform.CodeGarbage},
	} {
		for _, mode := range []string{oauth2.ClientCredentials, oauth2.RefreshToken} {
			body := tt.body
			if strings.HasPrefix(body, "{") {
				body = strings.TrimSuffix(body, "}") + `,"refresh_token":"next one"}`
			}
			got, err := issue(t.Context(), says(200, body), app(func(a *broker.App) { a.Mode, a.OAuth2.Lifetime = mode, tt.lifetime }))
			if got.Lifetime != tt.want || (err == nil) != (tt.code == "") || err != nil && broker.AsError(err).Code != tt.code {
				t.Errorf("%s: %v, %v", name, got.Lifetime, err)
			}
			if err != nil && broker.AsError(err).Hint == "" {
				t.Errorf("%s: %v has no hint", name, err)
			}
			// Whatever else is wrong with the answer, it has the next refresh token (I5).
			if want := map[bool]string{true: "next one"}[mode == oauth2.RefreshToken && body != tt.body]; got.Refresh.Reveal() != want {
				t.Errorf("I5: %s, %s: the refresh token is read as %q, want %q", name, mode, got.Refresh.Reveal(), want)
			}
			keeps(t, err, "at-1", "next one")
		}
	}
}

func TestReadsRefusals(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		header string
		body   string
		code   string
		class  broker.Class
		said   string
	}{
		"invalid_client":          {401, `Basic realm="x"`, `{"error":"invalid_client","error_description":"no"}`, "wrong_secret", broker.BadCredential, "invalid_client"},
		"as 400":                  {400, "", `{"error":"invalid_client"}`, "wrong_secret", broker.BadCredential, "invalid_client"},
		"only the status":         {401, `Basic realm="x"`, ``, "wrong_secret", broker.BadCredential, "invalid_client"},
		"only the header":         {401, `Basic realm="x", Bearer error="invalid_client", error_description="who?"`, `no`, "wrong_secret", broker.BadCredential, "invalid_client"},
		"an object without":       {401, "", `{"message":"no"}`, "wrong_secret", broker.BadCredential, "invalid_client"},
		"invalid_grant":           {400, "", `{"error":"invalid_grant","error_description":"Token has been revoked."}`, "grant_refused", broker.Misconfigured, "invalid_grant"},
		"unauthorized_client":     {400, "", `{"error":"unauthorized_client"}`, "grant_not_allowed", broker.Misconfigured, "unauthorized_client"},
		"unsupported_grant_type":  {400, "", `{"error":"unsupported_grant_type"}`, "wrong_grant_type", broker.Misconfigured, "unsupported_grant_type"},
		"invalid_scope":           {400, "", `{"error":"invalid_scope"}`, "bad_scope", broker.Misconfigured, "invalid_scope"},
		"invalid_target":          {400, "", `{"error":"invalid_target"}`, "bad_resource", broker.Misconfigured, "invalid_target"},
		"invalid_request":         {400, "", `{"error":"invalid_request"}`, "bad_request", broker.Misconfigured, "invalid_request"},
		"temporarily_unavailable": {400, "", `{"error":"temporarily_unavailable"}`, "system_busy", broker.Transient, "temporarily_unavailable"},
		"access_denied":           {403, "", `{"error":"access_denied"}`, "access_denied", broker.Denied, "access_denied"},
		"another one":             {400, "", `{"error":"quota_of_the_moon"}`, "platform_refused", broker.Transient, "quota_of_the_moon"},
		"as a success":            {200, "", `{"error":"invalid_scope"}`, "bad_scope", broker.Misconfigured, "invalid_scope"},
		"too often":               {429, "", `{"error":"invalid_request"}`, "too_many_calls", broker.Throttled, "invalid_request"},
		"too often, in no words":  {429, "", ``, platform.CodeHTTP429, broker.Throttled, ""},
		"an error that is none":   {400, "", `{"error":{"code":400}}`, platform.CodeHTTP4xx, broker.Misconfigured, ""},
		"a page":                  {404, "", `<html>`, platform.CodeHTTP4xx, broker.Misconfigured, ""},
		"a policy":                {403, "", `{"message":"forbidden by policy"}`, platform.CodeHTTP4xx, broker.Misconfigured, ""},
	} {
		p := &provider{answer: func(seen) (int, http.Header, string) {
			return tt.status, http.Header{"Www-Authenticate": {tt.header}, "Retry-After": {"7"}}, tt.body
		}}
		got, err := issue(t.Context(), p, app(nil))
		e := broker.AsError(err)
		if err == nil || !got.Token.IsZero() || e.Code != tt.code || e.Class != tt.class || e.PlatformCode != tt.said || e.Unknown || e.Hint == "" {
			t.Errorf("%s: %+v", name, e)
		}
		if tt.said != "" && (e.PlatformMessage == "" || e.RetryAfter != 7*time.Second) {
			t.Errorf("%s: in the words %q, again after %v", name, e.PlatformMessage, e.RetryAfter)
		}
		if n := len(p.requests()); n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	for name, tt := range map[string]struct {
		status int
		body   string
	}{"a 500": {500, `{"error":"invalid_grant"}`}, "a 502": {502, "<html>"}, "server_error": {400, `{"error":"server_error"}`}} {
		if _, err := issue(t.Context(), says(tt.status, tt.body), app(nil)); !broker.AsError(err).Unknown {
			t.Errorf("%s: %v, of which the outcome counts as known", name, err)
		}
	}
}

// TestInvalidGrantEndsARefreshToken and nothing else does.
func TestInvalidGrantEndsARefreshToken(t *testing.T) {
	t.Parallel()
	for body, ended := range map[string]bool{
		`{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`: true,
		`{"error":"invalid_client"}`: false, `{"error":"invalid_request"}`: false, `{"error":"unauthorized_client"}`: false, `<html>`: false, ``: false,
	} {
		_, err := issue(t.Context(), says(400, body), app(func(a *broker.App) { a.Mode = oauth2.RefreshToken }))
		if errors.Is(err, broker.ErrRefreshEnded) != ended {
			t.Errorf("%s: %v", body, err)
		}
		if e := broker.AsError(err); ended && (e.PlatformCode != "invalid_grant" || e.PlatformMessage != "Token has been expired or revoked." || !strings.Contains(e.Hint, "refresh_token") || !strings.Contains(e.Hint, "used elsewhere")) {
			t.Errorf("%+v", e)
		}
	}
	if broker.ErrRefreshEnded.PlatformCode != "" {
		t.Error("the sentinel was changed")
	}
}

// TestNoSecretIsSaidAgainI6, although the provider says everything that it was sent.
func TestNoSecretIsSaidAgainI6(t *testing.T) {
	t.Parallel()
	key, _ := keyPEM(t, "p256")
	for _, change := range []func(*broker.App){
		func(a *broker.App) { a.OAuth2.Auth = broker.AuthBasic },
		func(a *broker.App) { a.OAuth2.Auth = broker.AuthBody },
		func(a *broker.App) {
			a.OAuth2.Auth, a.Secrets = broker.AuthPrivateKeyJWT, []broker.Secret{broker.NewSecret(key)}
		},
	} {
		for _, mode := range []string{oauth2.ClientCredentials, oauth2.RefreshToken} {
			var assertion, header string
			p := &provider{answer: func(r seen) (int, http.Header, string) {
				assertion = r.form.Get("client_assertion")
				all := r.form.Get("client_secret") + " " + r.form.Get("refresh_token") + " " + assertion
				if assertion == "" {
					all += " " + secret
				}
				_, header, _ = strings.Cut(r.Header.Get("Authorization"), " ")
				all += " " + header
				return 400, http.Header{"Www-Authenticate": {`Bearer error_description="` + all + `"`}}, `{"error":"invalid_request","error_description":"` + all + `"}`
			}}
			_, err := issue(t.Context(), p, app(func(a *broker.App) { change(a); a.Mode = mode }))
			if assertion == "" {
				assertion = secret
			}
			if header == "" {
				header = secret
			}
			keeps(t, err, assertion, key, header)
			broken := rt(func(r *http.Request) (*http.Response, error) {
				return nil, errors.New("post " + r.URL.String() + " " + r.Header.Get("Authorization") + " " + url.QueryEscape(secret))
			})
			_, err = issue(t.Context(), broken, app(func(a *broker.App) { change(a); a.Mode = mode }))
			if e := broker.AsError(err); !e.Unknown {
				t.Errorf("a broken connection: %v", err)
			}
			if a := app(change); a.OAuth2.Auth != broker.AuthPrivateKeyJWT {
				keeps(t, err)
			}
		}
	}
}

type rt func(*http.Request) (*http.Response, error)

func (f rt) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestComesBackAtTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := issue(ctx, rt(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}), app(nil))
		if e := broker.AsError(err); e.Code != platform.CodeTimeout || !e.Unknown || time.Since(begun) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestModes(t *testing.T) {
	t.Parallel()
	p := oauth2.Platform(nil)
	for mode, uses := range map[string]bool{oauth2.ClientCredentials: false, oauth2.RefreshToken: true} {
		rot := p.Kinds(mode)[broker.AccessToken].Rotation
		if rot.Family != broker.Independent || rot.UsesRefresh != uses || rot.HarmlessTwice() == uses || rot.Limits.PerDay == 0 || rot.Limits.Unplanned == 0 {
			t.Errorf("%s: %+v", mode, rot)
		}
	}
	if p.Kinds("implicit") != nil || p.Modes[0] != oauth2.ClientCredentials {
		t.Error("there are other modes")
	}
}

// Providers say how long their tokens live, so that one of a day can be taken over.
func TestATokenOfADayIsTakenOverForADay(t *testing.T) {
	t.Parallel()
	p := oauth2.Platform(platform.NewCaller(nil))
	for _, mode := range p.Modes {
		rot := p.Kinds(mode)[broker.AccessToken].Rotation
		if got := broker.ImportedLifetime(24*time.Hour, rot); rot.Lifetime != 0 || got < 23*time.Hour {
			t.Errorf("%s: a token of a day is used for %v, where tokens are taken to live %v", mode, got, rot.Lifetime)
		}
	}
}
