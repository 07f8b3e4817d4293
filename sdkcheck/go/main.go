// Command sdkcheck plays business servers that use an unmodified SDK of Go with its base URL
// pointed at a Hufu server, while somebody else kills and steals the apps' tokens. Not one
// call may fail.
//
// usage: sdkcheck BASE_URL SECONDS, or sdkcheck cached …, see [cached]
//
// Keys and app ids are in the environment, see gateway.sh. It prints a summary as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	pause          = 100 * time.Millisecond
	mostFaultsKept = 20
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sdkcheck:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) > 1 && os.Args[1] == "cached" {
		return cached(os.Args[2:])
	}
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: %s BASE_URL SECONDS", os.Args[0])
	}
	seconds, err := strconv.Atoi(os.Args[2])
	if err != nil {
		return fmt.Errorf("read the number of seconds: %w", err)
	}
	dir, err := os.MkdirTemp("", "sdkcheck-")
	if err != nil {
		return fmt.Errorf("make a folder for files: %w", err)
	}
	defer os.RemoveAll(dir)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer cancel()

	base := strings.TrimRight(os.Args[1], "/")
	if err := moveSilenceper(base); err != nil {
		return err
	}
	var servers []*server
	for _, app := range []string{"CLASSIC", "STABLE"} {
		for _, handout := range []string{"REAL", "VIRTUAL"} {
			id, key := os.Getenv("SDKCHECK_"+app), os.Getenv("SDKCHECK_KEY_GO_"+handout)
			if id == "" || key == "" {
				return fmt.Errorf("no app id or key for %s, %s in the environment", app, handout)
			}
			s := &server{
				Who: strings.ToLower("silenceper, " + handout + ", " + app), Virtual: handout == "VIRTUAL",
				ByCall: map[string]int{}, hidden: key,
			}
			if s.calls, s.kept, err = silenceper(id, key, dir); err != nil {
				return err
			}
			servers = append(servers, s)
		}
	}
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
	return report(servers)
}

func report(servers []*server) error {
	failed := 0
	for _, s := range servers {
		failed += s.Failed
		for _, n := range s.kept.tokens {
			s.Tokens += n
			if s.Virtual && n != 1 {
				failed++
				s.Faults = append(s.Faults, "asked for a virtual token more than once")
			}
		}
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(map[string]any{"ok": failed == 0, "servers": servers}); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	if failed > 0 {
		return fmt.Errorf("%d faults", failed)
	}
	return nil
}

// call is one thing that a business server does.
type call struct {
	name string
	do   func() error
}

// server is one business server.
type server struct {
	Who     string         `json:"who"`
	Virtual bool           `json:"virtual"`
	Calls   int            `json:"calls"`
	Failed  int            `json:"failed"`
	Slowest int64          `json:"slowest_ms"`
	Tokens  int            `json:"token_requests"`
	ByCall  map[string]int `json:"by_call"`
	Faults  []string       `json:"faults,omitempty"`

	calls  []call
	kept   *counted
	hidden string // may not be printed
}

func (s *server) run(ctx context.Context) {
	began := time.Now()
	for i := 0; ctx.Err() == nil; i++ {
		c := s.calls[i%len(s.calls)]
		from := time.Now()
		err := c.do()
		s.Calls++
		s.ByCall[c.name]++
		s.Slowest = max(s.Slowest, time.Since(from).Milliseconds())
		if err != nil {
			s.Failed++
			if len(s.Faults) < mostFaultsKept {
				text := strings.ReplaceAll(err.Error(), s.hidden, "***")
				s.Faults = append(s.Faults, fmt.Sprintf("%.1fs: %s: %s", from.Sub(began).Seconds(), c.name, text))
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}
