package renew

import (
	"context"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// scheduler starts renewals when they are due. It keeps one timer for the earliest
// of any number of entries, in a heap with four children per node: a million
// entries cost no timers and next to no work for the garbage collector.
type scheduler struct {
	now func() time.Time
	run func(*entry) // must not block

	mu      sync.Mutex
	heap    []*entry
	wakeUp  chan struct{} // has room for one
	quit    chan struct{}
	started bool
	stopped bool
}

func newScheduler(now func() time.Time, run func(*entry)) *scheduler {
	return &scheduler{now: now, run: run, wakeUp: make(chan struct{}, 1), quit: make(chan struct{})}
}

// set schedules e, or moves it if it is scheduled already.
func (s *scheduler) set(e *entry, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.wake = at.UnixNano()
	if e.slot < 0 {
		e.slot = len(s.heap)
		s.heap = append(s.heap, e)
	}
	s.fix(e.slot)
	if e.slot == 0 {
		s.poke()
	}
}

// scheduled reports whether e is on the schedule.
func (s *scheduler) scheduled(e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.slot >= 0
}

// remove takes e off the schedule.
func (s *scheduler) remove(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.slot >= 0 {
		s.take(e.slot)
	}
}

func (s *scheduler) poke() {
	select {
	case s.wakeUp <- struct{}{}:
	default:
	}
}

func (s *scheduler) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// start runs the schedule until stop.
func (s *scheduler) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started && !s.stopped {
		s.started = true
		go s.loop()
	}
}

func (s *scheduler) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.stopped = true
		close(s.quit)
	}
}

func (s *scheduler) loop() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(s.fire())
		select {
		case <-timer.C:
		case <-s.wakeUp:
		case <-s.quit:
			return
		}
	}
}

// fire starts what is due and says how long nothing else will be.
func (s *scheduler) fire() time.Duration {
	for {
		s.mu.Lock()
		if len(s.heap) == 0 {
			s.mu.Unlock()
			return time.Hour
		}
		e := s.heap[0]
		if d := time.Duration(e.wake - s.now().UnixNano()); d > 0 {
			s.mu.Unlock()
			return d
		}
		s.take(0)
		s.mu.Unlock()
		s.run(e)
	}
}

// take removes the entry at slot i.
func (s *scheduler) take(i int) {
	last := len(s.heap) - 1
	s.heap[i].slot = -1
	if i != last {
		s.heap[i] = s.heap[last]
		s.heap[i].slot = i
	}
	s.heap[last] = nil
	s.heap = s.heap[:last]
	if i < last {
		s.fix(i)
	}
}

// fix moves the entry at slot i to where it belongs.
func (s *scheduler) fix(i int) {
	for i > 0 {
		parent := (i - 1) / 4
		if s.heap[parent].wake <= s.heap[i].wake {
			break
		}
		s.swap(i, parent)
		i = parent
	}
	for {
		least := i
		for c := 4*i + 1; c <= 4*i+4 && c < len(s.heap); c++ {
			if s.heap[c].wake < s.heap[least].wake {
				least = c
			}
		}
		if least == i {
			return
		}
		s.swap(i, least)
		i = least
	}
}

func (s *scheduler) swap(i, j int) {
	s.heap[i], s.heap[j] = s.heap[j], s.heap[i]
	s.heap[i].slot, s.heap[j].slot = i, j
}

// pool bounds how many renewals ask one platform host at a time. It has no idle
// goroutines: workers come with the work and go with it.
type pool struct {
	baseURL string
	size    int
	run     func(*entry)

	mu      sync.Mutex
	queue   []*entry
	workers int
}

func (p *pool) submit(e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, e)
	if p.workers < p.size {
		p.workers++
		go p.work()
	}
}

func (p *pool) work() {
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.workers--
			p.queue = nil
			p.mu.Unlock()
			return
		}
		e := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		p.mu.Unlock()
		p.run(e)
	}
}

// submit hands an entry that is due to the pool of its platform's host.
func (m *Manager) submit(e *entry) { e.app.def.Load().pool.submit(e) }

// renewDue makes a planned renewal and schedules the next one.
func (m *Manager) renewDue(e *entry) {
	if m.isDue(e) {
		// A renewal that failed is in the record, the metrics and the log already.
		_ = m.join(context.Background(), e, broker.Want{Cause: broker.CausePlanned})
	}
	if !m.sched.scheduled(e) {
		m.arm(e, m.now())
	}
}

// isDue reports whether there is anything to do about an entry. While it waited for its
// turn, another replica may have renewed it.
func (m *Manager) isDue(e *entry) bool {
	s, now := e.state.Load(), m.now()
	return !s.usable(now) || !now.Before(unstamp(s.due)) || m.isOffline(e)
}

// postpone schedules e for when what holds its planned renewal up is over.
func (m *Manager) postpone(e *entry, until time.Time) {
	if _, rot := e.app.def.Load().source(e.kind); !e.removed() {
		m.sched.set(e, until.Add(m.stagger(rot)+m.turn(e, rot)))
	}
}

// arm schedules e by what its snapshot says. One that is overdue although it was
// just tried comes again soon, never at once.
func (m *Manager) arm(e *entry, now time.Time) {
	if !m.sched.running() {
		return
	}
	// The lock is held to the end, so that an app that is removed meanwhile is not put
	// back on the schedule.
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone {
		return
	}
	s := e.state.Load()
	d := e.app.def.Load()
	src, rot := d.source(e.kind)
	if s.version == 0 && s.failure == nil && src.Waits() {
		return // nobody has asked for it yet
	}
	at := unstamp(s.due)
	if s.version != 0 && !s.usable(now) && s.failure == nil {
		at = now
	}
	if e.offline != nil {
		at = broker.Earlier(at, now.Add(time.Second))
	}
	// Replicas that look at the same record come one after the other, so that the
	// first one's result reaches the others before they try.
	at = at.Add(m.stagger(rot) + m.turn(e, rot))
	floor := retryFloor(rot)
	if m.outage.down.Load() {
		// Nothing can come of it before the store is back, and then all do not come at once.
		floor = rot.LeaseTTL()/4 + time.Duration(m.cfg.Rand()*float64(rot.LeaseTTL()))
	}
	m.sched.set(e, broker.Later(at, now.Add(floor)))
}

// turn is how long this replica leaves a planned renewal to those that stand in line for
// the key before it. It is short against the time in which a renewal has to be done, so
// that one that does not come for it is no loss.
func (m *Manager) turn(e *entry, rot broker.Rotation) time.Duration {
	one, failed, s := min(rot.LeaseTTL()/4, 2*time.Second), 0, e.state.Load()
	if s.failure != nil {
		failed = s.failure.Attempts
	}
	if s.version != 0 && s.due < s.expiry {
		one = min(one, time.Duration(s.expiry-s.due)/(2*maxTurns)) // all turns are over well before the token is
	}
	return time.Duration(min(m.cfg.Rank(e.key(), failed), maxTurns)) * one
}

// maxTurns bounds the wait in a large fleet. Whoever comes at the same time as others
// finds the lease taken.
const maxTurns = 4

// stagger is a random delay that is short against the time in which a renewal has to
// be done.
func (m *Manager) stagger(rot broker.Rotation) time.Duration {
	return time.Duration(m.cfg.Rand() * float64(min(rot.LeaseTTL()/50, time.Second)))
}

// retryFloor is the least time between two planned attempts at one key.
func retryFloor(rot broker.Rotation) time.Duration {
	return min(rot.IssueTimeout()/10, 500*time.Millisecond)
}
