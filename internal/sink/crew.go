package sink

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// crew is a number of workers and what they have to do. The runner's mutex guards ready.
type crew struct {
	size  int
	wake  chan struct{} // a value per worker that should look for work
	ready []*lane       // with work, and not running
}

func newCrew(size int) *crew { return &crew{size: size, wake: make(chan struct{}, size)} }

// lane holds the slots that are queued and lead to one file, or to one other server. Only
// one of them runs at a time, so that what hangs costs one worker and not all of them.
type lane struct {
	to    identity
	crew  *crew
	slots int // that exist
	queue []*slot
	busy  bool // with the workers: ready or running
}

// identity tells sinks, or what they lead to, apart without keeping the secrets in them.
type identity [sha256.Size]byte

// identify returns what only the same description has, by its values and not by where its
// secrets are kept.
func identify(b broker.Sink) identity {
	return hashOf(b.Type, b.Path, b.Key, string(b.Kind), b.Format, fmt.Sprint(b.IncludeToken), b.URL.Reveal(), b.Secret.Reveal())
}

// leadsTo names the file or the other server that a sink writes to.
func leadsTo(b broker.Sink) identity { return hashOf(b.Path, b.URL.Reveal()) }

func hashOf(parts ...string) identity { return sha256.Sum256(fmt.Appendf(nil, "%q", parts)) }

// work runs the slots of a crew until the runner stops and its queue is empty.
func (r *Runner) work(ctx context.Context, c *crew) {
	for ctx.Err() == nil {
		// Asked before looking for work, because stop queues the last of it.
		stopped := r.stopped()
		s, tok, tidy := r.next(c)
		switch {
		case s != nil:
			r.finish(s, tok, attempt(ctx, s, tok, tidy))
		case stopped:
			return
		default:
			select {
			case <-c.wake:
			case <-r.stopping:
			}
		}
	}
}

func (r *Runner) stopped() bool {
	select {
	case <-r.stopping:
		return true
	default:
		return false
	}
}

// enqueueLocked gives a slot to the workers.
func (r *Runner) enqueueLocked(s *slot) {
	s.stopTimer()
	s.phase = queued
	s.lane.queue = append(s.lane.queue, s)
	r.readyLocked(s.lane)
}

// readyLocked gives a lane to its workers, if it has work and they do not have it
// already.
func (r *Runner) readyLocked(l *lane) {
	if l.busy || len(l.queue) == 0 {
		return
	}
	l.busy = true
	l.crew.ready = append(l.crew.ready, l)
	select {
	case l.crew.wake <- struct{}{}:
	default: // every worker has been told already
	}
}

// dropLocked forgets a lane that no sink uses any more. One that still runs stays,
// so that a new sink of its path waits for the old one's write.
func (r *Runner) dropLocked(l *lane) {
	if l.slots == 0 && !l.busy {
		delete(r.lanes, l.to)
	}
}

// next takes a slot out of a crew's queue, with the token to write and whether to tidy
// up first. Its lane does not run another until finish.
func (r *Runner) next(c *crew) (_ *slot, _ broker.Token, tidy bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(c.ready) > 0 {
		l := c.ready[0]
		c.ready = c.ready[1:]
		for len(l.queue) > 0 {
			s := l.take()
			if s.gone || s.phase != queued {
				continue
			}
			s.phase = running
			return s, s.wanted, !s.tidy
		}
		l.queue, l.busy = nil, false
		r.dropLocked(l)
	}
	return nil, broker.Token{}, false
}

// take takes a slot out of the queue: the first of those that are behind, and only where
// there are none another, so that new tokens do not wait for repetitions.
func (l *lane) take() *slot {
	i := max(0, slices.IndexFunc(l.queue, (*slot).behind))
	s := l.queue[i]
	l.queue = slices.Delete(l.queue, i, i+1)
	return s
}

// finish books the outcome of an attempt, and decides what the slot and its lane
// do next.
func (r *Runner) finish(s *slot, tok broker.Token, err error) {
	r.metrics.attempt(s.sink.Type, tok, err)
	r.mu.Lock()
	recovered := r.bookLocked(s, tok, err)
	attempts := s.attempts
	r.mu.Unlock()
	switch {
	case err != nil:
		r.log.Warn("sink did not take the token", "app", s.app, "type", s.sink.Type, "path", s.sink.Place(),
			"version", tok.Version, "attempts", attempts, "error", err)
	case recovered:
		r.log.Info("sink takes tokens again", "app", s.app, "type", s.sink.Type, "path", s.sink.Place(),
			"version", tok.Version)
	}
}

func (r *Runner) bookLocked(s *slot, tok broker.Token, err error) (recovered bool) {
	s.phase = idle
	if err == nil {
		recovered = s.attempts > 0 && !tok.Secret.IsZero()
		s.written, s.stated, s.tidy = tok.Version, tok.Until, true
		s.attempts, s.lastErr = 0, ""
		if !s.behind() {
			s.since = time.Time{}
		}
	} else {
		s.attempts++
		s.lastErr = err.Error()
	}
	switch {
	case s.gone:
	case s.wanted.Version > tok.Version: // came meanwhile
		r.enqueueLocked(s)
	case s.behind() && !r.closed:
		r.waitLocked(s, backoff(s.attempts, rand.Float64()))
	case s.traits.repeat > 0 && s.written > 0 && !r.closed:
		r.waitLocked(s, repetition(s, rand.Float64()))
	}
	s.lane.busy = false
	r.readyLocked(s.lane)
	r.dropLocked(s.lane)
	return recovered
}

// waitLocked has a slot run again after a while, unless something comes before.
func (r *Runner) waitLocked(s *slot, d time.Duration) {
	s.phase = waiting
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		// Another timer may be the slot's by now.
		if s.phase == waiting && s.timer == timer {
			r.enqueueLocked(s)
		}
	})
	s.timer = timer
}

// backoff says how long to wait after the given number of failed attempts: from a
// second to five minutes, doubled each time and jittered by up to a quarter with
// rnd in [0,1). It is not the platforms' back-off: a disk has no quota to spare,
// and a full one is noticed soon after it was cleared.
func backoff(attempts int, rnd float64) time.Duration {
	const first, most = time.Second, 4 * time.Minute
	d := min(first<<min(max(attempts, 1)-1, 10), most)
	return d + time.Duration(rnd*float64(d/4))
}

// repetition says how long to wait before a token is written that should be there
// already. Jitter keeps the sinks of many apps, and the replicas, from coming at once.
func repetition(s *slot, rnd float64) time.Duration {
	if s.attempts > 0 {
		return backoff(s.attempts, rnd)
	}
	return s.traits.repeat + time.Duration(rnd*float64(s.traits.repeat/4))
}
