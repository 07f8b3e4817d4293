package renew

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// SetApp registers an app, or changes the one with its id. Its stored tokens are
// loaded and its planned renewals scheduled. What failed before is tried again at once: it
// may have been mended by the change, or whoever sets the app again knows that it was
// mended elsewhere. Before [Manager.Start] it only registers.
func (m *Manager) SetApp(ctx context.Context, a *broker.App) error {
	return m.setApp(ctx, a, m.amend)
}

// HearOfApp is [Manager.SetApp] for a change that another replica has made, which has
// seen to it that what failed before is tried again.
func (m *Manager) HearOfApp(ctx context.Context, a *broker.App) error {
	return m.setApp(ctx, a, func(_ context.Context, e *entry) { m.arm(e, m.now()) })
}

func (m *Manager) setApp(ctx context.Context, a *broker.App, loaded func(context.Context, *entry)) error {
	d, err := m.define(a)
	if err != nil {
		return err
	}
	x := m.register(d)
	if !m.sched.running() {
		return nil
	}
	var errs []error
	for _, e := range x.entries() {
		if err := m.reload(ctx, e); err != nil {
			// It is registered all the same, and renewed when the store is back.
			m.arm(e, m.now())
			errs = append(errs, err)
			continue
		}
		loaded(ctx, e)
	}
	return errors.Join(errs...)
}

// register makes the definition current. The kinds that do not wait for somebody to ask
// are kept fresh from now on.
func (m *Manager) register(d *definition) *app {
	x := m.apps.getOrAdd(d)
	m.redefine(x, d)
	for kind, s := range d.kinds {
		if !s.Waits() {
			x.findOrAdd(kind, "")
		}
	}
	return x
}

// redefine makes the definition the app's. Where that is another registration at the platform,
// what is in memory is not its token (I8): it is forgotten before anybody sees the definition,
// and whoever has the lock of an entry never sees the one together with what is the other's.
func (m *Manager) redefine(x *app, d *definition) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.def.Load().app.Same(d.app) {
		for _, e := range x.entries() {
			e.mu.Lock()
			defer e.mu.Unlock()
			m.forget(e)
		}
	}
	x.def.Store(d)
}

// amend ends the back-off of a key and has it tried.
func (m *Manager) amend(ctx context.Context, e *entry) {
	if s := e.state.Load(); s.failure != nil {
		if err := m.forgive(ctx, e); err != nil {
			m.log.WarnContext(ctx, "back-off was not ended after a change of the app", "app", e.key().App, "error", err)
		}
	}
	m.arm(e, m.now())
}

// TryAgain ends the back-off of a key, because what failed may have been mended.
func (m *Manager) TryAgain(ctx context.Context, k broker.Key) error {
	e, err := m.entry(k)
	if err != nil {
		return err
	}
	m.amend(ctx, e)
	return nil
}

// forgive ends the back-off of a key. The pause of a refresh token that may be used up is none:
// it is for a server that may still store the next one, of which whoever amends knows nothing.
func (m *Manager) forgive(ctx context.Context, e *entry) error {
	r, err := m.load(ctx, e)
	if err != nil {
		return err
	}
	_, rot := e.app.def.Load().source(e.kind)
	if r.Failure.IsZero() || mourns(r, rot, m.now()) {
		return nil
	}
	return m.save(ctx, e, broker.PlanForgiven(r, rot, m.now()))
}

// RemoveApp stops keeping an app's tokens and deletes their records.
func (m *Manager) RemoveApp(ctx context.Context, id string) error {
	entries, err := m.drop(ctx, id)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, m.erase(ctx, e.key()))
	}
	return errors.Join(errs...)
}

// HearOfRemoval is [Manager.RemoveApp] for an app that another replica has removed: the
// records are that one's to delete, and the app may be there again by now.
func (m *Manager) HearOfRemoval(ctx context.Context, id string) error {
	_, err := m.drop(ctx, id)
	return err
}

// drop forgets an app and returns what was kept of it. Nothing of that is stored any more
// when it returns.
func (m *Manager) drop(ctx context.Context, id string) ([]*entry, error) {
	x := m.apps.remove(id)
	if x == nil {
		return nil, broker.ErrUnknownApp
	}
	x.mu.Lock()
	x.gone = true
	x.mu.Unlock()
	for _, e := range x.entries() {
		e.mu.Lock()
		e.gone = true
		f := e.flight
		m.indexTokens(e, 0, 0, time.Time{})
		e.mu.Unlock()
		m.sched.remove(e)
		if f != nil {
			// It stores nothing any more, but must not find the record erased under it.
			select {
			case <-f.done:
			case <-ctx.Done():
			}
		}
	}
	m.hub.tell(broker.Key{App: id}) // watchers find that it is gone
	return x.entries(), nil
}

// erase deletes the tokens of a key. What was spent of the day's budget stays on
// record, so that an app that is removed and added again does not begin anew.
func (m *Manager) erase(ctx context.Context, k broker.Key) error {
	for {
		r, err := m.cfg.Store.Get(ctx, k)
		if errors.Is(err, broker.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read record %q: %w", k, err)
		}
		_, err = m.put(ctx, broker.Record{Key: k, Version: r.Version, Budget: r.Budget, Source: r.Source})
		if !errors.Is(err, broker.ErrConflict) {
			return err
		}
	}
}
