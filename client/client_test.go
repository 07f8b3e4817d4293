package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

const key = "hufu_0123456789abcdefghijklmnopqrstuv000000"

// handlerTransport calls a handler in process. The handler's context ends with the
// request's, as over a network.
type handlerTransport struct{ h http.Handler }

func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	t.h.ServeHTTP(w, r)
	return w.Result(), nil
}

func newClient(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	return newClientOver(t, handlerTransport{h})
}

func newClientOver(t *testing.T, rt http.RoundTripper) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Addr: "http://hufu.test/", Key: key, HTTPClient: &http.Client{Transport: rt}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var token = api.Token{
	App: "shop", Kind: "access_token", Token: "83_abc", Version: 17, ExpiresIn: 3412,
	Expiry: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC),
}

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

func TestARefusalIsAProblem(t *testing.T) {
	t.Parallel()
	want := &api.Problem{
		Title: "Bad Gateway", Status: 502, Code: "wechat_bad_secret", Class: api.ClassBadCredential, Hint: "set the secret", RequestID: "r1",
		Platform: &api.PlatformError{Code: "40125", Message: "invalid appsecret"},
	}
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(want.Status)
		_ = json.NewEncoder(w).Encode(want)
	})
	_, err := c.Token(t.Context(), "shop", "access_token", client.TokenOptions{})
	got, ok := errors.AsType[*api.Problem](err)
	if !ok {
		t.Fatalf("%v is no problem", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problem (-want +got):\n%s", diff)
	}
	for _, err := range c.Watch(t.Context(), "shop") {
		if p, ok := errors.AsType[*api.Problem](err); !ok || p.Code != want.Code {
			t.Errorf("Watch: %v", err)
		}
	}
}

func TestARefusalSaysWhenToTryAgain(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]struct {
		after time.Duration
		text  string
	}{
		"7": {7 * time.Second, "busy; wait; try again in 7 s"}, "": {0, "busy; wait"}, "-1": {0, "busy; wait"}, "soon": {0, "busy; wait"},
		"99999999999": {24 * time.Hour, "busy; wait; try again in 86400 s"},
	} {
		c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"code":"not_ready","detail":"busy","hint":"wait"}`)
		})
		_, err := c.App(t.Context(), "shop")
		if p, ok := errors.AsType[*api.Problem](err); !ok || p.RetryAfter != want.after || p.Error() != want.text {
			t.Errorf("Retry-After %q: %v, want %q", header, err, want.text)
		}
	}
}

func TestAKeyThatCannotBeSentIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"hufu_x\n", "hufu\x00x", "hufu_x\x7f"} {
		_, err := client.New(client.Config{Addr: "http://127.0.0.1", Key: key})
		if err == nil || !strings.Contains(err.Error(), "client key") || strings.Contains(err.Error(), "hufu") {
			t.Errorf("key %q: %v", key, err)
		}
	}
}

func TestWhatIsNoAnswerOfTheServerIsNotTakenForOne(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status            int
		contentType, body string
		class             string
	}{
		"a proxy's error page":  {http.StatusBadGateway, "text/html", "<h1>83_abc</h1>", api.ClassTransient},
		"some other server":     {http.StatusNotFound, "text/html", "nothing here", api.ClassMisconfigured},
		"a redirect":            {http.StatusFound, "text/html", "", api.ClassMisconfigured},
		"a page with status ok": {http.StatusOK, "text/html", "<h1>Welcome 83_abc</h1>", api.ClassMisconfigured},
		"a problem without code": {
			http.StatusInternalServerError, "application/problem+json", `{"title":"83_abc"}`, api.ClassTransient,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				w.Header().Set("Content-Type", tc.contentType)
				w.Header().Set("Location", "http://elsewhere.test/")
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			})
			_, err := c.App(t.Context(), "shop")
			p, ok := errors.AsType[*api.Problem](err)
			if !ok {
				t.Fatalf("%v is no problem", err)
			}
			if p.Code != client.CodeUnexpected || p.Class != tc.class || p.Status != tc.status {
				t.Errorf("problem %+v, want class %s and status %d", p, tc.class, tc.status)
			}
			if strings.Contains(err.Error(), "83_abc") {
				t.Errorf("the error repeats the answer: %v", err)
			}
			if calls != 1 {
				t.Errorf("%d calls, want 1: no redirect is followed", calls)
			}
		})
	}
}

func TestNoNewerVersionIsNotModified(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	if _, err := c.Token(t.Context(), "shop", "access_token", client.TokenOptions{Seen: 17}); !errors.Is(err, client.ErrNotModified) {
		t.Errorf("error %v, want ErrNotModified", err)
	}
}

type failingTransport struct{ err error }

func (f failingTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestErrorsAndPrintingShowNoKeyAndNoToken(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	c := newClientOver(t, failingTransport{cause})
	_, err := c.RenewToken(t.Context(), "shop", "access_token", "83_abc")
	if !errors.Is(err, cause) {
		t.Errorf("error %v does not wrap its cause", err)
	}
	cfg := client.Config{Addr: "http://hufu.test", Key: key}
	j, _ := json.Marshal(cfg)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "x", "cfg", cfg, "client", c)
	_, badErr := client.New(client.Config{Addr: "http://user:pass word@" + key, Key: key})
	if badErr == nil {
		t.Error("an address that is no URL was taken")
	}
	all := fmt.Sprintf("%v %s %v %+v %#v %v %+v %#v %s %v", err, j, cfg, cfg, cfg, c, c, c, log.String(), badErr)
	for _, secret := range []string{key, "83_abc"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is shown: %s", secret, all)
		}
	}
}

func TestOnlyAnAddressThatIsOneIsTaken(t *testing.T) {
	t.Parallel()
	for addr, ok := range map[string]bool{
		"http://127.0.0.1:8080": true, "https://hufu.example/": true, "https://hufu.example/hufu": true,
		"": false, "127.0.0.1:8080": false, "ftp://x": false, "http://": false, "http://u:p@x": false, "http://x?y": false, "http://x#y": false,
	} {
		if _, err := client.New(client.Config{Addr: addr, Key: key}); (err == nil) != ok {
			t.Errorf("New(%q): %v, want ok %t", addr, err, ok)
		}
	}
}

func TestAPathBeforeTheAPIIsKept(t *testing.T) {
	t.Parallel()
	var got *url.URL
	c, err := client.New(client.Config{Addr: "http://proxy.test/hufu/", Key: key, HTTPClient: &http.Client{Transport: handlerTransport{
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.URL
			_, _ = io.WriteString(w, "{}")
		}),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.App(t.Context(), "shop"); err != nil || got.Path != "/hufu/v1/apps/shop" {
		t.Errorf("asked %v, error %v", got, err)
	}
}

func TestACallWithoutADeadlineGetsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClientOver(t, hangingTransport{})
		began := time.Now()
		_, err := c.App(context.Background(), "shop")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Minute {
			t.Errorf("error %v after %s", err, time.Since(began))
		}
		began = time.Now()
		const wait = 5 * time.Minute
		if _, err = c.Token(context.Background(), "shop", "access_token", client.TokenOptions{Wait: wait}); time.Since(began) <= wait {
			t.Errorf("a long poll of %s was given up after %s: %v", wait, time.Since(began), err)
		}
	})
}

type hangingTransport struct{}

func (hangingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
