package memstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

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

// Publish implements [broker.Notifier]. It tells the watchers of all handles, this
// one's too, and does not wait for them.
func (s *Store) Publish(ctx context.Context, k broker.Key, v broker.Version) error {
	if err := s.enter(ctx, "publish change of", k.String()); err != nil {
		return err
	}
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	for w := range s.data.watches {
		w.add(broker.Change{Key: k, Version: v})
	}
	return nil
}

// Watch implements [broker.Notifier]. The watcher is registered when Watch returns,
// not when the sequence is ranged over: no change that is published afterwards is
// lost. The sequence serves one range. It ends without an error when ctx ends.
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
