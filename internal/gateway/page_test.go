package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// I6: what stands before a platform answers with pages, which may quote the call anywhere
// in them. They are looked through as a whole, or do not pass.
func TestI6PagesQuoteNoSecrets(t *testing.T) {
	t.Parallel()
	platform := besides(func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		var size int
		_, _ = fmt.Sscan(q.Get("size"), &size)
		content := strings.Repeat("x", size) + " you asked for " + r.URL.RequestURI() + " end"
		status, h := http.StatusOK, http.Header{"Content-Type": {"text/html; charset=utf-8"}}
		switch q.Get("how") {
		case "error":
			status = http.StatusBadGateway
			h.Set("Content-Type", "text/plain")
		case "redirect":
			status = http.StatusFound
			h.Set("Content-Type", "text/plain")
			h.Set("Location", "http://elsewhere.example"+r.URL.RequestURI())
		case "packed":
			content = packed(t, content)
			h.Set("Content-Encoding", "gzip")
		case "unreadable":
			h.Set("Content-Encoding", "br")
		case "binary":
			h.Set("Content-Type", "application/octet-stream")
		}
		resp := says(status, h, content)
		resp.ContentLength = -1
		return resp, nil
	})
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		plain := s.token(callerKey)
		for _, c := range []struct {
			how    string
			size   int
			status int // zero: it does not pass
			whole  bool
		}{
			{"page", 10, http.StatusOK, false},
			{"page", 10_000, http.StatusOK, false},
			{"page", 100_000, 0, false},
			{"error", 10_000, http.StatusBadGateway, false},
			{"error", 100_000, 0, false},
			{"redirect", 10_000, http.StatusFound, false},
			{"packed", 10_000, http.StatusOK, false},
			{"unreadable", 10_000, 0, false},
			{"binary", 100_000, http.StatusOK, true}, // data is not looked through
		} {
			a := s.keyed(http.MethodGet, fmt.Sprintf("/test/x?how=%s&size=%d", c.how, c.size), callerKey, "")
			name := fmt.Sprintf("%s of %d bytes", c.how, c.size)
			if c.status == 0 {
				if a.status != http.StatusBadGateway || a.Code != broker.ErrUnreachable.Code || !strings.Contains(a.Detail, "something else than the platform") {
					t.Errorf("%s: %d %q", name, a.status, a.body[:min(len(a.body), 200)])
				}
				continue
			}
			body := a.clear(t)
			if a.status != c.status || !strings.HasPrefix(body, "xxxxxxxxxx") || !strings.HasSuffix(body, " end") || len(body) < c.size {
				t.Errorf("%s: %d, %d bytes that end in %q", name, a.status, len(body), body[max(0, len(body)-100):])
			}
			if strings.Contains(body, plain) != c.whole || strings.Contains(fmt.Sprint(a.header), plain) {
				t.Errorf("I6: %s: ends in %q, header %v", name, body[max(0, len(body)-100):], a.header)
			}
		}
		if strings.Contains(s.Log.String(), plain) {
			t.Error("I6: the token is in the log")
		}
	})
}

// I6: what a platform says before its answer, and after it, may quote the call and is for
// nobody.
func TestI6OnlyTheAnswerItselfIsPassedOn(t *testing.T) {
	t.Parallel()
	platform := besides(func(r *http.Request) (*http.Response, error) {
		if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.Got1xxResponse != nil {
			header := textproto.MIMEHeader{"Link": {"<" + r.URL.RequestURI() + ">; rel=preload"}}
			if err := trace.Got1xxResponse(http.StatusEarlyHints, header); err != nil {
				return nil, err
			}
		}
		resp := says(http.StatusOK, http.Header{"Content-Type": {"application/octet-stream"}}, "data")
		resp.Trailer = http.Header{"X-Sum": {r.URL.RequestURI()}}
		return resp, nil
	})
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		plain := s.token(callerKey)
		a := s.get("/test/x", s.token(virtualKey))
		if a.status != http.StatusOK || string(a.body) != "data" {
			t.Errorf("%d %s", a.status, a.body)
		}
		if said := fmt.Sprint(a.header); strings.Contains(said, plain) || strings.Contains(said, "X-Sum") {
			t.Errorf("I6: %s", said)
		}
	})
}

// Who waits as long as an answer says finds the path open.
func TestAThrottledPathIsOpenWhenItIsSaidToBe(t *testing.T) {
	t.Parallel()
	full := true
	platform := besides(func(*http.Request) (*http.Response, error) {
		if full {
			return says(http.StatusOK, nil, `{"errcode":45011,"errmsg":"api minute-quota reach limit"}`), nil
		}
		return says(http.StatusOK, nil, `{"errcode":0}`), nil
	})
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		opaque := s.token(virtualKey)
		time.Sleep(300 * time.Millisecond) // into a second
		s.get("/test/x", opaque)
		full = false
		a := s.get("/test/x", opaque)
		seconds := 0
		if _, err := fmt.Sscan(a.header.Get("Retry-After"), &seconds); err != nil || a.Errcode != 45011 || seconds < 1 || !bytes.Contains(a.body, []byte("minute-quota")) {
			t.Fatalf("%s, Retry-After %q", a.body, a.header.Get("Retry-After"))
		}
		time.Sleep(time.Duration(seconds)*time.Second - 2*time.Second)
		if a := s.get("/test/x", opaque); a.Errcode != 45011 {
			t.Errorf("two seconds too early: %s", a.body)
		}
		time.Sleep(2 * time.Second)
		if a := s.get("/test/x", opaque); !a.ok() {
			t.Errorf("after %d s: %s", seconds, a.body)
		}
	})
}
