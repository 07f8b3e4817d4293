package bench_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hufu-io/hufu/internal/broker"
)

var (
	report = flag.Bool("bench-report", false, "measure and print the report")
	rounds = flag.Int("bench-rounds", 5, "alternating rounds of each server")
	period = flag.Duration("bench-period", 2*time.Second, "length of one round")
	sizes  = flag.String("bench-sizes", "1000,100000,1000000", "numbers of apps to measure memory and start-up at")
)

// roleEnv makes a child of this test binary a server or a measurement, with a heap and
// a scheduler of its own.
const roleEnv = "HUFU_BENCH_ROLE"

func TestMain(m *testing.M) {
	flag.Parse()
	if role := os.Getenv(roleEnv); role != "" {
		if err := play(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestReport prints the report; it asserts nothing about time.
func TestReport(t *testing.T) {
	if !*report {
		t.Skip("run with -bench-report, or make bench")
	}
	fmt.Printf("%s %s/%s, %d cores\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	t.Run("reads", reads)
	t.Run("calls", calls)
	t.Run("renewals", renewals)
	t.Run("fleets", fleets)
	t.Run("users", users)
	t.Run("growth", growth)
}

// renewals measures a renewal from the decision to the new token being readable, over
// the embedded store with durable commits, the platform answering at once.
func renewals(t *testing.T) {
	const apps = 512
	s := mustStack(t, apps)
	ctx := t.Context()
	for i := range apps {
		if _, err := s.manager.Token(ctx, broker.Key{App: appID(i), Kind: broker.AccessToken}); err != nil {
			t.Fatal(err)
		}
	}
	one := func(i int) error {
		_, err := s.manager.Replace(ctx, broker.Key{App: appID(i), Kind: broker.AccessToken})
		return err
	}
	rate := func(workers, n int, f func(int) error) float64 {
		begun := time.Now()
		var g errgroup.Group
		g.SetLimit(workers)
		for i := range n {
			g.Go(func() error { return f(i) })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		return float64(n) / time.Since(begun).Seconds()
	}
	put := func(i int) error {
		k := broker.Key{App: fmt.Sprintf("put-%d-%d", i, time.Now().UnixNano()), Kind: broker.AccessToken}
		_, err := s.store.Put(ctx, broker.Record{Key: k, Current: broker.SealedToken{Version: 1, Box: make([]byte, 180)}})
		return err
	}
	fmt.Printf("Renewals: lease, read, issue, seal, durable compare-and-swap, release\n\n")
	fmt.Printf("| at a time | renewals/s | single durable writes of the store/s | ratio |\n|---|---|---|---|\n")
	for _, workers := range []int{1, 64} {
		r, w := rate(workers, apps, one), rate(workers, apps, put)
		fmt.Printf("| %d | %.0f | %.0f | %.2f |\n", workers, r, w, r/w)
	}
	fmt.Println()
}

// play is what a child does.
func play(role string) error {
	ctx := context.Background()
	if dir, ok := strings.CutPrefix(role, "size:"); ok {
		return measureSize(ctx, dir)
	}
	if store, ok := strings.CutPrefix(role, "join:"); ok {
		return measureJoin(ctx, store)
	}
	if at, ok := strings.CutPrefix(role, "grants:"); ok {
		return measureGrants(ctx, at)
	}
	runtime.GOMAXPROCS(1)
	role, at, _ := strings.Cut(role, "@")
	var h http.Handler
	switch role {
	case "bare":
		h = bare()
	case "platform":
		h = fastPlatform()
	case "proxy":
		h = proxyTo(at)
	case "hufu":
		dir, err := os.MkdirTemp("", "hufu-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		s, err := openStack(ctx, dir, sandboxFor(1).Transport())
		if err != nil {
			return err
		}
		app := benchApp(0)
		if at != "" {
			app.BaseURL = at
		}
		if err := s.registry.Load(ctx, []*broker.App{app}, benchClients()); err != nil {
			return err
		}
		if _, err := s.manager.Token(ctx, broker.Key{App: appID(0), Kind: broker.AccessToken}); err != nil {
			return err
		}
		h = s.handler
	case "users":
		s, err := openStackAt(ctx, placeAt(at), &usersAtOnce{})
		if err != nil {
			return err
		}
		h = s.handler
	}
	stop, err := profile(role)
	if err != nil {
		return err
	}
	defer stop()
	var served countingHandler
	served.h = h
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: &served, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(l) }()
	fmt.Println(l.Addr())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Println(m.Mallocs, served.n, int64(cpuTime()))
	}
	return nil
}

// profile writes what a child spends its time on to a file named after its role, in the
// folder that HUFU_BENCH_PROFILE names.
func profile(role string) (stop func(), err error) {
	dir := os.Getenv("HUFU_BENCH_PROFILE")
	if dir == "" {
		return func() {}, nil
	}
	w, err := os.CreateTemp(dir, role+"-*.cpu")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(w); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = w.Close()
	}, nil
}

// countingHandler counts without an atomic: the server runs on one core, and a count
// that is off by a few does not matter.
type countingHandler struct {
	h http.Handler
	n uint64
}

func (c *countingHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.n++
	c.h.ServeHTTP(w, r)
}

// bare answers with the bytes of a native read, looking nothing up.
func bare() http.Handler {
	token := strings.Repeat("x", tokenLength)
	body := []byte(`{"app":"` + appID(0) + `","kind":"access_token","token":"` + token + `","version":17,"expires_in":3412,"expiry":"2026-11-21T10:00:00Z"}` + "\n")
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Etag"], h["X-Request-Id"] = bareETag, bareID
		h["Content-Type"], h["Cache-Control"] = bareType, bareCache
		_, _ = w.Write(body)
	})
}

var (
	bareETag  = []string{`"17"`}
	bareID    = []string{"0123456789-1z141z"}
	bareType  = []string{"application/json"}
	bareCache = []string{"no-store"}
)

// child is a server process.
type child struct {
	addr string
	in   interface{ Write([]byte) (int, error) }
	out  *bufio.Scanner
}

func startChild(t *testing.T, role string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // the child ends with its input
		_ = cmd.Wait()
	})
	c := &child{in: in, out: bufio.NewScanner(out)}
	if !c.out.Scan() {
		t.Fatalf("%s did not start", role)
	}
	c.addr = c.out.Text()
	return c
}

// usage is what a child has used so far.
type usage struct {
	mallocs, served uint64
	cpu             time.Duration
}

func (c *child) stats(t *testing.T) (u usage) {
	t.Helper()
	if _, err := c.in.Write([]byte("stats\n")); err != nil {
		t.Fatal(err)
	}
	if !c.out.Scan() {
		t.Fatal("the server is gone")
	}
	if _, err := fmt.Sscan(c.out.Text(), &u.mallocs, &u.served, (*int64)(&u.cpu)); err != nil {
		t.Fatal(err)
	}
	return u
}
