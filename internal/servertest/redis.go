package servertest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Redis runs a Redis server without a password until the test ends, and returns its URL.
func Redis(t testing.TB) string {
	t.Helper()
	return StartRedis(t, RedisConfig{}).URL
}

// RedisConfig says what a Redis server is to be like. The zero value is one that keeps
// everything in memory and asks for no password.
type RedisConfig struct {
	Password string
	// Cluster makes it a cluster of one node that has all slots.
	Cluster bool
	// Durable keeps every write on disk, so that Restart and Kill lose nothing.
	Durable bool
	// Args are more options, as on the command line: "--maxmemory", "10mb".
	Args []string

	// part leaves it to somebody else to give the node of a cluster its slots.
	part bool
}

// RedisServer is a Redis server that tests may treat badly.
type RedisServer struct {
	// URL is redis://[:PASSWORD@]127.0.0.1:PORT.
	URL string

	t       testing.TB
	cfg     RedisConfig
	program string
	folder  string
	port    int
	bus     int // of a cluster
	process *process
}

// StartRedis runs a Redis server until the test ends.
func StartRedis(t testing.TB, c RedisConfig) *RedisServer {
	t.Helper()
	s := &RedisServer{t: t, cfg: c, program: program(t, "redis-server"), folder: t.TempDir()}
	for range maxStarts {
		s.port, s.bus = freePort(t), freePort(t)
		if s.start() {
			u := url.URL{Scheme: "redis", Host: loopback(s.port)}
			if c.Password != "" {
				u.User = url.UserPassword("", c.Password)
			}
			s.URL = u.String()
			return s
		}
	}
	t.Fatalf("redis-server ends at once, %d times; it printed:\n%s", maxStarts, s.process.out)
	return nil
}

// Addr is the server's HOST:PORT.
func (s *RedisServer) Addr() string { return loopback(s.port) }

// Pause stops the process where it is: connections stay and get no answer.
func (s *RedisServer) Pause() {
	s.t.Helper()
	s.process.signal(syscall.SIGSTOP)
}

// Resume lets the process go on after Pause.
func (s *RedisServer) Resume() {
	s.t.Helper()
	s.process.signal(syscall.SIGCONT)
}

// Kill ends the server as a crash does.
func (s *RedisServer) Kill() {
	s.t.Helper()
	s.process.kill()
}

// Restart starts the server again at the same address, after it was stopped if it still
// runs. It has forgotten everything unless it is durable.
func (s *RedisServer) Restart() {
	s.t.Helper()
	s.process.stop()
	if !s.start() {
		s.t.Fatalf("redis-server does not start again; it printed:\n%s", s.process.out)
	}
}

func (s *RedisServer) start() bool {
	s.t.Helper()
	args := []string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.folder, "--daemonize", "no",
		"--save", "", "--databases", "16",
	}
	if s.cfg.Durable {
		args = append(args, "--appendonly", "yes", "--appendfsync", "always")
	}
	if s.cfg.Password != "" {
		args = append(args, "--requirepass", s.cfg.Password, "--masterauth", s.cfg.Password)
	}
	if s.cfg.Cluster {
		args = append(args, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(s.bus),
			"--cluster-config-file", filepath.Join(s.folder, "nodes.conf"))
	}
	args = append(args, s.cfg.Args...)
	s.process = launch(s.t, nil, s.folder, s.program, args...)
	return s.process.await(s.ready)
}

// ready asks the server whether it can be used, and makes the cluster where there is none
// yet.
func (s *RedisServer) ready(ctx context.Context) error {
	if answer, err := s.Command(ctx, "PING"); err != nil || answer != "PONG" {
		return fmt.Errorf("PING: %q, %w", answer, err)
	}
	if !s.cfg.Cluster || s.cfg.part {
		return nil
	}
	info, err := s.Command(ctx, "CLUSTER", "INFO")
	if err != nil || strings.Contains(info, "cluster_state:ok") {
		return err
	}
	if strings.Contains(info, "cluster_slots_assigned:0") {
		if _, err := s.Command(ctx, "CLUSTER", "ADDSLOTSRANGE", "0", "16383"); err != nil {
			return err
		}
	}
	return fmt.Errorf("the cluster is not ready: %q", info)
}

// Command runs a command that answers with one text or number, on a connection of its
// own and without the client library that is being tested. An empty answer is none.
func (s *RedisServer) Command(ctx context.Context, args ...string) (string, error) {
	d := net.Dialer{Timeout: stopTimeout}
	conn, err := d.DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer conn.Close() //nolint:errcheck // Whatever was to be said has been said.
	if err := conn.SetDeadline(time.Now().Add(stopTimeout)); err != nil {
		return "", fmt.Errorf("set a deadline: %w", err)
	}
	r := bufio.NewReader(conn)
	if s.cfg.Password != "" {
		if _, err := exchange(conn, r, "AUTH", s.cfg.Password); err != nil {
			return "", err
		}
	}
	return exchange(conn, r, args...)
}

// exchange sends one command and reads its answer.
func exchange(w io.Writer, r *bufio.Reader, args ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return "", fmt.Errorf("send %s: %w", args[0], err)
	}
	line, err := r.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read the answer to %s: %w", args[0], err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", fmt.Errorf("%s: no answer", args[0])
	}
	switch rest := line[1:]; line[0] {
	case '+', ':':
		return rest, nil
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return "", err //nolint:wrapcheck // Nil where there is no value.
		}
		data := make([]byte, n+len("\r\n"))
		if _, err := io.ReadFull(r, data); err != nil {
			return "", fmt.Errorf("read the answer to %s: %w", args[0], err)
		}
		return string(data[:n]), nil
	default:
		return "", fmt.Errorf("%s: %s", args[0], line)
	}
}
