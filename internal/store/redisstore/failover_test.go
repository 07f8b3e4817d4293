package redisstore_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/redisstore"
)

func TestWritesGoOnAfterAFailover(t *testing.T) {
	t.Parallel()
	sentinels := servertest.StartRedisSentinels(t, servertest.RedisConfig{Password: password})
	s := open(t, sentinels.URL)
	f := follow(t, s)
	r := put(t, s, broker.Record{Key: key(1)})
	f.until(t, r.Key, 1)
	told := command(t, sentinels.Master, "XLEN", "{hufu}:changes")
	servertest.Await(t, func() bool { return command(t, sentinels.Replica, "XLEN", "{hufu}:changes") == told })
	sentinels.Master.Kill()
	servertest.Await(t, func() bool {
		v, err := s.Put(t.Context(), r)
		if errors.Is(err, broker.ErrConflict) {
			t.Fatal("a write that nobody else made is in conflict")
		}
		if err == nil {
			r.Version = v
		}
		return err == nil
	})
	if r.Version != 2 {
		t.Errorf("the first write after the failover gave version %d", r.Version)
	}
	// Nothing was lost here, so the watch goes on; where it cannot know, it ends.
	servertest.Await(t, func() bool {
		select {
		case <-f.ended:
			if !errors.Is(f.err, redisstore.ErrMissed) {
				t.Fatalf("the watch ended with %v", f.err)
			}
			return true
		default:
			return f.at(r.Key) == 2
		}
	})
}

func TestAReplicaIsRefused(t *testing.T) {
	t.Parallel()
	sentinels := servertest.StartRedisSentinels(t, servertest.RedisConfig{})
	_, err := redisstore.Open(t.Context(), redisstore.Config{URL: patient(sentinels.Replica.URL)})
	if err == nil || !strings.Contains(err.Error(), "this Redis is a replica") {
		t.Errorf("open of a replica: %v", err)
	}
	_, err = redisstore.Open(t.Context(), redisstore.Config{URL: patient(with(sentinels.URL, "master_set", "other"))})
	if err == nil || !strings.Contains(err.Error(), "no master of the name in master_set") {
		t.Errorf("open of a master that nobody watches: %v", err)
	}
}
