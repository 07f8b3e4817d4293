package dropin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/dropin"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/stacktest"
)

const (
	appID    = stacktest.AppID
	otherID  = stacktest.OtherID
	secret   = stacktest.Secret
	ordersID = stacktest.OrdersKey
)

// stack is a server with the drop-in paths on top.
type stack struct {
	tb testing.TB
	*stacktest.Stack
	http.Handler
}

func client(name, key string, apps ...string) *broker.Client {
	return stacktest.Client(name, key, broker.Read|broker.Renew, apps...)
}

func newStack(tb testing.TB, c stacktest.Config) *stack {
	tb.Helper()
	s := stacktest.New(tb, c)
	h, err := dropin.New(dropin.Config{
		Service: s.Service, Logger: s.Logger, Platforms: append([]broker.Platform{wechat.Platform(nil)}, c.Platforms...), Registerer: s.Metrics,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return &stack{tb: tb, Stack: s, Handler: h}
}

// inBubble runs a test on a stack whose tokens are there already.
func inBubble(t *testing.T, c stacktest.Config, f func(*testing.T, *stack)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, c)
		s.Settle()
		f(t, s)
	})
}

// do makes a request. The header is a list of names and values.
func (s *stack) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	s.tb.Helper()
	var r *http.Request
	if body == "" {
		r = httptest.NewRequest(method, target, nil)
	} else {
		r = httptest.NewRequest(method, target, strings.NewReader(body))
	}
	for h := range slices.Chunk(header, 2) {
		r.Header.Set(h[0], h[1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

type answer struct {
	AccessToken string `json:"access_token"`
	Ticket      string `json:"ticket"`
	ExpiresIn   int64  `json:"expires_in"`
	Errcode     int    `json:"errcode"`
	Errmsg      string `json:"errmsg"`
}

func decode(tb testing.TB, w *httptest.ResponseRecorder) answer {
	tb.Helper()
	if w.Code != http.StatusOK {
		tb.Errorf("status %d, want 200: the platform's errors are answers too", w.Code)
	}
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		tb.Fatalf("answer %q: %v", w.Body, err)
	}
	return a
}

func tokenPath(appID, key string) string {
	return "/cgi-bin/token?" + url.Values{"grant_type": {"client_credential"}, "appid": {appID}, "secret": {key}}.Encode()
}

// token asks like an SDK does.
func (s *stack) token(key string) answer {
	s.tb.Helper()
	return decode(s.tb, s.do("GET", tokenPath(appID, key), ""))
}

func (s *stack) stable(key string, force bool) answer {
	s.tb.Helper()
	body := fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":%q,"force_refresh":%v}`, appID, key, force)
	return decode(s.tb, s.do("POST", "/cgi-bin/stable_token", body))
}
