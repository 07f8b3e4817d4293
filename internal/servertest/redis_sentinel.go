package servertest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// RedisSentinels are a master, its replica, and the three Sentinels that put the replica
// in the master's place when it has been gone for half a second.
type RedisSentinels struct {
	// URL has the Sentinels' addresses, and the name of what they watch as master_set.
	URL             string
	Master, Replica *RedisServer
}

const sentinels = 3

// StartRedisSentinels runs them until the test ends.
func StartRedisSentinels(t testing.TB, c RedisConfig) *RedisSentinels {
	t.Helper()
	c.Args = append(slices.Clip(c.Args), "--repl-diskless-sync-delay", "0")
	s := &RedisSentinels{Master: StartRedis(t, c)}
	c.Args = append(c.Args, "--replicaof", "127.0.0.1 "+strconv.Itoa(s.Master.port))
	s.Replica = StartRedis(t, c)
	s.Replica.process.await(has(s.Replica, "replication", "master_link_status:up"))

	watchers := make([]*RedisServer, sentinels)
	q := url.Values{"master_set": {"hufu"}}
	for i := range watchers {
		watchers[i] = startSentinel(t, s.Master, c.Password)
		q.Add("addr", watchers[i].Addr())
	}
	for _, w := range watchers {
		w.process.await(has(w, "sentinel", fmt.Sprintf("status=ok,address=%s,slaves=1,sentinels=%d", s.Master.Addr(), sentinels)))
	}
	u := url.URL{Scheme: "redis", Host: watchers[0].Addr(), RawQuery: q.Encode()}
	if c.Password != "" {
		u.User = url.UserPassword("", c.Password)
	}
	s.URL = u.String()
	return s
}

// startSentinel runs a Sentinel, which keeps its configuration in a file of its own.
func startSentinel(t testing.TB, master *RedisServer, password string) *RedisServer {
	t.Helper()
	s := &RedisServer{t: t, program: program(t, "redis-server"), folder: t.TempDir()}
	for range maxStarts {
		s.port = freePort(t)
		lines := []string{
			"bind 127.0.0.1", fmt.Sprintf("port %d", s.port), "dir " + strconv.Quote(s.folder),
			fmt.Sprintf("sentinel monitor hufu 127.0.0.1 %d 2", master.port),
			"sentinel down-after-milliseconds hufu 500", "sentinel failover-timeout hufu 3000",
		}
		if password != "" {
			lines = append(lines, "sentinel auth-pass hufu "+strconv.Quote(password))
		}
		file := filepath.Join(s.folder, "sentinel.conf")
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.process = launch(t, nil, s.folder, s.program, file, "--sentinel")
		if s.process.await(s.ready) {
			return s
		}
	}
	t.Fatalf("redis-server --sentinel ends at once; it printed:\n%s", s.process.out)
	return nil
}

// has asks whether a section of INFO has some text in it.
func has(s *RedisServer, section, text string) func(context.Context) error {
	return func(ctx context.Context) error {
		info, err := s.Command(ctx, "INFO", section)
		if err == nil && !strings.Contains(info, text) {
			err = errors.New(text + " is not said by INFO " + section)
		}
		return err
	}
}
