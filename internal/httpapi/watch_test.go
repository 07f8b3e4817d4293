package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

func TestAWatchTellsWhatIsThereAndEveryChange(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Apps: []*broker.App{stacktest.NewApp("api-blog", otherID)}}, func(t *testing.T, s *stack) {
		w := s.watch(t, "app=shop&app=api-blog", ordersKey)
		for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"} {
			if got := w.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if w.header.Get("X-Request-Id") == "" {
			t.Error("no request id")
		}
		first, _ := w.take(t)
		if len(first) != 2 || first[0].App != "shop" || first[1].App != "api-blog" || first[0] != s.token() {
			t.Fatalf("at once: %+v", first)
		}
		// A change of one is told at once, with the token and its promise (I9).
		s.Sandbox.Kill(first[0].Token)
		want := tokenIn(t, s.renew(fmt.Sprintf(`{"version":%d}`, first[0].Version)))
		synctest.Wait()
		if got, _ := w.take(t); len(got) != 1 || got[0] != want {
			t.Errorf("I9: after a change: %+v, want %+v", got, want)
		}
		// A kind that somebody asks for the first time is news, too.
		ticket := tokenIn(t, s.get("/v1/apps/shop/tokens/jsapi_ticket", ordersKey))
		synctest.Wait()
		if got, _ := w.take(t); len(got) != 1 || got[0] != ticket {
			t.Errorf("after a new kind: %+v, want %+v", got, ticket)
		}
		// Planned renewals over hours are all told, and comments keep the stream alive.
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		got, comments := w.take(t)
		versions := map[string]int64{}
		tokens := 0
		for _, tok := range got {
			k := tok.App + "/" + tok.Kind
			if tok.Version <= versions[k] {
				t.Errorf("%s: version %d after %d", k, tok.Version, versions[k])
			}
			versions[k] = tok.Version
			if tok.Kind == "access_token" {
				tokens++
			}
		}
		if tokens < 4 || versions["api-blog/access_token"] == 0 || versions["shop/access_token"] == 0 {
			t.Errorf("five hours of two stable apps: %d tokens, %v", tokens, versions)
		}
		if comments < 1000 {
			t.Errorf("%d comments in five hours", comments)
		}
		if tok := s.token(); tok.Version != versions["shop/access_token"] {
			t.Errorf("the last that was told is version %d, the one here %d", versions["shop/access_token"], tok.Version)
		}
	})
}

func TestAWatchEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		gone, broken := s.watch(t, "app=shop", ordersKey), s.watch(t, "app=shop", ordersKey)
		gone.cancel()
		broken.fail()
		time.Sleep(16 * time.Second) // until something is written
		synctest.Wait()
		if gone.open() || broken.open() {
			t.Errorf("open: %v and %v, want both closed", gone.open(), broken.open())
		}
	})
}

// A revoked client gets no further token, and is cut off soon even if none comes.
func TestARevokedClientIsCutOff(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		c := decode[api.Client](t, s.do(call{method: "POST", target: "/v1/clients", key: adminKey, body: `{"name":"fired","apps":["shop"]}`}), http.StatusCreated)
		quiet, busy := s.watch(t, "app=shop", c.Key), s.watch(t, "app=shop", c.Key)
		other := s.watch(t, "app=shop", ordersKey)
		busy.take(t)
		s.do(call{method: "DELETE", target: "/v1/clients/fired", key: adminKey})
		tok := s.token()
		s.Sandbox.Kill(tok.Token)
		s.renew(fmt.Sprintf(`{"version":%d}`, tok.Version))
		synctest.Wait()
		if got, _ := busy.take(t); len(got) != 0 || busy.open() {
			t.Errorf("a revoked client was told %+v; still open: %v", got, busy.open())
		}
		time.Sleep(16 * time.Second)
		synctest.Wait()
		if quiet.open() || !other.open() {
			t.Errorf("open: the revoked client's %v, the other's %v", quiet.open(), other.open())
		}
	})
}

func TestAQuietWatchOfARevokedClientIsCutOff(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		c := decode[api.Client](t, s.do(call{method: "POST", target: "/v1/clients", key: adminKey, body: `{"name":"fired","apps":["shop"]}`}), http.StatusCreated)
		w := s.watch(t, "app=shop", c.Key)
		s.do(call{method: "DELETE", target: "/v1/clients/fired", key: adminKey})
		time.Sleep(16 * time.Second)
		synctest.Wait()
		if w.open() {
			t.Error("still open after a heartbeat")
		}
	})
}

func TestAStopEndsWatches(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		w := s.watch(t, "app=shop", ordersKey)
		if !w.open() {
			t.Fatal("closed before")
		}
		s.Stop()
		synctest.Wait()
		if w.open() {
			t.Error("a graceful stop waits for a watch")
		}
	})
}

// What has no token yet is told of when it has one; until then the stream is open.
func TestAWatchOfAnAppWithoutATokenWaitsForIt(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Policy: broker.Policy{InitialDelay: time.Minute}}, func(t *testing.T, s *stack) {
		w := s.watch(t, "app=shop", ordersKey)
		if got, _ := w.take(t); len(got) != 0 || !w.open() {
			t.Fatalf("at once: %+v; open: %v", got, w.open())
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got, _ := w.take(t); len(got) != 1 || !s.Sandbox.Live(got[0].Token) {
			t.Errorf("after the first issue: %+v", got)
		}
	})
}

// An app that goes while it is watched is told of, and ends nothing for the others.
func TestAWatchOutlivesAnAppThatIsRemoved(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		s.do(s.putApp("api-blog", newApp))
		s.Settle()
		w := s.watch(t, "app=api-blog&app=shop&app=api-blog", ordersKey)
		if got, _ := w.take(t); len(got) != 3 {
			t.Fatalf("at once: %+v", got)
		}
		gone := call{method: "DELETE", target: "/v1/apps/api-blog", key: adminKey}
		s.do(gone)
		synctest.Wait()
		if got := w.takeRemoved(t); !slices.Equal(got, []string{`{"app":"api-blog"}`}) || !w.open() {
			t.Fatalf("after a removal: %q; open: %v", got, w.open())
		}
		tok := s.token()
		s.Sandbox.Kill(tok.Token)
		want := tokenIn(t, s.renew(fmt.Sprintf(`{"version":%d}`, tok.Version)))
		synctest.Wait()
		if got, _ := w.take(t); len(got) != 1 || got[0] != want {
			t.Errorf("after the removal of the other: %+v", got)
		}
		// The same id again, with another registration (I8).
		s.do(s.putApp("api-blog", newApp))
		s.Settle()
		if got, _ := w.take(t); len(got) != 1 || got[0].App != "api-blog" {
			t.Errorf("after it came back: %+v", got)
		}
		if got := w.takeRemoved(t); len(got) != 0 {
			t.Errorf("told again of the removal: %q", got)
		}
		s.do(gone)
		synctest.Wait()
		if got := w.takeRemoved(t); !slices.Equal(got, []string{`{"app":"api-blog"}`}) || !w.open() {
			t.Errorf("after another removal: %q; open: %v", got, w.open())
		}
	})
}

func TestAWatchEndsWithItsLastApp(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		other := fmt.Sprintf(`{"platform":"wechat","app_id":%q,"base_url":"http://sandbox","mode":"classic","secret":%q}`, otherID, secret)
		s.do(s.putApp("api-blog", newApp))
		s.do(s.putApp("api-news", other))
		s.Settle()
		w := s.watch(t, "app=api-blog&app=api-news", ordersKey)
		for i, app := range []string{"api-news", "api-blog"} {
			if !w.open() {
				t.Fatalf("ended with %d apps left", 2-i)
			}
			if rec := s.do(call{method: "DELETE", target: "/v1/apps/" + app, key: adminKey}); rec.Code != http.StatusNoContent {
				t.Fatalf("remove %s: %d %s", app, rec.Code, rec.Body)
			}
			synctest.Wait()
			if got := w.takeRemoved(t); !slices.Equal(got, []string{`{"app":"` + app + `"}`}) {
				t.Errorf("after the removal of %s: %q", app, got)
			}
		}
		if w.open() {
			t.Error("still open, with no app left")
		}
	})
}

// What is removed and added again before a slow watcher hears of it was never away.
func TestAWatchGoesByWhatIsThere(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		s.do(s.putApp("api-blog", newApp))
		s.Settle()
		w := s.watch(t, "app=api-blog", ordersKey)
		w.take(t)
		release := w.hold()
		held, _ := s.Service.ReadNow(broker.Caller{Client: s.Service.Authenticate(ordersKey)}, "api-blog", broker.AccessToken)
		s.Sandbox.Kill(held.Secret.Reveal())
		s.do(call{method: "POST", target: "/v1/apps/api-blog/tokens/access_token/renew", key: ordersKey, body: fmt.Sprintf(`{"version":%d}`, held.Version)})
		synctest.Wait()
		s.do(call{method: "DELETE", target: "/v1/apps/api-blog", key: adminKey})
		s.do(s.putApp("api-blog", newApp))
		release()
		s.Settle()
		if got := w.takeRemoved(t); len(got) != 0 || !w.open() {
			t.Errorf("told of %q; open: %v", got, w.open())
		}
	})
}

// One client's watches and long polls are bounded together, and another's are not.
func TestWatchesOfOneClientAreBounded(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{MaxWaits: 2}, func(t *testing.T, s *stack) {
		first := s.watch(t, "app=shop", ordersKey)
		s.watch(t, "app=shop", ordersKey)
		version := fmt.Sprint(s.token().Version)
		for _, c := range []call{
			{target: "/v1/watch?app=shop", key: ordersKey},
			{target: tokenPath + "?wait=1m", key: ordersKey, header: map[string]string{"If-None-Match": version}},
		} {
			w := s.do(c)
			if w.Header().Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", c.target)
			}
			if p := problemIn(t, w, http.StatusTooManyRequests); p.Code != api.CodeThrottled || p.Class != api.ClassThrottled {
				t.Errorf("%s: %+v", c.target, p)
			}
		}
		if w := s.watch(t, "app=shop", readerKey); !w.open() {
			t.Error("another client's watch is refused")
		}
		first.cancel()
		synctest.Wait()
		if w := s.watch(t, "app=shop", ordersKey); !w.open() {
			t.Error("a watch is refused after another has ended")
		}
	})
}
