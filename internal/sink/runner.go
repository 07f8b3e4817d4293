package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	defaultWorkers = 4
	defaultFlush   = 5 * time.Second
	attemptTimeout = 30 * time.Second
)

// Config is what a [Runner] is made of.
type Config struct {
	// Open makes the target that a sink describes; it does no I/O. Required.
	// [Files.Open] is one.
	Open func(broker.Sink) (Target, error)
	// Log gets failures and recoveries. Required.
	Log *slog.Logger
	// Registerer gets the metrics; nil: there are none.
	Registerer prometheus.Registerer
	// Workers is how many targets are written at a time; zero: 4.
	Workers int
	// Flush bounds the last attempt when Run ends; zero: 5s.
	Flush time.Duration
}

// Runner writes tokens to the sinks of their apps: the newest version only, with
// retries. All methods are safe for concurrent use, and none but Run ever waits
// for a sink.
type Runner struct {
	open    func(broker.Sink) (Target, error)
	log     *slog.Logger
	metrics *metrics
	workers int
	flush   time.Duration

	wake     chan struct{} // a value per worker that should look for work
	stopping chan struct{}

	mu     sync.Mutex // never held across a call of a target
	apps   map[string][]*slot
	lanes  map[string]*lane // by path
	ready  []*lane          // with work, and not running
	closed bool
}

// NewRunner returns a runner without sinks.
func NewRunner(c Config) (*Runner, error) {
	if c.Open == nil || c.Log == nil {
		return nil, errors.New("make sink runner: Open and Log are required")
	}
	if c.Workers <= 0 {
		c.Workers = defaultWorkers
	}
	if c.Flush <= 0 {
		c.Flush = defaultFlush
	}
	r := &Runner{
		open: c.Open, log: c.Log, workers: c.Workers, flush: c.Flush,
		wake: make(chan struct{}, c.Workers), stopping: make(chan struct{}),
		apps: make(map[string][]*slot), lanes: make(map[string]*lane),
	}
	m, err := newMetrics(c.Registerer, r)
	if err != nil {
		return nil, fmt.Errorf("make sink runner: %w", err)
	}
	r.metrics = m
	return r, nil
}

// Set says which sinks an app has from now on. A sink that it had before keeps
// its state; what a removed one still waited for is dropped. New sinks get the
// tokens that are delivered after Set has returned, so the caller delivers the
// app's current ones then.
func (r *Runner) Set(app string, sinks []broker.Sink) {
	r.mu.Lock()
	defer r.mu.Unlock()
	had := make(map[broker.Sink]*slot)
	for _, s := range r.apps[app] {
		had[s.sink] = s
		s.gone = true
	}
	slots := make([]*slot, 0, len(sinks))
	for _, b := range sinks {
		b = withDefaults(b)
		s, ok := had[b]
		if !ok {
			s = r.newSlotLocked(app, b)
			had[b] = s
		} else if !s.gone {
			continue // listed twice
		}
		s.gone = false
		slots = append(slots, s)
	}
	for _, s := range had {
		if s.gone && s.lane != nil {
			s.stopTimer()
			s.lane.slots--
			r.dropLocked(s.lane)
		}
	}
	if len(slots) == 0 {
		delete(r.apps, app)
	} else {
		r.apps[app] = slots
	}
}

// newSlotLocked makes a slot and has it tidied up.
func (r *Runner) newSlotLocked(app string, b broker.Sink) *slot {
	s := &slot{app: app, sink: b}
	t, err := r.open(b)
	if err != nil {
		s.lastErr, s.attempts = err.Error(), 1
		return s
	}
	s.target = t
	l, ok := r.lanes[b.Path]
	if !ok {
		l = &lane{path: b.Path}
		r.lanes[b.Path] = l
	}
	l.slots++
	s.lane = l
	if _, ok := t.(Tidier); ok {
		r.enqueueLocked(s)
	} else {
		s.tidy = true
	}
	return s
}

// Deliver hands a token to the sinks of its app. It never blocks. A token that is
// not newer than what a sink has or waits for changes nothing there; a newer one
// takes the place of one that still waits, and is tried at once.
func (r *Runner) Deliver(tok broker.Token) {
	if tok.Secret.IsZero() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.apps[tok.Key.App] {
		if !s.takes(tok.Key) || tok.Version <= s.wanted.Version {
			continue
		}
		s.wanted = tok
		if s.since.IsZero() {
			s.since = time.Now()
		}
		if s.target != nil && (s.phase == idle || s.phase == waiting) {
			r.enqueueLocked(s)
		}
	}
}

// Run writes until ctx ends. Then every sink that is behind gets one more attempt,
// all of them within the flush time. It is called once. The error says that sinks
// were left behind; their files hold an older token.
func (r *Runner) Run(ctx context.Context) error {
	// Writes outlast ctx for the flush, and end with it.
	write, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var wg sync.WaitGroup
	for range r.workers {
		wg.Go(func() { r.work(write) })
	}
	<-ctx.Done()
	r.stop()
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	limit := time.NewTimer(r.flush)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		// A file system that hangs cannot be interrupted; it is left alone.
	}
	if n := r.countBehind(); n > 0 {
		return fmt.Errorf("flush sinks: %d of them do not have the newest token", n)
	}
	return nil
}

// stop makes the workers end when the queue is empty, after a last attempt for
// everything that waits for its back-off.
func (r *Runner) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, slots := range r.apps {
		for _, s := range slots {
			if s.phase == waiting {
				r.enqueueLocked(s)
			}
		}
	}
	close(r.stopping)
}

// work runs slots until the runner stops and the queue is empty.
func (r *Runner) work(ctx context.Context) {
	for ctx.Err() == nil {
		// Asked before looking for work, because stop queues the last of it.
		stopped := r.stopped()
		s, tok, tidy := r.next()
		switch {
		case s != nil:
			r.finish(s, tok, attempt(ctx, s, tok, tidy))
		case stopped:
			return
		default:
			select {
			case <-r.wake:
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

// readyLocked gives a lane to the workers, if it has work and they do not have it
// already.
func (r *Runner) readyLocked(l *lane) {
	if l.busy || len(l.queue) == 0 {
		return
	}
	l.busy = true
	r.ready = append(r.ready, l)
	select {
	case r.wake <- struct{}{}:
	default: // every worker has been told already
	}
}

// dropLocked forgets a lane that no sink uses any more. One that still runs stays,
// so that a new sink of its path waits for the old one's write.
func (r *Runner) dropLocked(l *lane) {
	if l.slots == 0 && !l.busy {
		delete(r.lanes, l.path)
	}
}

// next takes a slot out of the queue, with the token to write and whether to tidy
// up first. Its lane does not run another until finish.
func (r *Runner) next() (_ *slot, _ broker.Token, tidy bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.ready) > 0 {
		l := r.ready[0]
		r.ready = r.ready[1:]
		for len(l.queue) > 0 {
			s := l.queue[0]
			l.queue = l.queue[1:]
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
		r.log.Warn("sink did not take the token", "app", s.app, "type", s.sink.Type, "path", s.sink.Path,
			"version", tok.Version, "attempts", attempts, "error", err)
	case recovered:
		r.log.Info("sink takes tokens again", "app", s.app, "type", s.sink.Type, "path", s.sink.Path,
			"version", tok.Version)
	}
}

func (r *Runner) bookLocked(s *slot, tok broker.Token, err error) (recovered bool) {
	s.phase = idle
	if err == nil {
		recovered = s.attempts > 0 && !tok.Secret.IsZero()
		s.written, s.tidy = tok.Version, true
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
		r.waitLocked(s)
	}
	s.lane.busy = false
	r.readyLocked(s.lane)
	r.dropLocked(s.lane)
	return recovered
}

// waitLocked starts a slot's back-off.
func (r *Runner) waitLocked(s *slot) {
	d := backoff(s.attempts, rand.Float64())
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
