package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// pollEvery is the time from one look for changes to the next; where servers tell each
	// other of changes as well, it is only for what they could not tell of.
	pollEvery          = 250 * time.Millisecond
	pollEveryListening = 500 * time.Millisecond
	// pollGap is the shortest time between two looks, however much is written.
	pollGap = 100 * time.Millisecond
	// pollPatience is how long a look may stand still before the server counts as away.
	pollPatience = 3 * time.Second
	// pollPause bounds the time between two looks at a server that is away.
	pollPause = 2 * time.Second

	listenPause    = time.Second      // before listening is tried again
	listenQuiet    = 20 * time.Second // after which the server is asked whether it is there
	listenPatience = 3 * time.Second
	announcePause  = 50 * time.Millisecond
)

// feed is the watches of one handle.
type feed struct {
	mu      sync.Mutex // guards what follows, and watch.good; a leaf
	watches map[*watch]struct{}
}

func (f *feed) add(w *watch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watches == nil {
		f.watches = map[*watch]struct{}{}
	}
	f.watches[w] = struct{}{}
}

func (f *feed) remove(w *watch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watches, w)
}

// wake has all watches look for changes soon.
func (f *feed) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watches {
		select {
		case w.wake <- struct{}{}:
		default: // it is about to
		}
	}
}

func (f *feed) upToDate(w *watch, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.good = at
}

// Behind implements [broker.Notifier].
func (s *Shared) Behind() time.Duration {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	var worst time.Duration
	for w := range s.feed.watches {
		worst = max(worst, time.Since(w.good)-s.interval())
	}
	return worst
}

func (s *Shared) interval() time.Duration {
	if s.listening.Load() {
		return pollEveryListening
	}
	return pollEvery
}

// Watch implements [broker.Notifier]. It looks for what has changed since it looked last,
// on the database's clock, so that nothing is lost while the database is away, and nobody
// else has to remember who watches. The sequence serves one range.
func (s *Shared) Watch(ctx context.Context) iter.Seq2[broker.Change, error] {
	w := newWatch(time.Now())
	// Where the clock cannot be read, the time that passes until it can will do.
	asking, cancel := context.WithTimeout(ctx, pollPatience)
	defer cancel()
	if now, err := s.look(asking); err == nil {
		w.now = now
	}
	return func(yield func(broker.Change, error) bool) {
		ctx, cancel := s.untilClosed(ctx)
		defer cancel()
		s.feed.add(w)
		defer s.feed.remove(w)
		s.watch(ctx, w, yield)
	}
}

// errStopped is the reader's wish to hear no more.
var errStopped = errors.New("the reader has gone")

// watch polls until ctx ends, the store is closed or the reader goes.
func (s *Shared) watch(ctx context.Context, w *watch, yield func(broker.Change, error) bool) {
	failures := 0
	for {
		begun := time.Now()
		err := s.poll(ctx, w, yield)
		select {
		case <-s.closing:
			yield(broker.Change{}, fmt.Errorf("watch changes: %w", ErrClosed))
			return
		default:
		}
		if ctx.Err() != nil || errors.Is(err, errStopped) {
			return
		}
		s.logPoll(err, failures, w)
		pause := s.interval()
		if err != nil {
			pause = min(pollEvery<<min(failures, 8), pollPause)
			failures++
		} else {
			failures = 0
		}
		if !w.wait(ctx, begun, pause, err == nil) {
			continue // which finds out why
		}
	}
}

// logPoll says once that the database is away, and that it is back.
func (s *Shared) logPoll(err error, failures int, w *watch) {
	switch {
	case err != nil && failures == 0:
		s.log.Warn("the database cannot be asked for changes, and is tried again", "error", err)
	case err == nil && failures > 0:
		s.log.Info("the database can be asked for changes again, and those missed have been read", "tries", failures, "records", len(w.records))
	}
}

// wait returns when the next look is due. It reports whether ctx goes on.
func (w *watch) wait(ctx context.Context, begun time.Time, pause time.Duration, wakeable bool) bool {
	wake := w.wake
	if !wakeable {
		wake = nil
	}
	due := time.NewTimer(jittered(pause) - time.Since(begun))
	defer due.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-due.C:
		return true
	case <-wake:
	}
	gap := time.NewTimer(pollGap - time.Since(begun))
	defer gap.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-gap.C:
		return true
	}
}

// jittered is a little less, so that servers that were started together do not stay so.
func jittered(d time.Duration) time.Duration { return d - rand.N(d/8+1) }

// untilClosed is ctx until the store is closed.
func (s *Shared) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// runAnnouncer tells other servers that something has been written: after the write, and
// together for many, because an announcement within a write's transaction makes the
// database commit one after another. One that gets lost is made up for by the next poll.
func (s *Shared) runAnnouncer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.announce:
		}
		announcing, cancel := context.WithTimeout(ctx, pollPatience)
		_ = s.engine.announce(announcing, s.polls, s.facts.schema)
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-time.After(announcePause):
		}
	}
}
