package bench_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleet"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/renew"
)

// replicas are the servers of a fleet in this process, over one store that holds a number
// of tokens, in front of a platform that answers at once.
type replicas struct {
	t        *testing.T
	store    *filled
	managers []*renew.Manager
	calls    *asked
	book     *book
	// prompt takes the random delays away, so that all comes at once.
	prompt atomic.Bool

	mu      sync.Mutex
	renewed []time.Time
	failed  []error
}

// startReplicas starts a fleet, which ends with the test. Its replicas know each other.
func startReplicas(t *testing.T, f *filled, n int) *replicas {
	t.Helper()
	r := &replicas{t: t, store: f, calls: &asked{}, book: newBook(n)}
	var members []*fleet.Members
	for i := range n {
		m := r.start(&counted{shared: f.open(t), replica: i, calls: r.calls, book: r.book})
		members = append(members, m)
	}
	for _, m := range members {
		if err := m.Join(t.Context()); err != nil { // once more: now all are there
			t.Fatal(err)
		}
	}
	for _, m := range r.managers {
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// start adds a replica, which does not renew yet.
func (r *replicas) start(store *counted) *fleet.Members {
	t, f := r.t, r.store
	t.Helper()
	name, log := fmt.Sprintf("bench-%d", store.replica), slog.New(slog.DiscardHandler)
	members, err := fleet.New(fleet.Config{Roll: store, Name: name, Logger: log})
	if err == nil {
		err = members.Join(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := renew.New(renew.Config{
		Store: store, Leaser: store, Notifier: store, Sealer: f.keys, Holder: name, Rank: members.Rank, Logger: log,
		Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(&atOnce{}))},
		Renewed:   r.hear,
		Rand: func() float64 {
			if r.prompt.Load() {
				return 0
			}
			return rand.Float64()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range f.tokens {
		if err := m.SetApp(t.Context(), benchApp(i)); err != nil {
			t.Fatal(err)
		}
	}
	m.Listen(t.Context())
	r.managers = append(r.managers, m)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { members.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return members
}

func (r *replicas) hear(e renew.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Err != nil {
		r.failed = append(r.failed, e.Err)
	}
	r.renewed = append(r.renewed, time.Now())
}

// at has the first n tokens fall due when due says, as any writer of the store could, and
// returns when all replicas know of it.
func (r *replicas) at(n int, due func(i int) time.Time) {
	t := r.t
	t.Helper()
	store, err := openShared(t.Context(), r.store.url)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	err = together(t.Context(), n, func(ctx context.Context, i int) error {
		k := broker.Key{App: appID(i), Kind: broker.AccessToken}
		rec, err := store.Get(ctx, k)
		if err != nil {
			return err
		}
		rec.Due = due(i)
		r.book.writes(outsider, k, rec.Version+1)
		_, err = store.Put(ctx, rec)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for !r.book.settled() {
		r.giveUpIfStill()
		time.Sleep(time.Millisecond)
	}
	r.book.take()
}

// await waits until n tokens have been renewed and every replica has them, and returns
// when each was, in order. A token is renewed once (I1).
func (r *replicas) await(n int) []time.Time {
	t := r.t
	t.Helper()
	for r.count() < n || !r.book.settled() {
		r.giveUpIfStill()
		time.Sleep(time.Millisecond)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.renewed) != n || len(r.failed) > 0 {
		t.Errorf("%d renewals of %d tokens; these failed: %v", len(r.renewed), n, errors.Join(r.failed...))
	}
	times := r.renewed
	r.renewed, r.failed = nil, nil
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// giveUpIfStill fails the test if no replica has taken in anything for long.
func (r *replicas) giveUpIfStill() {
	r.t.Helper()
	open, since := r.book.state()
	if since > 30*time.Second {
		r.t.Fatalf("nothing happens any more: %d tokens are renewed, and %d times a replica lacks what was written", r.count(), open)
	}
}

func (r *replicas) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.renewed)
}

// atOnce is a platform that gives another token whenever it is asked, with no delay.
type atOnce struct{ given atomic.Int64 }

func (p *atOnce) RoundTrip(req *http.Request) (*http.Response, error) {
	body := fmt.Appendf(nil, `{"access_token":"83_%0*d%08x","expires_in":7200}`, tokenLength-11, p.given.Add(1), rand.Uint32())
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": bareType}, Request: req,
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}
