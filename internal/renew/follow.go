package renew

import (
	"context"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Listen begins to listen for what other replicas write: what is written from now on is
// missed by nobody who reads the store afterwards. [Manager.Start] does it too; whoever
// reads definitions before that calls it before them. ctx is Start's.
func (m *Manager) Listen(ctx context.Context) {
	if m.cfg.Notifier != nil && m.changes == nil {
		m.watch(ctx)
	}
}

func (m *Manager) watch(ctx context.Context) {
	ctx, m.unwatch = context.WithCancel(ctx)
	m.changes = m.cfg.Notifier.Watch(ctx)
}

// follow takes in what other replicas wrote. Where the store cannot say any more what
// that was, it listens again, and everything is read meanwhile.
func (m *Manager) follow(ctx context.Context) {
	for {
		for c, err := range m.changes {
			if err != nil {
				m.log.WarnContext(ctx, "the store stopped telling of changes; everything is read again", "error", err)
				break
			}
			m.heed(ctx, c)
		}
		m.unwatch()
		m.gap.begin(m.cfg.Now())
		if sleep(ctx, time.Second) != nil {
			return
		}
		m.watch(ctx)
		if m.gap.missed() {
			go m.makeUp(ctx)
		}
	}
}

// makeUp reads everything, until that has succeeded since the last gap or ctx ends.
func (m *Manager) makeUp(ctx context.Context) {
	const saidAgain = 60 // tries
	for tries := 0; ; tries++ {
		n := m.gap.count()
		err := m.Resync(ctx)
		if err == nil && m.gap.end(n) {
			return
		}
		if err != nil && tries%saidAgain == 0 && ctx.Err() == nil {
			m.log.WarnContext(ctx, "what other replicas wrote could not be read; it is tried again", "error", err)
		}
		if sleep(ctx, time.Second) != nil {
			return
		}
	}
}

// gap is what a replica may have missed while nobody told it of changes.
type gap struct {
	mu     sync.Mutex
	since  time.Time // of the first that was not made up for; zero: there is none
	n      int       // how many there have been
	making bool      // somebody makes up for them
}

func (g *gap) begin(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	if g.since.IsZero() {
		g.since = now
	}
}

// missed reports whether the caller is to make up for it, because nobody does.
func (g *gap) missed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.making
	g.making = true
	return !was
}

func (g *gap) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}

// end says that all gaps up to the nth were made up for, and reports whether that is all.
func (g *gap) end(n int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n != n {
		return false
	}
	g.since, g.making = time.Time{}, false
	return true
}

// lasts is how long ago the first gap began that was not made up for.
func (g *gap) lasts(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since.IsZero() {
		return 0
	}
	return now.Sub(g.since)
}

// heed takes in one change. What this replica wrote itself comes back too, and is no news.
func (m *Manager) heed(ctx context.Context, c broker.Change) {
	if c.Record == nil {
		m.cfg.Defined(c)
		return
	}
	e, err := m.entry(c.Record.Key)
	if err != nil {
		return
	}
	s := e.state.Load()
	if c.Record.Source != e.app.def.Load().app.Source() || c.Record.Current.Version == 0 && s.version != 0 {
		// The app was changed or removed, and the news of that is still on its way. What is
		// in memory goes on being good until then.
		return
	}
	if s.differs(c.Record) {
		// It was overtaken by what is here, or the store has lost what is here. What is stored
		// now tells which.
		m.aside(func() {
			if err := m.reload(ctx, e); err != nil {
				m.log.DebugContext(ctx, "what another replica wrote could not be read", "app", c.Record.Key.App, "error", err)
			}
		})
		return
	}
	m.adopt(e, *c.Record)
}

// aside does something that takes a while, unless the manager is closed. Close waits for it.
func (m *Manager) aside(f func()) {
	m.closeMu.RLock()
	defer m.closeMu.RUnlock()
	if !m.closed {
		m.flights.Go(f)
	}
}

// Behind is how long ago this replica last knew of everything that others had written.
func (m *Manager) Behind() time.Duration {
	if m.cfg.Notifier == nil {
		return 0
	}
	return max(m.cfg.Notifier.Behind(), m.gap.lasts(m.cfg.Now()))
}
