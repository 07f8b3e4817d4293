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

	"github.com/hufu-io/hufu/api"
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
	held    chan struct{} // nil, or open while the peer reads nothing
	removed []string      // data of the events of that name, taken since the last takeRemoved
}

func (s *stream) Header() http.Header { return s.header }

func (s *stream) WriteHeader(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	if held != nil {
		<-held
	}
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

// hold makes writes wait until release.
func (s *stream) hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.held = held
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held = nil
		close(held)
	}
}

func (s *stream) fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = true
}

var (
	event        = regexp.MustCompile(`(?m)^event: token\nid: "(\d+)"\ndata: (.*)\n\n`)
	removedEvent = regexp.MustCompile(`(?m)^event: removed\ndata: (.*)\n\n`)
)

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
	for _, m := range removedEvent.FindAllStringSubmatch(rest, -1) {
		s.removed = append(s.removed, m[1])
	}
	rest = removedEvent.ReplaceAllString(rest, "")
	comments = strings.Count(rest, ":\n\n")
	if rest = strings.ReplaceAll(rest, ":\n\n", ""); rest != "" {
		t.Errorf("what is neither event nor comment: %q", rest)
	}
	return events, comments
}

// takeRemoved returns the data of the events "removed" since the last call. The tokens
// that came with them are dropped.
func (s *stream) takeRemoved(t *testing.T) []string {
	t.Helper()
	s.take(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.removed = nil }()
	return s.removed
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
