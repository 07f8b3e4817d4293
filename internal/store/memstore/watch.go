package memstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// ErrSlowWatcher ends a watch whose reader left too many changes waiting.
var ErrSlowWatcher = errors.New("watcher is too slow")

// maxPending bounds what waits for one reader, so that one that has stopped reading
// cannot fill the memory.
const maxPending = 1 << 16

// watch is one registered watcher.
type watch struct {
	wake chan struct{} // holds at most one signal: something is pending, or err is set

	mu      sync.Mutex // guards what follows; no other lock is taken under it
	pending []broker.Change
	err     error
}

// tell tells the watchers of all handles, the writer's own too, and does not wait for
// them. It is called with data.mu held, so that they hear of changes in their order.
func (d *data) tell(c broker.Change) {
	for w := range d.watches {
		w.add(c)
	}
}

// Watch implements [broker.Notifier]. The watcher is registered when Watch returns,
// not when the sequence is ranged over: nothing that is written afterwards is lost. The sequence serves one range. It ends without an error when ctx ends.
func (s *Store) Watch(ctx context.Context) iter.Seq2[broker.Change, error] {
	w := &watch{wake: make(chan struct{}, 1)}
	if err := s.register(w); err != nil {
		return func(yield func(broker.Change, error) bool) {
			yield(broker.Change{}, fmt.Errorf("watch changes: %w", err))
		}
	}
	// A sequence that is never ranged over must not stay registered either.
	stop := context.AfterFunc(ctx, func() { s.unregister(w) })
	return func(yield func(broker.Change, error) bool) {
		defer s.unregister(w)
		defer stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.wake:
			}
			changes, err := w.take()
			for _, c := range changes {
				if ctx.Err() != nil || !yield(c, nil) {
					return
				}
			}
			if err != nil {
				yield(broker.Change{}, fmt.Errorf("watch changes: %w", err))
				return
			}
		}
	}
}

// Behind implements [broker.Notifier]. A watch here is always up to date, or has ended.
func (s *Store) Behind() time.Duration { return 0 }

func (s *Store) register(w *watch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.fault != nil {
		return s.fault
	}
	s.watches[w] = struct{}{}
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	s.data.watches[w] = struct{}{}
	return nil
}

func (s *Store) unregister(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watches, w)
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	delete(s.data.watches, w)
}

func (s *Store) endWatchesLocked(err error) {
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	for w := range s.watches {
		delete(s.watches, w)
		delete(s.data.watches, w)
		w.end(err)
	}
}

func (w *watch) add(c broker.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return
	case len(w.pending) == maxPending:
		w.err = ErrSlowWatcher
	default:
		w.pending = append(w.pending, c)
	}
	w.signalLocked()
}

func (w *watch) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	w.signalLocked()
}

func (w *watch) signalLocked() {
	select {
	case w.wake <- struct{}{}:
	default: // a signal is waiting already
	}
}

func (w *watch) take() ([]broker.Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	changes := w.pending
	w.pending = nil
	return changes, w.err
}
