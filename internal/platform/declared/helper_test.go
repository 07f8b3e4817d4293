package declared_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

const (
	appID     = "the-app"
	appSecret = "5e4f0c2b9d7a41d8"
	given     = "T-1.given_by-the~platform"
)

func limits() broker.Limits { return broker.Limits{PerDay: 100, Unplanned: 10} }

// words are those that every platform here has.
func words(unknownApp, wrongKey, badToken, setting, busy, other string) map[string]declared.Word {
	return map[string]declared.Word{
		"unknown_app": {Code: unknownApp, Message: "no such app"}, "unauthorized": {Code: wrongKey, Message: "bad secret"},
		"token_missing": {Code: badToken, Message: "bad token"}, "token_unknown": {Code: badToken, Message: "bad token"},
		"misconfigured": {Code: setting, Message: "a setting is wrong"},
		"throttled":     {Code: busy, Message: "slow down"}, "": {Code: other, Message: "no"},
	}
}

// modern takes JSON and a header, and answers with an object inside of another. Its legacy
// paths are elsewhere, and look like those of another platform.
func modern() declared.Definition {
	return declared.Definition{
		Name: "modern", BaseURL: "https://api.modern.test",
		Params: []broker.Param{{Name: "tenant", Required: true, Help: "its number"}, {Name: "region", Help: "where it is"}},
		Modes: []declared.Mode{{
			Name: "token",
			Tokens: []declared.Token{{
				Kind: broker.AccessToken, DropIn: "token",
				Request: declared.Request{
					Method: "POST", Path: "/v2/{param.tenant}/Token", Header: map[string]string{"X-Region": "{param.region}"},
					JSON: map[string]string{"app": "{app_id}", "key": "{secret}", "grant_type": "client"},
				},
				Answer:   declared.Answer{Token: "data.token", Lifetime: "data.ttl", Default: time.Hour, Extra: map[string]string{"code": "0", "msg": "ok", "data.type": `"1"`}},
				Rotation: broker.Rotation{Family: broker.Eager, Lifetime: 2 * time.Hour, Overlap: 5 * time.Minute, Limits: limits()},
			}, {
				Kind: broker.JSAPITicket, From: broker.AccessToken, DropIn: "ticket",
				Request:  declared.Request{Method: "GET", Path: "/old/ticket", Query: map[string]string{"type": "js"}},
				Answer:   declared.Answer{Token: "ticket", Lifetime: "expires"},
				Rotation: broker.Rotation{Family: broker.Fixed, Lifetime: 2 * time.Hour, Limits: limits()},
			}, {
				Kind: "card_ticket", From: broker.AccessToken, DropIn: "ticket",
				Request:  declared.Request{Method: "GET", Path: "/old/ticket", Query: map[string]string{"type": "card"}},
				Answer:   declared.Answer{Token: "ticket", Lifetime: "expires"},
				Rotation: broker.Rotation{Family: broker.Fixed, Lifetime: 2 * time.Hour, Limits: limits()},
			}},
		}},
		Surfaces: []declared.Surface{{
			Attach: declared.Place{Header: "Authorization", Scheme: "Bearer"},
			Errors: declared.Errors{Code: []string{"code", "data.code"}, OK: []string{"0", "success"}, NeedCode: true, Message: []string{"msg", "data.msg"}, RequestID: "X-Trace"},
		}, {
			Prefix: "/old", BaseURL: "https://old.modern.test",
			Attach: declared.Place{Query: "access_token"},
			Errors: declared.Errors{Code: []string{"errcode"}, OK: []string{"0"}, Message: []string{"sub_msg", "errmsg"}, Detail: []string{"sub_code"}, RequestID: "request_id"},
		}},
		Codes: []declared.Code{
			{Code: "4001", At: declared.AtCall, Name: "token_rejected", Class: broker.Transient, Says: "the token is not good", Hint: "nothing", Rejects: true},
			{Code: "4001", At: declared.AtIssue, Name: "wrong_secret", Class: broker.BadCredential, Says: "the secret is wrong", Hint: "copy it again"},
			{Code: "88.1", Name: "token_expired", Class: broker.Transient, Says: "the token is too old", Hint: "nothing", Rejects: true, Beside: "88"},
			{Code: "Busy", Name: "busy", Class: broker.Throttled, Says: "too many calls", Hint: "wait", Reset: broker.ResetMinute},
			{Code: "4030", Name: "ip_not_allowed", Class: broker.Misconfigured, Says: "the address is not listed", Hint: "list {ip}", Lives: true},
			{Code: "-1", At: declared.AtIssue, Name: "system_busy", Class: broker.Transient, Says: "something failed", Hint: "wait", Unknown: true},
		},
		Words: words("4004", "4001", "4001", "4030", "Busy", "9999"),
		Check: &declared.Check{Method: "GET", Path: "/v2/me", Query: map[string]string{"app": "{app_id}"}},
		Exchanges: []declared.Exchange{
			{Method: "POST", Path: "/v2/login", In: "json", AppID: "app", Secret: "key", Tokens: []string{"data.user_token"}},
			{Method: "GET", Path: "/old/login", In: "query", AppID: "appid", Secret: "secret"},
		},
		Gives: []declared.Giving{{Path: "/v2/Session/", Tokens: []string{"data.user_token", "data.refresh"}}},
		Users: []string{"/v2/my/*"}, Foreign: []string{"/v2/partner/*"}, Denied: []string{"/v2/clear"},
		Kinds: map[string]broker.Kind{"/old/js/*": broker.JSAPITicket},
	}
}

// standard is as RFC 6749 has it.
func standard() declared.Definition {
	return declared.Definition{
		Name: "standard", BaseURL: "https://login.standard.test",
		Modes: []declared.Mode{{Name: "basic", Tokens: []declared.Token{{
			Kind: broker.AccessToken, DropIn: "token",
			Request:  declared.Request{Method: "POST", Path: "/oauth/token", Basic: true, Form: map[string]string{"grant_type": "client_credentials"}},
			Answer:   declared.Answer{Token: "access_token", Lifetime: "expires_in", Extra: map[string]string{"token_type": "Bearer"}},
			Rotation: broker.Rotation{Family: broker.Independent, Lifetime: time.Hour, Limits: limits()},
		}}}},
		Surfaces: []declared.Surface{{
			Attach: declared.Place{Header: "Authorization", Scheme: "Bearer"},
			Errors: declared.Errors{Code: []string{"error"}, Message: []string{"error_description"}, ByStatus: true, Status: 400},
		}},
		Codes: []declared.Code{
			{Code: "invalid_client", Name: "wrong_secret", Class: broker.BadCredential, Says: "the secret is wrong", Hint: "copy it again"},
			{Code: "invalid_token", Name: "token_rejected", Class: broker.Transient, Says: "the token is not good", Hint: "nothing", Rejects: true},
			{Code: "slow_down", Name: "busy", Class: broker.Throttled, Says: "too many calls", Hint: "wait", Retry: time.Minute},
		},
		Words: words("invalid_client", "invalid_client", "invalid_token", "invalid_client", "slow_down", "invalid_request"),
	}
}

// plain has all in the query of a POST, and says no lifetimes.
func plain() declared.Definition {
	return declared.Definition{
		Name: "plain", BaseURL: "https://plain.test/open",
		Modes: []declared.Mode{{Name: "token", Tokens: []declared.Token{{
			Kind: broker.AccessToken, DropIn: "token",
			Request: declared.Request{
				Method: "POST", Path: "/2.0/token", Query: map[string]string{"grant_type": "client_credentials", "client_id": "{app_id}", "client_secret": "{secret}"},
			},
			Answer:   declared.Answer{Token: "access_token", Default: 24 * time.Hour},
			Rotation: broker.Rotation{Family: broker.Sliding, Lifetime: 24 * time.Hour, Limits: limits()},
		}}}},
		Surfaces: []declared.Surface{{
			Attach: declared.Place{Query: "access_token"},
			Errors: declared.Errors{Code: []string{"error_code", "error"}, Message: []string{"error_msg", "error_description"}},
		}},
		Codes: []declared.Code{
			{Code: "invalid_client", Name: "wrong_secret", Class: broker.BadCredential, Says: "the secret is wrong", Hint: "copy it again"},
			{Code: "110", Name: "token_rejected", Class: broker.Transient, Says: "the token is not good", Hint: "nothing", Rejects: true},
			{Code: "18", Name: "busy", Class: broker.Throttled, Says: "too many calls", Hint: "wait", Reset: broker.ResetDay},
		},
		Words: words("invalid_client", "invalid_client", "110", "invalid_client", "18", "2"),
	}
}

func testApp(d declared.Definition) *broker.App {
	return &broker.App{
		ID: "shop", Platform: d.Name, AppID: appID, Secrets: []broker.Secret{broker.NewSecret(appSecret)},
		Params: map[string]string{"tenant": "t-7"},
	}
}

func build(t testing.TB, d declared.Definition, rt http.RoundTripper) broker.Platform {
	t.Helper()
	p, err := declared.New(d, platform.NewCaller(rt))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// server answers every request with the next of its answers, and then with the last.
type server struct {
	answers []string // a status and a body

	mu   sync.Mutex
	seen []*http.Request
	body []string
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.seen), len(s.answers)-1)
	s.seen, s.body = append(s.seen, r), append(s.body, string(body))
	status, text, _ := strings.Cut(s.answers[n], " ")
	code := map[string]int{"200": 200, "400": 400, "401": 401, "403": 403, "429": 429, "502": 502}[status]
	return &http.Response{StatusCode: code, Header: http.Header{"X-Trace": {"tr-1"}}, Body: io.NopCloser(bytes.NewBufferString(text)), Request: r}, nil
}

func request(app *broker.App, kind broker.Kind) broker.IssueRequest {
	return broker.IssueRequest{App: app, Key: broker.Key{App: app.ID, Kind: kind}, Secret: app.Secrets[0]}
}
