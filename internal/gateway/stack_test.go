package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/dropin"
	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/stacktest"
	"github.com/hufu-io/hufu/internal/virtual"
)

// The clients of every stack, beside those of stacktest.
var (
	callerKey  = stacktest.Key("caller")  // may read and call the app
	virtualKey = stacktest.Key("virtual") // the same, with virtual tokens
	limitedKey = stacktest.Key("limited") // virtual, and limited to messages
)

// stack is a whole server: everything that callers can reach.
type stack struct {
	*stacktest.Stack
	http.Handler
	tb    testing.TB
	meter *quota.Meter
}

type stackConfig struct {
	stacktest.Config
	// transport stands between the gateway and the platform. Nil: the platform itself.
	transport func(http.RoundTripper) http.RoundTripper
	// users are those that the server tells from its apps' tokens. Nil: it does not.
	users *gateway.Users
	// change changes the gateway's configuration. Nil: the defaults.
	change func(*gateway.Config)
}

func newStack(tb testing.TB, c stackConfig) *stack {
	tb.Helper()
	codec, err := virtual.New(bytes.Repeat([]byte("k"), virtual.KeySize))
	if err != nil {
		tb.Fatal(err)
	}
	c.Virtual = codec
	if c.users != nil {
		c.UserTokens = c.users
	}
	caller := stacktest.Client("caller", callerKey, broker.Read|broker.Call, stacktest.App, "api-*")
	opaque := stacktest.Client("virtual", virtualKey, broker.Read|broker.Call, stacktest.App, "api-*")
	opaque.Handout = broker.HandoutVirtual
	limited := stacktest.Client("limited", limitedKey, broker.Call, stacktest.App)
	limited.Handout, limited.Paths = broker.HandoutVirtual, []string{"/cgi-bin/message/*"}
	c.Clients = append(c.Clients, caller, opaque, limited)
	s := &stack{Stack: stacktest.New(tb, c.Config), tb: tb}
	s.meter = quota.New(quota.Config{Now: s.Service.Now})
	to := s.Sandbox.Transport()
	if c.transport != nil {
		to = c.transport(to)
	}
	cfg := gateway.Config{
		Service: s.Service, Platforms: append([]broker.Platform{wechat.Platform(platform.NewCaller(to))}, c.Platforms...), Transport: to, Users: c.users,
		Meter: s.meter, Logger: s.Logger, Registerer: s.Metrics,
	}
	if c.change != nil {
		c.change(&cfg)
	}
	g, err := gateway.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := g.Close(context.WithoutCancel(tb.Context())); err != nil {
			tb.Error(err)
		}
	})
	paths, err := dropin.New(dropin.Config{Service: s.Service, Forward: g, Logger: s.Logger, Platforms: []broker.Platform{wechat.Platform(nil)}})
	if err != nil {
		tb.Fatal(err)
	}
	s.Handler, err = httpapi.New(httpapi.Config{Service: s.Service, Gateway: g, DropIn: paths, Logger: s.Logger})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// inBubble runs a test on a stack whose tokens are there already.
func inBubble(t *testing.T, c stackConfig, f func(*testing.T, *stack)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, c)
		s.Settle()
		f(t, s)
	})
}

// eachMode runs a test with each of the platform's ways to issue.
func eachMode(t *testing.T, f func(*testing.T, string)) {
	t.Helper()
	for _, mode := range []string{wechat.Stable, wechat.Classic} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			f(t, mode)
		})
	}
}

// answer is what the platform, or this server in its place, answers.
type answer struct {
	status int
	header http.Header
	body   []byte

	Errcode     int    `json:"errcode"`
	Errmsg      string `json:"errmsg"`
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"`
	OpenID      string `json:"openid"`
	SessionKey  string `json:"session_key"`
	Refresh     string `json:"refresh_token"`
	Ticket      string `json:"ticket"`
	MediaID     string `json:"media_id"`
	Code        string `json:"code"` // of a problem
	Detail      string `json:"detail"`
	Hint        string `json:"hint"`
}

// ok reports whether the platform did what it was asked for.
func (a answer) ok() bool { return a.status == http.StatusOK && a.Errcode == 0 && len(a.body) > 0 }

func (s *stack) send(r *http.Request) answer {
	s.tb.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
	if bytes.HasPrefix(a.body, []byte("{")) {
		if err := json.Unmarshal(a.body, &a); err != nil {
			s.tb.Errorf("answer %q: %v", a.body, err)
		}
	}
	return a
}

func request(method, target, body string) *http.Request {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	return httptest.NewRequestWithContext(context.Background(), method, target, r)
}

// get and post call with a token, as an SDK does.
func (s *stack) get(path, token string) answer {
	s.tb.Helper()
	return s.send(request(http.MethodGet, withToken(path, token), ""))
}

func (s *stack) post(path, token, body string) answer {
	s.tb.Helper()
	return s.send(request(http.MethodPost, withToken(path, token), body))
}

func withToken(path, token string) string {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return path + sep + "access_token=" + url.QueryEscape(token)
}

// keyed calls with a client key.
func (s *stack) keyed(method, path, key, body string) answer {
	s.tb.Helper()
	r := request(method, "/gateway/"+stacktest.App+path, body)
	r.Header.Set("Authorization", "Bearer "+key)
	return s.send(r)
}

// token asks for a token as an SDK does, with the client key in the place of the secret.
func (s *stack) token(key string) string {
	s.tb.Helper()
	q := url.Values{"grant_type": {"client_credential"}, "appid": {stacktest.AppID}, "secret": {key}}
	a := s.send(request(http.MethodGet, "/cgi-bin/token?"+q.Encode(), ""))
	if a.AccessToken == "" {
		s.tb.Fatalf("no token: %s", a.body)
	}
	return a.AccessToken
}

// crowd does something n times at once.
func crowd(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

const (
	users   = "/cgi-bin/user/get"
	message = "/cgi-bin/message/custom/send"
	text    = `{"touser":"o1","msgtype":"text","text":{"content":"hello"}}`
)
