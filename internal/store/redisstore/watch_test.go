package redisstore_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/redisstore"
)

// patience is how long anything is waited for.
const patience = time.Minute

// follower reads a watch.
type follower struct {
	mu    sync.Mutex
	seen  map[broker.Key]broker.Version
	ended chan struct{}
	err   error // set before ended is closed
}

// follow begins a watch, which ends with the test.
func follow(t *testing.T, s *redisstore.Store) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{seen: map[broker.Key]broker.Version{}, ended: make(chan struct{})}
	changes := s.Watch(ctx)
	go func() {
		defer close(f.ended)
		for c, err := range changes {
			if err != nil {
				f.err = err
				return
			}
			f.mu.Lock()
			if c.Record != nil {
				f.seen[c.Record.Key] = c.Record.Version
			}
			f.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-f.ended })
	return f
}

func (f *follower) at(k broker.Key) broker.Version {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[k]
}

// end waits for the watch's end and returns what ended it.
func (f *follower) end(t *testing.T) error {
	t.Helper()
	select {
	case <-f.ended:
	case <-time.After(patience):
		t.Fatal("the watch goes on")
	}
	return f.err
}

// until waits for a version, or for the end of the watch.
func (f *follower) until(t *testing.T, k broker.Key, v broker.Version) {
	t.Helper()
	servertest.Await(t, func() bool {
		select {
		case <-f.ended:
			t.Fatalf("the watch ended: %v", f.err)
		default:
		}
		return f.at(k) >= v
	})
}

func put(t *testing.T, s *redisstore.Store, r broker.Record) broker.Record {
	t.Helper()
	v, err := s.Put(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Version = v
	return r
}

func TestAWatchCatchesUpAfterRedisWasAway_I9(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*servertest.RedisServer){
		"killed":    func(s *servertest.RedisServer) { s.Kill(); s.Restart() },
		"restarted": func(s *servertest.RedisServer) { s.Restart() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := servertest.StartRedis(t, servertest.RedisConfig{Durable: true})
			s := open(t, server.URL)
			f := follow(t, s)
			r := put(t, s, broker.Record{Key: key(1)})
			f.until(t, r.Key, 1)
			away(server)
			// Before the watch finds its way back somebody else has written.
			r = put(t, open(t, server.URL), r)
			f.until(t, r.Key, r.Version)
			if d := s.Behind(); d > patience {
				t.Errorf("behind by %v", d)
			}
		})
	}
}

func TestAFrozenRedisShowsAsBehind(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	s := open(t, server.URL)
	if d := s.Behind(); d != 0 {
		t.Errorf("without a watch it is behind by %v", d)
	}
	f := follow(t, s)
	r := put(t, s, broker.Record{Key: key(1)})
	f.until(t, r.Key, 1)
	server.Pause()
	defer server.Resume()
	servertest.Await(t, func() bool { return s.Behind() > 500*time.Millisecond })
	server.Resume()
	r = put(t, open(t, server.URL), r)
	f.until(t, r.Key, r.Version)
	servertest.Await(t, func() bool { return s.Behind() == 0 })
}

func TestAWatchEndsWhereItsPlaceIsLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testing.T, *servertest.RedisServer, *redisstore.Store){
		"emptied": func(t *testing.T, server *servertest.RedisServer, _ *redisstore.Store) {
			command(t, server, "FLUSHALL")
		},
		"emptied and written again": func(t *testing.T, server *servertest.RedisServer, s *redisstore.Store) {
			last := command(t, server, "EVAL", "return redis.call('XREVRANGE', '{hufu}:changes', '+', '-')[1][1]", "0")
			command(t, server, "FLUSHALL")
			// In the same millisecond what is written would get the place that was lost.
			servertest.Await(t, func() bool {
				now := command(t, server, "EVAL", "local t = redis.call('TIME'); return string.format('%d', t[1] * 1000 + math.floor(t[2] / 1000))", "0")
				lost, _, _ := strings.Cut(last, "-")
				return now > lost
			})
			put(t, s, broker.Record{Key: key(1)})
		},
		"restarted without a disk": func(_ *testing.T, server *servertest.RedisServer, _ *redisstore.Store) {
			server.Restart()
		},
		"set back": func(t *testing.T, server *servertest.RedisServer, s *redisstore.Store) {
			// As after a restore: an earlier change is the last one now, and others follow.
			last := command(t, server, "EVAL", "return redis.call('XREVRANGE', '{hufu}:changes', '+', '-')[1][1]", "0")
			command(t, server, "XDEL", "{hufu}:changes", last)
			put(t, s, broker.Record{Key: key(2)})
		},
		"overtaken": func(t *testing.T, server *servertest.RedisServer, s *redisstore.Store) {
			put(t, s, broker.Record{Key: key(2)})
			command(t, server, "XTRIM", "{hufu}:changes", "MAXLEN", "0")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := servertest.StartRedis(t, servertest.RedisConfig{})
			s := open(t, server.URL)
			f := follow(t, s)
			r := put(t, s, broker.Record{Key: key(1)})
			f.until(t, r.Key, 1)
			lose(t, server, s)
			if err := f.end(t); !errors.Is(err, redisstore.ErrMissed) {
				t.Errorf("the watch ended with %v", err)
			}
			// The next one goes on from here.
			f = follow(t, s)
			r = put(t, s, broker.Record{Key: key(3)})
			f.until(t, r.Key, 1)
		})
	}
}

func TestAWatchThatIsNotReadKeepsItsPlace(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	s := open(t, server.URL)
	changes := s.Watch(t.Context())
	r := broker.Record{Key: key(1)}
	const n = 1500 // more than are read at once
	for range n {
		r = put(t, s, r)
	}
	var want broker.Version
	for c, err := range changes {
		if want++; err != nil || c.Record.Version != want {
			t.Fatalf("got %v, %v, want version %d", c, err, want)
		}
		if want == n {
			break
		}
	}
	if got, err := strconv.Atoi(command(t, server, "XLEN", "{hufu}:changes")); err != nil || got < n {
		t.Errorf("the stream has %d changes, %v", got, err)
	}
}

func TestAWatchPassesOverWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	s := open(t, server.URL)
	f := follow(t, s)
	command(t, server, "XADD", "{hufu}:changes", "*", "later", "x")
	r := put(t, s, broker.Record{Key: key(1)})
	f.until(t, r.Key, 1)
}
