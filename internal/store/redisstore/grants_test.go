package redisstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
)

// A page is read in two steps, between which grants may be deleted. Whoever turns pages goes
// by whether they are full.
func TestAPageIsFullAlthoughGrantsWereDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	s := open(t, server.URL)
	var want []string
	for i := range 12 {
		user := fmt.Sprintf("user-%02d", i)
		k := broker.Key{App: "shop", Kind: "snsapi_base", Subject: user}
		if _, err := s.Grants().Put(t.Context(), broker.Grant{Key: k}); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			want = append(want, user)
			continue
		}
		// As it looks when the place was read before and the grant after it has gone.
		gone := command(t, server, "EVAL", "for _, k in ipairs(redis.call('KEYS', '{hufu}:grants:*')) do "+
			"if redis.call('HDEL', k, ARGV[1]) == 1 then return 1 end end return 0", "0", k.String())
		if !strings.Contains(gone, "1") {
			t.Fatalf("the grant of %s is not where it was looked for", user)
		}
	}
	var got []string
	var after broker.Key
	for {
		page, err := s.Grants().Page(t.Context(), "shop", after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page {
			got = append(got, g.Key.Subject)
		}
		if len(page) < 2 {
			break
		}
		after = page[1].Key
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestARedisWithoutMemoryKeepsNoHalfAGrant(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{Args: []string{"--maxmemory-policy", "noeviction"}})
	s := open(t, server.URL)
	g := broker.Grant{Key: broker.Key{App: "shop", Kind: "snsapi_base", Subject: "user"}}
	command(t, server, "CONFIG", "SET", "maxmemory", "1")
	if _, err := s.Grants().Put(t.Context(), g); err == nil || !strings.Contains(err.Error(), "raise its maxmemory") {
		t.Errorf("got %v", err)
	}
	command(t, server, "CONFIG", "SET", "maxmemory", "0")
	if n := command(t, server, "EXISTS", "{hufu}:users:shop"); n != "0" {
		t.Error("the list of users has somebody without a grant")
	}
	if v, err := s.Grants().Put(t.Context(), g); v != 1 || err != nil {
		t.Errorf("afterwards: %d, %v", v, err)
	}
	// An app without grants leaves nothing behind.
	if err := s.Grants().Delete(t.Context(), g.Key, 1); err != nil {
		t.Error(err)
	}
	if n := command(t, server, "EXISTS", "{hufu}:users:shop"); n != "0" {
		t.Error("the list of users outlives them")
	}
}
