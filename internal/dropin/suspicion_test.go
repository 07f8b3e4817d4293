package dropin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

var modes = []string{wechat.Stable, wechat.Classic}

func eachMode(t *testing.T, f func(*testing.T, string)) {
	t.Helper()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			f(t, mode)
		})
	}
}

// crowd asks n times at once.
func crowd(n int, ask func() answer) []answer {
	as := make([]answer, n)
	var wg sync.WaitGroup
	for i := range as {
		wg.Go(func() { as[i] = ask() })
	}
	wg.Wait()
	return as
}

func TestTheFirstReadIsNoSuspicion(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		if s.token(ordersID).AccessToken == "" || s.Checks() != 0 {
			t.Errorf("%d checks for the first read", s.Checks())
		}
	})
}

// An SDK whose cache ends with the promise is never suspected, nor is the platform
// asked for its sake.
func TestAClientThatKeepsToThePromiseCostsNoCheck(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		inBubble(t, stacktest.Config{Mode: mode}, func(t *testing.T, s *stack) {
			for end := time.Now().Add(24 * time.Hour); time.Now().Before(end); {
				a := s.token(ordersID)
				if !s.Sandbox.Live(a.AccessToken) {
					t.Fatal("I2: a dead token was handed out")
				}
				time.Sleep(time.Duration(a.ExpiresIn) * time.Second)
				if !s.Sandbox.Live(a.AccessToken) {
					t.Fatal("I2: the token died before its expires_in was over")
				}
			}
			if n := s.Checks(); n != 0 {
				t.Errorf("%d checks, want none", n)
			}
		})
	})
}

// I7: processes that share a key look like an early re-ask. While the token lives that
// costs a handful of checks and no issue.
func TestEarlyReasksOfALiveTokenCostAHandfulOfChecks(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		inBubble(t, stacktest.Config{Mode: mode}, func(t *testing.T, s *stack) {
			want, issues := s.token(ordersID).AccessToken, s.Issues()
			for range 3 {
				for _, a := range crowd(100, func() answer { return s.token(ordersID) }) {
					if a.AccessToken != want {
						t.Fatalf("got %+v, want the token as it was", a)
					}
				}
				time.Sleep(5 * time.Second)
			}
			if n := s.Checks(); n < 1 || n > 5 {
				t.Errorf("300 early re-asks cost %d checks, want 1 to 5", n)
			}
			if s.Issues() != issues {
				t.Error("I7: a suspicion alone cost an issue")
			}
		})
	})
}

// The checks come ever more seldom while the token proves alive: an hour of a busy
// farm of processes without a shared cache costs about one a minute.
func TestConstantReasksCostAboutOneCheckAMinute(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for range 6000 {
			s.token(ordersID)
			time.Sleep(100 * time.Millisecond)
		}
		if n := s.Checks(); n > 20 {
			t.Errorf("10 minutes of 10 reads a second cost %d checks", n)
		}
	})
}

// I4: a dead token is noticed by clients that cannot say so, and costs one issue.
func TestEarlyReasksOfADeadTokenCostOneIssue(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		inBubble(t, stacktest.Config{Mode: mode}, func(t *testing.T, s *stack) {
			dead := s.token(ordersID).AccessToken
			issues := s.Issues()
			if lived, err := s.Sandbox.KillCurrent(appID, sandbox.Mode(mode)); err != nil || !lived {
				t.Fatal(lived, err)
			}
			for _, a := range crowd(300, func() answer { return s.token(ordersID) }) {
				if a.AccessToken == dead || !s.Sandbox.Live(a.AccessToken) {
					t.Fatal("I4: a dead token was handed out again")
				}
			}
			if n := s.Issues() - issues; n != 1 {
				t.Errorf("I4: %d issues for one dead token, want 1", n)
			}
			if n := s.Checks(); n > 3 {
				t.Errorf("%d checks", n)
			}
			// Everybody has the new one, and asking again for it is no reason to issue.
			for range 5 {
				s.token(ordersID)
				time.Sleep(time.Second)
			}
			if n := s.Issues() - issues; n != 1 {
				t.Errorf("I4: %d issues in the end, want 1", n)
			}
		})
	})
}

// On a late platform somebody may have spoiled the token in a way that only force helps.
func TestATokenThatThePlatformGivesAgainIsReplacedByForce(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Mode: wechat.Stable}, func(t *testing.T, s *stack) {
		dead := s.token(ordersID).AccessToken
		if !s.Sandbox.Spoil(dead) {
			t.Fatal("the token was dead already")
		}
		if a := s.token(ordersID); !s.Sandbox.Live(a.AccessToken) {
			t.Errorf("got %+v, want a live token", a)
		}
		if n := s.Sandbox.Counts(appID).Forced; n != 1 {
			t.Errorf("%d forced renewals, want 1", n)
		}
	})
}

// A client that gets a newer version than it had is not suspected for it.
func TestANewVersionIsNoEarlyReask(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Mode: wechat.Classic}, func(t *testing.T, s *stack) {
		first := s.token(ordersID).AccessToken
		time.Sleep(63 * time.Minute) // renewed by plan; the promise on the first goes on a little
		if second := s.token(ordersID).AccessToken; second == first {
			t.Fatal("not renewed")
		}
		if n := s.Checks(); n != 0 {
			t.Errorf("%d checks", n)
		}
	})
}

func TestForceRefreshIsASuspicionOnly(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		inBubble(t, stacktest.Config{Mode: mode}, func(t *testing.T, s *stack) {
			want, issues := s.token(ordersID).AccessToken, s.Issues()
			for _, a := range crowd(100, func() answer { return s.stable(ordersID, true) }) {
				if a.AccessToken != want {
					t.Fatalf("got %+v, want the live token as it was", a)
				}
			}
			if n := s.Checks(); n != 1 || s.Issues() != issues {
				t.Errorf("%d checks and %d issues, want 1 and none", n, s.Issues()-issues)
			}
			if lived, err := s.Sandbox.KillCurrent(appID, sandbox.Mode(mode)); err != nil || !lived {
				t.Fatal(lived, err)
			}
			time.Sleep(2 * time.Minute) // until the verdict is forgotten
			for _, a := range crowd(100, func() answer { return s.stable(ordersID, true) }) {
				if !s.Sandbox.Live(a.AccessToken) {
					t.Fatal("a dead token was handed out")
				}
			}
			if n := s.Issues() - issues; n != 1 {
				t.Errorf("I4: %d issues, want 1", n)
			}
			if n := s.Sandbox.Counts(appID).Forced; n != 0 {
				t.Errorf("%d forced renewals at the platform, want none", n)
			}
		})
	})
}

func TestForceRefreshIsWrittenInSeveralWays(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]int{
		"true": 1, `"true"`: 1, "1": 1, `"1"`: 1, "false": 0, `"false"`: 0, "0": 0, `"0"`: 0, `""`: 0, "null": 0,
	} {
		t.Run(written, func(t *testing.T) {
			t.Parallel()
			inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
				body := fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":%q,"force_refresh":%s}`, appID, ordersID, written)
				if a := decode(t, s.do("POST", "/cgi-bin/stable_token", body)); a.AccessToken == "" || s.Checks() != want {
					t.Errorf("%+v, and %d checks, want %d", a, s.Checks(), want)
				}
			})
		})
	}
}

// I3: a platform that hangs is hardly felt: one short wait per client, then none.
func TestAHangingPlatformDelaysAReaskBrieflyAndOnce(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		inBubble(t, stacktest.Config{Mode: mode}, func(t *testing.T, s *stack) {
			want := s.token(ordersID).AccessToken
			s.Sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultHang})
			for i, ask := range []func() answer{
				func() answer { return s.token(ordersID) },
				func() answer { return s.token(ordersID) },
				func() answer { return s.stable(ordersID, true) },
				func() answer { return s.stable(ordersID, false) },
			} {
				begun := time.Now()
				if a := ask(); a.AccessToken != want {
					t.Errorf("ask %d: got %+v, want the token as it was", i, a)
				}
				took := time.Since(begun)
				if i == 0 && took > 2*time.Second || i > 0 && took > 0 {
					t.Errorf("I3: ask %d took %v while the platform hangs", i, took)
				}
			}
			s.Sandbox.ClearFaults()
			time.Sleep(time.Minute)
			if lived, err := s.Sandbox.KillCurrent(appID, sandbox.Mode(mode)); err != nil || !lived {
				t.Fatal(lived, err)
			}
			if a := s.token(ordersID); !s.Sandbox.Live(a.AccessToken) {
				t.Error("re-asks are not heeded any more, although the platform is back")
			}
		})
	})
}

// I3: neither refusals nor garbage from the check take a live token away.
func TestAFailingCheckTakesNoTokenAway(t *testing.T) {
	t.Parallel()
	for _, f := range []sandbox.Fault{
		{Kind: sandbox.FaultStatus, Status: 503},
		{Kind: sandbox.FaultGarbage},
		{Kind: sandbox.FaultReset},
		{Kind: sandbox.FaultErrcode, Errcode: -1},
		{Kind: sandbox.FaultErrcode, Errcode: 40164},
		{Kind: sandbox.FaultErrcode, Errcode: 48001},
	} {
		t.Run(fmt.Sprint(f.Kind, f.Errcode), func(t *testing.T) {
			t.Parallel()
			inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
				want, issues := s.token(ordersID).AccessToken, s.Issues()
				s.Sandbox.Inject(f)
				for range 50 {
					for _, a := range []answer{s.token(ordersID), s.stable(ordersID, true)} {
						if a.AccessToken != want {
							t.Fatalf("I3: %+v", a)
						}
					}
					time.Sleep(100 * time.Millisecond)
				}
				if s.Issues() != issues {
					t.Error("I7: a check that failed cost an issue")
				}
			})
		})
	}
}

// The store is not asked, so that it may be away.
func TestReasksWorkWithoutTheStore(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		want := s.token(ordersID).AccessToken
		s.Store.Fail(fmt.Errorf("the store is away"))
		begun := time.Now()
		for range 10 {
			if a := s.token(ordersID); a.AccessToken != want {
				t.Fatalf("I3: %+v", a)
			}
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("I3: 10 reads took %v", took)
		}
		s.Store.Fail(nil)
	})
}

// What one client does raises no suspicion about another's token.
func TestClientsAreSuspectedOneByOne(t *testing.T) {
	t.Parallel()
	var clients []*broker.Client
	for i := range 50 {
		clients = append(clients, client(fmt.Sprintf("c%d", i), fmt.Sprintf("key-%d-0123456789abcdef0123456789abcdef", i), "shop"))
	}
	inBubble(t, stacktest.Config{Clients: clients}, func(t *testing.T, s *stack) {
		for i := range clients {
			s.token(fmt.Sprintf("key-%d-0123456789abcdef0123456789abcdef", i))
		}
		if n := s.Checks(); n != 0 {
			t.Errorf("%d checks for 50 first reads", n)
		}
	})
}

func TestTicketsComeFromTheTokensApp(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Mode: wechat.Classic}, func(t *testing.T, s *stack) {
		old := s.token(ordersID).AccessToken
		ticket := func(token, kind string) answer {
			return decode(t, s.do("GET", "/cgi-bin/ticket/getticket?access_token="+token+"&type="+kind, ""))
		}
		for _, kind := range []string{"jsapi", "wx_card"} {
			a := ticket(old, kind)
			if a.Errcode != 0 || a.Errmsg != "ok" || a.Ticket == "" || a.Ticket != s.Sandbox.CurrentTicket(appID, kind) || a.ExpiresIn < 1 {
				t.Errorf("%s: %+v", kind, a)
			}
			if a := ticket(a.Ticket, kind); a.Errcode != 40001 {
				t.Errorf("I8: a ticket was taken for a token: %+v", a)
			}
		}
		n := s.Sandbox.Counts(appID).TicketCalls
		crowd(100, func() answer { return ticket(old, "jsapi") })
		if got := s.Sandbox.Counts(appID).TicketCalls; got != n {
			t.Errorf("100 reads cost %d calls at the platform", got-n)
		}
		// The token before the current one stands for its app as long as it works there.
		time.Sleep(time.Hour + time.Minute)
		if s.token(ordersID).AccessToken == old {
			t.Fatal("not renewed")
		}
		if a := ticket(old, "jsapi"); s.Sandbox.Live(old) && a.Ticket == "" {
			t.Errorf("with the previous token: %+v", a)
		}
		time.Sleep(5 * time.Minute)
		if a := ticket(old, "jsapi"); a.Errcode != 40001 {
			t.Errorf("with a token that is dead at the platform: %+v", a)
		}
	})
}

// I10: who asked is in the audit, with what they did.
func TestDropInCallsAreAudited(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		a := s.token(ordersID)
		forced := httptest.NewRequest(http.MethodPost, "/cgi-bin/stable_token", strings.NewReader(
			fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":%q,"force_refresh":true}`, appID, ordersID),
		))
		forced.RemoteAddr = "10.1.2.3:4567"
		w := httptest.NewRecorder()
		s.ServeHTTP(w, forced)
		s.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+a.AccessToken, "")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		entries, err := s.Store.Audit().Query(t.Context(), broker.AuditFilter{App: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]broker.AuditEntry{}
		for _, e := range entries {
			found[e.Client+" "+e.Action+" "+string(e.Kind)] = e
		}
		for _, want := range []string{"orders read access_token", "orders suspect access_token", " read jsapi_ticket"} {
			if e, ok := found[want]; !ok || e.Result != "ok" || e.Remote == "" || e.RequestID == "" || e.Version == 0 {
				t.Errorf("%q: %+v", want, e)
			}
		}
		if e := found["orders suspect access_token"]; e.Remote != "10.1.2.3:4567" || e.RequestID != w.Header().Get("X-Request-Id") {
			t.Errorf("the entry is not about the request: %+v", e)
		}
	})
}
