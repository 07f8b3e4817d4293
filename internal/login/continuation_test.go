package login_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
)

// protocol is one that begins logins of its own. It answers as it likes.
type protocol struct {
	mu    sync.Mutex
	heard []string
}

func (p *protocol) hear(w http.ResponseWriter, words ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, strings.Join(words, "|"))
	w.WriteHeader(http.StatusTeapot)
}

func (p *protocol) Done(w http.ResponseWriter, _ *http.Request, app *broker.App, ref string, u broker.User) {
	p.hear(w, "done", app.ID, ref, u.Key.Subject)
}

func (p *protocol) Failed(w http.ResponseWriter, _ *http.Request, app *broker.App, ref, oauthError, _ string) {
	p.hear(w, "failed", app.ID, ref, oauthError)
}

// starts has a protocol begin a login.
func (s *stack) starts(t testing.TB, b *browser, app, scope, ref string) answer {
	t.Helper()
	b.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.relay.Begin(w, r, s.apps[app], scope, ref) })
	defer func() { b.handler = s.relay }()
	return b.do(t, http.MethodPost, "/oauth/"+app+"/oidc/authorize")
}

func startedTrip(t testing.TB, app string, a answer) trip {
	t.Helper()
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.StatusCode != http.StatusSeeOther {
		t.Fatalf("the login does not begin: %d %s", a.StatusCode, a.body)
	}
	return trip{app, u.Query().Get("state"), u.Query().Get("scope")}
}

// TestContinuation: what other protocols are told of the logins that they began.
func TestContinuation(t *testing.T) {
	t.Parallel()
	const ref = `a ref "with" \ & <all> sorts`
	for name, c := range map[string]struct {
		arrange func(s *stack, code *string)
		want    string
	}{
		"a user who agrees":     {func(*stack, *string) {}, "done|shop|" + ref + "|o-1"},
		"a user who does not":   {func(_ *stack, code *string) { *code = "" }, "failed|shop|" + ref + "|access_denied"},
		"one who is not let in": {failing(broker.Denied), "failed|shop|" + ref + "|access_denied"},
		"a code that is spent":  {failing(broker.Invalid), "failed|shop|" + ref + "|server_error"},
		"a platform that is away": {
			failing(broker.Transient), "failed|shop|" + ref + "|temporarily_unavailable",
		},
		"an app that is set up wrong": {failing(broker.BadCredential), "failed|shop|" + ref + "|server_error"},
		"a store that is away": {func(s *stack, _ *string) {
			s.oneTime.fail = func(string) (bool, error) { return false, errors.New("away") }
		}, "failed|shop|" + ref + "|temporarily_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newStack(t), &protocol{}
			s.relay.Continue(p)
			b := s.browser(t)
			tr := startedTrip(t, "shop", s.starts(t, b, "shop", "", ref))
			if tr.scope != "snsapi_base" {
				t.Errorf("the user is asked for %q", tr.scope)
			}
			cookie := b.cookies("shop")[0]
			code := s.platform.agree("shop", "o-1", tr.scope)
			c.arrange(s, &code)
			if a := b.get(t, tr.callback(code)); a.StatusCode != http.StatusTeapot || a.Header.Get("Location") != "" {
				t.Errorf("the protocol did not answer: %d", a.StatusCode)
			}
			if left := b.cookies("shop"); len(left) != 0 {
				t.Errorf("the cookies %v were left", left)
			}
			// Whatever came of it, a browser that comes again is told nothing more of it: it has
			// lost its cookie, or comes at the same time with the same one.
			b.get(t, tr.callback(code))
			if name != "a store that is away" {
				b.header = http.Header{"Cookie": {cookie.String()}}
				wantPage(t, b.get(t, tr.callback(code)), http.StatusConflict, "This login has ended")
			}
			if diff := cmp.Diff([]string{c.want}, p.heard); diff != "" {
				t.Errorf("the protocol heard (-want +got):\n%s", diff)
			}
			if s.oneTime.done()["add code"] != 0 {
				t.Error("a code of ours was made for a protocol with codes of its own")
			}
		})
	}
}

func failing(class broker.Class) func(*stack, *string) {
	return func(s *stack, _ *string) {
		s.platform.fail = &broker.Error{Code: "some", Class: class, Message: "the platform's words"}
	}
}

func TestBeginRefusesWhatCannotGoOn(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	wantPage(t, s.starts(t, s.browser(t), "shop", "", "ref"), http.StatusInternalServerError, "Something went wrong")
	p := &protocol{}
	s = newStack(t)
	s.relay.Continue(p)
	for _, ref := range []string{strings.Repeat("r", 2049), "line\nbreak", "umlaut ä", "\x7f"} {
		wantPage(t, s.starts(t, s.browser(t), "shop", "", ref), http.StatusInternalServerError, "Something went wrong")
	}
	wantPage(t, s.starts(t, s.browser(t), "plain", "", "ref"), http.StatusNotFound, "No login here")
	wantPage(t, s.starts(t, s.browser(t), "absent", "", "ref"), http.StatusNotFound, "No login here")
	s.starts(t, s.browser(t), "shop", "snsapi_login", "ref")
	s.platform.page = &broker.Error{Code: "misconfigured", Class: broker.Misconfigured}
	s.starts(t, s.browser(t), "shop", "", "ref")
	if diff := cmp.Diff([]string{"failed|shop|ref|invalid_scope", "failed|shop|ref|server_error"}, p.heard); diff != "" {
		t.Errorf("the protocol heard (-want +got):\n%s", diff)
	}
}

// TestAnEmptyRefIsOneToo: a login of a protocol that needs nothing back is not a business'.
func TestAnEmptyRefIsOneToo(t *testing.T) {
	t.Parallel()
	s, p := newStack(t), &protocol{}
	s.relay.Continue(p)
	b := s.browser(t)
	tr := startedTrip(t, "shop", s.starts(t, b, "shop", "", ""))
	b.get(t, tr.callback(s.platform.agree("shop", "o-1", tr.scope)))
	if diff := cmp.Diff([]string{"done|shop||o-1"}, p.heard); diff != "" {
		t.Errorf("the protocol heard (-want +got):\n%s", diff)
	}
}

// TestPageKeepsTheRequestsID: a page that another package shows names the request as that package does.
func TestPageKeepsTheRequestsID(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	b := s.browser(t)
	b.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "abc-1")
		s.relay.Begin(w, r, s.apps["plain"], "", "")
	})
	if a := b.get(t, "/x"); !strings.Contains(a.body, "<code>abc-1</code>") {
		t.Errorf("the page is %s", a.body)
	}
}

// TestABrowserThatGoesAwayChangesNothing: the platform has taken the code, so what it
// gives for it is kept (I5).
func TestABrowserThatGoesAwayChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	b := s.browser(t)
	tr := begin(t, b, "shop")
	code := s.platform.agree("shop", "o-1", tr.scope)
	ctx, cancel := context.WithCancel(t.Context())
	s.platform.before = cancel
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, public+tr.callback(code), http.NoBody)
	r.AddCookie(b.cookies("shop")[0])
	rec := httptest.NewRecorder()
	s.relay.ServeHTTP(rec, r)
	if rec.Code != http.StatusSeeOther || s.count(t, "ok") != 1 {
		t.Errorf("the login ended with %d", rec.Code)
	}
}
