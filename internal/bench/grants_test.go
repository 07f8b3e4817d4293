package bench_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	grantSizes  = flag.String("bench-grant-sizes", "1000,100000", "numbers of users whose grants are kept; a million more take some minutes")
	grantStores = flag.String("bench-grant-stores", "SQLite", "stores that keep users' grants: SQLite, Redis, PostgreSQL, MariaDB")
)

// grantStore is a store for users' grants.
type grantStore struct {
	name  string
	empty func(t *testing.T) place
	// hurry says whether writes may be lost in a crash: while a store is filled.
	hurry func(t *testing.T, on bool)
	// stored is how many bytes the store takes.
	stored func(t *testing.T, at place) int64
}

// keptRow is a server that keeps the grants of so many users.
type keptRow struct {
	filled time.Duration
	bytes  int64 // of the store, for each user
	grantFigures
}

// users measures servers that keep what users have granted: that memory does not grow
// with them, and what a look-up, a refresh and the rest cost beside the bare store.
func users(t *testing.T) {
	for name := range strings.SplitSeq(*grantStores, ",") {
		t.Run(name, func(t *testing.T) { usersIn(t, grantStoreCalled(t, name)) })
	}
}

func usersIn(t *testing.T, s *grantStore) {
	var kept []keptRow
	defer func() { printGrants(s, kept) }()
	reads := []*contender{{name: "bare net/http, same bytes", request: appRead, child: startChild(t, "bare")}}
	for _, n := range append([]int{0}, numbers(t, *grantSizes)...) {
		at := s.empty(t)
		row := keptRow{}
		s.hurry(t, true)
		begun := time.Now()
		if err := fillGrants(t.Context(), at, n); err != nil {
			t.Fatal(err)
		}
		row.filled = time.Since(begun)
		s.hurry(t, false)
		row.bytes = s.stored(t, at) / int64(max(n, 1))
		askChild(t, grantRole(n, at), &row.grantFigures)
		kept = append(kept, row)
		if n == 0 {
			continue
		}
		child := startChild(t, "users@"+at.String())
		if len(reads) == 1 {
			reads = append(reads, &contender{name: "the app's token", request: appRead, child: child})
		}
		reads = append(reads, &contender{name: fmt.Sprintf("a user's token, of %d users", n), requests: userReads(n), child: child})
	}
	fmt.Printf("Reads of users' tokens, over %s: server on one core, load from the other, 64 connections, medians of %d alternating rounds of %v\n\n", s.name, *rounds, *period)
	compare(t, reads)
}

// appRead is a read of the app's own token.
const appRead = "GET /v1/apps/wx0000000000000000/tokens/access_token HTTP/1.1\r\nHost: hufu\r\nAuthorization: Bearer " + clientKey + "\r\n\r\n"

// userReads are reads of many users' tokens, out of n.
func userReads(n int) [][]byte {
	requests := make([][]byte, 10_000)
	for i := range requests {
		requests[i] = []byte("GET " + userPath(i*n/len(requests)) + " HTTP/1.1\r\nHost: hufu\r\nAuthorization: Bearer " + clientKey + "\r\n\r\n")
	}
	return requests
}

func printGrants(s *grantStore, rows []keptRow) {
	fmt.Printf("Users' grants kept in %s, and memory of a server before and after %d of their tokens were read over its API\n\n", s.name, remembering)
	fmt.Printf("| users | filled in | stored for each | start | heap in use | resident | heap in use after | resident after |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		if r.Users == 0 {
			fmt.Printf("| none | – | – | %v | %s | %s | – | – |\n", r.Start.Round(time.Millisecond), mebibytes(r.Heap), mebibytes(r.RSS))
			continue
		}
		fmt.Printf("| %d | %v | %d B | %v | %s | %s | %s | %s |\n", r.Users, r.filled.Round(100*time.Millisecond), r.bytes, r.Start.Round(time.Millisecond),
			mebibytes(r.Heap), mebibytes(r.RSS), mebibytes(r.HeapRead), mebibytes(r.RSSRead))
	}
	fmt.Printf("\nWhat is done with users' grants, beside the bare store, medians of %d alternating rounds\n\n", *rounds)
	fmt.Printf("| users | what | at a time | a second | CPU | yardstick | a second | CPU | ratio | of CPU |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		for _, w := range r.Works {
			var rates, cpus []float64
			for i, rate := range w.Rates {
				rates = append(rates, rate.PerSecond/w.Yards[i].PerSecond)
				cpus = append(cpus, float64(rate.CPU)/float64(w.Yards[i].CPU))
			}
			fmt.Printf("| %d | %s | %d | %s | %s | %s | %.2f | %.1f |\n", r.Users, w.Name, w.AtATime, usual(w.Rates), w.Yardstick, usual(w.Yards), middle(rates), middle(cpus))
		}
	}
	fmt.Printf("\n%d ask for one user's token at once\n\n", crowdSize)
	fmt.Printf("| users | it has run out: all have it after | refreshes | one asks alone | it lives: all have it after |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		if r.Asked > 0 {
			fmt.Printf("| %d | %v | %.2f | %v | %v |\n", r.Users, center(r.Crowd), float64(r.Refreshes)/float64(r.Asked), center(r.Solo), center(r.Calm))
		}
	}
	fmt.Println()
}

// usual is the medians of both.
func usual(paces []pace) string {
	p := pace{
		PerSecond: median(paces, func(a, b pace) int { return cmp.Compare(a.PerSecond, b.PerSecond) }).PerSecond,
		CPU:       median(paces, func(a, b pace) int { return cmp.Compare(a.CPU, b.CPU) }).CPU,
	}
	return fmt.Sprintf("%.0f | %v", p.PerSecond, p.CPU.Round(time.Microsecond))
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func center(ds []time.Duration) time.Duration {
	return median(ds, cmp.Compare[time.Duration]).Round(100 * time.Microsecond)
}

// grantStoreCalled starts a store's server, where it has one.
func grantStoreCalled(t *testing.T, name string) *grantStore {
	t.Helper()
	if name == "SQLite" {
		return &grantStore{
			name: "SQLite",
			empty: func(t *testing.T) place {
				t.Helper()
				dir := t.TempDir()
				return place{keyset: filepath.Join(dir, "keyset.json"), store: filepath.Join(dir, "hufu.db")}
			},
			hurry: func(*testing.T, bool) {},
			stored: func(t *testing.T, at place) int64 {
				t.Helper()
				fi, err := os.Stat(at.store)
				if err != nil {
					t.Fatal(err)
				}
				return fi.Size()
			},
		}
	}
	start, ok := backends()[name]
	if !ok {
		t.Fatalf("there is no store %q", name)
	}
	b := start(t)
	return &grantStore{
		name: b.name,
		empty: func(t *testing.T) place {
			t.Helper()
			return place{keyset: filepath.Join(t.TempDir(), "keyset.json"), store: b.empty(t)}
		},
		hurry:  b.hurry,
		stored: func(t *testing.T, at place) int64 { t.Helper(); return b.stored(t, at.store) },
	}
}
