package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// curlMain does of curl what the demo's lines need, for machines without it.
func curlMain() {
	var body, url string
	header := http.Header{}
	method, limit, fail := http.MethodGet, time.Minute, false
	args := os.Args[1:]
	for i := 0; i < len(args); i++ {
		switch a := args[i]; a {
		case "-s", "-sN":
		case "-f":
			fail = true
		case "-H", "-d", "-m":
			i++
			switch a {
			case "-H":
				name, value, _ := strings.Cut(args[i], ": ")
				header.Set(name, value)
			case "-d":
				method, body = http.MethodPost, args[i]
				header.Set("Content-Type", "application/x-www-form-urlencoded")
			case "-m":
				n, _ := strconv.Atoi(args[i])
				limit = time.Duration(n) * time.Second
			}
		default:
			url = a
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	code := curl(ctx, method, url, body, header, fail)
	cancel()
	os.Exit(code)
}

// curl returns curl's exit code.
func curl(ctx context.Context, method, url, body string, header http.Header, fail bool) int {
	const noConnection, httpError, timedOut = 7, 22, 28
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return noConnection
	}
	req.Header = header
	resp, err := new(http.Transport).RoundTrip(req)
	if err != nil {
		return noConnection
	}
	defer func() { _ = resp.Body.Close() }()
	if fail && resp.StatusCode >= http.StatusBadRequest {
		return httpError
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		fmt.Println(lines.Text())
	}
	if ctx.Err() != nil {
		return timedOut
	}
	return 0
}
