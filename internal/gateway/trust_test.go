package gateway_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/stacktest"
)

const rejection = `{"errcode":40001,"errmsg":"invalid credential"}`

// I3, I7: a path that has never taken a token of an app may want another kind of token.
// What it says costs no issue, and no call that is made once more with the same token.
func TestI7APathThatHasTakenNoTokenIsNotBelieved(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int64
	always := besides(func(*http.Request) (*http.Response, error) {
		arrived.Add(1)
		return says(http.StatusOK, nil, rejection), nil
	})
	inBubble(t, stackConfig{transport: always}, func(t *testing.T, s *stack) {
		opaque, issues := s.token(virtualKey), s.Issues()
		const calls = 20
		for range calls {
			if a := s.get("/test/component", opaque); a.Errcode != 40001 {
				t.Errorf("got %s", a.body)
			}
			time.Sleep(10 * time.Second)
		}
		if n := s.Issues() - issues; n != 0 {
			t.Errorf("I7: %d issues", n)
		}
		if n := arrived.Load(); n != calls {
			t.Errorf("%d calls arrived of %d", n, calls)
		}
		if n := s.counted("hufu_gateway_rejected_total"); n["unfounded"] != calls {
			t.Errorf("the rejections are %v", n)
		}
	})
}

// I7: a path that took a token once and rejects each one since costs one issue, and then
// no more for a while, with one call each.
func TestI7APathThatRejectsAFreshTokenIsNotBelievedForAWhile(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int64
	var rejects atomic.Bool
	platform := besides(func(*http.Request) (*http.Response, error) {
		arrived.Add(1)
		if rejects.Load() {
			return says(http.StatusOK, nil, rejection), nil
		}
		return says(http.StatusOK, nil, `{"errcode":0}`), nil
	})
	inBubble(t, stackConfig{Config: stacktest.Config{Mode: "classic"}, transport: platform}, func(t *testing.T, s *stack) {
		opaque := s.token(virtualKey)
		if a := s.get("/test/odd", opaque); !a.ok() {
			t.Fatalf("%s", a.body)
		}
		rejects.Store(true)
		for round, want := range []int{1, 1} {
			before, issues := arrived.Load(), s.Issues()
			for i := range 10 {
				// However it is written, it is the same path.
				path := []string{"/test/odd", "/test/Odd", "/test/odd/"}[i%3]
				if a := s.get(path, opaque); a.Errcode != 40001 {
					t.Errorf("got %s", a.body)
				}
				time.Sleep(10 * time.Second)
			}
			if n := s.Issues() - issues; n != want {
				t.Errorf("I7: round %d: %d issues, want %d", round, n, want)
			}
			if n := arrived.Load() - before; n != 11 {
				t.Errorf("round %d: %d calls arrived for 10, of which one was made again", round, n)
			}
			time.Sleep(11 * time.Minute)
		}
		// That a path is strange for one app says nothing about others.
		if a := s.get(users, opaque); !a.ok() {
			t.Errorf("another path: %s", a.body)
		}
	})
}

// A throttled path is throttled however it is written, until the platform has really
// given its quota back.
func TestARefusedClearingGivesNothingBack(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int64
	var refuses atomic.Bool
	refuses.Store(true)
	platform := func(next http.RoundTripper) http.RoundTripper {
		return platformFunc(func(r *http.Request) (*http.Response, error) {
			switch {
			case strings.EqualFold(strings.TrimRight(r.URL.Path, "/"), "/test/busy"):
				arrived.Add(1)
				return says(http.StatusOK, nil, `{"errcode":45009,"errmsg":"reach max api daily quota limit"}`), nil
			case r.URL.Path == "/cgi-bin/clear_quota" && refuses.Load():
				return says(http.StatusOK, nil, `{"errcode":40013,"errmsg":"invalid appid"}`), nil
			case r.URL.Path == "/cgi-bin/clear_quota":
				return says(http.StatusOK, nil, `{"errcode":0,"errmsg":"ok"}`), nil
			default:
				return next.RoundTrip(r)
			}
		})
	}
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		opaque := s.token(virtualKey)
		busy := func(want int64) {
			t.Helper()
			for _, path := range []string{"/test/busy", "/Test/BUSY", "/test/busy/", "//test/busy"} {
				if a := s.get(path, opaque); a.Errcode != 45009 {
					t.Errorf("%s: %s", path, a.body)
				}
			}
			if n := arrived.Load(); n != want {
				t.Errorf("%d calls arrived, want %d", n, want)
			}
		}
		clearQuota := func() answer {
			return s.keyed(http.MethodPost, "/cgi-bin/clear_quota", stacktest.AdminKey, `{"appid":"`+stacktest.AppID+`"}`)
		}
		busy(1)
		if a := clearQuota(); a.Errcode != 40013 {
			t.Errorf("%s", a.body)
		}
		busy(1)
		refuses.Store(false)
		if a := clearQuota(); a.Errcode != 0 {
			t.Errorf("%s", a.body)
		}
		busy(2)
	})
}
