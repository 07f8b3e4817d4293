// Command sdkcheck plays business servers that use an unmodified SDK of Go with its base URL
// pointed at a Hufu server, while somebody else kills and steals the apps' tokens. Not one
// call may fail.
//
// usage: sdkcheck BASE_URL SECONDS, or sdkcheck cached … and sdkcheck platforms …, see
// [cached] and [platforms]
//
// Keys and app ids are in the environment, see gateway.sh. It prints a summary as JSON.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sdkcheck:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) > 1 {
		switch args := os.Args[2:]; os.Args[1] {
		case "cached":
			return cached(args)
		case "platforms":
			return platforms(args)
		}
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
			calls, kept, err := silenceper(id, key, dir)
			if err != nil {
				return err
			}
			s := newServer(strings.ToLower("silenceper, "+handout+", "+app), key, calls, kept)
			s.once = handout == "VIRTUAL"
			servers = append(servers, s)
		}
	}
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
	return report(servers, nil)
}
