package servertest_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/servertest"
)

func get(t *testing.T, s *servertest.RedisServer, args ...string) string {
	t.Helper()
	got, err := s.Command(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestARedisServerForgetsUnlessItIsDurable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  servertest.RedisConfig
		want string
	}{
		"in memory": {servertest.RedisConfig{Password: "p:/@%"}, ""},
		"durable":   {servertest.RedisConfig{Durable: true}, "v"},
		"cluster":   {servertest.RedisConfig{Cluster: true, Durable: true, Password: "p"}, "v"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := servertest.StartRedis(t, c.cfg)
			get(t, s, "SET", "k", "v")
			if got := get(t, s, "GET", "k"); got != "v" {
				t.Fatalf("got %q", got)
			}
			s.Restart()
			if got := get(t, s, "GET", "k"); got != c.want {
				t.Errorf("after a restart it holds %q, want %q", got, c.want)
			}
			get(t, s, "SET", "k", "w")
			s.Kill()
			if _, err := s.Command(t.Context(), "PING"); err == nil {
				t.Error("it answers after it was killed")
			}
			s.Restart()
			if got := get(t, s, "GET", "k"); (got == "w") != c.cfg.Durable {
				t.Errorf("after a crash it holds %q", got)
			}
			s.Pause()
			s.Resume()
			get(t, s, "PING")
		})
	}
}

func TestAClusterSharesItsSlots(t *testing.T) {
	t.Parallel()
	nodes := servertest.StartRedisCluster(t, 3, servertest.RedisConfig{})
	if len(nodes) != 3 {
		t.Fatalf("%d nodes", len(nodes))
	}
	refused := 0
	for _, n := range nodes {
		if _, err := n.Command(t.Context(), "SET", "k", "v"); err != nil {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d of 3 nodes refuse a key", refused)
	}
}

func TestSentinelsPromoteTheReplica(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedisSentinels(t, servertest.RedisConfig{Password: "p"})
	get(t, s.Master, "SET", "k", "v")
	get(t, s.Master, "WAIT", "1", "5000")
	s.Master.Kill()
	servertest.Await(t, func() bool {
		_, err := s.Replica.Command(t.Context(), "SET", "l", "v")
		return err == nil
	})
	if got := get(t, s.Replica, "GET", "k"); got != "v" {
		t.Errorf("got %q", got)
	}
}
