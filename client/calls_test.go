package client_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

func TestEachMethodIsOneCall(t *testing.T) {
	t.Parallel()
	app := api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Secret: api.Secrets{"s"}}
	answered := api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Origin: "api"}
	page := api.AuditPage{Entries: []api.AuditEntry{{ID: 3, Action: "read", Result: "ok"}}, Next: 3}
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.FixedZone("", 8*60*60))
	for _, tc := range []struct {
		name   string
		call   func(context.Context, *client.Client) (any, error)
		want   string // method and path with query
		body   string
		header string // If-None-Match
		answer any
	}{
		{
			name: "Token", want: "GET /v1/apps/shop/tokens/access_token", answer: token,
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Token(ctx, "shop", "access_token", client.TokenOptions{})
			},
		},
		{
			name: "Token with options", want: "GET /v1/apps/shop/tokens/access_token?min_ttl=1m0s&wait=30s", header: `"16"`, answer: token,
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Token(ctx, "shop", "access_token", client.TokenOptions{MinTTL: time.Minute, Seen: 16, Wait: 30 * time.Second})
			},
		},
		{
			name: "Renew", want: "POST /v1/apps/shop/tokens/access_token/renew", body: `{"version":17}`, answer: token,
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Renew(ctx, "shop", "access_token", 17)
			},
		},
		{
			name: "RenewToken", want: "POST /v1/apps/shop/tokens/access_token/renew", body: `{"token":"83_old"}`, answer: token,
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.RenewToken(ctx, "shop", "access_token", "83_old")
			},
		},
		{
			name: "Replace", want: "POST /v1/apps/shop/tokens/access_token/renew", body: `{"leaked":true}`, answer: token,
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Replace(ctx, "shop", "access_token")
			},
		},
		{
			name: "Apps", want: "GET /v1/apps?after=news&limit=2", answer: []api.App{answered},
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Apps(ctx, client.Page{After: "news", Limit: 2})
			},
		},
		{
			name: "App", want: "GET /v1/apps/shop", answer: answered,
			call: func(ctx context.Context, c *client.Client) (any, error) { return c.App(ctx, "shop") },
		},
		{
			name: "App of a name that must be escaped", want: "GET /v1/apps/a%2Fb%20%3Fc", answer: answered,
			call: func(ctx context.Context, c *client.Client) (any, error) { return c.App(ctx, "a/b ?c") },
		},
		{
			name: "PutApp", want: "PUT /v1/apps/shop", body: `{"id":"shop","platform":"wechat","app_id":"wx01","secret":["s"]}`, answer: answered,
			call: func(ctx context.Context, c *client.Client) (any, error) { return c.PutApp(ctx, app) },
		},
		{
			name: "CheckApp", want: "POST /v1/apps/shop/check", body: `{"id":"shop","platform":"wechat","app_id":"wx01","secret":["s"]}`,
			call: func(ctx context.Context, c *client.Client) (any, error) { return nil, c.CheckApp(ctx, app) },
		},
		{
			name: "DeleteApp", want: "DELETE /v1/apps/shop",
			call: func(ctx context.Context, c *client.Client) (any, error) { return nil, c.DeleteApp(ctx, "shop") },
		},
		{
			name: "Clients", want: "GET /v1/clients", answer: []api.Client{{Name: "orders"}},
			call: func(ctx context.Context, c *client.Client) (any, error) { return c.Clients(ctx) },
		},
		{
			name: "AddClient", want: "POST /v1/clients", body: `{"name":"orders","apps":["shop"],"allow":["read"]}`, answer: api.Client{Name: "orders", Key: "hufu_new"},
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.AddClient(ctx, api.Client{Name: "orders", Apps: []string{"shop"}, Allow: []string{"read"}})
			},
		},
		{
			name: "DeleteClient", want: "DELETE /v1/clients/orders",
			call: func(ctx context.Context, c *client.Client) (any, error) { return nil, c.DeleteClient(ctx, "orders") },
		},
		{
			name: "Audit", want: "GET /v1/audit?action=read&app=shop&before=9&client=orders&from=2026-11-21T02%3A00%3A00Z&limit=5&to=2026-11-21T03%3A00%3A00Z", answer: page,
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Audit(ctx, client.AuditQuery{Client: "orders", Action: "read", App: "shop", From: at, To: at.Add(time.Hour), Before: 9, Limit: 5})
			},
		},
		{
			name: "Exchange", want: "POST /v1/apps/shop/users/exchange", body: `{"code":"c","code_verifier":"v"}`, answer: api.User{App: "shop", OpenID: "o"},
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Exchange(ctx, "shop", api.ExchangeRequest{Code: "c", CodeVerifier: "v"})
			},
		},
		{
			name: "Users", want: "GET /v1/apps/shop/users?after=o%2Fsnsapi_base&limit=2", answer: api.Grants{Grants: []api.Grant{{Version: 3}}, Next: "p/snsapi_base"},
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Users(ctx, "shop", client.Page{After: "o/snsapi_base", Limit: 2})
			},
		},
		{
			name: "UserToken", want: "GET /v1/apps/shop/users/o/token?min_ttl=1m0s&scope=snsapi_base", answer: api.UserToken{Token: "UT", TokenKind: api.TokenOfUser},
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.UserToken(ctx, "shop", "o", client.UserTokenOptions{Scope: "snsapi_base", MinTTL: time.Minute})
			},
		},
		{
			name: "RenewUserToken", want: "POST /v1/apps/shop/users/o/token/renew", body: `{"version":3,"scope":"snsapi_base"}`, answer: api.UserToken{Version: 4},
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.RenewUserToken(ctx, "shop", "o", api.UserRenewRequest{Version: 3, Scope: "snsapi_base"})
			},
		},
		{
			name: "Profile", want: "GET /v1/apps/shop/users/o/profile?lang=en", answer: api.Profile{Nickname: "n"},
			call: func(ctx context.Context, c *client.Client) (any, error) { return c.Profile(ctx, "shop", "o", "en") },
		},
		{
			name: "Subscription", want: "GET /v1/apps/shop/users/o/subscription", answer: api.Subscription{Subscribed: true, TokenKind: api.TokenOfApp},
			call: func(ctx context.Context, c *client.Client) (any, error) { return c.Subscription(ctx, "shop", "o", "") },
		},
		{
			name: "Session", want: "POST /v1/apps/shop/sessions", body: `{"js_code":"c"}`, answer: api.Session{OpenID: "o"},
			call: func(ctx context.Context, c *client.Client) (any, error) { return c.Session(ctx, "shop", "c") },
		},
		{
			name: "SignAgentPage", want: "GET /v1/apps/shop/jssdk/agent?url=https%3A%2F%2Fa.test%2F%3Fb%3Dc", answer: api.AgentSignature{Signature: "s"},
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.SignAgentPage(ctx, "shop", "https://a.test/?b=c")
			},
		},
		{
			name: "SignPage", want: "GET /v1/apps/shop/jssdk?url=https%3A%2F%2Fa.test%2F%3Fb%3Dc", answer: api.PageSignature{Signature: "s"},
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.SignPage(ctx, "shop", "https://a.test/?b=c")
			},
		},
		{
			name: "SignCard", want: "GET /v1/apps/shop/jssdk/card?card_id=p&openid=o", answer: api.CardSignature{CardID: "p"},
			call: func(ctx context.Context, c *client.Client) (any, error) { return c.SignCard(ctx, "shop", "p", "", "o") },
		},
		{
			name: "SignChoice", want: "GET /v1/apps/shop/jssdk/choose-card?card_type=GROUPON", answer: api.CardChoice{SignType: "SHA1"},
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.SignChoice(ctx, "shop", "", "GROUPON", "")
			},
		},
		{
			name: "RotateKeys", want: "POST /v1/keys/rotate", answer: api.KeyRotation{Primary: 7, Resealed: 3, Removed: 1},
			call: func(ctx context.Context, c *client.Client) (any, error) { return c.RotateKeys(ctx) },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				if got := r.Method + " " + r.URL.RequestURI(); got != tc.want {
					t.Errorf("asked %s, want %s", got, tc.want)
				}
				if got, want := r.Header.Get("Authorization"), "Bearer "+key; got != want {
					t.Errorf("authorization %q, want %q", got, want)
				}
				if got := r.Header.Get("If-None-Match"); got != tc.header {
					t.Errorf("If-None-Match %q, want %q", got, tc.header)
				}
				if _, ok := r.Context().Deadline(); !ok {
					t.Error("the call has no deadline")
				}
				if r.Body != nil {
					body, _ := io.ReadAll(r.Body)
					if got := string(body); got != tc.body {
						t.Errorf("body %s, want %s", got, tc.body)
					}
				}
				if tc.answer == nil {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(tc.answer)
			})
			got, err := tc.call(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.answer, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if calls != 1 {
				t.Errorf("%d calls, want 1", calls)
			}
		})
	}
}
