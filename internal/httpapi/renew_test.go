package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func eachMode(t *testing.T, f func(t *testing.T, s *stack, mode sandbox.Mode)) {
	t.Helper()
	for _, mode := range []string{wechat.Stable, wechat.Classic} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			inBubble(t, stackConfig{mode: mode}, func(t *testing.T, s *stack) { f(t, s, sandbox.Mode(mode)) })
		})
	}
}

// reports are the two ways to say what was rejected.
func reports(tok api.Token) []string {
	return []string{fmt.Sprintf(`{"version":%d}`, tok.Version), fmt.Sprintf(`{"token":%q}`, tok.Token)}
}

func (s *stack) crowd(n int, body string) []*httptest.ResponseRecorder {
	ws := make([]*httptest.ResponseRecorder, n)
	var wg sync.WaitGroup
	for i := range ws {
		wg.Go(func() { ws[i] = s.renew(body) })
	}
	wg.Wait()
	return ws
}

// I4: any number of reports of one dead token are one issue and one answer; late ones
// are none.
func TestManyReportsOfADeadTokenAreOneIssue(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *stack, mode sandbox.Mode) {
		for way := range 2 {
			dead := s.token()
			if lived, err := s.sandbox.KillCurrent(appID, mode); err != nil || !lived {
				t.Fatal(lived, err)
			}
			issues := s.issues()
			answers := map[api.Token]int{}
			for _, w := range s.crowd(300, reports(dead)[way]) {
				answers[tokenIn(t, w)]++
			}
			for _, w := range s.crowd(300, reports(dead)[way]) {
				answers[tokenIn(t, w)]++
			}
			if len(answers) != 1 {
				t.Errorf("I4: %d different answers: %+v", len(answers), answers)
			}
			for tok := range answers {
				if tok.Version <= dead.Version || !s.sandbox.Live(tok.Token) {
					t.Errorf("got %+v", tok)
				}
			}
			if n := s.issues() - issues; n != 1 {
				t.Errorf("I4: %d issues, want 1", n)
			}
			time.Sleep(11 * time.Minute)
		}
	})
}

// I7: a report of a token that lives costs a check and no issue.
func TestAReportOfALiveTokenReturnsItAsItIs(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *stack, _ sandbox.Mode) {
		want := s.token()
		issues := s.issues()
		for _, body := range reports(want) {
			for _, w := range s.crowd(100, body) {
				if got := tokenIn(t, w); got != want {
					t.Fatalf("got %+v, want it as it was, %+v", got, want)
				}
			}
		}
		if s.issues() != issues || s.checks() != 1 {
			t.Errorf("%d issues and %d checks, want none and 1", s.issues()-issues, s.checks())
		}
	})
}

func TestReportsOfWhatIsNotHereAreHarmless(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *stack, _ sandbox.Mode) {
		want := s.token()
		issues := s.issues()
		for _, body := range []string{`{"version":1000000}`, `{"token":"83_made_up"}`, `{"token":"` + secret + `"}`, `{"version":9223372036854775807}`} {
			if got := tokenIn(t, s.renew(body)); got.Token != want.Token {
				t.Errorf("%s: %+v", body, got)
			}
		}
		if s.issues() != issues {
			t.Errorf("I4: %d issues", s.issues()-issues)
		}
	})
}

func TestARenewalThatSaysNothingIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		for _, body := range []string{"{}", `{"version":0}`, `{"version":-3}`, `{"token":""}`, `{"leaked":false}`, "null"} {
			if p := problemIn(t, s.renew(body), http.StatusBadRequest); p.Code != api.CodeInvalid || p.Hint == "" {
				t.Errorf("%s: %+v", body, p)
			}
		}
	})
}

func TestRenewNeedsItsRight(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		v := s.token().Version
		issues := s.issues()
		for _, body := range []string{fmt.Sprintf(`{"version":%d}`, v), `{"token":"x"}`, `{"leaked":true}`} {
			w := s.do(call{method: "POST", target: tokenPath + "/renew", key: readerKey, body: body})
			problemIn(t, w, http.StatusForbidden)
		}
		// Saying that it leaked is the administrator's.
		problemIn(t, s.renew(`{"leaked":true}`), http.StatusForbidden)
		problemIn(t, s.renew(fmt.Sprintf(`{"leaked":true,"version":%d}`, v)), http.StatusForbidden)
		if s.issues() != issues || s.checks() != 0 {
			t.Error("what is not allowed reached the platform")
		}
	})
}

func TestALeakedTokenIsReplacedAlthoughItLives(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *stack, _ sandbox.Mode) {
		old := s.token()
		issues := s.issues()
		w := s.do(call{method: "POST", target: tokenPath + "/renew", key: adminKey, body: `{"leaked":true}`})
		if got := tokenIn(t, w); got.Token == old.Token || got.Version <= old.Version || !s.sandbox.Live(got.Token) {
			t.Errorf("got %+v", got)
		}
		if n := s.issues() - issues; n != 1 {
			t.Errorf("%d issues", n)
		}
		time.Sleep(2 * time.Second)
		for _, e := range s.audit() {
			if e.Action == "replace" && e.Client == "admin" && e.Result == "ok" && e.App == "shop" {
				return
			}
		}
		t.Error("I10: the audit does not have it")
	})
}

// I7: a client that reports every token it gets cannot spend the app's quota.
func TestAnAbusiveReporterIsStoppedByTheBudget(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{mode: wechat.Classic}, func(t *testing.T, s *stack) {
		issues := s.issues()
		for range 600 {
			tok := s.token()
			s.sandbox.Kill(tok.Token)
			w := s.renew(fmt.Sprintf(`{"version":%d}`, tok.Version))
			if w.Code != http.StatusOK {
				p := problemIn(t, w, http.StatusBadGateway)
				if p.Hint == "" || p.Detail == "" || w.Header().Get("Retry-After") == "" {
					t.Fatalf("%+v, Retry-After %q", p, w.Header().Get("Retry-After"))
				}
			}
			time.Sleep(time.Second)
			if s.get(tokenPath, ordersKey).Code != http.StatusOK {
				break
			}
		}
		if n := s.issues() - issues; n < 5 || n > 110 {
			t.Errorf("I7: %d issues, want a few and no more than the budget", n)
		}
	})
}
