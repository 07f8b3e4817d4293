package platformtest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

const (
	host = "https://platform.test"
	// accessToken is what derived kinds are issued against.
	accessToken = "83_the-access-token-of-this-app"
	// given is what the scripted server gives.
	given = "kgt8ON7yVITDhtdwci0qeZ-given"
)

// script is a server in process. It answers each request with the next of its
// answers, and with the last one from then on.
type script struct {
	answers []answer

	mu   sync.Mutex
	seen []string // method, URL and body
}

// answer is what a server does with one request.
type answer func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
		_ = r.Body.Close()
	}
	s.mu.Lock()
	n := len(s.seen)
	s.seen = append(s.seen, r.Method+" "+r.URL.String()+" "+string(body))
	s.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return s.answers[min(n, len(s.answers)-1)](r)
}

func (s *script) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// says answers with a status and a body.
func says(status int, body string) answer { return saysFrom(status, strings.NewReader(body)) }

func saysFrom(status int, body io.Reader) answer {
	return func(r *http.Request) (*http.Response, error) {
		if s, ok := body.(*strings.Reader); ok {
			again := *s
			body := io.Reader(&again)
			return response(r, status, body), nil
		}
		return response(r, status, body), nil
	}
}

func response(r *http.Request, status int, body io.Reader) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json; encoding=utf-8"}}, ContentLength: -1,
		Body: io.NopCloser(body), Request: r,
	}
}

// fails breaks the connection.
func fails(err error) answer {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// refuses says no in the platform's form.
func (k contract) refuses(code, message string) answer {
	if k.c.Refuse != nil {
		return says(cmp.Or(k.c.RefuseStatus, http.StatusOK), k.c.Refuse(code, message))
	}
	return says(cmp.Or(k.h.RefuseStatus, http.StatusOK), k.h.Refuse(code, message))
}

// refusesCheck says no to a check.
func (k contract) refusesCheck(code, message string) answer {
	if k.c.Check != nil {
		return says(cmp.Or(k.c.CheckStatus, http.StatusOK), k.c.Check(code, message))
	}
	return k.refuses(code, message)
}

// gives says yes in the platform's form.
func (k contract) gives(lifetime string) answer {
	return says(http.StatusOK, k.c.Success(given, lifetime))
}

// app returns the registration, at the given base URL.
func (k contract) app(baseURL string) *broker.App {
	a := k.h.App
	a.Mode, a.BaseURL = k.c.Mode, baseURL
	return &a
}

// ask has a token issued by a server.
func (k contract) ask(ctx context.Context, rt http.RoundTripper, baseURL string, tokens broker.Tokens) (broker.Issued, error) {
	src := k.h.New(platform.NewCaller(rt)).Kinds(k.c.Mode)[k.c.Kind]
	app := k.app(baseURL)
	req := broker.IssueRequest{App: app, Key: broker.Key{App: app.ID, Kind: k.c.Kind}, Tokens: tokens}
	if !src.Derived {
		req.Secret = app.Secrets[0]
	}
	return src.Issuer.Issue(ctx, req)
}

// askScript is ask of a script.
func (k contract) askScript(t *testing.T, s *script) (broker.Issued, error) {
	t.Helper()
	got, err := k.ask(t.Context(), s, host, newFakeTokens())
	keepsSecrets(t, err, k.secrets())
	return got, err
}

// fakeTokens is a [broker.Tokens] that has a token and counts its renewals.
type fakeTokens struct {
	err error

	mu      sync.Mutex
	version broker.Version
	stale   []broker.Version // of each renewal
}

func newFakeTokens() *fakeTokens { return &fakeTokens{version: 7} }

// Token implements [broker.Tokens].
func (f *fakeTokens) Token(_ context.Context, k broker.Key) (broker.Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return broker.Token{}, f.err
	}
	return broker.Token{Key: k, Secret: broker.NewSecret(accessToken), Version: f.version}, nil
}

// Renew implements [broker.Tokens].
func (f *fakeTokens) Renew(ctx context.Context, k broker.Key, stale broker.Version) (broker.Token, error) {
	f.mu.Lock()
	f.stale = append(f.stale, stale)
	f.version++
	f.mu.Unlock()
	return f.Token(ctx, k)
}
