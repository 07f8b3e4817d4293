package dropin_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// fake is a platform that is written by hand, unlike any other in how it is asked and how it
// answers.
type fake struct {
	name string
	mu   sync.Mutex
	// now are the tokens that live, by app and kind.
	now    map[broker.Key]string
	issued int
	checks map[string]int // by token
}

func newFake(name string) *fake {
	return &fake{name: name, now: map[broker.Key]string{}, checks: map[string]int{}}
}

// Issue implements [broker.Issuer].
func (f *fake) Issue(_ context.Context, req broker.IssueRequest) (broker.Issued, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.issued++
	tok := fmt.Sprintf("%s-%s-%s-%d", f.name, req.Key.App, req.Key.Kind, f.issued)
	f.now[req.Key] = tok
	return broker.Issued{Token: broker.NewSecret(tok), Lifetime: 2 * time.Hour}, nil
}

// Check implements [broker.Checker].
func (f *fake) Check(_ context.Context, _ *broker.App, tok broker.Secret) (broker.Verdict, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checks[tok.Reveal()]++
	for _, live := range f.now {
		if live == tok.Reveal() {
			return broker.VerdictOK, nil
		}
	}
	return broker.VerdictRejected, nil
}

func (f *fake) token(app string, kind broker.Kind) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now[broker.Key{App: app, Kind: kind}]
}

func (f *fake) kill(app string, kind broker.Kind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.now, broker.Key{App: app, Kind: kind})
}

// checked counts the checks of a token.
func (f *fake) checked(tok string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.checks[tok]
}

// platform is the fake as a value in the table, with these token paths.
func (f *fake) platform(paths ...broker.TokenPath) broker.Platform {
	rotation := broker.Rotation{Family: broker.Late, Lifetime: 2 * time.Hour, Window: 30 * time.Minute}
	return broker.Platform{
		Name: f.name, Modes: []string{"only"}, BaseURL: "https://" + f.name + ".example", TokenPaths: paths, Upstream: fakeUpstream{f.name},
		Kinds: func(string) map[broker.Kind]broker.Source {
			return map[broker.Kind]broker.Source{
				broker.AccessToken:    {Rotation: rotation, Issuer: f},
				broker.AppAccessToken: {Rotation: rotation, Issuer: f},
				broker.JSAPITicket:    {Rotation: rotation, Issuer: f, Derived: true},
			}
		},
	}
}

func (f *fake) app(id, appID string) *broker.App {
	return &broker.App{ID: id, Platform: f.name, AppID: appID, Secrets: []broker.Secret{broker.NewSecret("the-app-secret")}, Origin: broker.FromFile}
}

// fakeUpstream says errors in the fake's form, and finds tokens in a header.
type fakeUpstream struct{ name string }

func (u fakeUpstream) Hosts() []string                                     { return []string{u.name + ".example"} }
func (fakeUpstream) Denied() []string                                      { return nil }
func (fakeUpstream) Route(string) broker.Route                             { return broker.Route{} }
func (fakeUpstream) Attach(*http.Request, broker.Secret)                   {}
func (fakeUpstream) Substitute(*http.Request, string, broker.Secret)       {}
func (fakeUpstream) Judge(string, *http.Response, []byte) broker.Judgement { return broker.Judgement{} }

func (fakeUpstream) Shown(r *http.Request) broker.Shown {
	return broker.Shown{Token: broker.NewSecret(bearerOf(r))}
}

func (u fakeUpstream) Refuse(path string, err *broker.Error, id string) broker.Refusal {
	body, _ := json.Marshal(fakeRefusal{u.name, path, err.Code, err.Hint, id})
	return broker.Refusal{Status: http.StatusTeapot, ContentType: "application/fault+json", Body: body, Challenge: "Basic"}
}

type fakeRefusal struct{ Platform, Path, Code, Hint, ID string }

func bearerOf(r *http.Request) string {
	scheme, tok, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != "Bearer" {
		return ""
	}
	return tok
}

// byJSON is a path that is asked by JSON, and gives tokens of a kind.
func byJSON(name, path string, kind broker.Kind) broker.TokenPath {
	return broker.TokenPath{
		Name: name, Method: http.MethodPost, Path: path,
		Ask: func(_ *http.Request, body []byte) (broker.Asked, *broker.Error) {
			var in struct {
				ID, Secret, Grant string
				Force             bool
			}
			if json.Unmarshal(body, &in) != nil {
				return broker.Asked{}, broker.ErrBadBody
			}
			a := broker.Asked{Kind: kind, AppID: in.ID, Key: broker.NewSecret(in.Secret), Force: in.Force}
			switch in.Grant {
			case "app":
			case "":
				a.Wrong = broker.ErrNoGrantType
			default:
				wrong := *broker.ErrBadGrant
				wrong.Hint = "grant: want app"
				a.Wrong = &wrong
			}
			return a, nil
		},
		Answer: func(b []byte, tok string, expiresIn int64) []byte {
			b = append(b, `{"ok":true,"by":"`+name+`","data":{"value":"`+tok+`","ttl":`...)
			return append(strconv.AppendInt(b, expiresIn, 10), `}}`...)
		},
	}
}

// byForm is a path that is asked by a form, or by a form and HTTP Basic.
func byForm(name, path string) broker.TokenPath {
	p := byJSON(name, path, broker.AccessToken)
	p.Ask = func(r *http.Request, body []byte) (broker.Asked, *broker.Error) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return broker.Asked{}, broker.ErrBadBody
		}
		id, key, _ := r.BasicAuth()
		return broker.Asked{Kind: broker.AccessToken, AppID: cmp.Or(form.Get("id"), id), Key: broker.NewSecret(cmp.Or(form.Get("secret"), key))}, nil
	}
	return p
}

// byCorp is a path in which a caller says the app's param corp.
func byCorp(name, path string) broker.TokenPath {
	p := byJSON(name, path, broker.AccessToken)
	ask := p.Ask
	p.Ask = func(r *http.Request, body []byte) (broker.Asked, *broker.Error) {
		a, err := ask(r, body)
		a.Params = map[string]string{"corp": strings.Split(r.URL.Path, "/")[2]}
		return a, err
	}
	return p
}

// byBearer is a path for tickets, which is opened by a token in a header.
func byBearer(name, path string) broker.TokenPath {
	p := byJSON(name, path, broker.JSAPITicket)
	p.Ask = func(r *http.Request, _ []byte) (broker.Asked, *broker.Error) {
		return broker.Asked{Kind: broker.JSAPITicket, ByToken: true, Token: broker.NewSecret(bearerOf(r))}, nil
	}
	return p
}

// acme has a path of each sort.
func acme() (*fake, broker.Platform) {
	f := newFake("acme")
	return f, f.platform(
		byJSON("token", "/open/token", broker.AccessToken), byJSON("app_token", "/open/app_token", broker.AppAccessToken),
		byBearer("ticket", "/open/ticket"), byJSON("corp_token", "/v1/{corp}/token", broker.AccessToken), byForm("form", "/oauth/token"),
	)
}

func fakeClient(name string, apps ...string) *broker.Client {
	return stacktest.Client(name, stacktest.Key(name), broker.Read|broker.Renew, apps...)
}

// dotted is a client whose key has a dot in it, and ends like one that names the app shop.
const dottedKey = "a-key-of-the-file-0123456789abcdef.shop"

func dotted(apps ...string) *broker.Client {
	c := fakeClient("dotted", apps...)
	c.Key = registry.HashKey(dottedKey)
	return c
}

// given is what the fake's paths answer.
type given struct {
	OK   bool
	By   string
	Data struct {
		Value string
		TTL   int64
	}
	fakeRefusal
}

func (s *stack) ask(tb testing.TB, method, path, body string, header ...string) given {
	tb.Helper()
	w := s.do(method, path, body, header...)
	var g given
	if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil {
		tb.Fatalf("%s %s: %q: %v", method, path, w.Body, err)
	}
	switch {
	case w.Header().Get("X-Request-Id") == "", w.Header().Get("Cache-Control") != "no-store":
		tb.Errorf("%s %s: header %v", method, path, w.Header())
	case g.OK && (w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json"):
		tb.Errorf("%s %s: status %d, %v", method, path, w.Code, w.Header())
	case g.Platform != "" && (w.Code != http.StatusTeapot || w.Header().Get("Content-Type") != "application/fault+json" || g.ID != w.Header().Get("X-Request-Id") || w.Header().Get("WWW-Authenticate") != "Basic"):
		tb.Errorf("%s %s: a refusal with status %d, %v", method, path, w.Code, w.Header())
	}
	return g
}

// credentials are a body for byJSON.
func credentials(id, key string) string {
	return fmt.Sprintf(`{"id":%q,"secret":%q,"grant":"app"}`, id, key)
}
