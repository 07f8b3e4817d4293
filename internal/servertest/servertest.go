// Package servertest runs real servers for tests: each on a port of its own on
// loopback, in a folder that goes with the test, and ended by its process id when
// the test ends. A server also dies with the test process, however that ends.
//
// Where a server's program is not installed, a test that asks for it is skipped; in
// CI, which says so with the variable CI, it fails instead.
package servertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// They do for a machine that is busy with other tests.
	startTimeout = time.Minute
	stopTimeout  = 20 * time.Second
	pollEvery    = 10 * time.Millisecond
	// maxStarts is how often a server is started on another port, where somebody took
	// the free one in between.
	maxStarts = 5
)

// program finds a server's program: in PATH, or in one of the folders, which may be
// patterns of [filepath.Glob].
func program(t testing.TB, name string, folders ...string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, f := range folders {
		found, err := filepath.Glob(filepath.Join(f, name))
		if err != nil {
			t.Fatalf("look for %s: %v", name, err)
		}
		if len(found) > 0 {
			return slices.MaxFunc(found, byVersion)
		}
	}
	if ci, ok := os.LookupEnv("CI"); ok && ci != "" && ci != "false" {
		t.Fatalf("%s is not installed, and in CI every test has to run", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// byVersion compares paths by the numbers in them: a folder 9.6 comes before a folder 15.
func byVersion(a, b string) int {
	digits := regexp.MustCompile(`[0-9]+`)
	numbers := func(path string) (n []int) {
		for _, d := range digits.FindAllString(path, -1) {
			i, _ := strconv.Atoi(d) // what is too large for a number is the largest
			n = append(n, i)
		}
		return n
	}
	return slices.Compare(numbers(a), numbers(b))
}

// freePort returns a port on loopback that nobody listens at.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatalf("look for a free port: %v", err)
	}
	defer l.Close() //nolint:errcheck // It was only asked for its port.
	return l.Addr().(*net.TCPAddr).Port
}

// output collects what a server prints, for when it does not start.
type output struct {
	mu   sync.Mutex
	data []byte
}

// Write implements [io.Writer]. Only the end is kept.
func (o *output) Write(p []byte) (int, error) {
	const most = 8 << 10
	o.mu.Lock()
	defer o.mu.Unlock()
	o.data = append(o.data, p...)
	if len(o.data) > most {
		o.data = o.data[len(o.data)-most:]
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.data)
}

// process is one run of a server.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	out  *output
	done chan struct{} // closed when it has ended
}

// launch starts a program in a folder. It is killed when the test ends, if it runs then.
// With owner it runs as that user, who has to be able to write the folder.
func launch(t testing.TB, owner *syscall.Credential, folder, path string, args ...string) *process {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, args...) //nolint:gosec // The program is the test's own choice.
	p := &process{t: t, cmd: cmd, out: &output{}, done: make(chan struct{})}
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, p.out, p.out
	cmd.SysProcAttr = attributes(owner)
	// What it may have started is not waited for.
	cmd.WaitDelay = stopTimeout
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	go func() {
		_ = cmd.Wait() // How it ended is in what it printed.
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

// await polls until the server answers, and reports whether it did; false means that it
// has ended. One that does neither fails the test.
func (p *process) await(answers func(context.Context) error) bool {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), startTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := answers(ctx)
		if err == nil {
			return true
		}
		select {
		case <-p.done:
			return false
		case <-ctx.Done():
			p.t.Fatalf("%s does not answer: %v; it printed:\n%s", p.cmd.Path, err, p.out)
		case <-tick.C:
		}
	}
}

// Await polls until done says so, and fails the test if it does not in time.
func Await(t testing.TB, done func() bool) {
	t.Helper()
	late := time.After(startTimeout)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !done() {
		select {
		case <-late:
			t.Fatal("it did not come to pass in time")
		case <-tick.C:
		}
	}
}

// signal sends a signal to this process and to no other.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("send %v to %s: %v", s, p.cmd.Path, err)
	}
}

// kill ends the process at once and waits for its end.
func (p *process) kill() {
	p.t.Helper()
	p.signal(os.Kill)
	p.wait()
}

// stop asks the process to end, and waits for it.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.wait()
}

func (p *process) wait() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(2 * stopTimeout):
		p.t.Errorf("%s does not end; it printed:\n%s", p.cmd.Path, p.out)
	}
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
