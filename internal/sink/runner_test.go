package sink_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sink"
)

// attempt is one call of a fake target.
type attempt struct {
	At      time.Duration // since the fake was made
	Path    string
	Version broker.Version
}

// fake opens targets that record their calls and do as they are told.
type fake struct {
	start time.Time
	mu    sync.Mutex
	calls []attempt
	// write decides a call's outcome; nil: it succeeds.
	write func(ctx context.Context, path string, tok broker.Token) error
	// active counts the calls that run, by path and in all; most is its peak.
	active map[string]int
	total  int
	most   int
	shared bool // two calls for one path ran together
}

func newFake() *fake { return &fake{start: time.Now(), active: map[string]int{}} }

func (f *fake) open(s broker.Sink) (sink.Target, error) {
	if s.Path == "" {
		return nil, errors.New("the sink has no path")
	}
	return &fakeTarget{f, s.Path}, nil
}

func (f *fake) all() []attempt {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]attempt(nil), f.calls...)
}

type fakeTarget struct {
	f    *fake
	path string
}

func (t *fakeTarget) Write(ctx context.Context, tok broker.Token) error {
	f := t.f
	f.mu.Lock()
	f.calls = append(f.calls, attempt{time.Since(f.start), t.path, tok.Version})
	f.active[t.path]++
	f.total++
	f.most = max(f.most, f.total)
	f.shared = f.shared || f.active[t.path] > 1
	write := f.write
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.active[t.path]--
		f.total--
	}()
	if write == nil {
		return nil
	}
	return write(ctx, t.path, tok)
}

// start runs a runner until the returned function stops it.
func start(t *testing.T, c sink.Config) (*sink.Runner, func() error) {
	t.Helper()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	r, err := sink.NewRunner(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, func() error {
		cancel()
		return <-done
	}
}

func props(path string) broker.Sink { return broker.Sink{Type: sink.Properties, Path: path} }

func TestRunnerWritesEveryNewTokenAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r, stop := start(t, sink.Config{Open: f.open})
		r.Set("shop", []broker.Sink{props("a"), props("b"), props("a")})
		for v := range broker.Version(3) {
			time.Sleep(time.Hour)
			r.Deliver(token("shop", v+1))
			synctest.Wait()
		}
		r.Deliver(token("shop", 2)) // late
		r.Deliver(token("other", 9))
		synctest.Wait()
		want := []attempt{}
		for v := range broker.Version(3) {
			at := time.Duration(v+1) * time.Hour
			want = append(want, attempt{at, "a", v + 1}, attempt{at, "b", v + 1})
		}
		byPath := func(a, b attempt) bool { return a.At < b.At || a.At == b.At && a.Path < b.Path }
		if d := cmp.Diff(want, f.all(), sorted(byPath)); d != "" {
			t.Error(d)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func sorted(less func(a, b attempt) bool) cmp.Option {
	return cmp.Transformer("sorted", func(in []attempt) map[int]attempt {
		out := map[int]attempt{}
		for _, a := range in {
			n := 0
			for _, b := range in {
				if less(b, a) {
					n++
				}
			}
			out[n] = a
		}
		return out
	})
}

func TestSinksGetOnlyTokensOfTheirAppAndKind_I8(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r, stop := start(t, sink.Config{Open: f.open})
		r.Set("shop", []broker.Sink{props("a"), {Type: sink.JSON, Path: "ticket", Kind: broker.JSAPITicket}})
		for i, k := range []broker.Key{
			{App: "shop", Kind: broker.WxCardTicket},
			{App: "shop", Kind: broker.AccessToken, Subject: "corp"},
			{App: "other", Kind: broker.AccessToken},
			{App: "shop", Kind: broker.JSAPITicket},
		} {
			r.Deliver(broker.Token{Key: k, Secret: broker.NewSecret("x"), Version: broker.Version(i + 1)})
		}
		r.Deliver(broker.Token{Key: broker.Key{App: "shop", Kind: broker.AccessToken}, Version: 9}) // no token
		synctest.Wait()
		if d := cmp.Diff([]attempt{{0, "ticket", 4}}, f.all()); d != "" {
			t.Error(d)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestFailingSinkIsRetriedWithBackoffAndVisible(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var down atomic.Bool
		down.Store(true)
		f.write = func(context.Context, string, broker.Token) error {
			if down.Load() {
				return errors.New("disk full")
			}
			return nil
		}
		reg := prometheus.NewPedanticRegistry()
		var log strings.Builder
		r, stop := start(t, sink.Config{Open: f.open, Registerer: reg, Log: slog.New(slog.NewTextHandler(&log, nil))})
		r.Set("shop", []broker.Sink{props("a")})
		r.Deliver(token("shop", 4))
		since := time.Now()
		time.Sleep(time.Hour)
		synctest.Wait()
		calls := f.all()
		if len(calls) < 18 || len(calls) > 24 {
			t.Errorf("%d attempts in an hour, want about twenty", len(calls))
		}
		for i, c := range calls[1:] {
			gap := c.At - calls[i].At
			if gap < time.Second || gap > 5*time.Minute {
				t.Errorf("attempt %d came %v after the one before", i+1, gap)
			}
		}
		want := []sink.Status{{
			App: "shop", Type: sink.Properties, Path: "a", Key: "access_token", Kind: broker.AccessToken,
			Wanted: 4, Since: since, LastError: "disk full", Attempts: len(calls),
		}}
		if d := cmp.Diff(want, r.Status()); d != "" {
			t.Error(d)
		}
		wantMetrics := fmt.Sprintf(`
# HELP hufu_sink_lag_seconds For how long the sink that is furthest behind has not had the newest token.
# TYPE hufu_sink_lag_seconds gauge
hufu_sink_lag_seconds{type="properties"} 3600
# HELP hufu_sink_writes_total Attempts to write a token to a sink, by type and result (ok, error, panic).
# TYPE hufu_sink_writes_total counter
hufu_sink_writes_total{result="error",type="properties"} %d
# HELP hufu_sinks_behind Sinks that do not have the newest token.
# TYPE hufu_sinks_behind gauge
hufu_sinks_behind{type="properties"} 1
`, len(calls))
		if err := testutil.GatherAndCompare(reg, strings.NewReader(wantMetrics)); err != nil {
			t.Error(err)
		}

		// A newer token is tried at once, the older one never again.
		r.Deliver(token("shop", 6))
		synctest.Wait()
		if now := f.all(); len(now) != len(calls)+1 || now[len(calls)] != (attempt{time.Hour, "a", 6}) {
			t.Errorf("the new token was not tried at once: %v", now[len(calls):])
		}
		down.Store(false)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		want[0] = sink.Status{
			App: "shop", Type: sink.Properties, Path: "a", Key: "access_token", Kind: broker.AccessToken,
			Wanted: 6, Written: 6,
		}
		if d := cmp.Diff(want, r.Status()); d != "" {
			t.Error(d)
		}
		if !strings.Contains(log.String(), "disk full") || !strings.Contains(log.String(), "again") {
			t.Errorf("the log does not tell of failure and recovery:\n%s", log.String())
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestHangingSinkDelaysNeitherDeliverNorOtherFiles_I3(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		release := make(chan struct{})
		f.write = func(_ context.Context, path string, _ broker.Token) error {
			if path == "hangs" {
				<-release
			}
			return nil
		}
		r, stop := start(t, sink.Config{Open: f.open, Workers: 2})
		var hanging []broker.Sink
		for i := range 10 {
			hanging = append(hanging, broker.Sink{Type: sink.Properties, Path: "hangs", Key: fmt.Sprint(i)})
		}
		r.Set("stuck", hanging)
		r.Set("shop", []broker.Sink{props("a")})
		begin := time.Now()
		for v := range broker.Version(1000) {
			r.Deliver(token("stuck", v+1))
		}
		r.Deliver(token("shop", 1))
		if d := time.Since(begin); d != 0 {
			t.Errorf("Deliver took %v", d)
		}
		synctest.Wait()
		got := r.Status()
		if got[0].App != "shop" || got[0].Written != 1 {
			t.Errorf("the other file did not get its token: %+v", got[0])
		}
		close(release)
		synctest.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
		for _, s := range r.Status()[1:] {
			if s.Written != 1000 {
				t.Errorf("sink %s has version %d, want the newest", s.Key, s.Written)
			}
		}
		if n := len(f.all()); n > 25 {
			t.Errorf("%d writes, want the versions in between left out", n)
		}
		if f.shared {
			t.Error("two sinks of one path ran together")
		}
	})
}

func TestWorkersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.write = func(context.Context, string, broker.Token) error {
			time.Sleep(time.Second)
			return nil
		}
		r, stop := start(t, sink.Config{Open: f.open, Workers: 3})
		for i := range 30 {
			app := fmt.Sprintf("app%d", i)
			r.Set(app, []broker.Sink{props(app)})
			r.Deliver(token(app, 1))
		}
		time.Sleep(10*time.Second + time.Millisecond)
		if len(f.all()) != 30 || f.most != 3 {
			t.Errorf("%d writes, %d at a time, want 30 by 3", len(f.all()), f.most)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

type hostileValue struct{ secret string }

func TestPanickingSinkGivesItsWorkerBackAndShowsNoSecret_I6(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		panics := []func(){
			func() { panic("SUPERSECRET") },
			func() { panic(fmt.Errorf("SUPERSECRET")) },
			func() { panic(hostileValue{"SUPERSECRET"}) },
			func() { _ = []int{}[len(f.start.String())] },
		}
		n := 0
		f.write = func(_ context.Context, path string, _ broker.Token) error {
			if path == "bad" && n < len(panics) {
				n++
				panics[n-1]()
			}
			return nil
		}
		reg := prometheus.NewPedanticRegistry()
		r, stop := start(t, sink.Config{Open: f.open, Workers: 1, Registerer: reg})
		r.Set("shop", []broker.Sink{props("bad"), props("good")})
		r.Deliver(token("shop", 1))
		for i := range panics {
			synctest.Wait()
			s := r.Status()
			if s[0].Attempts != i+1 || strings.Contains(s[0].LastError, "SUPERSECRET") ||
				!strings.Contains(s[0].LastError, "sink_test.") {
				t.Errorf("after panic %d: %+v", i, s[0])
			}
			if s[1].Written != 1 {
				t.Errorf("the worker did not come back: %+v", s[1])
			}
			for was := len(f.all()); len(f.all()) == was; {
				time.Sleep(100 * time.Millisecond)
			}
		}
		synctest.Wait()
		if s := r.Status()[0]; s.Written != 1 {
			t.Errorf("%+v", s)
		}
		got, err := testutil.GatherAndCount(reg, "hufu_sink_writes_total")
		if err != nil || got != 2 {
			t.Errorf("%d series of writes, %v, want ok and panic", got, err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestSetKeepsWhatStaysAndDropsWhatGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.write = func(_ context.Context, path string, _ broker.Token) error {
			if path == "down" {
				return errors.New("down")
			}
			return nil
		}
		r, stop := start(t, sink.Config{Open: f.open})
		r.Set("shop", []broker.Sink{props("a"), props("down")})
		r.Deliver(token("shop", 1))
		synctest.Wait()
		r.Set("shop", []broker.Sink{props("a"), props("b"), {Type: sink.Properties}})
		r.Deliver(token("shop", 1))
		time.Sleep(time.Hour)
		want := []sink.Status{
			{App: "shop", Type: "properties", Path: "a", Key: "access_token", Kind: "access_token", Written: 1, Wanted: 1},
			{App: "shop", Type: "properties", Path: "b", Key: "access_token", Kind: "access_token", Written: 1, Wanted: 1},
			{
				App: "shop", Type: "properties", Key: "access_token", Kind: "access_token", Wanted: 1,
				Since: f.start, LastError: "the sink has no path", Attempts: 1,
			},
		}
		if d := cmp.Diff(want, r.Status()); d != "" {
			t.Error(d)
		}
		if n := len(f.all()); n != 3 {
			t.Errorf("%d writes, want a, down and b once each", n)
		}
		r.Set("shop", nil)
		r.Deliver(token("shop", 2))
		synctest.Wait()
		if len(r.Status()) != 0 || len(f.all()) != 3 {
			t.Error("a removed sink is still there")
		}
		// The app is added again, and its versions start over.
		r.Set("shop", []broker.Sink{props("a")})
		r.Deliver(token("shop", 1))
		synctest.Wait()
		if n := len(f.all()); n != 4 {
			t.Errorf("%d writes, want one more", n)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestRunGivesEverySinkALastAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var down atomic.Bool
		down.Store(true)
		f.write = func(ctx context.Context, _ string, _ broker.Token) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if down.Load() {
				return errors.New("down")
			}
			return nil
		}
		r, stop := start(t, sink.Config{Open: f.open})
		r.Set("shop", []broker.Sink{props("a"), props("b")})
		r.Deliver(token("shop", 1))
		time.Sleep(time.Minute)
		down.Store(false)
		if err := stop(); err != nil {
			t.Error(err)
		}
		for _, s := range r.Status() {
			if s.Written != 1 {
				t.Errorf("not flushed: %+v", s)
			}
		}
	})
}

func TestFlushIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		release := make(chan struct{})
		f.write = func(_ context.Context, path string, _ broker.Token) error {
			if path == "hangs" {
				<-release
			}
			return errors.New("down")
		}
		r, stop := start(t, sink.Config{Open: f.open, Flush: 3 * time.Second})
		r.Set("shop", []broker.Sink{props("hangs"), props("down")})
		r.Deliver(token("shop", 1))
		synctest.Wait()
		begin := time.Now()
		err := stop()
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("the flush took %v, want 3s", d)
		}
		if err == nil || !strings.Contains(err.Error(), "2 of them") {
			t.Errorf("error %v, want both sinks named as left behind", err)
		}
		close(release)
	})
}

func TestRunnerFillsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		put(t, filepath.Join(dir, ".hufu-idle.json-12.tmp"), "a token", 0o600)
		r, stop := start(t, sink.Config{Open: sink.NewFiles().Open})
		all := filepath.Join(dir, "all.properties")
		r.Set("idle", []broker.Sink{{Type: sink.JSON, Path: filepath.Join(dir, "idle.json")}})
		r.Set("shop", []broker.Sink{{Type: sink.Properties, Path: all, Key: "shop"}})
		r.Set("club", []broker.Sink{{Type: sink.Properties, Path: all, Key: "club"}})
		r.Deliver(token("shop", 1))
		r.Deliver(token("club", 1))
		r.Deliver(token("club", 2))
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := get(t, all); got != "shop=tok-shop-1\nclub=tok-club-2\n" && got != "club=tok-club-2\nshop=tok-shop-1\n" {
			t.Errorf("the file holds %q", got)
		}
		if got := names(t, dir); len(got) != 1 {
			t.Errorf("left behind: %q", got)
		}
	})
}

func TestNoVersionEverReplacesANewerOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		versions := rapid.SliceOfN(rapid.Int64Range(1, 20), 1, 40).Draw(rt, "versions")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 3000), len(versions), len(versions)).Draw(rt, "pauses")
		outcomes := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 20).Draw(rt, "outcomes")
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			last := map[string]broker.Version{}
			f.write = func(_ context.Context, path string, tok broker.Token) error {
				f.mu.Lock()
				o := outcomes[len(f.calls)%len(outcomes)]
				f.mu.Unlock()
				time.Sleep(time.Duration(o) * 700 * time.Millisecond)
				if o == 3 {
					return errors.New("down")
				}
				f.mu.Lock()
				defer f.mu.Unlock()
				if tok.Version < last[path] {
					t.Errorf("version %d replaced %d", tok.Version, last[path])
				}
				last[path] = tok.Version
				return nil
			}
			r, stop := start(t, sink.Config{Open: f.open, Workers: 2})
			r.Set("shop", []broker.Sink{props("a"), props("b"), {Type: sink.JSON, Path: "a"}})
			var newest int64
			for i, v := range versions {
				r.Deliver(token("shop", broker.Version(v)))
				newest = max(newest, v)
				time.Sleep(time.Duration(pauses[i]) * time.Millisecond)
			}
			f.mu.Lock()
			f.write = nil
			f.mu.Unlock()
			time.Sleep(10 * time.Minute)
			for _, s := range r.Status() {
				if s.Written != broker.Version(newest) || !s.Since.IsZero() {
					t.Errorf("want version %d: %+v", newest, s)
				}
			}
			if f.shared {
				t.Error("two sinks of one path ran together")
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestRunnerNeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := sink.NewRunner(sink.Config{}); err == nil {
		t.Error("a runner without parts was made")
	}
}
