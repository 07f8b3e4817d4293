package e2e_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// island is a network namespace with two links to the one that the test is in: one for
// the store, which can be cut, and one for everything else.
type island struct {
	t    *testing.T
	name string
	n    int // of its networks
}

var islands atomic.Int64

func newIsland(t *testing.T) *island {
	t.Helper()
	if reason := cannotSplit(); reason != "" {
		if os.Getenv("CI") != "" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	k := int(islands.Add(1))
	s := &island{t: t, name: fmt.Sprintf("hufu%d-%d", os.Getpid(), k), n: 2 * k}
	s.ip("netns", "add", s.name)
	t.Cleanup(func() { s.ip("netns", "delete", s.name) }) // and with it the links
	s.ip("-n", s.name, "link", "set", "lo", "up")
	for _, link := range []int{s.n, s.n + 1} {
		here, there := s.link(link), fmt.Sprintf("in%d", link)
		s.ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", s.name)
		s.ip("address", "add", host(link, 1)+"/30", "dev", here)
		s.ip("-n", s.name, "address", "add", host(link, 2)+"/30", "dev", there)
		s.ip("link", "set", here, "up")
		s.ip("-n", s.name, "link", "set", there, "up")
	}
	return s
}

func cannotSplit() string {
	switch {
	case runtime.GOOS != "linux":
		return "network namespaces are Linux's"
	case os.Geteuid() != 0:
		return "only root makes network namespaces"
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return "the program ip is not installed (Debian: iproute2)"
	}
	return ""
}

func (s *island) link(n int) string { return fmt.Sprintf("hf%d-%d", os.Getpid()%100000, n) }

// host is an address on one of the links. It has to be a private one, to which secrets may
// be sent in the clear.
func host(link, n int) string { return fmt.Sprintf("10.213.%d.%d", link, n) }

func (s *island) ip(args ...string) {
	s.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		s.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// program is what runs a program on the island.
func (s *island) program() []string { return []string{"ip", "netns", "exec", s.name} }

// address is the island's, as the test sees it.
func (s *island) address() string { return host(s.n+1, 2) }

// share makes a server on loopback reachable from the island, and returns its address.
func (s *island) share(addr string) string { return s.forward(host(s.n+1, 1), addr) }

// shareStore is share over the link that can be cut.
func (s *island) shareStore(addr string) string { return s.forward(host(s.n, 1), addr) }

func (s *island) cut()  { s.ip("link", "set", s.link(s.n), "down") }
func (s *island) mend() { s.ip("link", "set", s.link(s.n), "up") }

// forward passes connections on until the test ends.
func (s *island) forward(from, to string) string {
	s.t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(from, "0"))
	if err != nil {
		s.t.Fatal(err)
	}
	var wg sync.WaitGroup
	var open sync.Map
	s.t.Cleanup(func() {
		_ = l.Close()
		open.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
		wg.Wait()
	})
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			open.Store(in, nil)
			open.Store(out, nil)
			pass := func(dst, src net.Conn) {
				_, _ = io.Copy(dst, src) // either end may have gone
				_, _ = dst.Close(), src.Close()
				open.Delete(src)
			}
			wg.Go(func() { pass(in, out) })
			wg.Go(func() { pass(out, in) })
		}
	})
	return l.Addr().String()
}
