package sink_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/sink"
)

// replica opens the sinks of one server of a fleet. Its clock is the store's.
func replica(t *testing.T, now func() time.Time) *sink.Places {
	t.Helper()
	p, err := sink.NewPlaces(sink.PlacesConfig{Now: now, Transport: new(http.Transport)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func place(t *testing.T, p *sink.Places, s broker.Sink) sink.Target {
	t.Helper()
	target, err := p.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func redisSink(url, key string) broker.Sink {
	return broker.Sink{Type: sink.Redis, URL: broker.NewSecret(url), Key: key}
}

// lasting returns a token that is promised from now on.
func lasting(app string, v broker.Version, promise time.Duration) broker.Token {
	now := time.Now()
	tok := token(app, v)
	tok.Issued, tok.Until, tok.Expiry = now.Add(-time.Minute+time.Duration(v)*time.Millisecond), now.Add(promise), now.Add(2*promise)
	return tok
}

func ask(t *testing.T, s *servertest.RedisServer, args ...string) string {
	t.Helper()
	got, err := s.Command(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// left returns how long a key has to live.
func left(t *testing.T, s *servertest.RedisServer, key string) time.Duration {
	t.Helper()
	ms, err := strconv.Atoi(ask(t, s, "PTTL", key))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(ms) * time.Millisecond
}

func TestRedisKeyHoldsTheTokenInItsFormat(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{Password: "p:/@ %"})
	tok := lasting("shop", 7, time.Hour)
	tok.Secret = broker.NewSecret(`83_"é`)
	expiry, issued := tok.Until.UTC().Format(time.RFC3339), tok.Issued.UTC().Format(time.RFC3339)
	for format, want := range map[string]string{
		"":           `83_"é`,
		"raw":        `83_"é`,
		"silenceper": `83_"é`,
		"wxjava":     `83_"é`,
		"easywechat": `s:6:"83_"é";`,
		"json":       fmt.Sprintf(`{"app":"shop","kind":"access_token","token":"83_\"é","version":7,"expiry":%q,"issued_at":%q}`, expiry, issued),
	} {
		s := redisSink(server.URL+"/3", "key of "+format)
		s.Format = format
		write(t, place(t, replica(t, time.Now), s), tok)
		if got := ask(t, server, "EVAL", "redis.call('SELECT', 3) return redis.call('GET', KEYS[1])", "1", s.Key); got != want {
			t.Errorf("%s: got %q, want %q", format, got, want)
		}
	}
}

func TestRedisKeyIsGoneWhenThePromiseEnds_I2(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	for name, skew := range map[string]time.Duration{"no": 0, "an hour of": time.Hour, "minus an hour of": -time.Hour} {
		// The store's clock counts, and neither this machine's nor that of the Redis.
		now := func() time.Time { return time.Now().Add(skew) }
		tok := lasting("shop", 7, 10*time.Minute)
		tok.Until = now().Add(10 * time.Minute)
		key := name
		write(t, place(t, replica(t, now), redisSink(server.URL, key)), tok)
		got, most := left(t, server, key), time.Until(tok.Until.Add(-skew))
		if got < most-10*time.Second || got > most {
			t.Errorf("with %s skew the key lives for %v, want no more than the %v of the promise", name, got, most)
		}
	}
}

// What is the best there is to readers of the API is that here too, for as long as the
// server goes on saying so.
func TestATokenOfWhichNothingIsPromisedIsThereForAMoment_I3(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	target := place(t, replica(t, time.Now), redisSink(server.URL, "k"))
	holds := func(v broker.Version, least, most time.Duration) {
		t.Helper()
		if got, d := ask(t, server, "GET", "k"), left(t, server, "k"); got != fmt.Sprintf("tok-shop-%d", v) || d < least || d > most {
			t.Errorf("the key holds %q for %v, want version %d for %v to %v", got, d, v, least, most)
		}
	}
	vague := func(v broker.Version) broker.Token {
		tok := lasting("shop", v, time.Hour)
		tok.Until = tok.Issued
		return tok
	}
	write(t, target, vague(1))
	holds(1, 80*time.Second, 90*time.Second)
	grown := vague(1)
	grown.Until = time.Now().Add(time.Hour)
	write(t, target, grown)
	holds(1, 59*time.Minute, time.Hour)
	write(t, target, vague(2)) // The newest is the best there is.
	holds(2, 80*time.Second, 90*time.Second)
	short := vague(2)
	short.Expiry = time.Now().Add(30 * time.Second)
	write(t, target, short)
	holds(2, 20*time.Second, 30*time.Second)
	expired := vague(3)
	expired.Expiry = time.Now().Add(-time.Second)
	write(t, target, expired)
	holds(2, 15*time.Second, 30*time.Second)
	short.Expiry = expired.Expiry
	write(t, target, short)
	if got := ask(t, server, "EXISTS", "k"); got != "0" {
		t.Error("a token that has expired is still there")
	}
}

func TestNoReplicaReplacesANewerTokenInRedis(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	var wg sync.WaitGroup
	const replicas, versions = 6, 20
	var tokens [versions]broker.Token
	for i := range tokens {
		tokens[i] = lasting("shop", broker.Version(i+1), time.Hour)
	}
	// By clocks that differ a little, a later version may look as if it were issued earlier.
	tokens[versions-1].Issued = tokens[0].Issued.Add(-time.Second)
	for range replicas {
		target := place(t, replica(t, time.Now), redisSink(server.URL, "k"))
		wg.Go(func() {
			for _, tok := range tokens {
				if err := target.Write(t.Context(), tok); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop := make(chan struct{})
	go func() { wg.Wait(); close(stop) }()
	newest := 0
	for done := false; !done; {
		select {
		case <-stop:
			done = true
		default:
		}
		v, _ := strconv.Atoi(strings.TrimPrefix(ask(t, server, "GET", "k"), "tok-shop-"))
		if v < newest {
			t.Fatalf("version %d replaced %d", v, newest)
		}
		newest = v
	}
	if newest != versions {
		t.Errorf("the key holds version %d, want %d", newest, versions)
	}
	late := place(t, replica(t, time.Now), redisSink(server.URL, "k"))
	write(t, late, tokens[2])
	if got := ask(t, server, "GET", "k"); got != "tok-shop-20" {
		t.Errorf("a replica that was late replaced the newest token by %q", got)
	}
	again := lasting("shop", 1, time.Hour) // the app was removed and added again
	again.Issued = again.Issued.Add(time.Minute)
	write(t, late, again)
	if got := ask(t, server, "GET", "k"); got != "tok-shop-1" {
		t.Errorf("a token that was issued later was not written: %q", got)
	}
}

func TestACacheThatLostTheKeyGetsItBack(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	target := place(t, replica(t, time.Now), redisSink(server.URL, "k"))
	tok := lasting("shop", 7, time.Hour)
	write(t, target, tok)
	for _, lose := range [][]string{{"DEL", "k"}, {"FLUSHALL"}, {"SET", "k", "what an SDK wrote"}} {
		ask(t, server, lose...)
		write(t, target, tok)
		if got := ask(t, server, "GET", "k"); got != "tok-shop-7" {
			t.Errorf("after %v the key holds %q", lose, got)
		}
	}
}

func TestRedisKeysOfOthersAreNotReplaced_I8(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	target := place(t, replica(t, time.Now), redisSink(server.URL, "k"))
	write(t, target, lasting("shop", 7, time.Hour))
	ticket := lasting("shop", 8, time.Hour)
	ticket.Key.Kind = broker.JSAPITicket
	for _, tok := range []broker.Token{lasting("other", 8, time.Hour), ticket} {
		err := target.Write(t.Context(), tok)
		if err == nil || !strings.Contains(err.Error(), `"{k}:hufu"`) || !strings.Contains(err.Error(), `"shop"`) {
			t.Errorf("error %v, want one that names whose the key is and what to delete", err)
		}
	}
	if got := ask(t, server, "GET", "k"); got != "tok-shop-7" {
		t.Errorf("the key holds %q", got)
	}
}

func TestTheCompanionTellsWhatTheKeyHolds(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	tok := lasting("shop", 7, time.Hour)
	write(t, place(t, replica(t, time.Now), redisSink(server.URL, "k")), tok)
	got := ask(t, server, "EVAL", "return cjson.encode(redis.call('HGETALL', KEYS[1]))", "1", "{k}:hufu")
	var pairs []string
	if err := json.Unmarshal([]byte(got), &pairs); err != nil {
		t.Fatal(err)
	}
	want := []string{"app", "shop", "kind", "access_token", "version", "7", "issued", strconv.FormatInt(tok.Issued.UnixMilli(), 10)}
	if diff := cmp.Diff(want, pairs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d := left(t, server, "{k}:hufu"); d < 23*time.Hour || d > 24*time.Hour {
		t.Errorf("it lives for %v, want a day", d)
	}
}

func TestRedisThatIsAwayCostsAnAttemptAndShowsNoSecret_I6(t *testing.T) {
	t.Parallel()
	const password = "pA55-w0rd"
	server := servertest.StartRedis(t, servertest.RedisConfig{Password: password, Durable: true})
	target := place(t, replica(t, time.Now), redisSink(server.URL, "k"))
	tok := lasting("shop", 1, time.Hour)
	fails := func(what string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := target.Write(ctx, tok)
		if err == nil {
			t.Errorf("%s: no error", what)
			return
		}
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("%s: the attempt took %v", what, d)
		}
		if s := err.Error(); strings.Contains(s, password) || strings.Contains(s, "tok-shop") || !strings.Contains(s, server.Addr()) {
			t.Errorf("%s: the error shows a secret, or not where it was: %v", what, err)
		}
	}
	server.Pause()
	fails("before it is connected")
	server.Resume()
	write(t, target, tok)
	server.Pause()
	fails("while it hangs")
	server.Resume()
	write(t, target, tok)
	server.Kill()
	fails("gone")
	server.Restart()
	write(t, target, lasting("shop", 2, time.Hour))
	if got := ask(t, server, "GET", "k"); got != "tok-shop-2" {
		t.Errorf("after all the key holds %q", got)
	}
	wrong := redisSink("redis://:wr0ng-"+password+"@"+server.Addr(), "k")
	target = place(t, replica(t, time.Now), wrong)
	fails("with another password")
	// A server that quotes what it was given.
	u := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: server.Addr()}
	ask(t, server, "ACL", "SETUSER", "default", "-@all", "+auth", "+hello", "+client", "+cluster", "+ping", "+acl", "+eval", "+evalsha")
	target = place(t, replica(t, time.Now), redisSink(u.String(), "k"))
	fails("without the right to write")
}

func TestRedisClustersAndSentinelsAreWritten(t *testing.T) {
	t.Parallel()
	t.Run("a cluster of one node", func(t *testing.T) {
		t.Parallel()
		server := servertest.StartRedis(t, servertest.RedisConfig{Cluster: true, Password: "p"})
		for i := range 8 {
			key := fmt.Sprintf("key:%d", i)
			write(t, place(t, replica(t, time.Now), redisSink(server.URL, key)), lasting("shop", 7, time.Hour))
			if got := ask(t, server, "GET", key); got != "tok-shop-7" {
				t.Errorf("%s holds %q", key, got)
			}
		}
	})
	t.Run("a cluster of three", func(t *testing.T) {
		t.Parallel()
		nodes := servertest.StartRedisCluster(t, 3, servertest.RedisConfig{})
		p := replica(t, time.Now)
		for i := range 16 {
			key := fmt.Sprintf("key:%d", i)
			write(t, place(t, p, redisSink(nodes[0].URL+"?addr="+nodes[1].Addr(), key)), lasting("shop", 7, time.Hour))
			found := 0
			for _, n := range nodes {
				if got, err := n.Command(t.Context(), "GET", key); err == nil && got == "tok-shop-7" {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%s is on %d nodes", key, found)
			}
		}
	})
	t.Run("Sentinels, whose master dies", func(t *testing.T) {
		t.Parallel()
		s := servertest.StartRedisSentinels(t, servertest.RedisConfig{Password: "p"})
		target := place(t, replica(t, time.Now), redisSink(s.URL, "k"))
		write(t, target, lasting("shop", 1, time.Hour))
		if got := ask(t, s.Master, "GET", "k"); got != "tok-shop-1" {
			t.Errorf("the master holds %q", got)
		}
		s.Master.Kill()
		servertest.Await(t, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			return target.Write(ctx, lasting("shop", 2, time.Hour)) == nil
		})
		if got := ask(t, s.Replica, "GET", "k"); got != "tok-shop-2" {
			t.Errorf("the new master holds %q", got)
		}
	})
}

func TestClosedPlacesWriteNothing(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	p := replica(t, time.Now)
	target := place(t, p, redisSink(server.URL, "k"))
	write(t, target, lasting("shop", 1, time.Hour))
	p.Close()
	if err := target.Write(t.Context(), lasting("shop", 2, time.Hour)); err == nil {
		t.Error("it was written after it was closed")
	}
}

func TestTheServersClockIsNotReadForEachKey(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, servertest.RedisConfig{})
	places := replica(t, time.Now)
	const keys = 50
	for i := range keys {
		key := fmt.Sprint("k", i)
		write(t, place(t, places, redisSink(server.URL, key)), lasting("shop", 1, 10*time.Minute))
		if d := left(t, server, key); d < 9*time.Minute || d > 10*time.Minute {
			t.Errorf("key %d lives for %v, want the promise", i, d)
		}
	}
	stats := ask(t, server, "INFO", "commandstats")
	_, calls, _ := strings.Cut(stats, "cmdstat_time:calls=")
	calls, _, _ = strings.Cut(calls, ",")
	if n, err := strconv.Atoi(calls); err != nil || n > keys/2 {
		t.Errorf("for %d keys the clock was read %q times: %v", keys, calls, err)
	}
}
