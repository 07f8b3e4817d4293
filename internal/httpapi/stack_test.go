package httpapi_test

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/stacktest"
)

const (
	appID     = stacktest.AppID
	otherID   = stacktest.OtherID
	secret    = stacktest.Secret
	ordersKey = stacktest.OrdersKey
	readerKey = stacktest.ReaderKey
	adminKey  = stacktest.AdminKey
)

// stack is a server with the native API on top.
type stack struct {
	tb testing.TB
	*stacktest.Stack
	*httpapi.API
}

func newStack(tb testing.TB, c stacktest.Config, api httpapi.Config) *stack {
	tb.Helper()
	s := stacktest.New(tb, c)
	api.Service, api.Logger = s.Service, s.Logger
	a, err := httpapi.New(api)
	if err != nil {
		tb.Fatal(err)
	}
	return &stack{tb: tb, Stack: s, API: a}
}

// inBubble runs a test on a stack whose tokens are there already.
func inBubble(t *testing.T, c stacktest.Config, f func(*testing.T, *stack)) {
	t.Helper()
	run(t, c, httpapi.Config{}, f)
}

// inBubbleWith runs a test on the usual stack below an API that has more to it.
func inBubbleWith(t *testing.T, api httpapi.Config, f func(*testing.T, *stack)) {
	t.Helper()
	run(t, stacktest.Config{}, api, f)
}

func run(t *testing.T, c stacktest.Config, api httpapi.Config, f func(*testing.T, *stack)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, c, api)
		s.Settle()
		f(t, s)
	})
}

// call is one request and what is special about it.
type call struct {
	method, target, key, body string
	header                    map[string]string
}

func (c call) request(ctx context.Context) *http.Request {
	r := httptest.NewRequestWithContext(ctx, cmp.Or(c.method, "GET"), c.target, strings.NewReader(c.body))
	if c.body == "" {
		r.Body = http.NoBody
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	return r
}

func (s *stack) do(c call) *httptest.ResponseRecorder {
	s.tb.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, c.request(context.Background()))
	return w
}

func (s *stack) get(target, key string) *httptest.ResponseRecorder {
	s.tb.Helper()
	return s.do(call{target: target, key: key})
}

const tokenPath = "/v1/apps/shop/tokens/access_token"

// token reads the token of the app shop.
func (s *stack) token() api.Token {
	s.tb.Helper()
	return tokenIn(s.tb, s.get(tokenPath, ordersKey))
}

func (s *stack) renew(body string) *httptest.ResponseRecorder {
	s.tb.Helper()
	return s.do(call{method: "POST", target: tokenPath + "/renew", key: ordersKey, body: body})
}

func tokenIn(tb testing.TB, w *httptest.ResponseRecorder) api.Token {
	tb.Helper()
	return decode[api.Token](tb, w, http.StatusOK)
}

func problemIn(tb testing.TB, w *httptest.ResponseRecorder, status int) api.Problem {
	tb.Helper()
	p := decode[api.Problem](tb, w, status)
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		tb.Errorf("content type %q", got)
	}
	if p.Status != status || p.RequestID == "" || p.RequestID != w.Header().Get("X-Request-Id") {
		tb.Errorf("problem %+v, X-Request-Id %q", p, w.Header().Get("X-Request-Id"))
	}
	return p
}

func decode[T any](tb testing.TB, w *httptest.ResponseRecorder, status int) T {
	tb.Helper()
	var v T
	if w.Code != status {
		tb.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		tb.Fatalf("answer %q: %v", w.Body, err)
	}
	return v
}
