package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// I4: many calls at once that meet a dead token cost one issue, and no caller sees that
// it was dead, whichever way it calls.
func TestI4NoCallMeetsADeadToken(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		inBubble(t, stackConfig{Config: stacktest.Config{Mode: mode}}, func(t *testing.T, s *stack) {
			realToken, opaque := s.token(callerKey), s.token(virtualKey)
			for range 4 {
				time.Sleep(time.Minute)
				if lived, err := s.Sandbox.KillCurrent(stacktest.AppID, sandbox.Mode(mode)); err != nil || !lived {
					t.Fatal(lived, err)
				}
				issues := s.Issues()
				crowd(60, func(i int) {
					var a answer
					switch i % 6 {
					case 0:
						a = s.get(users, realToken)
					case 1:
						a = s.get(users, opaque)
					case 2:
						a = s.keyed(http.MethodGet, users, callerKey, "")
					case 3:
						a = s.post(message, realToken, text)
					case 4:
						a = s.post(message, opaque, text)
					case 5:
						a = s.keyed(http.MethodPost, message, virtualKey, text)
					}
					if !a.ok() {
						t.Errorf("call %d: %d %s", i, a.status, a.body)
					}
				})
				if n := s.Issues() - issues; n != 1 {
					t.Errorf("I4: %d issues for one death, want 1", n)
				}
			}
			if got := s.token(virtualKey); got != opaque {
				t.Error("the virtual token is another one after a rotation")
			}
		})
	})
}

// A planned rotation is noticed by nobody either, and a message is sent once.
func TestI2CallsGoOnOverPlannedRotations(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		inBubble(t, stackConfig{Config: stacktest.Config{Mode: mode}}, func(t *testing.T, s *stack) {
			opaque, calls := s.token(virtualKey), 0
			for end := time.Now().Add(6 * time.Hour); time.Now().Before(end); time.Sleep(47 * time.Second) {
				if a := s.post(message, opaque, text); !a.ok() {
					t.Fatalf("%d %s", a.status, a.body)
				}
				calls++
			}
			if n := s.Sandbox.Calls(stacktest.AppID, message); n != calls {
				t.Errorf("%d calls arrived for %d that were made", n, calls)
			}
			for _, m := range s.Sandbox.Misuses() {
				t.Errorf("misuse: %s", m.Detail)
			}
		})
	})
}

// A body that is too large to be kept is sent once. Its caller sees the rejection, and
// the next one does not.
func TestALargeCallIsMadeOnceAndItsTokenReplaced(t *testing.T) {
	t.Parallel()
	small := func(c *gateway.Config) { c.MaxReplay = 1000 }
	inBubble(t, stackConfig{change: small}, func(t *testing.T, s *stack) {
		opaque := s.token(virtualKey)
		if _, err := s.Sandbox.KillCurrent(stacktest.AppID, sandbox.Stable); err != nil {
			t.Fatal(err)
		}
		large := `{"touser":"o1","msgtype":"text","text":{"content":"` + strings.Repeat("x", 2000) + `"}}`
		if a := s.post(message, opaque, large); a.Errcode != 40001 {
			t.Errorf("a call that cannot be made again got %s", a.body)
		}
		time.Sleep(time.Second)
		arrived := s.Sandbox.Calls(stacktest.AppID, message)
		if a := s.post(message, opaque, large); !a.ok() {
			t.Errorf("the next call got %s", a.body)
		}
		if n := s.Sandbox.Calls(stacktest.AppID, message) - arrived; n != 1 {
			t.Errorf("the next call arrived %d times", n)
		}
	})
}

// What was kept of a call is given back at its end, so that the next ones are kept as well.
func TestBodiesAreKeptForOneCallAfterAnother(t *testing.T) {
	t.Parallel()
	tight := func(c *gateway.Config) { c.MaxReplay, c.ReplayMemory = 1000, 1000 }
	inBubble(t, stackConfig{change: tight}, func(t *testing.T, s *stack) {
		opaque := s.token(virtualKey)
		for i := range 5 {
			if _, err := s.Sandbox.KillCurrent(stacktest.AppID, sandbox.Stable); err != nil {
				t.Fatal(err)
			}
			if a := s.post(message, opaque, text+strings.Repeat(" ", 800)); !a.ok() {
				t.Errorf("call %d: %s", i, a.body)
			}
			time.Sleep(10 * time.Minute)
		}
	})
}

// A file is no answer to the call, whatever stands in it.
func TestAFileThatLooksLikeARejectionIsPassedOn(t *testing.T) {
	t.Parallel()
	made := 0
	platform := besides(func(*http.Request) (*http.Response, error) {
		made++
		return says(http.StatusOK, http.Header{"Content-Type": {"application/json"}, "Content-Disposition": {`attachment; filename="a.json"`}}, rejection), nil
	})
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		issues := s.Issues()
		if a := s.get("/test/file", s.token(virtualKey)); string(a.body) != rejection || made != 1 || s.Issues() != issues {
			t.Errorf("%s, after %d calls and %d issues", a.body, made, s.Issues()-issues)
		}
		if n := s.counted("hufu_gateway_calls_total"); n["ok"] != 1 {
			t.Errorf("the calls are %v", n)
		}
	})
}

// The token is replaced although the caller is gone by then, with all that is its own.
func TestATokenIsReplacedAfterItsCallHasEnded(t *testing.T) {
	t.Parallel()
	small := func(c *gateway.Config) { c.MaxReplay = 1000 }
	inBubble(t, stackConfig{change: small}, func(t *testing.T, s *stack) {
		opaque, issues := s.token(virtualKey), s.Issues()
		if _, err := s.Sandbox.KillCurrent(stacktest.AppID, sandbox.Stable); err != nil {
			t.Fatal(err)
		}
		s.Sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultSlow, Path: "/cgi-bin/stable_token", Delay: 2 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		r := request(http.MethodPost, withToken(message, opaque), text+strings.Repeat(" ", 2000))
		a := s.send(r.WithContext(ctx))
		cancel() // as a server does
		if a.Errcode != 40001 {
			t.Errorf("a call that cannot be made again got %s", a.body)
		}
		time.Sleep(5 * time.Second)
		if n := s.Issues() - issues; n != 1 {
			t.Errorf("%d issues", n)
		}
	})
}

// A call with a token is on record for its client, and so is one that carries none.
func TestI10CallsAreOnRecord(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		user := s.login("oUser")
		s.get("/sns/userinfo?openid=oUser", user.AccessToken)
		s.keyed(http.MethodGet, withToken("/sns/userinfo?openid=oUser", user.AccessToken), virtualKey, "")
		s.get(users, s.token(virtualKey))
		s.get(users, s.token(callerKey))
		time.Sleep(2 * time.Second)
		got := map[string]int{}
		for _, e := range s.Entries() {
			if e.Action == "call" {
				got[e.Client+" "+string(e.Kind)] += e.Count
			}
		}
		want := map[string]int{"caller ": 1, " ": 1, "virtual ": 1, "virtual access_token": 1, " access_token": 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("I10: calls by client and kind of token (-want +got):\n%s", diff)
		}
	})
}

// Where no other token can be had, the platform's own words are what the caller gets.
func TestARejectionThatCannotBeMendedIsPassedOn(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		opaque := s.token(virtualKey)
		if _, err := s.Sandbox.KillCurrent(stacktest.AppID, sandbox.Stable); err != nil {
			t.Fatal(err)
		}
		s.Sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultStatus, Path: "/cgi-bin/stable_token", Status: 502})
		began := time.Now()
		a := s.get(users, opaque)
		if a.Errcode != 40001 || !strings.Contains(a.Errmsg, "rid: ") {
			t.Errorf("got %s", a.body)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("the caller waited for %v", took)
		}
		s.Sandbox.ClearFaults()
		time.Sleep(time.Minute)
		if a := s.get(users, opaque); !a.ok() {
			t.Errorf("after the fault: %s", a.body)
		}
	})
}

// Several deaths in a row use up the free renewals; then a call waits for its turn rather
// than fail.
func TestI7ACallWaitsForTheNextRenewalThatIsAllowed(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{Config: stacktest.Config{Mode: "classic"}}, func(t *testing.T, s *stack) {
		opaque := s.token(virtualKey)
		for i := range 8 {
			if _, err := s.Sandbox.KillCurrent(stacktest.AppID, sandbox.Classic); err != nil {
				t.Fatal(err)
			}
			if a := s.get(users, opaque); !a.ok() {
				t.Errorf("death %d: %s", i, a.body)
			}
		}
	})
}
