package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// healthTimeout is less than what those who ask regularly wait themselves.
	healthTimeout = 3 * time.Second
	// maxHealth is more than any answer.
	maxHealth = 4 << 20
	// shownReasons is how many of them are worth reading in a log.
	shownReasons = 10
)

// health is what a server says of itself: of /healthz only the status.
type health struct {
	Status string `json:"status"`
	Apps   int    `json:"apps"`
	Usable int    `json:"usable"`
	Store  struct {
		Reachable bool `json:"reachable"`
	} `json:"store"`
	Reasons []struct {
		App   string `json:"app"`
		Kind  string `json:"kind"`
		State string `json:"state"`
		Code  string `json:"code"`
	} `json:"reasons"`
}

func newHealth() *cobra.Command {
	var live bool
	cmd := &cobra.Command{
		Use: "health [URL]", Short: "Ask a server whether it is ready",
		Long: "Ask a server whether it is ready, by GET /readyz, or with --live only whether it answers, by\n" +
			"GET /healthz. No key is needed. URL is where it is (default HUFU_ADDR, or " + defaultAddr + ").\n\n" +
			"The exit code is 0 if it is ready, or degraded: then some of its apps or its store are in\n" +
			"trouble, and all else is served. It is 1 if it is not ready or does not answer within three\n" +
			"seconds. This is for health checks of containers, which have nothing else to ask with.",
		Args: args(cobra.MaximumNArgs(1)),
	}
	cmd.Flags().BoolVar(&live, "live", false, "only whether it answers")
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, addr := "HUFU_ADDR", cmp.Or(os.Getenv("HUFU_ADDR"), defaultAddr)
		if len(args) > 0 {
			from, addr = "URL", args[0]
		}
		base, err := url.Parse(addr)
		if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" {
			return usageOf(cmd, fmt.Errorf("%s is not of the form http://HOST:PORT or https://HOST", from))
		}
		path := "/readyz"
		if live {
			path = "/healthz"
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), healthTimeout)
		defer cancel()
		answer, good, err := askHealth(ctx, base.JoinPath(path).String())
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: no answer within %v", err, healthTimeout)
		}
		if err != nil {
			return err
		}
		var h health
		if err := json.Unmarshal(answer, &h); err != nil || h.Status == "" {
			return fmt.Errorf("%s: what answers is no hufu server", base)
		}
		if err := out.print(cmd, json.RawMessage(answer), func(t *table) { h.rows(t, live) }); err != nil {
			return err
		}
		if !good {
			return errHelped // it has been said
		}
		return nil
	}
	return cmd
}

// askHealth asks once, follows nothing, and says whether the answer is a good one.
func askHealth(ctx context.Context, target string) (answer []byte, good bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody) //nolint:gosec // G704: where to ask is the operator's choice.
	if err != nil {
		return nil, false, fmt.Errorf("ask the server: %w", err)
	}
	resp, err := explaining{keyTransport()}.RoundTrip(req)
	if err != nil {
		return nil, false, fmt.Errorf("GET %s: %w", target, err)
	}
	defer func() { _ = resp.Body.Close() }() // It has been read.
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxHealth))
	if err != nil {
		return nil, false, fmt.Errorf("GET %s: %w", target, err)
	}
	return answer, resp.StatusCode == http.StatusOK, nil
}

func (h health) rows(t *table, live bool) {
	if live {
		t.row(h.Status)
		return
	}
	t.row(fmt.Sprintf("%s: %s, %s", strings.ReplaceAll(h.Status, "_", " "), count(h.Apps, "app"), count(h.Usable, "usable token")))
	if !h.Store.Reachable {
		t.row("the store cannot be reached")
	}
	for i, r := range h.Reasons {
		if i == shownReasons {
			t.row(fmt.Sprintf("and %d more", len(h.Reasons)-i))
			break
		}
		line := fmt.Sprintf("%s/%s: %s", r.App, r.Kind, r.State)
		if r.App == "" {
			line = r.State // of the server itself
		}
		if r.Code != "" {
			line += ", " + r.Code
		}
		t.row(line)
	}
}
