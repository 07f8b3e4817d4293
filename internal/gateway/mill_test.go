package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// mill is a platform that is unlike WeChat in all that a gateway could take for granted:
// tokens stand in the header Authorization, an app has two of them, its paths are at two
// hosts, and what opens an exchange stands in a body. It is safe for concurrent use.
type mill struct {
	name   string
	mu     sync.Mutex
	n      int
	issued map[broker.Kind]int
	live   map[string]broker.Kind
	secret string
	seen   []millCall
}

// millCall is a call as it came to the platform.
type millCall struct {
	url    *url.URL
	header http.Header
	body   string
}

const (
	millID   = stacktest.AppID // the same as that of the app at WeChat
	millApp  = "api-mill"
	millBase = "https://mill.test"
	flour    = "https://flour.test" // where the paths below /flour/ are

	millApps     = "/open/apps"     // opened by the token of the app itself
	millUsers    = "/open/users"    // opened by the access token
	millMe       = "/open/me"       // opened by the token of a user
	millExchange = "/open/exchange" // opened by the app secret
	millEither   = "/open/either"   // opened by the access token, and by that of a user
	millLogin    = "/open/login"    // opened by the access token, and gives that of a user
)

func newMill(name string) *mill {
	return &mill{name: name, issued: map[broker.Kind]int{}, live: map[string]broker.Kind{}, secret: stacktest.Secret}
}

func (m *mill) platform() broker.Platform {
	source := func(kind broker.Kind) broker.Source {
		return broker.Source{Issuer: millIssuer{m, kind}, Rotation: broker.Rotation{Family: broker.Independent, Lifetime: 2 * time.Hour}}
	}
	return broker.Platform{
		Name: m.name, Modes: []string{"token"}, BaseURL: millBase, Upstream: m,
		Kinds: func(string) map[broker.Kind]broker.Source {
			ticket := source(broker.JSAPITicket)
			ticket.Derived = true
			return map[broker.Kind]broker.Source{
				broker.AccessToken: source(broker.AccessToken), broker.AppAccessToken: source(broker.AppAccessToken), broker.JSAPITicket: ticket,
			}
		},
		Base: func(mode, path string) string {
			if mode == "token" && strings.HasPrefix(path, "/flour/") {
				return flour
			}
			return ""
		},
	}
}

type millIssuer struct {
	*mill
	kind broker.Kind
}

// Issue implements [broker.Issuer].
func (m millIssuer) Issue(context.Context, broker.IssueRequest) (broker.Issued, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n++
	m.issued[m.kind]++
	tok := fmt.Sprintf("%s-%s-%d", m.name, m.kind, m.n)
	m.live[tok] = m.kind
	return broker.Issued{Token: broker.NewSecret(tok), Lifetime: 2 * time.Hour}, nil
}

// Check implements [broker.Checker].
func (m millIssuer) Check(_ context.Context, _ *broker.App, tok broker.Secret) (broker.Verdict, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live[tok.Reveal()] == m.kind {
		return broker.VerdictOK, nil
	}
	return broker.VerdictRejected, nil
}

// kill ends all tokens of a kind.
func (m *mill) kill(kind broker.Kind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for tok, k := range m.live {
		if k == kind {
			delete(m.live, tok)
		}
	}
}

func (m *mill) issues(kind broker.Kind) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.issued[kind]
}

// calls returns what came, and forgets it.
func (m *mill) calls() []millCall {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := m.seen
	m.seen = nil
	return seen
}

// RoundTrip implements [http.RoundTripper]: it is the platform.
func (m *mill) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = append(m.seen, millCall{r.URL, r.Header.Clone(), string(body)})
	i := max(strings.Index(r.URL.Path, "/open/"), 0) // a base URL may have a path of its own
	want := broker.AccessToken
	switch r.URL.Path[i:] {
	case millExchange:
		var in millCredentials
		if err := json.Unmarshal(body, &in); err != nil || in.ID != millID || in.Secret != m.secret {
			return says(http.StatusOK, nil, `{"result":2,"msg":"secret"}`), nil
		}
		return says(http.StatusOK, nil, `{"result":0,"user":"u-1","code_was":"`+in.Code+`"}`), nil
	case millMe:
		if strings.HasPrefix(bearerOf(r), "user-") {
			return says(http.StatusOK, nil, `{"result":0,"me":"`+bearerOf(r)+`"}`), nil
		}
		return says(http.StatusOK, nil, `{"result":3,"msg":"user"}`), nil
	case millApps:
		want = broker.AppAccessToken
	}
	if m.live[bearerOf(r)] != want {
		return says(http.StatusOK, nil, `{"result":1,"msg":"token"}`), nil
	}
	if r.URL.Path[i:] == millLogin {
		return says(http.StatusOK, nil, `{"result":0,"gives":"user-7"}`), nil
	}
	return says(http.StatusOK, nil, `{"result":0}`), nil
}

func bearerOf(r *http.Request) string {
	tok, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return tok
}

// between sends a platform's calls to it, and all others on.
func (m *mill) between(next http.RoundTripper) http.RoundTripper {
	return platformFunc(func(r *http.Request) (*http.Response, error) {
		if host := r.URL.Hostname(); host == "mill.test" || host == "flour.test" || host == "other.test" {
			return m.RoundTrip(r)
		}
		return next.RoundTrip(r)
	})
}

// Hosts implements [broker.Upstream].
func (*mill) Hosts() []string { return []string{"mill.test", "flour.test"} }

// Denied implements [broker.Upstream].
func (*mill) Denied() []string { return nil }

// Route implements [broker.Upstream].
func (*mill) Route(path string) broker.Route {
	own := strings.HasPrefix(path, "/open/")
	switch path {
	case millExchange:
		return broker.Route{Sort: broker.CallExchange, Body: true, Own: own}
	case millMe:
		return broker.Route{Sort: broker.CallUser, Nameless: true, Own: own}
	case millEither:
		return broker.Route{Either: true, Own: own}
	case millApps:
		return broker.Route{Kind: broker.AppAccessToken, Own: own}
	}
	return broker.Route{Own: own}
}

// millCredentials is the body of an exchange.
type millCredentials struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
	Code   string `json:"code"`
}

// read finds what an exchange shows, in a form or as JSON.
func (*mill) read(r *http.Request) (in millCredentials, ok bool) {
	if r.GetBody == nil {
		return in, false
	}
	body, err := r.GetBody()
	if err != nil {
		return in, false
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return in, false
	}
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		q, err := url.ParseQuery(string(b))
		return millCredentials{q.Get("client_id"), q.Get("client_secret"), q.Get("code")}, err == nil
	}
	return in, json.Unmarshal(b, &in) == nil
}

// Shown implements [broker.Upstream].
func (m *mill) Shown(r *http.Request) broker.Shown {
	shown := broker.Shown{Token: broker.NewSecret(bearerOf(r))}
	if r.URL.Path == millExchange {
		in, _ := m.read(r)
		shown.AppID, shown.Key = in.ID, broker.NewSecret(in.Secret)
	}
	return shown
}

// Attach implements [broker.Upstream].
func (*mill) Attach(r *http.Request, tok broker.Secret) {
	r.Header.Set("Authorization", "Bearer "+tok.Reveal())
}

// Substitute implements [broker.Upstream].
func (m *mill) Substitute(r *http.Request, appID string, secret broker.Secret) {
	in, _ := m.read(r)
	in.ID, in.Secret = appID, secret.Reveal()
	b, _ := json.Marshal(in) // texts can always be written
	r.Header.Set("Content-Type", "application/json")
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// Judge implements [broker.Upstream].
func (*mill) Judge(_ string, _ *http.Response, body []byte) broker.Judgement {
	var a struct {
		Code  int    `json:"result"`
		User  string `json:"user"`
		Gives string `json:"gives"`
	}
	switch err := json.Unmarshal(body, &a); {
	case err != nil:
		return broker.Judgement{}
	case a.Code == 1:
		return broker.Judgement{Verdict: broker.VerdictRejected, Err: broker.ErrRejected}
	case a.Code == 2:
		return broker.Judgement{Err: &broker.Error{Code: "bad_secret", Class: broker.BadCredential}}
	case a.Code != 0:
		return broker.Judgement{Err: &broker.Error{Code: "other", Class: broker.Invalid}}
	}
	j := broker.Judgement{Verdict: broker.VerdictOK}
	if a.Gives != "" {
		j.Users = []broker.Secret{broker.NewSecret(a.Gives)}
	}
	return j
}

// Refuse implements [broker.Upstream].
func (m *mill) Refuse(path string, err *broker.Error, _ string) broker.Refusal {
	b, _ := json.Marshal(map[string]string{"platform": m.name, "path": path, "code": "9", "error": err.Code, "says": err.Message})
	return broker.Refusal{Status: http.StatusUnauthorized, ContentType: "application/json", Body: b, Challenge: `Bearer realm="mill"`}
}

func (m *mill) app() *broker.App {
	return &broker.App{ID: millApp, Platform: m.name, AppID: millID, Secrets: []broker.Secret{broker.NewSecret(stacktest.Secret)}, Origin: broker.FromFile}
}

// inMill runs a test on a stack with the app [millApp] at the mill beside the one at WeChat,
// whose platforms know both by one id.
func inMill(t *testing.T, m *mill, c stackConfig, f func(*testing.T, *stack)) {
	t.Helper()
	c.Platforms = append(c.Platforms, m.platform())
	if c.Apps == nil {
		c.Apps = []*broker.App{m.app()}
	}
	c.transport, c.users = m.between, gateway.NewUsers()
	inBubble(t, c, f)
}

// kind asks for one of the mill's tokens.
func (s *stack) kind(kind broker.Kind, key string) string {
	s.tb.Helper()
	r := request(http.MethodGet, "/v1/apps/"+millApp+"/tokens/"+string(kind), "")
	r.Header.Set("Authorization", "Bearer "+key)
	var a struct {
		Token string `json:"token"`
	}
	got := s.send(r)
	if err := json.Unmarshal(got.body, &a); err != nil || a.Token == "" {
		s.tb.Fatalf("no token: %s", got.body)
	}
	return a.Token
}

// with makes a call with what stands in the header Authorization.
func with(authorization, method, target, body string) *http.Request {
	r := request(method, target, body)
	r.Header.Set("Authorization", authorization)
	return r
}
