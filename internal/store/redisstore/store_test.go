package redisstore_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/redisstore"
	"github.com/hufu-io/hufu/internal/store/storetest"
)

const password = "p:a/s%s@w#o?r&d"

func TestStore(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t, servertest.RedisConfig{Password: password})
	conform(t, s.URL)
}

func TestStoreOnACluster(t *testing.T) {
	t.Parallel()
	nodes := servertest.StartRedisCluster(t, 3, servertest.RedisConfig{Password: password})
	conform(t, nodes[0].URL)
}

// conform runs the suite, with a prefix for each of its stores.
func conform(t *testing.T, redis string) {
	t.Helper()
	var stores atomic.Int64
	storetest.Run(t, storetest.Harness{
		TTL:  time.Second,
		Skip: storetest.Skip{LeaseMachine: "time passes by itself on the Redis' own clock"},
		Open: func(t *testing.T) storetest.Fixture {
			name := with(redis, "prefix", fmt.Sprintf("store-%d", stores.Add(1)))
			s := open(t, name)
			return storetest.Fixture{
				Store:  s,
				Handle: func() broker.Store { return open(t, name) },
				Reopen: func() broker.Store { shut(t, s); return open(t, name) },
				// The Redis' clock and this machine's are one. Keys run out when a whole
				// millisecond is over.
				Advance: func(d time.Duration) { <-time.After(d + 5*time.Millisecond) },
			}
		},
	})
}

// with sets a parameter of a URL.
func with(redis, name, value string) string {
	u, err := url.Parse(redis)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// patient gives a URL that has none a dial_timeout that does for a busy machine.
func patient(redis string) broker.Secret {
	if !strings.Contains(redis, "dial_timeout=") {
		redis = with(redis, "dial_timeout", "2m")
	}
	return broker.NewSecret(redis)
}

// open opens a store and closes it when the test ends.
func open(t testing.TB, redis string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), redisstore.Config{URL: patient(redis)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t testing.TB, s *redisstore.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
