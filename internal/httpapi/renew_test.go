package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

func eachMode(t *testing.T, f func(t *testing.T, s *stack, mode sandbox.Mode)) {
	t.Helper()
	for _, mode := range []string{wechat.Stable, wechat.Classic} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			inBubble(t, stacktest.Config{Mode: mode}, func(t *testing.T, s *stack) { f(t, s, sandbox.Mode(mode)) })
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
			if lived, err := s.Sandbox.KillCurrent(appID, mode); err != nil || !lived {
				t.Fatal(lived, err)
			}
			issues := s.Issues()
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
				if tok.Version <= dead.Version || !s.Sandbox.Live(tok.Token) {
					t.Errorf("got %+v", tok)
				}
			}
			if n := s.Issues() - issues; n != 1 {
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
		issues := s.Issues()
		for _, body := range reports(want) {
			for _, w := range s.crowd(100, body) {
				if got := tokenIn(t, w); got != want {
					t.Fatalf("got %+v, want it as it was, %+v", got, want)
				}
			}
		}
		if s.Issues() != issues || s.Checks() != 1 {
			t.Errorf("%d issues and %d checks, want none and 1", s.Issues()-issues, s.Checks())
		}
	})
}

func TestReportsOfWhatIsNotHereAreHarmless(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *stack, _ sandbox.Mode) {
		want := s.token()
		issues := s.Issues()
		for _, body := range []string{`{"version":1000000}`, `{"token":"83_made_up"}`, `{"token":"` + secret + `"}`, `{"version":9223372036854775807}`} {
			if got := tokenIn(t, s.renew(body)); got.Token != want.Token {
				t.Errorf("%s: %+v", body, got)
			}
		}
		if s.Issues() != issues {
			t.Errorf("I4: %d issues", s.Issues()-issues)
		}
	})
}

func TestARenewalThatSaysNothingIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for _, body := range []string{"{}", `{"version":0}`, `{"version":-3}`, `{"token":""}`, `{"leaked":false}`, "null"} {
			if p := problemIn(t, s.renew(body), http.StatusBadRequest); p.Code != api.CodeInvalid || p.Hint == "" {
				t.Errorf("%s: %+v", body, p)
			}
		}
	})
}

func TestRenewNeedsItsRight(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		v := s.token().Version
		issues := s.Issues()
		for _, body := range []string{fmt.Sprintf(`{"version":%d}`, v), `{"token":"x"}`, `{"leaked":true}`} {
			w := s.do(call{method: "POST", target: tokenPath + "/renew", key: readerKey, body: body})
			problemIn(t, w, http.StatusForbidden)
		}
		// Saying that it leaked is the administrator's.
		problemIn(t, s.renew(`{"leaked":true}`), http.StatusForbidden)
		problemIn(t, s.renew(fmt.Sprintf(`{"leaked":true,"version":%d}`, v)), http.StatusForbidden)
		if s.Issues() != issues || s.Checks() != 0 {
			t.Error("what is not allowed reached the platform")
		}
	})
}

func TestALeakedTokenIsReplacedAlthoughItLives(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *stack, _ sandbox.Mode) {
		old := s.token()
		issues := s.Issues()
		w := s.do(call{method: "POST", target: tokenPath + "/renew", key: adminKey, body: `{"leaked":true}`})
		if got := tokenIn(t, w); got.Token == old.Token || got.Version <= old.Version || !s.Sandbox.Live(got.Token) {
			t.Errorf("got %+v", got)
		}
		if n := s.Issues() - issues; n != 1 {
			t.Errorf("%d issues", n)
		}
		time.Sleep(2 * time.Second)
		for _, e := range s.Entries() {
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
	inBubble(t, stacktest.Config{Mode: wechat.Classic}, func(t *testing.T, s *stack) {
		issues := s.Issues()
		for range 600 {
			tok := s.token()
			s.Sandbox.Kill(tok.Token)
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
		if n := s.Issues() - issues; n < 5 || n > 110 {
			t.Errorf("I7: %d issues, want a few and no more than the budget", n)
		}
	})
}

// Who says nothing is told what to say, with a body or without.
func TestAReportOfNothingSaysWhatIsWanted(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		want := problemIn(t, s.renew(`{}`), http.StatusBadRequest)
		if !strings.Contains(want.Hint, `{"version":N}`) {
			t.Errorf("the hint is %q", want.Hint)
		}
		for _, body := range []string{"", " \n"} {
			if p := problemIn(t, s.renew(body), http.StatusBadRequest); p.Detail != want.Detail || p.Hint != want.Hint {
				t.Errorf("body %q: %+v, want what is said of {}", body, p)
			}
		}
		if p := problemIn(t, s.renew(`{"version":`), http.StatusBadRequest); !strings.Contains(p.Detail, "cut short") {
			t.Errorf("half a body: %+v", p)
		}
	})
}

// Renewing is done, not read.
func TestRenewIsPost(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		w := s.get(tokenPath+"/renew", ordersKey)
		if p := problemIn(t, w, http.StatusMethodNotAllowed); p.Code != api.CodeMethod || w.Header().Get("Allow") != http.MethodPost {
			t.Errorf("%+v, Allow %q", p, w.Header().Get("Allow"))
		}
	})
}

// A refusal names the right, is found in the log by its request id, and tells nothing of
// apps that the client may not see.
func TestARefusalNamesTheRight(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Apps: []*broker.App{stacktest.NewApp("other", otherID)}}, func(t *testing.T, s *stack) {
		for name, tc := range map[string]struct {
			call
			want string
		}{
			"renew without the right":   {call{method: "POST", target: tokenPath + "/renew", key: readerKey, body: `{"version":1}`}, "renew on the app shop"},
			"replace without the right": {call{method: "POST", target: tokenPath + "/renew", key: ordersKey, body: `{"leaked":true}`}, "admin on the app shop"},
			"an app of others":          {call{target: "/v1/apps/other/tokens/access_token", key: ordersKey}, "read on the app other"},
			"an app that is not there":  {call{target: "/v1/apps/nothing/tokens/access_token", key: ordersKey}, "read on the app nothing"},
			"what is no app":            {call{target: "/v1/apps/SECRET_of_mine/tokens/access_token", key: ordersKey}, "read on this app"},
			"the clients":               {call{target: "/v1/clients", key: ordersKey}, "admin on every app"},
			"the apps":                  {call{target: "/v1/apps", key: ordersKey}, "admin on some app"},
		} {
			w := s.do(tc.call)
			p := problemIn(t, w, http.StatusForbidden)
			if p.Code != api.CodeNotAllowed || p.Detail != "the client may not do this: it needs the right "+tc.want || p.Hint == "" {
				t.Errorf("%s: %+v", name, p)
			}
			logged := ""
			for line := range strings.Lines(s.Log.String()) {
				if strings.Contains(line, "request_id="+p.RequestID) {
					logged += line
				}
			}
			if !strings.Contains(logged, "level=DEBUG") || !strings.Contains(logged, "client=") || strings.Contains(logged, "nothing") || strings.Contains(logged, "SECRET") {
				t.Errorf("%s: the log has %q", name, logged)
			}
		}
	})
}
