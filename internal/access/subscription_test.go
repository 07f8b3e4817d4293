package access_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

const pathSubscription = "/cgi-bin/user/info"

// What is told of a follower comes from a path of the platform. Who may not call that path
// through the gateway does not get around it here.
func TestASubscriptionIsUnderTheRulesOfItsPath(t *testing.T) {
	t.Parallel()
	const thirdID = "wx3"
	closed := stacktest.NewApp("closed", thirdID)
	closed.Deny = []string{"/CGI-BIN/user/*"}
	narrow, wide := client("narrow", broker.Users|broker.Call, "*"), client("wide", broker.Users|broker.Call, "*")
	narrow.Paths, wide.Paths = []string{"/cgi-bin/message/*"}, []string{"/cgi-bin/user/*"}
	inBubble(t, stacktest.Config{
		Users: &stacktest.Users{}, Apps: []*broker.App{stacktest.NewApp("blog", otherID), closed},
		Sandbox: sandbox.Config{Apps: []sandbox.App{{ID: thirdID, Secret: secret}}},
		Clients: []*broker.Client{client("members", broker.Users, "*"), client("calls", broker.Call, "*"), narrow, wide},
	}, func(t *testing.T, s *stack) {
		for _, c := range []struct {
			client, app string
			may         bool
		}{
			{"members", "blog", true},
			{"wide", "blog", true},
			{"narrow", "blog", false},
			{"calls", "blog", false},
			{"members", "closed", false},
			{"wide", "closed", false},
			{"admin", "closed", true},
		} {
			err := second(s.Subscription(t.Context(), s.caller(c.client), c.app, "alice", ""))
			if c.may && err != nil || !c.may && !errors.Is(err, broker.ErrNotAllowed) {
				t.Errorf("%s on %s: %v", c.client, c.app, err)
			}
		}
		refused, denied := 0, 0
		for _, e := range s.entries() {
			switch {
			case e.Action == "call" && e.Result == broker.ErrNotAllowed.Code:
				refused += e.Count
			case e.Action == "call_denied_path" && e.Client == "admin" && e.Target == pathSubscription:
				denied++
			}
		}
		if refused != 3 || denied != 1 {
			t.Errorf("I10: the audit has %d refused calls, want 3, and %d of an administrator's, want 1", refused, denied)
		}
	})
}

// Subscriptions are counted with the gateway's calls of their path. While its quota is used
// up the platform's own words are the answer, and the platform is not asked.
func TestASubscriptionIsCountedAndThrottledLikeACallOfItsPath_I7(t *testing.T) {
	t.Parallel()
	meter := quota.New(quota.Config{})
	inBubble(t, stacktest.Config{Meter: meter, Clients: []*broker.Client{client("members", broker.Users, "*")}}, func(t *testing.T, s *stack) {
		ask := func() error {
			return second(s.Subscription(t.Context(), s.caller("members"), stacktest.App, sandbox.OpenID(appID, "alice"), ""))
		}
		throttled := func(err error) bool {
			e := broker.AsError(err)
			return err != nil && e.Class == broker.Throttled && e.PlatformCode == "45009"
		}
		passed := func() (int64, bool) {
			for _, u := range meter.Of(stacktest.App) {
				if u.Path == pathSubscription {
					return u.Today, u.Throttled != nil
				}
			}
			return 0, false
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		s.Sandbox.Inject(sandbox.Fault{Path: pathSubscription, Kind: sandbox.FaultReset, Times: 1})
		if err := ask(); err == nil || throttled(err) {
			t.Errorf("a call without an answer: %v", err)
		}
		if n, circuit := passed(); n != 1 || circuit {
			t.Errorf("%d calls are counted, want the one that was answered; throttled: %t", n, circuit)
		}
		s.Sandbox.Inject(sandbox.Fault{Path: pathSubscription, Kind: sandbox.FaultErrcode, Errcode: 45009, Times: 1})
		for range 3 {
			if err := ask(); !throttled(err) {
				t.Errorf("while the quota is used up: %v", err)
			}
		}
		if n, circuit := passed(); n != 2 || !circuit {
			t.Errorf("%d calls are counted, want the two that were answered; throttled: %t", n, circuit)
		}
		// What the gateway learned holds here: one call in five minutes looks whether it is over.
		time.Sleep(6 * time.Minute)
		if err := ask(); err != nil {
			t.Errorf("the probe: %v", err)
		}
		if n, circuit := passed(); n != 3 || circuit {
			t.Errorf("after the probe %d calls are counted, throttled: %t", n, circuit)
		}
		// A token that is rejected costs a call at the platform, and another one with the next token.
		own, _ := s.ReadNow(s.caller("admin"), stacktest.App, broker.AccessToken)
		s.Sandbox.Kill(own.Secret.Reveal())
		if err := ask(); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff([]string{pathSubscription}, pathsOf(meter)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if n, _ := passed(); n != 5 {
			t.Errorf("%d calls are counted, want 5", n)
		}
	})
}

func pathsOf(m *quota.Meter) []string {
	var paths []string
	for _, u := range m.Of(stacktest.App) {
		paths = append(paths, u.Path)
	}
	return paths
}
