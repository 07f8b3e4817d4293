package renew

import (
	"context"
	"errors"
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

// saidUndecodable is how many records that cannot be decoded the log names each time.
const saidUndecodable = 5

// Start loads the stored tokens of the registered apps and begins to renew. It
// returns once every stored token can be read. The background work goes on until
// ctx ends or [Manager.Close].
func (m *Manager) Start(ctx context.Context) error {
	if err := m.readClock(ctx); err != nil {
		return err
	}
	m.Listen(ctx)
	if err := m.loadAll(ctx, m.adoptStored, func(broker.Key) {}); err != nil {
		return err
	}
	m.sched.start()
	m.spread()
	for _, e := range m.mended {
		m.amend(ctx, e)
	}
	m.mended = nil
	if m.changes != nil {
		go m.follow(ctx)
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
//
// While the store is away it is also who finds out that it is back.
func (m *Manager) keepTime(ctx context.Context) {
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	for {
		select {
		case <-m.outage.fell:
			timer.Reset(outageProbe)
		case <-timer.C:
			before := m.now()
			err := m.readClock(ctx)
			m.sawStore(err)
			if err != nil {
				timer.Reset(outageProbe)
				continue // the reading in use is still the best there is
			}
			timer.Reset(time.Minute)
			if m.now().Sub(before).Abs() > time.Second {
				m.sched.poke()
			}
		case <-m.sched.quit:
			return
		}
	}
}

// loadAll reads every record and hands it to take. One goroutine reads, the others open what
// was read. The batches go round, because a record is large and there may be a million. Of one
// that cannot be decoded pass is given the key, if that is known: nobody else's token is to be
// missing for it (I3).
func (m *Manager) loadAll(ctx context.Context, take func(broker.Record), pass func(broker.Key)) error {
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
					take(rs[i])
				}
				free <- rs[:0]
			}
		})
	}
	var readErr error
	rs := <-free
	undecodable := 0
	for r, err := range m.cfg.Store.All(ctx) {
		if errors.Is(err, broker.ErrUndecodable) {
			undecodable++
			m.metrics.undecodable.Inc()
			if undecodable <= saidUndecodable {
				m.log.ErrorContext(ctx, "a stored token cannot be decoded and is passed over", "error", err)
			}
			pass(r.Key)
			continue
		}
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
	if undecodable > saidUndecodable {
		m.log.ErrorContext(ctx, "more stored tokens than were named cannot be decoded", "records", undecodable)
	}
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
	if strings.HasPrefix(r.Secret, refusedMark) && r.Secret != refused(x.def.Load().app) {
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
				if src, _ := d.source(e.kind); src.Waits() && s.version == 0 && s.failure == nil {
					continue
				}
				at = broker.Later(at, now.Add(time.Duration(m.cfg.Rand()*float64(width))))
			}
			if s.version == 0 {
				at = broker.Later(at, now.Add(d.app.Renew().InitialDelay))
			}
			_, rot := d.source(e.kind)
			m.sched.set(e, at.Add(m.turn(e, rot)))
		}
	})
}
