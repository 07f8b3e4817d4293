package renew

import (
	"context"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Listen begins to listen for what other replicas write: what is written from now on is
// missed by nobody who reads the store afterwards. [Manager.Start] does it too; whoever
// reads definitions before that calls it before them. ctx is Start's.
func (m *Manager) Listen(ctx context.Context) {
	if m.cfg.Notifier != nil && m.changes == nil {
		m.changes = m.cfg.Notifier.Watch(ctx)
	}
}

// follow takes in what other replicas wrote. Where the store cannot say any more what
// that was, it listens again and then reads everything.
func (m *Manager) follow(ctx context.Context) {
	for {
		for c, err := range m.changes {
			if err != nil {
				m.log.WarnContext(ctx, "the store stopped telling of changes; everything will be read again", "error", err)
				break
			}
			m.heed(c)
		}
		if m.listenAgain(ctx) != nil {
			return
		}
	}
}

// listenAgain listens anew and reads everything, as often as it takes or until ctx ends.
func (m *Manager) listenAgain(ctx context.Context) error {
	for {
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		watch, cancel := context.WithCancel(ctx)
		m.changes = m.cfg.Notifier.Watch(watch)
		err := m.Resync(ctx)
		if err == nil {
			context.AfterFunc(ctx, cancel)
			return nil
		}
		cancel()
		m.log.DebugContext(ctx, "what other replicas wrote could not be read yet", "error", err)
	}
}

// heed takes in one change. What this replica wrote itself comes back too, and is no news.
func (m *Manager) heed(c broker.Change) {
	if c.Record == nil {
		m.cfg.Defined(c)
		return
	}
	e, err := m.entry(c.Record.Key)
	if err != nil {
		return
	}
	if c.Record.Source != e.app.def.Load().app.Source() || c.Record.Current.Version == 0 && e.state.Load().version != 0 {
		// The app was changed or removed, and the news of that is still on its way. What is
		// in memory goes on being good until then.
		return
	}
	m.adopt(e, *c.Record)
}

// Behind is how long ago this replica last knew of everything that others had written.
func (m *Manager) Behind() time.Duration {
	if m.cfg.Notifier == nil {
		return 0
	}
	return m.cfg.Notifier.Behind()
}
