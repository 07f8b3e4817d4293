package sink_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sink"
)

// remote is a fake of files and other servers. A call is named by the sink's key, or
// type; those of a hung server end with their context.
type remote struct {
	mu    sync.Mutex
	start time.Time
	hung  map[string]bool // by URL
	stuck atomic.Bool     // all of them are
	fails atomic.Bool
	calls []string
	until []time.Time
}

func newRemote(hung ...string) *remote {
	r := &remote{start: time.Now(), hung: map[string]bool{}}
	for _, u := range hung {
		r.hung[u] = true
	}
	return r
}

type remoteTarget struct {
	*remote
	sink broker.Sink
}

func (r *remote) open(s broker.Sink) (sink.Target, error) { return remoteTarget{r, s}, nil }

func (r remoteTarget) Write(ctx context.Context, tok broker.Token) error {
	if r.hung[r.sink.URL.Reveal()] || r.stuck.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf("%v %s %s%s %d", time.Since(r.start).Truncate(time.Second), tok.Key.App, r.sink.Key, r.sink.Path, tok.Version))
	r.until = append(r.until, tok.Until)
	if r.fails.Load() {
		return errors.New("down")
	}
	return nil
}

func (r *remote) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

func (r *remote) promises() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.until)
}

func TestServersThatHangKeepNeitherFilesNorOneAnotherWaiting_I3(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Each of them shared by many apps, and fewer of them than workers.
		var hung []string
		for i := range 3 {
			hung = append(hung, fmt.Sprintf("redis://10.0.0.%d", i))
		}
		r := newRemote(hung...)
		runner, stop := start(t, sink.Config{Open: r.open, Workers: 1, Network: 4})
		for i := range 200 {
			app := fmt.Sprintf("hung%d", i)
			runner.Set(app, []broker.Sink{redisSink(hung[i%len(hung)], "k"+app)})
			runner.Deliver(token(app, 1))
		}
		runner.Set("shop", []broker.Sink{props("file"), redisSink("redis://10.1.1.1", "k"), hook("https://h/")})
		runner.Deliver(token("shop", 1))
		synctest.Wait()
		got := r.all()
		slices.Sort(got)
		if diff := cmp.Diff([]string{"0s shop  1", "0s shop access_tokenfile 1", "0s shop k 1"}, got); diff != "" {
			t.Errorf("written at once (-want +got):\n%s", diff)
		}
		// An attempt at a hung server is given up soon.
		time.Sleep(5*time.Second + time.Millisecond)
		given := 0
		for _, s := range runner.Status() {
			if s.Attempts > 0 && strings.Contains(s.LastError, "deadline") {
				given++
			}
		}
		if given != len(hung) {
			t.Errorf("%d attempts were given up after 5 s, want one for each hung server", given)
		}
		_ = stop()
	})
}

func TestMoreHungServersThanWorkersDoNotKeepFilesWaiting_I3(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hung []string
		for i := range 50 {
			hung = append(hung, fmt.Sprintf("https://h%d/", i))
		}
		r := newRemote(hung...)
		runner, stop := start(t, sink.Config{Open: r.open})
		for i, u := range hung {
			app := fmt.Sprintf("hung%d", i)
			runner.Set(app, []broker.Sink{hook(u)})
			runner.Deliver(token(app, 1))
		}
		runner.Set("shop", []broker.Sink{props("file"), hook("https://works/")})
		runner.Deliver(token("shop", 1))
		synctest.Wait()
		if got := r.all(); len(got) != 1 {
			t.Errorf("the file was not written at once: %v", got)
		}
		time.Sleep(time.Minute) // 50 servers, 8 at a time, 5 s each
		if got := r.all(); len(got) != 2 {
			t.Errorf("the server that works was not written within a minute: %v", got)
		}
		_ = stop()
	})
}

func TestARedisIsWrittenAgainWithTheNewestPromiseAndAWebhookIsNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRemote()
		runner, stop := start(t, sink.Config{Open: r.open})
		runner.Set("shop", []broker.Sink{redisSink("redis://h", "k"), hook("https://h/"), props("file")})
		tok := token("shop", 1)
		runner.Deliver(tok)
		time.Sleep(10 * time.Second)
		if got := r.all(); len(got) != 3 {
			t.Fatalf("%v", got)
		}
		tok.Until = tok.Until.Add(time.Hour)
		runner.Deliver(tok)
		time.Sleep(5 * time.Minute)
		again := r.all()[3:]
		if len(again) < 3 || len(again) > 5 || !strings.HasSuffix(again[0], " shop k 1") {
			t.Errorf("in five minutes written again: %v", again)
		}
		for i, until := range r.promises()[3:] {
			if !strings.HasSuffix(again[i], " shop k 1") || !until.Equal(tok.Until) {
				t.Errorf("%s with a promise to %v, want %v", again[i], until, tok.Until)
			}
		}
		// A failure is tried again with back-off, and seen.
		r.fails.Store(true)
		time.Sleep(2 * time.Minute)
		if s := runner.Status()[0]; s.Attempts < 2 || s.LastError != "down" || s.Written != 1 || !s.Since.IsZero() {
			t.Errorf("%+v", s)
		}
		r.fails.Store(false)
		time.Sleep(5 * time.Minute)
		if s := runner.Status()[0]; s.Attempts != 0 || s.LastError != "" {
			t.Errorf("%+v", s)
		}
		before := len(r.all())
		if err := stop(); err != nil {
			t.Error(err)
		}
		if n := len(r.all()); n != before {
			t.Error("at the end it was written again, though it had everything")
		}
	})
}

// On platforms that renew the lifetime of a token the same one lasts for days. A file that
// says until when it may be relied on is to say so (I2); one that has the token alone has it.
func TestAFileThatStatesThePromiseIsWrittenAgainWhenThatHasGrown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r, stop := start(t, sink.Config{Open: f.open})
		r.Set("shop", []broker.Sink{{Type: sink.JSON, Path: "json"}, props("props")})
		tok := token("shop", 7)
		for range 3 {
			tok.Until = time.Now().Add(2 * time.Hour)
			for range 60 { // as often as tokens are looked at
				r.Deliver(tok)
				synctest.Wait()
				time.Sleep(time.Minute)
			}
		}
		shrunk := tok
		shrunk.Until = time.Now()
		r.Deliver(shrunk)
		synctest.Wait()
		writes := map[string]int{}
		for _, a := range f.all() {
			writes[a.Path]++
		}
		if want := map[string]int{"json": 3, "props": 1}; !cmp.Equal(writes, want) {
			t.Errorf("the files were written %v times, want %v", writes, want)
		}
		// What fails is tried again when the token is looked at, and is no lost token.
		fails := errors.New("disk full")
		f.mu.Lock()
		f.write = func(context.Context, string, broker.Token) error { err := fails; fails = nil; return err }
		f.mu.Unlock()
		tok.Until = time.Now().Add(2 * time.Hour)
		for range 5 {
			r.Deliver(tok)
			synctest.Wait()
			time.Sleep(time.Minute)
		}
		if n := len(f.all()); n != 6 {
			t.Errorf("%d writes, want one that failed and one more", n)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestSinksAreKnownAgainByTheirValues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRemote()
		runner, stop := start(t, sink.Config{Open: r.open})
		sinks := func(password string) []broker.Sink {
			return []broker.Sink{redisSink("redis://:"+password+"@h", "k"), hook("https://h/"), hook("https://h/")}
		}
		runner.Set("shop", sinks("a"))
		runner.Deliver(token("shop", 1))
		synctest.Wait()
		runner.Set("shop", sinks("a"))
		runner.Deliver(token("shop", 1))
		synctest.Wait()
		if got := r.all(); len(got) != 2 {
			t.Errorf("the same sinks were written %d times, want once each: %v", len(got), got)
		}
		runner.Set("shop", sinks("b"))
		runner.Deliver(token("shop", 1))
		synctest.Wait()
		if got := r.all(); len(got) != 3 {
			t.Errorf("with another password %d writes, want one more", len(got))
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestStatusAndLogOfOtherServersShowNoSecret_I6(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRemote()
		r.fails.Store(true)
		var log strings.Builder
		runner, stop := start(t, sink.Config{Open: r.open, Log: slog.New(slog.NewTextHandler(&log, nil))})
		runner.Set("shop", []broker.Sink{redisSink("redis://:s3cret@h:1/2", "k"), hook("https://hooks.example.com/s3cret")})
		runner.Deliver(token("shop", 1))
		time.Sleep(time.Minute)
		_ = stop()
		all := fmt.Sprintf("%+v", runner.Status()) + log.String()
		for _, hidden := range []string{"s3cret", hookSecret, "tok-shop"} {
			if strings.Contains(all, hidden) {
				t.Errorf("%s is shown:\n%s", hidden, all)
			}
		}
		for _, want := range []string{"redis://h:1/2", "https://hooks.example.com"} {
			if strings.Count(all, want) < 2 {
				t.Errorf("status and log do not say that it is %s:\n%s", want, all)
			}
		}
	})
}

func TestNewTokensGoBeforeRepetitions_I9(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRemote()
		runner, stop := start(t, sink.Config{Open: r.open})
		const apps = 20
		for i := range apps {
			app := fmt.Sprint("app", i)
			runner.Set(app, []broker.Sink{redisSink("redis://10.0.0.1", "k")})
			runner.Deliver(token(app, 1))
		}
		synctest.Wait()
		written := len(r.all())
		r.stuck.Store(true)
		time.Sleep(80 * time.Second) // by now all are to be written again, and wait for the server
		runner.Deliver(token("app7", 2))
		r.stuck.Store(false)
		time.Sleep(6 * time.Second) // the attempt under way is given up
		after := r.all()[written:]
		if len(after) == 0 || !strings.HasSuffix(after[0], "app7 k 2") {
			t.Errorf("written after the server came back: %q, want the new token first", after)
		}
		_ = stop()
	})
}
