package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	pause          = 100 * time.Millisecond
	mostFaultsKept = 20
)

// call is one thing that a business server does.
type call struct {
	name string
	do   func() error
}

// server is one business server.
type server struct {
	Who     string         `json:"who"`
	Calls   int            `json:"calls"`
	Failed  int            `json:"failed"`
	Slowest int64          `json:"slowest_ms"`
	Tokens  int            `json:"token_requests"`
	ByCall  map[string]int `json:"by_call"`
	Faults  []string       `json:"faults,omitempty"`

	calls  []call
	kept   *counted
	once   bool   // whether it may not ask for a second token
	hidden string // may not be printed
	began  time.Time
	mu     sync.Mutex
}

// newServer returns one that has not made any of the calls.
func newServer(who, hidden string, calls []call, kept *counted) *server {
	return &server{Who: who, ByCall: map[string]int{}, calls: calls, kept: kept, hidden: hidden, began: time.Now()}
}

// do makes a call and notes how it went.
func (s *server) do(c call) {
	from := time.Now()
	err := c.do()
	took := time.Since(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Calls++
	s.ByCall[c.name]++
	s.Slowest = max(s.Slowest, took.Milliseconds())
	if err == nil {
		return
	}
	s.Failed++
	if len(s.Faults) < mostFaultsKept {
		s.Faults = append(s.Faults, fmt.Sprintf("%.1fs: %s: %s", from.Sub(s.began).Seconds(), c.name, s.redacted(err)))
	}
}

var shown = regexp.MustCompile(`access_token=[^&\s"]+`)

// redacted is what may be printed of an error: those of HTTP clients have whole URLs in them.
func (s *server) redacted(err error) string {
	return shown.ReplaceAllString(strings.ReplaceAll(err.Error(), s.hidden, "***"), "access_token=***")
}

// run makes the calls one after the other until ctx ends.
func (s *server) run(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		s.do(s.calls[i%len(s.calls)])
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// round makes every call once, all at the same time or one after the other.
func (s *server) round(together bool) {
	var wg sync.WaitGroup
	for _, c := range s.calls {
		if together {
			wg.Go(func() { s.do(c) })
		} else {
			s.do(c)
		}
	}
	wg.Wait()
}

// asked counts the tokens that the server has asked for, and holds that against its promise.
func (s *server) asked() {
	if len(s.kept.tokens) == 0 {
		s.fault("kept no token: has the SDK got other keys in its cache?")
	}
	for _, n := range s.kept.tokens {
		s.Tokens += n
		if s.once && n != 1 {
			s.fault("asked for a token more than once")
		}
	}
}

func (s *server) fault(text string) {
	s.Failed++
	s.Faults = append(s.Faults, text)
}

// report prints how it went, as JSON, and fails if anything did.
func report(servers []*server, apps []app) error {
	failed := 0
	for _, s := range servers {
		s.asked()
		failed += s.Failed
	}
	for _, a := range apps {
		failed += len(a.Faults)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(struct {
		OK      bool      `json:"ok"`
		Apps    []app     `json:"apps,omitempty"`
		Servers []*server `json:"servers"`
	}{failed == 0, apps, servers}); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	if failed > 0 {
		return fmt.Errorf("%d faults", failed)
	}
	return nil
}
