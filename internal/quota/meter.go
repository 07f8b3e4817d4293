package quota

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

// Config is what a [Meter] is made of. The zero value will do.
type Config struct {
	Registerer prometheus.Registerer // nil: metrics are not exported
	// Now is the clock on which days and minutes end. Nil: time.Now. The server passes
	// the store's.
	Now func() time.Time
}

// shards is how many locks apps are spread over.
const shards = 64

// Meter counts calls and holds circuits. It is safe for concurrent use. Apps share
// nothing on the way of a call but a read lock on one of many shards, for the time of a
// look-up.
type Meter struct {
	now     func() time.Time
	since   time.Time
	metrics *metrics
	seed    maphash.Seed
	shards  [shards]shard
}

type shard struct {
	mu    sync.RWMutex
	apps  map[string]*app
	swept uint64 // the day on which idle apps were dropped last
}

// New returns a meter that has counted nothing.
func New(cfg Config) *Meter {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &Meter{now: cfg.Now, since: cfg.Now(), seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].apps = map[string]*app{}
	}
	m.metrics = newMetrics(m, cfg.Registerer)
	return m
}

// Admit says what to answer in the platform's place: nil means that the call may be
// made. It counts nothing, because the call may yet come to nothing.
//
// A path that the platform has throttled is refused until the reset, with the platform's
// own error. While it is the day's quota that is used up, one call in five minutes is
// admitted all the same, as a probe.
func (m *Meter) Admit(app, path string) *broker.Error {
	a := m.find(app)
	if a == nil {
		return nil
	}
	p := a.find(path)
	if p == nil {
		return nil
	}
	c := p.circuit.Load()
	if c == nil {
		return nil
	}
	now := m.now().UnixNano()
	if c.passes(now) {
		return nil
	}
	m.metrics.refused.Inc()
	return c.refusal(now)
}

// Passed tells of a call that the platform has answered, with nil or what it refused
// with. Calls that it never answered are not told of.
//
//   - A success ends the path's circuit. Of a call that was under way when the circuit
//     opened it does so too soon, which costs one call more at the platform.
//   - A throttled error that says when the platform listens again opens a circuit,
//     unless one is open that lasts as long.
//   - Every other error says nothing about the quota, because it is not known whether the
//     platform has looked at the quota first. It is counted, and a circuit stays as it
//     is: if the call was a probe, the next one is due when it would have been.
//   - An error that says that the platform has no such path counts for a path that is
//     known and makes none known: paths come from callers, who must not fill the memory.
//
// Where the platform does not count a path for the app as a whole, a refusal for the
// quota is told of as nil: it holds for one caller only.
func (m *Meter) Passed(app, path string, err *broker.Error) {
	now := m.now().UnixNano()
	if err != nil && noSuchPath(err) {
		if a := m.find(app); a != nil {
			if p := a.find(path); p != nil {
				a.count(p, now)
			}
		}
		return
	}
	a := m.find(app)
	if a == nil {
		a = m.add(app, now)
	}
	p := a.findOrAdd(path, now)
	a.count(p, now)
	switch {
	case err == nil:
		if c := p.circuit.Load(); c != nil {
			p.circuit.CompareAndSwap(c, nil)
		}
	case err.Class == broker.Throttled:
		m.metrics.count(err)
		if err.Reset != broker.ResetNone && p != &a.other {
			open(p, newCircuit(err, now), now)
		}
	}
}

// open puts a circuit on a path, unless one is open that lasts as long.
func open(p *path, c *circuit, now int64) {
	for {
		old := p.circuit.Load()
		if old.open(now) && old.until >= c.until || p.circuit.CompareAndSwap(old, c) {
			return
		}
	}
}

// codeWrongPath is what the platforms' tables call a path that does not exist.
const codeWrongPath = "wrong_path"

func noSuchPath(err *broker.Error) bool {
	return err.Class == broker.NotFound || err.Code == codeWrongPath
}

// Cleared ends all circuits of an app: the platform gave it its used-up quotas back.
// What was counted stays, because it was called.
func (m *Meter) Cleared(app string) {
	if a := m.find(app); a != nil {
		for _, p := range *a.paths.Load() {
			p.circuit.Store(nil)
		}
	}
}

// Forget drops everything about an app, because it was removed or is another one at the
// platform now.
func (m *Meter) Forget(app string) {
	s := m.shard(app)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.apps, app)
}

// Usage is what passed on one path of an app.
type Usage struct {
	Path   string
	Today  int64 // on the platform's day
	Minute int64 // in the current minute
	// Throttled is what the platform refused with, nil where it listens; Until is when
	// it listens again.
	Throttled *broker.Error
	Until     time.Time
}

// Of lists what passed today for an app, and what is throttled, by path.
func (m *Meter) Of(app string) []Usage {
	list := []Usage{}
	a := m.find(app)
	if a == nil {
		return list
	}
	now := m.now().UnixNano()
	today, minute := dayOf(now), minuteOf(now)
	look := func(name string, p *path) {
		u := Usage{Path: name, Today: p.day.in(today), Minute: p.minute.in(minute)}
		if c := p.circuit.Load(); c.open(now) {
			u.Throttled, u.Until = c.refusal(now), time.Unix(0, c.until)
		}
		if u.Today > 0 || u.Throttled != nil {
			list = append(list, u)
		}
	}
	for name, p := range *a.paths.Load() {
		look(name, p)
	}
	look(Other, &a.other)
	slices.SortFunc(list, func(a, b Usage) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

// Since is from when on calls are counted.
func (m *Meter) Since() time.Time { return m.since }

// Today is the platform's day, such as 2026-11-21, and when it ends.
func (m *Meter) Today() (day string, resets time.Time) {
	now := m.now()
	return now.In(zone()).Format(time.DateOnly), time.Unix(0, endOf(broker.ResetDay, now.UnixNano()))
}

func (m *Meter) shard(app string) *shard { return &m.shards[maphash.String(m.seed, app)%shards] }

func (m *Meter) find(name string) *app {
	s := m.shard(name)
	s.mu.RLock()
	a := s.apps[name]
	s.mu.RUnlock()
	return a
}

// add returns the app, which is met for the first time, and drops apps that are idle.
func (m *Meter) add(name string, now int64) *app {
	s := m.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	a := s.apps[name]
	if a == nil {
		a = newApp()
		a.last.Store(dayOf(now))
		s.apps[strings.Clone(name)] = a
	}
	return a
}

// sweep drops idle apps, once a day. A call that has just found one of them counts for
// nothing.
func (s *shard) sweep(now int64) {
	today := dayOf(now)
	if s.swept == today {
		return
	}
	s.swept = today
	for name, a := range s.apps {
		if a.idle(now) {
			delete(s.apps, name)
		}
	}
}
