package redisstore_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/redisstore"
)

// book is where a logger writes to.
type book struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *book) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

func command(t *testing.T, s *servertest.RedisServer, args ...string) string {
	t.Helper()
	answer, err := s.Command(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestOpenSaysHowDurableRedisIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		cfg     servertest.RedisConfig
		acl     string // of the user, besides what everybody needs
		durable bool
		says    []string
	}{
		{"nothing is kept", servertest.RedisConfig{}, "+info +config|get", false, []string{"level=WARN", "keeps nothing on its disk"}},
		{"snapshots", servertest.RedisConfig{Args: []string{"--save", "3600 1"}}, "+info +config|get", false, []string{"level=WARN", "snapshots only", "3600 1"}},
		{"always", servertest.RedisConfig{Durable: true}, "+info +config|get", true, []string{"level=INFO", "appendfsync=always"}},
		{"every second", servertest.RedisConfig{Args: []string{"--appendonly", "yes"}}, "+info +config|get", true, []string{"level=INFO", "appendfsync=everysec"}},
		{"when the system likes", servertest.RedisConfig{Args: []string{"--appendonly", "yes", "--appendfsync", "no"}}, "+info +config|get", true, []string{"level=WARN", "leaves it to the system"}},
		{"evicting", servertest.RedisConfig{Durable: true, Args: []string{"--maxmemory-policy", "allkeys-lru"}}, "+info +config|get", true, []string{"level=WARN", "noeviction", "allkeys-lru"}},
		{"no CONFIG", servertest.RedisConfig{}, "+info", false, []string{"level=WARN", "appendonly to yes", "CONFIG is forbidden"}},
		{"no CONFIG, durable", servertest.RedisConfig{Durable: true}, "+info", true, []string{"level=INFO", "CONFIG is forbidden"}},
		{"no INFO", servertest.RedisConfig{Durable: true}, "", false, []string{"level=WARN", "may not call INFO"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := servertest.StartRedis(t, c.cfg)
			var log book
			s, err := redisstore.Open(t.Context(), redisstore.Config{URL: patient(withUser(t, server, c.acl)), Logger: log.logger()})
			if err != nil {
				t.Fatal(err)
			}
			defer shut(t, s)
			if s.Durable() != c.durable {
				t.Errorf("durable is %v", s.Durable())
			}
			for _, want := range c.says {
				if !strings.Contains(log.String(), want) {
					t.Errorf("the log does not say %q: %s", want, &log)
				}
			}
			requireNoPassword(t, "the log", log.String())
		})
	}
}

// needed is what a user must be allowed. docs/adr/0021-grants-in-stores.md has it too,
// with what comes to it elsewhere than on a single server.
const needed = "~{hufu}:* +evalsha +eval +hget +hmget +hkeys +hgetall +hset +hsetnx +hdel +set +get +getdel +zadd +zrem +zrangebylex +incrby +xadd +xread +xrange +xrevrange +xdel +time +ping"

// withUser makes a user of few rights and returns the server's URL with it.
func withUser(t *testing.T, s *servertest.RedisServer, more string) string {
	t.Helper()
	command(t, s, append([]string{"ACL", "SETUSER", "hufu", "on", ">" + hostile}, strings.Fields(needed+" "+more)...)...)
	return asUser(t, s.URL)
}

// asUser puts the user into a URL.
func asUser(t *testing.T, redis string) string {
	t.Helper()
	u, err := url.Parse(redis)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("hufu", hostile)
	return u.String()
}

func TestAUserOfFewRightsCanDoEverything(t *testing.T) {
	t.Parallel()
	for name, redis := range map[string]func(*testing.T) string{
		"single": func(t *testing.T) string {
			return withUser(t, servertest.StartRedis(t, servertest.RedisConfig{}), "")
		},
		"cluster": func(t *testing.T) string {
			return withUser(t, servertest.StartRedis(t, servertest.RedisConfig{Cluster: true}), "+cluster|slots +cluster|shards +asking")
		},
		"sentinel": func(t *testing.T) string {
			s := servertest.StartRedisSentinels(t, servertest.RedisConfig{})
			withUser(t, s.Master, "+role")
			return asUser(t, s.URL)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			useEverything(t, open(t, redis(t)))
		})
	}
}

func useEverything(t *testing.T, s *redisstore.Store) {
	t.Helper()
	ctx := t.Context()
	changes := s.Watch(ctx)
	v, put := s.Put(ctx, broker.Record{Key: key(1)})
	_, get := s.Get(ctx, key(1))
	_, app := s.Apps().Put(ctx, broker.Definition{Name: "a"})
	l, acquire := s.Acquire(ctx, "l", "h", time.Minute)
	_, clock := s.Clock(ctx)
	_, beat := s.Beat(ctx, "x", 1, time.Minute)
	_, setting := s.Setting(ctx, "s")
	grant := broker.Grant{Key: broker.Key{App: "a", Kind: "k", Subject: "u"}}
	g, putGrant := s.Grants().Put(ctx, grant)
	_, getGrant := s.Grants().Get(ctx, grant.Key)
	page, pageErr := s.Grants().Page(ctx, "a", broker.Key{}, 10)
	if len(page) != 1 {
		t.Errorf("the page has %d grants", len(page))
	}
	add := s.OneTime().Add(ctx, "n", nil, time.Minute)
	_, look := s.OneTime().Look(ctx, "n")
	_, take := s.OneTime().Take(ctx, "n")
	_, query := s.Audit().Query(ctx, broker.AuditFilter{})
	for what, err := range map[string]error{
		"put": put, "get": get, "app": app, "delete app": s.Apps().Delete(ctx, "a", 1), "delete": s.Delete(ctx, key(1), v),
		"acquire": acquire, "extend": s.Extend(ctx, l, time.Minute), "release": s.Release(ctx, l), "clock": clock,
		"beat": beat, "leave": s.Leave(ctx, "x"), "put setting": s.PutSetting(ctx, "s", nil), "query": query,
		"append":    s.Audit().Append(ctx, broker.AuditEntry{At: time.Unix(1, 0)}),
		"put grant": putGrant, "get grant": getGrant, "page": pageErr, "delete grant": s.Grants().Delete(ctx, grant.Key, g),
		"add value": add, "look": look, "take": take,
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if setting == nil || s.AddSetting(ctx, "s", nil) == nil {
		t.Error("a setting was there before it was put, or not afterwards")
	}
	if n, err := s.Audit().Prune(ctx, time.Now(), 10); n != 1 || err != nil {
		t.Errorf("prune: %d, %v", n, err)
	}
	for _, err := range s.All(ctx) {
		t.Errorf("all: %v", err)
	}
	// A copy of the store needs no more rights.
	tables := s.Tables()
	n, err := tables.Doubts.Import(ctx, func(yield func(broker.Lease, error) bool) {
		yield(broker.Lease{Name: "m", Holder: "h", Term: 1, Acquired: time.Unix(1, 0)}, nil)
	})
	if n != 1 || err != nil {
		t.Errorf("import: %d, %v", n, err)
	}
	grant.Version = 1
	n, err = tables.Grants.Import(ctx, func(yield func(broker.Grant, error) bool) { yield(grant, nil) })
	if n != 1 || err != nil {
		t.Errorf("import of a grant: %d, %v", n, err)
	}
	for _, err := range tables.Settings.All(ctx) {
		if err != nil {
			t.Errorf("settings: %v", err)
		}
	}
	for _, err := range tables.Audit.All(ctx) {
		t.Errorf("audit: %v", err)
	}
	if err := s.DeleteSetting(ctx, "s"); err != nil {
		t.Errorf("delete setting: %v", err)
	}
	for c, err := range changes {
		if err != nil || c.Record == nil {
			t.Errorf("watch: %v, %v", c, err)
		}
		break
	}
}

func TestFaultsOfRedisSayWhatCanBeDone(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{Args: []string{"--maxmemory-policy", "noeviction"}})
	s := open(t, withUser(t, server, "+info"))
	wantText := func(want string) {
		t.Helper()
		_, err := s.Put(t.Context(), broker.Record{Key: key(1)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want something about %q", err, want)
		}
		requireNoPassword(t, "the error", fmt.Sprint(err))
	}
	command(t, server, "CONFIG", "SET", "maxmemory", "1")
	wantText("raise its maxmemory")
	command(t, server, "CONFIG", "SET", "maxmemory", "0")
	command(t, server, "CONFIG", "SET", "min-replicas-to-write", "1")
	wantText("too few replicas")
	command(t, server, "CONFIG", "SET", "min-replicas-to-write", "0")
	command(t, server, "ACL", "SETUSER", "hufu", "-xadd")
	wantText("may not do everything")
	command(t, server, "ACL", "SETUSER", "hufu", "+xadd")
	command(t, server, "SET", "{hufu}:changes", "x")
	wantText("another prefix")
	command(t, server, "DEL", "{hufu}:changes")
	command(t, server, "REPLICAOF", "127.0.0.1", "1")
	wantText("a replica, which cannot be written")
	_, err := redisstore.Open(t.Context(), redisstore.Config{URL: patient(withUser(t, server, "+info"))})
	if err == nil || !strings.Contains(err.Error(), "is a replica, which cannot be written") {
		t.Errorf("open of a replica: %v", err)
	}
	command(t, server, "REPLICAOF", "NO", "ONE")
	if _, err := s.Put(t.Context(), broker.Record{Key: key(1)}); err != nil {
		t.Errorf("after all was mended: %v", err)
	}
	server.Kill()
	wantText("Redis cannot be reached")
}

func TestWhatFailsAtTheOpeningSaysWhereAndNoPassword_I6(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	right, err := url.Parse(withUser(t, server, "+info"))
	if err != nil {
		t.Fatal(err)
	}
	wrong, nowhere := *right, *right
	wrong.User = url.UserPassword(right.User.Username(), "wr0ngpassword")
	nowhere.Host = "127.0.0.1:1"
	for want, u := range map[string]*url.URL{
		"open store at " + right.Host + ": the user or the password in the URL is wrong": &wrong,
		"open store at 127.0.0.1:1: Redis cannot be reached":                             &nowhere,
	} {
		_, err := redisstore.Open(t.Context(), redisstore.Config{URL: patient(u.String())})
		if err == nil {
			t.Fatal("it was opened")
		}
		if !strings.HasPrefix(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\t") {
			t.Errorf("got %q, want %q", err, want)
		}
		requireNoPassword(t, "the error", err.Error())
		if strings.Contains(err.Error(), "wr0ngpassword") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestAnOlderBinaryRefusesOnlyWhatItMustNotTouch(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	shut(t, open(t, server.URL))
	command(t, server, "HSET", "{hufu}:schema", "written", "7", "needed", "1")
	s := open(t, server.URL)
	if got := command(t, server, "HGET", "{hufu}:schema", "written"); got != "7" {
		t.Errorf("the schema that a newer binary has written is now %s", got)
	}
	// What a newer one has added is passed over.
	if _, err := s.Put(t.Context(), broker.Record{Key: key(1), Secret: "x"}); err != nil {
		t.Fatal(err)
	}
	bucket := command(t, server, "EVAL", "for _, k in ipairs(redis.call('KEYS', '{hufu}:records:*')) do return k end", "0")
	command(t, server, "HSET", bucket, key(1).String(), `2:{"secret":"y","later":{"a":[1]}}`)
	if r, err := s.Get(t.Context(), key(1)); err != nil || r.Version != 2 || r.Secret != "y" {
		t.Errorf("got %+v, %v", r, err)
	}
	command(t, server, "HSET", "{hufu}:schema", "needed", "2")
	_, err := redisstore.Open(t.Context(), redisstore.Config{URL: patient(server.URL)})
	if err == nil || !strings.Contains(err.Error(), "schema 2, this version of hufu knows schemas up to 1") {
		t.Errorf("got %v", err)
	}
}

func key(i int) broker.Key {
	return broker.Key{App: fmt.Sprintf("app-%d", i), Kind: broker.AccessToken}
}
