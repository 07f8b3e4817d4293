package gateway_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// counted returns the values of a metric by its only label, without those that are zero.
func (s *stack) counted(name string) map[string]float64 {
	s.tb.Helper()
	families, err := s.Metrics.Gather()
	if err != nil {
		s.tb.Fatal(err)
	}
	values, found := map[string]float64{}, false
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		found = true
		for _, m := range f.GetMetric() {
			label := ""
			for _, l := range m.GetLabel() {
				label = l.GetValue()
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount()); v != 0 {
				values[label] = v
			}
		}
	}
	if !found {
		s.tb.Fatalf("there is no metric %s", name)
	}
	return values
}

// Each call is counted once, by how it ended; what is answered by others is not counted.
func TestEachCallIsCountedOnce(t *testing.T) {
	t.Parallel()
	platform := besides(func(r *http.Request) (*http.Response, error) {
		switch r.URL.Path {
		case "/test/refuses":
			return says(http.StatusOK, nil, `{"errcode":40003,"errmsg":"invalid openid"}`), nil
		case "/test/fails":
			return says(http.StatusBadGateway, nil, "<html>"), nil
		case "/test/throttles":
			return says(http.StatusOK, nil, `{"errcode":45009,"errmsg":"reach max api daily quota limit"}`), nil
		case "/test/breaks":
			return nil, errors.New("connection reset by peer")
		case "/test/hangs":
			<-r.Context().Done()
			return nil, r.Context().Err()
		case "/test/halts":
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"video/mp4"}}, ContentLength: -1,
				Body: &drip{10, time.Hour, r.Context().Done()},
			}, nil
		default:
			return says(http.StatusOK, nil, "{}"), nil
		}
	})
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		tok, total := s.token(virtualKey), 0.0
		leave := func() {
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, withToken("/test/hangs", tok), nil))
			})
			time.Sleep(time.Second)
			synctest.Wait()
			if n := s.counted("hufu_gateway_calls_pending"); n[""] != 1 {
				t.Errorf("%v calls are under way, want 1", n)
			}
			cancel()
			wg.Wait()
		}
		// The proxy leaves by a panic where an answer breaks off and a server is there.
		halt := func() {
			defer func() {
				if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // it is what a server looks for
					t.Errorf("an answer that breaks off ends in %v", p)
				}
			}()
			ctx := context.WithValue(t.Context(), http.ServerContextKey, &http.Server{})
			s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, withToken("/test/halts", tok), nil))
		}
		for _, c := range []struct {
			name string
			call func()
			want string // "": it is not counted
			sent bool
		}{
			{"a token path", func() { s.token(virtualKey) }, "", false},
			{"a token path with a key", func() { s.keyed(http.MethodGet, "/cgi-bin/token", callerKey, "") }, "", false},
			{"a ticket with a key", func() { s.keyed(http.MethodGet, "/cgi-bin/ticket/getticket?type=jsapi", callerKey, "") }, "", false},
			{"an unknown token", func() { s.get(users, "83_madeup") }, "refused", false},
			{"a bad path with a key", func() { s.keyed(http.MethodGet, "/a;b", callerKey, "") }, "refused", false},
			{"a client without the right", func() { s.keyed(http.MethodGet, users, stacktest.ReaderKey, "") }, "refused", false},
			{"a client without the path", func() { s.keyed(http.MethodGet, users, limitedKey, "") }, "refused", false},
			{"a path of a component", func() { s.keyed(http.MethodPost, "/cgi-bin/component/api_get_authorizer_info", callerKey, "{}") }, "refused", false},
			{"the key inside", func() { s.keyed(http.MethodGet, "/test/x?"+callerKey, callerKey, "") }, "refused", true},
			{"an answer", func() { s.get("/test/x", tok) }, "ok", true},
			{"an answer with a key", func() { s.keyed(http.MethodGet, "/test/x", callerKey, "") }, "ok", true},
			{"an exchange", func() { s.keyed(http.MethodGet, "/sns/jscode2session?js_code=c", callerKey, "") }, "platform_refused", true},
			{"a refusal", func() { s.get("/test/refuses", tok) }, "platform_refused", true},
			{"an error of a proxy", func() { s.get("/test/fails", tok) }, "platform_refused", true},
			{"a quota that is used up", func() { s.get("/test/throttles", tok) }, "platform_refused", true},
			{"a path that is throttled", func() { s.get("/test/throttles", tok) }, "throttled", false},
			{"the same with a key", func() { s.keyed(http.MethodGet, "/test/throttles", callerKey, "") }, "throttled", false},
			{"no answer", func() { s.get("/test/breaks", tok) }, "unanswered", true},
			{"no answer in time", func() { s.get("/test/hangs", tok) }, "unanswered", true},
			{"a caller that leaves", leave, "abandoned", true},
			{"an answer that breaks off", halt, "ok", true},
		} {
			want := s.counted("hufu_gateway_calls_total")
			c.call()
			if c.want != "" {
				want[c.want]++
			}
			if got := s.counted("hufu_gateway_calls_total"); !maps.Equal(got, want) {
				t.Errorf("%s: the calls are %v, want %v", c.name, got, want)
			}
			if c.sent {
				total++
			}
			if n := s.counted("hufu_gateway_call_seconds"); n[""] != total {
				t.Errorf("%s: the time of %v calls was taken, want %v", c.name, n[""], total)
			}
			if n := s.counted("hufu_gateway_calls_pending"); len(n) != 0 {
				t.Errorf("%s: %v calls are under way", c.name, n)
			}
		}
	})
}

// What becomes of calls that are rejected for their token is counted by how it went.
func TestEachRejectionIsCountedByWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	platform := func(next http.RoundTripper) http.RoundTripper {
		seen := map[string]int{}
		return platformFunc(func(r *http.Request) (*http.Response, error) {
			rejected := says(http.StatusOK, nil, `{"errcode":40001,"errmsg":"invalid credential"}`)
			seen[r.URL.Path]++
			switch {
			case r.URL.Path == "/test/always":
				return rejected, nil
			case r.URL.Path == "/test/breaks" && seen[r.URL.Path] > 1:
				return nil, errors.New("connection reset by peer")
			case r.URL.Path == "/test/breaks":
				return rejected, nil
			default:
				return next.RoundTrip(r)
			}
		})
	}
	small := func(c *gateway.Config) { c.MaxReplay = 1000 }
	inBubble(t, stackConfig{transport: platform, change: small}, func(t *testing.T, s *stack) {
		tok := s.token(virtualKey)
		kill := func() {
			t.Helper()
			if _, err := s.Sandbox.KillCurrent(stacktest.AppID, sandbox.Stable); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			want, result string
			call         func() answer
		}{
			{"done", "ok", func() answer { return s.get(users, tok) }},
			{"unanswered", "unanswered", func() answer { return s.get("/test/breaks", tok) }},
			{"rejected", "platform_refused", func() answer { return s.get("/test/always", tok) }},
			{"too_large", "platform_refused", func() answer { return s.post(message, tok, text+strings.Repeat(" ", 2000)) }},
			{"no_token", "platform_refused", func() answer {
				s.Sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultStatus, Path: "/cgi-bin/stable_token", Status: 502})
				defer s.Sandbox.ClearFaults()
				return s.get(users, tok)
			}},
		} {
			kill()
			want, calls := s.counted("hufu_gateway_rejected_total"), s.counted("hufu_gateway_calls_total")
			a := c.call()
			want[c.want]++
			calls[c.result]++
			if got := s.counted("hufu_gateway_rejected_total"); !maps.Equal(got, want) {
				t.Errorf("%s: the rejections are %v, want %v: %s", c.want, got, want, a.body)
			}
			if got := s.counted("hufu_gateway_calls_total"); !maps.Equal(got, calls) {
				t.Errorf("%s: the calls are %v, want %v: %s", c.want, got, calls, a.body)
			}
			time.Sleep(10 * time.Minute)
		}
	})
}
