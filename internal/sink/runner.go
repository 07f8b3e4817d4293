package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	defaultWorkers = 4
	defaultNetwork = 8
	defaultFlush   = 5 * time.Second
)

// Config is what a [Runner] is made of.
type Config struct {
	// Open makes the target that a sink describes; it does no I/O. Required.
	// [Places.Open] is one.
	Open func(broker.Sink) (Target, error)
	// Log gets failures and recoveries. Required.
	Log *slog.Logger
	// Registerer gets the metrics; nil: there are none.
	Registerer prometheus.Registerer
	// Workers is how many files are written at a time; zero: 4.
	Workers int
	// Network is how many other servers are written to at a time; zero: 8.
	Network int
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
	flush   time.Duration

	files    *crew
	network  *crew
	stopping chan struct{}

	mu     sync.Mutex // never held across a call of a target
	apps   map[string][]*slot
	lanes  map[identity]*lane // by what they lead to
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
	if c.Network <= 0 {
		c.Network = defaultNetwork
	}
	if c.Flush <= 0 {
		c.Flush = defaultFlush
	}
	r := &Runner{
		open: c.Open, log: c.Log, flush: c.Flush, stopping: make(chan struct{}),
		files: newCrew(c.Workers), network: newCrew(c.Network),
		apps: make(map[string][]*slot), lanes: make(map[identity]*lane),
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
	had := make(map[identity]*slot)
	for _, s := range r.apps[app] {
		had[identify(s.sink)] = s
		s.gone = true
	}
	slots := make([]*slot, 0, len(sinks))
	for _, b := range sinks {
		b = withDefaults(b)
		id := identify(b)
		s, ok := had[id]
		if !ok {
			s = r.newSlotLocked(app, b)
			had[id] = s
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
	s := &slot{app: app, sink: b, traits: traitsOf(b.Type)}
	t, err := r.open(b)
	if err != nil {
		s.lastErr, s.attempts = err.Error(), 1
		return s
	}
	s.target = t
	to := leadsTo(b)
	l, ok := r.lanes[to]
	if !ok {
		l = &lane{to: to, crew: r.files}
		if s.traits.network {
			l.crew = r.network
		}
		r.lanes[to] = l
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
// newer than what a sink has or waits for takes its place and is tried at once. The same
// version once more only brings the promise up to date, which sinks that are written again
// pass on, and those that state it where it has grown; an older one changes nothing.
func (r *Runner) Deliver(tok broker.Token) {
	if tok.Secret.IsZero() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.apps[tok.Key.App] {
		switch {
		case !s.takes(tok.Key) || tok.Version < s.wanted.Version:
			continue
		case tok.Version == s.wanted.Version:
			s.wanted = tok
			if s.traits.states && s.phase == idle && s.target != nil && s.written == tok.Version && tok.Until.After(s.stated) {
				r.enqueueLocked(s)
			}
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
	for _, c := range []*crew{r.files, r.network} {
		for range c.size {
			wg.Go(func() { r.work(write, c) })
		}
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
			if s.phase == waiting && s.behind() {
				r.enqueueLocked(s)
			}
		}
	}
	close(r.stopping)
}
