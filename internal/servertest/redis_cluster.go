package servertest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

const slots = 16384

// StartRedisCluster runs a Redis Cluster of several nodes without replicas, which share
// the slots, until the test ends.
func StartRedisCluster(t testing.TB, nodes int, c RedisConfig) []*RedisServer {
	t.Helper()
	c.Cluster, c.part = true, true
	all := make([]*RedisServer, nodes)
	for i := range all {
		all[i] = StartRedis(t, c)
		must(t, all[i], "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/nodes), strconv.Itoa((i+1)*slots/nodes-1))
		if i > 0 {
			must(t, all[i], "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(all[0].port), strconv.Itoa(all[0].bus))
		}
	}
	for _, s := range all {
		s.process.await(func(ctx context.Context) error {
			info, err := s.Command(ctx, "CLUSTER", "INFO")
			if err == nil && (!strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_size:%d", nodes))) {
				err = errors.New("the cluster is not ready")
			}
			return err
		})
	}
	return all
}

func must(t testing.TB, s *RedisServer, args ...string) {
	t.Helper()
	if _, err := s.Command(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
}
