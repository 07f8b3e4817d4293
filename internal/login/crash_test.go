package login_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestTheStoreFailsI5: at whichever write the store fails, and whether it has written or not,
// no code is sent to the platform twice, none of ours is told that is not stored, and the user
// can log in again.
func TestTheStoreFailsI5(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"add login", "add code"} {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, written: %v", op, done), func(t *testing.T) {
				t.Parallel()
				s := newStack(t)
				b := s.browser(t)
				tr := begin(t, b, "shop")
				to := tr.callback(s.platform.agree("shop", "o-1", tr.scope))
				s.oneTime.fail = func(now string) (bool, error) {
					if now == op {
						return done, errors.New("connection lost")
					}
					return true, nil
				}
				a := b.get(t, to)
				wantPage(t, a, http.StatusServiceUnavailable, "The login does not work just now")
				if !strings.Contains(a.body, "href=") || !strings.Contains(s.log.String(), "connection lost") {
					t.Errorf("the page leads nowhere, or the log is silent: %s", s.log)
				}
				s.oneTime.fail = nil
				a = b.get(t, to) // the user reloads
				switch {
				case op == "add login" && !done:
					sentBack(t, a) // nothing had been done
				case op == "add login":
					wantPage(t, a, http.StatusConflict, "This login has ended")
				default:
					wantPage(t, a, http.StatusForbidden, "Please log in again")
				}
				if n, want := s.platform.exchanges(t), map[bool]int{true: 0, false: 1}[op == "add login" && done]; n != want {
					t.Errorf("the platform was asked %d times, want %d", n, want)
				}
				tr = begin(t, b, "shop")
				sentBack(t, b.get(t, tr.callback(s.platform.agree("shop", "o-1", tr.scope))))
			})
		}
	}
}

// TestTheStoreFailsAtRedeeming: a code that was not taken is still good, and one of which
// that is not known never is for two.
func TestTheStoreFailsAtRedeeming(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{false, true} {
		s := newStack(t)
		code := s.code(t)
		s.oneTime.fail = func(string) (bool, error) { return taken, errors.New("connection lost") }
		_, err := s.relay.Redeem(t.Context(), s.apps["shop"], code, "", business)
		if e := broker.AsError(err); e.Code != "store_unreachable" || e.Class != broker.Transient {
			t.Errorf("the business is told %v", err)
		}
		s.oneTime.fail = nil
		if _, err = s.relay.Redeem(t.Context(), s.apps["shop"], code, "", business); (err == nil) == taken {
			t.Errorf("taken: %v, and the second time ends with %v", taken, err)
		}
	}
}

// TestAServerDiesI5: wherever a server dies, another one does not send the code to the platform
// again.
func TestAServerDiesI5(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"add login", "exchange", "exchanged", "add code"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			b := s.browser(t)
			tr := begin(t, b, "shop")
			to := tr.callback(s.platform.agree("shop", "o-1", tr.scope))
			cookie := b.cookies("shop")[0]
			die := func(now string) {
				if now == at {
					panic("killed")
				}
			}
			s.oneTime.fail = func(op string) (bool, error) {
				die(op)
				return true, nil
			}
			s.platform.before = func() { die("exchange") }
			s.cfg.Audit = func(*http.Request, string, string, broker.User, error) { die("exchanged") }
			dying := s.replica(t)
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the server did not die")
					}
				}()
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, public+to, http.NoBody)
				r.AddCookie(cookie)
				dying.ServeHTTP(httptest.NewRecorder(), r)
			}()
			s.oneTime.fail, s.platform.before = nil, nil
			a := b.get(t, to)
			if at == "add login" { // it died before
				sentBack(t, a)
			} else {
				wantPage(t, a, http.StatusConflict, "This login has ended")
			}
			s.platform.exchanges(t)
			tr = begin(t, b, "shop")
			sentBack(t, b.get(t, tr.callback(s.platform.agree("shop", "o-1", tr.scope))))
		})
	}
}

// TestFaultsAtRandomI5 has browsers come back again and again, to two servers over a store that
// fails as it likes.
func TestFaultsAtRandomI5(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newStack(t)
		servers := []http.Handler{s.relay, s.replica(t)}
		b := s.browser(t)
		tr := begin(t, b, "shop")
		to := tr.callback(s.platform.agree("shop", "o-1", tr.scope))
		cookie := b.cookies("shop")[0]
		u, _ := url.Parse(public)
		s.oneTime.fail = func(string) (bool, error) {
			switch rapid.IntRange(0, 3).Draw(rt, "fault") {
			case 0:
				return false, errors.New("away")
			case 1:
				return true, errors.New("answer lost")
			}
			return true, nil
		}
		var codes []string
		for range rapid.IntRange(1, 6).Draw(rt, "visits") {
			b.handler = rapid.SampledFrom(servers).Draw(rt, "server")
			b.jar.SetCookies(u, []*http.Cookie{{Name: cookie.Name, Value: cookie.Value, Path: "/", Secure: true}})
			if a := b.get(t, to); a.StatusCode == http.StatusSeeOther {
				codes = append(codes, sentBack(t, a).Get("code"))
			} else if !slices.Contains([]int{409, 503}, a.StatusCode) {
				rt.Errorf("the browser was answered %d", a.StatusCode)
			}
		}
		if n := s.platform.exchanges(t); len(codes) > n || n > 1 {
			rt.Errorf("%d codes of %d exchanges", len(codes), n)
		}
		s.oneTime.fail = nil
		for _, c := range codes {
			if _, err := s.relay.Redeem(t.Context(), s.apps["shop"], c, "", business); err != nil {
				rt.Errorf("a browser was sent back with a code that does not work: %v", err)
			}
		}
	})
}
