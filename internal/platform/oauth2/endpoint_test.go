package oauth2_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/oauth2"
)

const (
	issuer    = "https://login.crm.test/tenant"
	byRFC8414 = "https://login.crm.test/.well-known/oauth-authorization-server/tenant"
	byOpenID  = "https://login.crm.test/tenant/.well-known/openid-configuration"
)

// publishes is a provider whose metadata are at the given places.
func publishes(pages map[string]string) *provider {
	return &provider{answer: func(r seen) (int, http.Header, string) {
		switch page, ok := pages[r.URL.String()]; {
		case ok && page == "down":
			return 503, nil, ""
		case ok:
			return 200, nil, page
		case r.Method == http.MethodPost:
			return 200, nil, good
		default:
			return 404, nil, "<html>"
		}
	}}
}

func metadata(issuer, end string) string {
	return fmt.Sprintf(`{"issuer":%q,"token_endpoint":%q,"grant_types_supported":["client_credentials"]}`, issuer, end)
}

func found(a *broker.App) { a.OAuth2.TokenURL, a.OAuth2.Issuer = "", issuer }

func TestFindsTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	const end = "https://tokens.elsewhere.test/token"
	for name, tt := range map[string]struct {
		issuer string
		pages  map[string]string
	}{
		"by RFC 8414":      {issuer, map[string]string{byRFC8414: metadata(issuer, end)}},
		"by OpenID":        {issuer, map[string]string{byOpenID: metadata(issuer, end)}},
		"both":             {issuer, map[string]string{byRFC8414: metadata(issuer, end), byOpenID: metadata(issuer, "https://wrong.test")}},
		"no path":          {"https://login.crm.test", map[string]string{"https://login.crm.test/.well-known/oauth-authorization-server": metadata("https://login.crm.test", end)}},
		"a slash":          {"https://login.crm.test/", map[string]string{"https://login.crm.test/.well-known/openid-configuration": metadata("https://login.crm.test/", end)}},
		"a page before it": {issuer, map[string]string{byRFC8414: "<html>", byOpenID: metadata(issuer, end)}},
		"next door":        {"http://keycloak", map[string]string{"http://keycloak/.well-known/openid-configuration": metadata("http://keycloak", "http://keycloak/token")}},
	} {
		p := publishes(tt.pages)
		if _, err := issue(t.Context(), p, app(func(a *broker.App) { a.OAuth2.TokenURL, a.OAuth2.Issuer = "", tt.issuer })); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		rs := p.requests()
		if last := rs[len(rs)-1]; last.Method != http.MethodPost || last.URL.String() != end && name != "next door" {
			t.Errorf("%s: asked at %s", name, last.URL)
		}
		for _, r := range rs[:len(rs)-1] {
			if _, _, basic := r.BasicAuth(); basic || len(r.form) > 0 {
				t.Errorf("I6: %s: the secret was sent to %s", name, r.URL)
			}
		}
	}
}

// TestMetadataOfSomebodyElse send the secret nowhere.
func TestMetadataOfSomebodyElse(t *testing.T) {
	t.Parallel()
	const end = "https://login.crm.test/token"
	for code, body := range map[string][]string{
		"wrong_issuer": {metadata("https://evil.test", end), metadata(issuer+"/", end), metadata("https://LOGIN.crm.test/tenant", end), `{"token_endpoint":"` + end + `"}`},
		"bad_metadata": {
			metadata(issuer, "http://login.crm.test.example/token"), metadata(issuer, "http://10.0.0.1/token"), metadata(issuer, ""), metadata(issuer, "/token"),
			metadata(issuer, "https://u:p@login.crm.test/token"), fmt.Sprintf(`{"issuer":%q}`, issuer),
		},
	} {
		for _, b := range body {
			p := publishes(map[string]string{byRFC8414: b})
			_, err := issue(t.Context(), p, app(found))
			if e := broker.AsError(err); e.Code != code || !e.Class.Permanent() || e.Unknown || e.Hint == "" {
				t.Errorf("%s: %v", b, err)
			}
			for _, r := range p.requests() {
				if r.Method == http.MethodPost {
					t.Errorf("I6: %s: the secret was sent to %s", b, r.URL)
				}
			}
		}
	}
	for code, pages := range map[string]map[string]string{platform.CodeHTTP4xx: {}, platform.CodeHTTP5xx: {byRFC8414: "down"}} {
		_, err := issue(t.Context(), publishes(pages), app(found))
		if e := broker.AsError(err); e.Code != code || e.Unknown || !strings.Contains(e.Hint, "oauth2.issuer") {
			t.Errorf("%s: %+v", code, e)
		}
	}
	_, err := issue(t.Context(), publishes(nil), app(func(a *broker.App) { a.OAuth2.TokenURL, a.OAuth2.Issuer = "", "http://login.example.com" }))
	if e := broker.AsError(err); e.Code != "bad_issuer" {
		t.Error(err)
	}
}

func TestMetadataAreRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pages := map[string]string{byRFC8414: metadata(issuer, "https://login.crm.test/token")}
		p := publishes(pages)
		table := oauth2.Platform(platform.NewCaller(p))
		looked := func() (n int) {
			for _, r := range p.requests() {
				if r.Method == http.MethodGet {
					n++
				}
			}
			return n
		}
		for range 3 {
			if _, err := issueBy(t.Context(), table, app(found)); err != nil {
				t.Fatal(err)
			}
		}
		if looked() != 1 {
			t.Errorf("looked %d times", looked())
		}
		time.Sleep(2 * time.Hour)
		// What was known is good enough while the metadata cannot be had (I3).
		pages[byRFC8414] = "down"
		if _, err := issueBy(t.Context(), table, app(found)); err != nil || looked() != 2 {
			t.Errorf("looked %d times, %v", looked(), err)
		}
		pages[byRFC8414] = metadata(issuer, "https://login.crm.test/moved")
		if _, err := issueBy(t.Context(), table, app(found)); err != nil {
			t.Error(err)
		}
		if rs := p.requests(); rs[len(rs)-1].URL.Path != "/moved" {
			t.Errorf("asked at %s", rs[len(rs)-1].URL)
		}
	})
}

// Metadata that hang leave the token endpoint that was known the time to answer (I3).
func TestMetadataThatHangAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := publishes(map[string]string{byRFC8414: metadata(issuer, "https://login.crm.test/token")})
		hang := false
		table := oauth2.Platform(platform.NewCaller(rt(func(r *http.Request) (*http.Response, error) {
			if hang && r.Method == http.MethodGet {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return p.RoundTrip(r)
		})))
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if _, err := issueBy(ctx, table, app(found)); err != nil {
				t.Error(err)
			}
			cancel()
			hang = true
			time.Sleep(2 * time.Hour)
		}
	})
}
