package renew

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// firstIssues spreads the renewals that are due at a start.
const (
	spreadPerApp = 2 * time.Millisecond
	maxSpread    = time.Minute
)

// Start loads the stored tokens of the registered apps and begins to renew. It
// returns once every stored token can be read. The background work goes on until
// ctx ends or [Manager.Close].
func (m *Manager) Start(ctx context.Context) error {
	if err := m.readClock(ctx); err != nil {
		return err
	}
	changes := m.changes(ctx)
	if err := m.loadAll(ctx); err != nil {
		return err
	}
	m.sched.start()
	m.spread()
	for _, e := range m.mended {
		m.amend(ctx, e)
	}
	m.mended = nil
	if changes != nil {
		go m.follow(ctx, changes)
	}
	go m.keepTime(ctx)
	context.AfterFunc(ctx, m.sched.stop)
	return nil
}

func (m *Manager) readClock(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	before := m.cfg.Now()
	t, err := m.cfg.Leaser.Clock(ctx)
	if err != nil {
		return fmt.Errorf("read the store's clock: %w", err)
	}
	m.clock.observe(t, before, m.cfg.Now())
	return nil
}

// keepTime reads the store's clock now and then. Leases bring readings too, but a
// machine that was suspended has none until its next renewal, and would promise dead
// tokens until then.
func (m *Manager) keepTime(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			before := m.now()
			if err := m.readClock(ctx); err != nil {
				continue // the reading in use is still the best there is
			}
			if m.now().Sub(before).Abs() > time.Second {
				m.sched.poke()
			}
		case <-m.sched.quit:
			return
		}
	}
}

// loadAll reads every record. One goroutine reads, the others open what was read. The
// batches go round, because a record is large and there may be a million.
func (m *Manager) loadAll(ctx context.Context) error {
	const batch, batches = 256, 8
	work, free := make(chan []broker.Record, batches), make(chan []broker.Record, batches)
	for range batches {
		free <- make([]broker.Record, 0, batch)
	}
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for rs := range work {
				for i := range rs {
					m.adoptStored(rs[i])
				}
				free <- rs[:0]
			}
		})
	}
	var readErr error
	rs := <-free
	for r, err := range m.cfg.Store.All(ctx) {
		if err != nil {
			readErr = fmt.Errorf("read stored tokens: %w", err)
			break
		}
		if rs = append(rs, r); len(rs) == batch {
			work <- rs
			rs = <-free
		}
	}
	work <- rs
	close(work)
	wg.Wait()
	return readErr
}

// adoptStored takes a record in for an app that is registered and has such a kind.
func (m *Manager) adoptStored(r broker.Record) {
	x := m.apps.get(r.Key.App)
	if x == nil {
		return
	}
	e := x.findOrAdd(r.Key.Kind, r.Key.Subject)
	if e == nil {
		return
	}
	m.adopt(e, r)
	if strings.HasPrefix(r.Secret, refusedMark) && r.Secret != refused(x.def.Load().app.Secrets) {
		// Since all secrets were refused, an operator has given others.
		m.mendedMu.Lock()
		m.mended = append(m.mended, e)
		m.mendedMu.Unlock()
	}
}

// spread schedules everything after a start. What is overdue does not come all at
// once: a platform host is not to be flooded because we were away.
func (m *Manager) spread() {
	now := m.now()
	overdue := 0
	m.apps.each(func(a *app) {
		for _, e := range a.entries() {
			if s := e.state.Load(); s.version == 0 || !now.Before(unstamp(s.due)) {
				overdue++
			}
		}
	})
	width := min(time.Duration(overdue)*spreadPerApp, maxSpread)
	m.apps.each(func(a *app) {
		d := a.def.Load()
		for _, e := range a.entries() {
			s := e.state.Load()
			at := unstamp(s.due)
			if s.version == 0 || !now.Before(at) {
				if src, _ := d.source(e.kind); src.Derived && s.version == 0 && s.failure == nil {
					continue
				}
				at = broker.Later(at, now.Add(time.Duration(m.cfg.Rand()*float64(width))))
			}
			if s.version == 0 {
				at = broker.Later(at, now.Add(d.app.Renew().InitialDelay))
			}
			m.sched.set(e, at)
		}
	})
}

// changes begins to listen for other replicas' writes, before anything is read, so
// that none is missed.
func (m *Manager) changes(ctx context.Context) func(func(broker.Change, error) bool) {
	if m.cfg.Notifier == nil {
		return nil
	}
	return m.cfg.Notifier.Watch(ctx)
}

// follow reads what other replicas wrote. When the connection is lost it listens
// again and then reads everything, since it cannot know what it missed.
func (m *Manager) follow(ctx context.Context, changes func(func(broker.Change, error) bool)) {
	for ctx.Err() == nil {
		for c, err := range changes {
			if err != nil {
				m.log.WarnContext(ctx, "the store stopped telling of changes", "error", err)
				break
			}
			m.heed(c)
		}
		if sleep(ctx, time.Second) != nil {
			return
		}
		changes = m.cfg.Notifier.Watch(ctx)
		if err := m.loadAll(ctx); err != nil {
			m.log.WarnContext(ctx, "what other replicas wrote could not be read", "error", err)
		}
	}
}

// heed takes in what another replica wrote.
func (m *Manager) heed(c broker.Change) {
	if c.Record == nil {
		return
	}
	if e, err := m.entry(c.Record.Key); err == nil {
		m.adopt(e, *c.Record)
	}
}
