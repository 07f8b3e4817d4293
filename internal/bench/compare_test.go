package bench_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
)

// contender is one server process under load.
type contender struct {
	name     string
	request  string
	requests [][]byte // instead of it: several that take turns
	child    *child
	beside   int // the contender that it is compared with, by its place in the list
	rounds   []result
	mallocs  float64         // per request, in the last round
	cpu      []time.Duration // per request
}

// compare loads the contenders in turn, so that what else the machine does strikes all of
// them alike, and prints a table.
func compare(t *testing.T, cs []*contender) {
	t.Helper()
	runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(runtime.NumCPU())
	for i := range *rounds + 1 {
		for _, c := range cs {
			requests := c.requests
			if requests == nil {
				requests = [][]byte{[]byte(c.request)}
			}
			before := c.child.stats(t)
			r, err := load{addr: c.child.addr, requests: requests, conns: 64}.run(*period)
			if err != nil {
				t.Fatal(err)
			}
			after := c.child.stats(t)
			if i == 0 {
				continue // warm-up
			}
			n := after.served - before.served
			c.rounds = append(c.rounds, r)
			c.mallocs = float64(after.mallocs-before.mallocs) / float64(n)
			c.cpu = append(c.cpu, (after.cpu-before.cpu)/time.Duration(n))
		}
	}
	fmt.Printf("| server | req/s | ratio | p50 | p99 | CPU | answer | allocations |\n|---|---|---|---|---|---|---|---|\n")
	for _, c := range cs {
		ratios := make([]float64, len(c.rounds))
		for i := range c.rounds {
			ratios[i] = c.rounds[i].perSecond / cs[c.beside].rounds[i].perSecond
		}
		r := median(c.rounds, func(a, b result) int { return int(a.perSecond - b.perSecond) })
		cpu := median(c.cpu, func(a, b time.Duration) int { return int(a - b) })
		fmt.Printf("| %s | %.0f | %.2f | %v | %v | %v | %d B | %.1f |\n", c.name, r.perSecond,
			median(ratios, func(a, b float64) int { return int((a - b) * 1e6) }), r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond),
			cpu.Round(100*time.Nanosecond), r.bytes, c.mallocs)
	}
	fmt.Println()
}

func median[T any](xs []T, cmp func(a, b T) int) T {
	xs = slices.SortedFunc(slices.Values(xs), cmp)
	return xs[len(xs)/2]
}

func reads(t *testing.T) {
	native := "GET /v1/apps/" + appID(0) + "/tokens/access_token HTTP/1.1\r\nHost: hufu\r\nAuthorization: Bearer " + clientKey + "\r\n\r\n"
	drop := "GET /cgi-bin/token?grant_type=client_credential&appid=" + appID(0) + "&secret=" + clientKey + " HTTP/1.1\r\nHost: hufu\r\n\r\n"
	fmt.Printf("Reads: server on one core, load from the other, 64 connections, medians of %d alternating rounds of %v\n\n", *rounds, *period)
	compare(t, []*contender{
		{name: "bare net/http, same bytes", request: native, child: startChild(t, "bare")},
		{name: "native read", request: native, child: startChild(t, "hufu")},
		{name: "drop-in read", request: drop, child: startChild(t, "hufu")},
	})
}
