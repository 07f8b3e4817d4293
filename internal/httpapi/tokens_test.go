package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
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

func TestReadAnswersTheTokenAndItsPromise(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Mode: wechat.Classic}, func(t *testing.T, s *stack) {
		w := s.get(tokenPath, ordersKey)
		body := w.Body.String()
		tok := tokenIn(t, w)
		if tok.Token != s.Sandbox.Current(appID, sandbox.Classic) || tok.App != "shop" || tok.Kind != "access_token" || tok.Version < 1 {
			t.Errorf("%+v", tok)
		}
		if want := time.Now().Add(time.Duration(tok.ExpiresIn) * time.Second).UTC(); !tok.Expiry.Equal(want.Truncate(time.Second)) {
			t.Errorf("expiry %v, want that of expires_in, %v", tok.Expiry, want)
		}
		if dies, _ := s.Sandbox.Dies(tok.Token); time.Now().Add(time.Duration(tok.ExpiresIn) * time.Second).After(dies) {
			t.Errorf("I2: promised for %d s, but it dies at %v", tok.ExpiresIn, dies)
		}
		want := fmt.Sprintf(`{"app":"shop","kind":"access_token","token":%q,"version":%d,"expires_in":%d,"expiry":%q}`+"\n",
			tok.Token, tok.Version, tok.ExpiresIn, tok.Expiry.Format("2006-01-02T15:04:05Z"))
		if body != want {
			t.Errorf("body %s\nwant %s", body, want)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/json", "Cache-Control": "no-store", "ETag": fmt.Sprintf(`"%d"`, tok.Version),
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	})
}

// The short way for nearly all reads and the ordinary one answer the same, header for
// header and byte for byte, at every age of the token.
func TestTheHotPathAnswersLikeTheOrdinaryOne(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Mode: wechat.Classic}, func(t *testing.T, s *stack) {
		for _, target := range []string{
			tokenPath, "/v1/apps/nowhere/tokens/access_token", "/v1/apps/shop/tokens/nothing", "/v1/apps/shop/tokens/",
			"/v1/apps//tokens/access_token", "/v1/apps/shop/tokens/access_token/", "/v1/apps/shop/tokens/access_token/x", "/v1/apps/sh%6fp/tokens/access_token",
			"/v1/apps/api-x/tokens/access_token", "/v1/apps/Shop/tokens/access_token", "/v1/apps/shop/tokens/jsapi_ticket",
		} {
			for _, key := range []string{ordersKey, readerKey, adminKey, "", "wrong", strings.Repeat("x", 600)} {
				for range 3 {
					hot, ordinary := s.get(target, key), s.get(target+"?min_ttl=0s", key)
					for _, w := range []*httptest.ResponseRecorder{hot, ordinary} {
						if id := w.Header().Get("X-Request-Id"); id != "" {
							w.Header().Set("X-Request-Id", "ID")
							w.Header().Del("Location") // of http.ServeMux, with the query
							masked := strings.ReplaceAll(w.Body.String(), id, "ID")
							w.Body.Reset()
							w.Body.WriteString(masked)
						}
					}
					if hot.Code == http.StatusMovedPermanently || hot.Code == http.StatusTemporaryRedirect {
						continue
					}
					if hot.Code != ordinary.Code || hot.Body.String() != ordinary.Body.String() || fmt.Sprint(hot.Header()) != fmt.Sprint(ordinary.Header()) {
						t.Errorf("%s with key %.9s…:\n%d %v %s\nand the ordinary way\n%d %v %s", target, key, hot.Code, hot.Header(), hot.Body, ordinary.Code, ordinary.Header(), ordinary.Body)
					}
					time.Sleep(7*time.Second + 531*time.Millisecond)
				}
			}
		}
	})
}

func TestIfNoneMatchForms(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		v := s.token().Version
		for form, want := range map[string]int{
			`"%d"`:               http.StatusNotModified,
			`W/"%d"`:             http.StatusNotModified,
			` "%d" `:             http.StatusNotModified,
			`%d`:                 http.StatusNotModified,
			`"%d", "other"`:      http.StatusNotModified,
			`"%d0"`:              http.StatusOK,
			`"-%d"`:              http.StatusOK,
			`*`:                  http.StatusOK,
			`""`:                 http.StatusOK,
			`"abc%d"`:            http.StatusOK,
			`"%d` + "\x00" + `"`: http.StatusOK,
		} {
			value := strings.ReplaceAll(form, "%d", strconv.FormatInt(v, 10))
			w := s.do(call{target: tokenPath, key: ordersKey, header: map[string]string{"If-None-Match": value}})
			if w.Code != want {
				t.Errorf("If-None-Match: %s: %d, want %d", value, w.Code, want)
			}
			if w.Code == http.StatusNotModified && (w.Body.Len() > 0 || w.Header().Get("ETag") != fmt.Sprintf(`"%d"`, v)) {
				t.Errorf("304 with body %q and ETag %q", w.Body, w.Header().Get("ETag"))
			}
		}
	})
}

func TestParametersThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for _, query := range []string{"min_ttl=60", "min_ttl=-1s", "min_ttl=x", "wait=5", "wait=-1s", "wait=1e9"} {
			if p := problemIn(t, s.get(tokenPath+"?"+query, ordersKey), http.StatusBadRequest); p.Code != api.CodeInvalid {
				t.Errorf("%s: %+v", query, p)
			}
		}
	})
}

func TestMinTTLIsServedWhereThePlatformAllowsIt(t *testing.T) {
	t.Parallel()
	// Planned renewals come as late as they may, so that a demand can come first.
	inBubble(t, stacktest.Config{Mode: wechat.Stable, Rand: func() float64 { return 0.999 }}, func(t *testing.T, s *stack) {
		first := s.token()
		ask := func(ttl string) api.Token { return tokenIn(t, s.get(tokenPath+"?min_ttl="+ttl, ordersKey)) }
		if tok := ask("1h"); tok != first {
			t.Errorf("a token that lasts was replaced: %+v", tok)
		}
		time.Sleep(time.Hour)
		issues := s.Issues()
		if tok := ask("90m"); tok.Version != first.Version || s.Issues() != issues {
			t.Errorf("before its window the platform has nothing new to give, but: %+v", tok)
		}
		time.Sleep(55*time.Minute + 30*time.Second) // 4:30 are left, which is inside the window
		if tok := s.token(); tok.Version != first.Version {
			t.Fatal("renewed by plan already")
		}
		if tok := ask("10m"); tok.Version == first.Version || tok.ExpiresIn < 600 {
			t.Errorf("inside the window: %+v, want a new one", tok)
		}
		if n := s.Issues() - issues; n != 1 {
			t.Errorf("%d issues", n)
		}
	})
}

func (s *stack) poll(ctx context.Context, v int64, wait string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, call{target: tokenPath + "?wait=" + wait, key: ordersKey, header: map[string]string{"If-None-Match": fmt.Sprintf(`"%d"`, v)}}.request(ctx))
	return w
}

func TestALongPollWaitsAndEnds(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		v := s.token().Version
		begun := time.Now()
		if w := s.poll(t.Context(), v, "30s"); w.Code != http.StatusNotModified || time.Since(begun) != 30*time.Second {
			t.Errorf("%d after %v, want 304 after 30s", w.Code, time.Since(begun))
		}
		begun = time.Now()
		if w := s.poll(t.Context(), v, "24h"); w.Code != http.StatusNotModified || time.Since(begun) != time.Minute {
			t.Errorf("%d after %v, want 304 after the longest wait, a minute", w.Code, time.Since(begun))
		}
		begun = time.Now()
		if w := s.poll(t.Context(), v+1, "30s"); w.Code != http.StatusOK || time.Since(begun) != 0 {
			t.Errorf("%d after %v for a version that is not the one here, want 200 at once", w.Code, time.Since(begun))
		}
		if w := s.get(tokenPath+"?wait=30s", ordersKey); w.Code != http.StatusOK || time.Since(begun) != 0 {
			t.Errorf("%d after %v without a version to wait for, want 200 at once", w.Code, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begun = time.Now()
		s.poll(ctx, v, "30s")
		if time.Since(begun) != 5*time.Second {
			t.Errorf("a caller that is gone is kept for %v", time.Since(begun))
		}
	})
}

// I9: whoever polls hears of a new token at once.
func TestALongPollHearsOfANewTokenAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		tok := s.token()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				begun := time.Now()
				w := s.poll(t.Context(), tok.Version, "50s")
				if got := tokenIn(t, w); got.Version <= tok.Version || !s.Sandbox.Live(got.Token) {
					t.Errorf("got %+v", got)
				}
				if took := time.Since(begun); took < 10*time.Second || took > 11*time.Second {
					t.Errorf("I9: told after %v, want 10s", took)
				}
			})
		}
		time.Sleep(10 * time.Second)
		s.Sandbox.Kill(tok.Token)
		tokenIn(t, s.renew(fmt.Sprintf(`{"version":%d}`, tok.Version)))
		wg.Wait()
	})
}

// A key that was revoked opens nothing, not even for one who waited already.
func TestALongPollOfARevokedClientGetsNoToken(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		tok := s.token()
		c := decode[api.Client](t, s.do(call{method: "POST", target: "/v1/clients", key: adminKey, body: `{"name":"fired","apps":["shop"]}`}), http.StatusCreated)
		done := make(chan *httptest.ResponseRecorder, 1)
		go func() {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, call{target: tokenPath + "?wait=50s", key: c.Key, header: map[string]string{"If-None-Match": fmt.Sprint(tok.Version)}}.request(t.Context()))
			done <- w
		}()
		time.Sleep(time.Second)
		s.do(call{method: "DELETE", target: "/v1/clients/fired", key: adminKey})
		s.Sandbox.Kill(tok.Token)
		s.renew(fmt.Sprintf(`{"version":%d}`, tok.Version))
		w := <-done
		if p := problemIn(t, w, http.StatusForbidden); p.Code != api.CodeNotAllowed {
			t.Errorf("%+v", p)
		}
	})
}

func TestAStopEndsLongPolls(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		v, begun := s.token().Version, time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			s.Stop()
		}()
		if w := s.poll(t.Context(), v, "30s"); w.Code != http.StatusNotModified || time.Since(begun) != 3*time.Second {
			t.Errorf("%d after %v, want 304 as the server stops, after 3s", w.Code, time.Since(begun))
		}
	})
}

// I8: every kind is its own.
func TestKindsDoNotAnswerForEachOther(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		seen := map[string]string{}
		for _, kind := range []broker.Kind{broker.AccessToken, broker.JSAPITicket, broker.WxCardTicket} {
			tok := tokenIn(t, s.get("/v1/apps/shop/tokens/"+string(kind), ordersKey))
			if tok.Kind != string(kind) || seen[tok.Token] != "" {
				t.Errorf("I8: asked for %s, got %+v, which was %s before", kind, tok, seen[tok.Token])
			}
			seen[tok.Token] = string(kind)
		}
		if s.Sandbox.CurrentTicket(appID, "jsapi") == "" || seen[s.Sandbox.CurrentTicket(appID, "wx_card")] != string(broker.WxCardTicket) {
			t.Errorf("%v", seen)
		}
	})
}

// I3: no reader waits for a platform that hangs while a token lives.
func TestReadsDoNotFeelAHangingPlatform(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Mode: wechat.Classic}, func(t *testing.T, s *stack) {
		s.Sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultHang})
		for end := time.Now().Add(100 * time.Minute); time.Now().Before(end); time.Sleep(17 * time.Second) {
			begun := time.Now()
			s.token()
			if took := time.Since(begun); took > 0 {
				t.Fatalf("I3: a read took %v", took)
			}
		}
	})
}

// A parameter that is misspelled is not as if it were not there.
func TestAnUnknownParameterOfAReadIsNamed(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for query, name := range map[string]string{"min_tll=60s": "min_tll", "min_ttl=60s&wait=1s&force=1": "force", "=1": `""`} {
			p := problemIn(t, s.get(tokenPath+"?"+query, ordersKey), http.StatusBadRequest)
			if p.Code != api.CodeInvalid || !strings.Contains(p.Detail, name) || !strings.Contains(p.Hint, "min_ttl, wait") {
				t.Errorf("%s: %+v", query, p)
			}
		}
		for _, query := range []string{"_=1", "_ts=7&min_ttl=60s"} {
			tokenIn(t, s.get(tokenPath+"?"+query, ordersKey))
		}
		problemIn(t, s.get(tokenPath+"?min_tll=60s", "unknown-key-of-nobody-at-all-0123456789"), http.StatusUnauthorized)
	})
}
