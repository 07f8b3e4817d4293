package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) feed() []test {
	return []test{
		{"AWatcherHearsOfWhatAnybodyWrites_I9", s.hears},
		{"AWatcherMissesNothingAmongMany_I9", s.hearsAll},
		{"AWatcherHearsOfDefinitionsThatCameAndWent", s.hearsDefinitions},
		{"AWatchEndsWithItsContext", s.watchEnds},
		{"AWatchIsNotBehindWhileTheStoreAnswers", s.notBehind},
	}
}

// patience is how long a watcher is waited for. A store that is much slower than a second
// when it is left alone breaks I9; one on a busy machine may be.
const patience = time.Minute

// notifier is what a store for several servers has beside broker.Store.
func notifier(t *testing.T, s suite, st broker.Store) broker.Notifier {
	t.Helper()
	if s.Skip.Fleet != "" {
		t.Skip(s.Skip.Fleet)
	}
	n, is := st.(broker.Notifier)
	if !is {
		t.Fatalf("%T is no broker.Notifier", st)
	}
	return n
}

// watcher keeps what a watch has yielded. The watch has begun when it is returned.
type watcher struct {
	mu      sync.Mutex
	records map[broker.Key]broker.Record
	apps    map[string]int
	clients map[string]int
	wake    chan struct{}
	ended   chan struct{}
}

func watch(ctx context.Context, t *testing.T, n broker.Notifier) *watcher {
	w := &watcher{
		records: map[broker.Key]broker.Record{}, apps: map[string]int{}, clients: map[string]int{},
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	changes := n.Watch(ctx)
	go func() {
		defer close(w.ended)
		for c, err := range changes {
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("watch: %v", err)
				}
				return
			}
			w.add(t, c)
		}
	}()
	t.Cleanup(func() { <-w.ended })
	return w
}

func (w *watcher) add(t *testing.T, c broker.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case c.Record != nil && c.App == "" && c.Client == "":
		if was := w.records[c.Record.Key]; c.Record.Version >= was.Version {
			w.records[c.Record.Key] = *c.Record
		}
	case c.Record == nil && c.App != "" && c.Client == "":
		w.apps[c.App]++
	case c.Record == nil && c.App == "" && c.Client != "":
		w.clients[c.Client]++
	default:
		t.Errorf("a change says %+v", c)
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// until waits until f says so of what was heard.
func (w *watcher) until(t *testing.T, what string, f func() bool) {
	t.Helper()
	late := time.After(patience)
	for {
		w.mu.Lock()
		done := f()
		w.mu.Unlock()
		if done {
			return
		}
		select {
		case <-w.wake:
		case <-w.ended:
			t.Fatalf("the watch ended before it told of %s", what)
		case <-late:
			t.Fatalf("a watcher did not hear of %s", what)
		}
	}
}

func (s suite) hears(t *testing.T) {
	f := s.Open(t)
	n := notifier(t, s, f.Store)
	before := put(t, f.Store, numbered(0))
	w := watch(t.Context(), t, n)
	other := f.Handle()
	r := put(t, f.Store, full("own"))
	theirs := put(t, other, full("theirs"))
	theirs = put(t, other, theirs)
	before = put(t, other, before)
	want := map[broker.Key]broker.Record{r.Key: r, theirs.Key: theirs, before.Key: before}
	w.until(t, "three records", func() bool {
		return len(w.records) == 3 && w.records[theirs.Key].Version == 2 && w.records[before.Key].Version == 2
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	check(t, "records heard of", want, w.records)
}

func (s suite) hearsAll(t *testing.T) {
	const each = 40
	f := s.Open(t)
	handles := []broker.Store{f.Store, f.Handle()}
	w := watch(t.Context(), t, notifier(t, s, f.Handle()))
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			st := handles[i%2]
			r := broker.Record{Key: keyOf(fmt.Sprintf("app-%d", i))}
			for range each {
				v, err := st.Put(t.Context(), r)
				if err != nil {
					t.Errorf("put: %v", err)
					return
				}
				r.Version = v
			}
		})
	}
	wg.Wait()
	w.until(t, "the last version of every record", func() bool {
		for i := range crowd {
			if w.records[keyOf(fmt.Sprintf("app-%d", i))].Version != each {
				return false
			}
		}
		return true
	})
}

func (s suite) hearsDefinitions(t *testing.T) {
	f := s.Open(t)
	n, other := notifier(t, s, f.Store), f.Handle()
	ctx := t.Context()
	v, err := other.Clients().Put(ctx, broker.Definition{Name: "orders", Spec: []byte("{}")})
	ok(t, "put a client", err)
	w := watch(ctx, t, n)
	ok(t, "delete a client", other.Clients().Delete(ctx, "orders", v))
	w.until(t, "a client that went", func() bool { return w.clients["orders"] > 0 })
	av, err := other.Apps().Put(ctx, broker.Definition{Name: "shop", Spec: []byte("{}")})
	ok(t, "put an app", err)
	w.until(t, "an app that came", func() bool { return w.apps["shop"] > 0 })
	w.mu.Lock()
	clear(w.apps)
	w.mu.Unlock()
	ok(t, "delete an app", f.Store.Apps().Delete(ctx, "shop", av))
	w.until(t, "an app that went", func() bool { return w.apps["shop"] > 0 })
	w.mu.Lock()
	clear(w.clients)
	w.mu.Unlock()
	_, err = f.Store.Clients().Put(ctx, broker.Definition{Name: "orders", Spec: []byte("{}")})
	ok(t, "put the client again", err)
	w.until(t, "a client that came back", func() bool { return w.clients["orders"] > 0 })
}

func (s suite) watchEnds(t *testing.T) {
	f := s.Open(t)
	n := notifier(t, s, f.Store)
	ctx, cancel := context.WithCancel(t.Context())
	w, unused := watch(ctx, t, n), n.Watch(ctx)
	cancel()
	select {
	case <-w.ended:
	case <-time.After(patience):
		t.Fatal("a watch goes on after its context has ended")
	}
	for _, err := range unused {
		if err == nil {
			t.Error("a watch whose context has ended yielded something")
		}
	}
	put(t, f.Store, numbered(1)) // and the store goes on
}

func (s suite) notBehind(t *testing.T) {
	f := s.Open(t)
	n := notifier(t, s, f.Store)
	w := watch(t.Context(), t, n)
	put(t, f.Store, numbered(1))
	w.until(t, "a record", func() bool { return len(w.records) == 1 })
	if d := n.Behind(); d > patience {
		t.Errorf("a watch that has just heard of a write is %v behind", d)
	}
}
