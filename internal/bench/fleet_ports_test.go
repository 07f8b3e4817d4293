package bench_test

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/redisstore"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

// shared is a handle on a store that several servers use.
type shared interface {
	broker.Store
	broker.Notifier
	broker.Roll
}

// openShared opens the store at a URL as a server would.
func openShared(ctx context.Context, url string) (shared, error) {
	secret := broker.NewSecret(url)
	if strings.HasPrefix(url, "redis") {
		return redisstore.Open(ctx, redisstore.Config{URL: secret})
	}
	return sqlstore.OpenServer(ctx, sqlstore.ServerConfig{URL: secret})
}

// asked is how often a fleet has called its store.
type asked struct {
	acquire, get, put, release, other atomic.Int64
}

// renewing is the calls that are made for the sake of a renewal.
func (c *asked) renewing() int64 {
	return c.acquire.Load() + c.get.Load() + c.put.Load() + c.release.Load()
}

// counted is one replica's handle, whose calls are counted and whose writes are followed.
type counted struct {
	shared
	replica int
	calls   *asked
	book    *book
}

func (c *counted) Get(ctx context.Context, k broker.Key) (broker.Record, error) {
	c.calls.get.Add(1)
	return c.shared.Get(ctx, k)
}

func (c *counted) Put(ctx context.Context, r broker.Record) (broker.Version, error) {
	c.calls.put.Add(1)
	c.book.writes(c.replica, r.Key, r.Version+1)
	return c.shared.Put(ctx, r)
}

func (c *counted) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (broker.Lease, error) {
	c.calls.acquire.Add(1)
	return c.shared.Acquire(ctx, name, holder, ttl)
}

func (c *counted) Release(ctx context.Context, l broker.Lease) error {
	c.calls.release.Add(1)
	return c.shared.Release(ctx, l)
}

func (c *counted) Clock(ctx context.Context) (time.Time, error) {
	c.calls.other.Add(1)
	return c.shared.Clock(ctx)
}

func (c *counted) Beat(ctx context.Context, name string, n int64, within time.Duration) ([]string, error) {
	c.calls.other.Add(1)
	return c.shared.Beat(ctx, name, n, within)
}

// Watch notes what the replica has taken in: when yield returns, it hands it out.
func (c *counted) Watch(ctx context.Context) iter.Seq2[broker.Change, error] {
	changes := c.shared.Watch(ctx)
	return func(yield func(broker.Change, error) bool) {
		changes(func(change broker.Change, err error) bool {
			more := yield(change, err)
			if r := change.Record; r != nil {
				c.book.adopted(c.replica, r.Key, r.Version)
			}
			return more
		})
	}
}

// outsider writes into a fleet's store without being one of its replicas.
const outsider = -1

// book follows every write until every replica has it.
type book struct {
	replicas int

	mu     sync.Mutex
	latest map[broker.Key]*written
	open   int             // writes that somebody does not have yet, once for each
	moved  time.Time       // when something was written or adopted last
	lags   []time.Duration // of those who have them
}

// written is the last write of a key.
type written struct {
	version broker.Version
	begun   time.Time
	waiting []bool // for whom; by replica
}

func newBook(replicas int) *book {
	return &book{replicas: replicas, latest: map[broker.Key]*written{}}
}

// writes notes that a replica begins to write. It has what it writes itself.
func (b *book) writes(by int, k broker.Key, v broker.Version) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.moved = time.Now()
	w := &written{version: v, begun: b.moved, waiting: make([]bool, b.replicas)}
	for i := range w.waiting {
		w.waiting[i] = i != by
	}
	if old := b.latest[k]; old != nil {
		b.open -= old.open()
	}
	b.latest[k] = w
	b.open += w.open()
}

func (w *written) open() (n int) {
	for _, waits := range w.waiting {
		if waits {
			n++
		}
	}
	return n
}

func (b *book) adopted(by int, k broker.Key, v broker.Version) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.moved = now
	if w := b.latest[k]; w != nil && v >= w.version && w.waiting[by] {
		w.waiting[by] = false
		b.open--
		b.lags = append(b.lags, now.Sub(w.begun))
	}
}

// settled reports whether every replica has every write.
func (b *book) settled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open == 0
}

// state returns how many times a replica lacks what was written, and since when nothing
// has moved.
func (b *book) state() (open int, since time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open, time.Since(b.moved)
}

// take returns how long it took from the beginning of a write until another replica had
// it, for each of both, in order, and begins anew.
func (b *book) take() []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	lags := b.lags
	b.lags = nil
	slices.Sort(lags)
	return lags
}

// quantile of sorted values; zero where there are none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))]
}
