package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// stream takes what a watcher is sent.
type stream struct {
	header http.Header
	cancel context.CancelFunc
	done   chan struct{} // closed when the handler has returned

	mu      sync.Mutex
	buf     bytes.Buffer
	unseen  int // bytes not flushed yet
	status  int
	failing bool
}

func (s *stream) Header() http.Header { return s.header }

func (s *stream) WriteHeader(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing {
		return 0, errors.New("broken pipe")
	}
	s.unseen += len(p)
	return s.buf.Write(p)
}

func (s *stream) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unseen = 0
}

func (s *stream) fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = true
}

var event = regexp.MustCompile(`(?m)^event: token\nid: "(\d+)"\ndata: (.*)\n\n`)

// take returns the events since the last call, and how many comments came with them.
func (s *stream) take(t *testing.T) (events []api.Token, comments int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unseen > 0 {
		t.Errorf("%d bytes are not flushed", s.unseen)
	}
	text := s.buf.String()
	s.buf.Reset()
	for _, m := range event.FindAllStringSubmatch(text, -1) {
		var tok api.Token
		if err := json.Unmarshal([]byte(m[2]), &tok); err != nil {
			t.Errorf("event %q: %v", m[2], err)
		}
		if m[1] != fmt.Sprint(tok.Version) {
			t.Errorf("event id %s of version %d", m[1], tok.Version)
		}
		events = append(events, tok)
	}
	rest := event.ReplaceAllString(text, "")
	comments = strings.Count(rest, ":\n\n")
	if rest = strings.ReplaceAll(rest, ":\n\n", ""); rest != "" {
		t.Errorf("what is neither event nor comment: %q", rest)
	}
	return events, comments
}

func (s *stream) open() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// watch starts to watch and waits until what is there has been sent.
func (s *stack) watch(t *testing.T, query, key string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &stream{header: http.Header{}, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		s.ServeHTTP(w, call{target: "/v1/watch?" + query, key: key}.request(ctx))
	}()
	t.Cleanup(func() {
		cancel()
		<-w.done
	})
	synctest.Wait()
	return w
}

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

// An app that goes while it is watched ends nothing for the others.
func TestAWatchOutlivesAnAppThatIsRemoved(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		s.do(s.putApp("api-blog", newApp))
		s.Settle()
		w := s.watch(t, "app=api-blog&app=shop", ordersKey)
		if got, _ := w.take(t); len(got) != 2 {
			t.Fatalf("at once: %+v", got)
		}
		s.do(call{method: "DELETE", target: "/v1/apps/api-blog", key: adminKey})
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
