package renew

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// flight is one renewal in progress, which any number of callers wait for.
type flight struct {
	want broker.Want
	done chan struct{}
	err  error // valid once done is closed
}

// join waits for the renewal of e that is in progress, or starts one. It returns the
// flight's error, or ctx's if that ends first; the flight goes on without the caller.
// What kept a flight for another want from its goal says nothing about this one, so
// that such an error is not returned.
func (m *Manager) join(ctx context.Context, e *entry, w broker.Want) error {
	f, err := m.takeOff(ctx, e, w)
	if err != nil {
		return err
	}
	select {
	case <-f.done:
		if f.want != w {
			return nil
		}
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *Manager) takeOff(ctx context.Context, e *entry, w broker.Want) (*flight, error) {
	m.closeMu.RLock()
	defer m.closeMu.RUnlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.gone:
		return nil, broker.ErrUnknownApp
	case e.flight != nil:
		return e.flight, nil
	case m.closed:
		return nil, broker.ErrShuttingDown
	}
	f := &flight{want: w, done: make(chan struct{})}
	e.flight = f
	m.flights.Go(func() { m.fly(context.WithoutCancel(ctx), e, w, f) })
	return f, nil
}

// fly runs one renewal. It ends in bounded time and always lands: a panic is an
// error like any other, and the key can be renewed again.
func (m *Manager) fly(ctx context.Context, e *entry, w broker.Want, f *flight) {
	_, rot := e.app.def.Load().source(e.kind)
	ctx, cancel := context.WithTimeout(ctx, 2*rot.LeaseTTL()+storeTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			// The value of the panic is not printed: it may hold what must not be seen.
			f.err = fmt.Errorf("renew %s: panic of type %T", e.key(), p)
			m.metrics.panics.Inc()
		}
		e.mu.Lock()
		e.flight = nil
		e.mu.Unlock()
		close(f.done)
	}()
	f.err = m.renew(ctx, e, w)
}

// errRedefined ends an attempt for what the app was before it was changed.
var errRedefined = errors.New("the app was changed meanwhile")

// renew runs the protocol until the want is satisfied, cannot be, or ctx ends.
func (m *Manager) renew(ctx context.Context, e *entry, w broker.Want) error {
	pause := 20 * time.Millisecond
	for {
		err := m.attempt(ctx, e, w)
		if (errors.Is(err, errRedefined) || errors.Is(err, errMourned)) && ctx.Err() == nil {
			continue
		}
		if !errors.Is(err, broker.ErrLeaseHeld) {
			return err
		}
		if w.Cause == broker.CausePlanned && e.state.Load().usable(m.now()) {
			// Another replica is at it. Nobody waits for us, and we hear of its result.
			return nil
		}
		if err := sleep(ctx, pause+time.Duration(m.cfg.Rand()*float64(pause))); err != nil {
			return err
		}
		pause = min(2*pause, 250*time.Millisecond)
		r, err := m.read(ctx, e)
		if err != nil {
			continue
		}
		m.adopt(e, r)
		_, rot := e.app.def.Load().source(e.kind)
		switch d := broker.Decide(r, w, rot, m.now()); d.Step {
		case broker.Fresh:
			return nil
		case broker.Hold:
			return d.Err
		case broker.Issue:
		}
	}
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close stops planned renewals and waits until those in flight have ended, or ctx.
// Their leases are released by then. Reads go on to work from memory.
func (m *Manager) Close(ctx context.Context) error {
	m.closeMu.Lock()
	m.closed = true
	m.closeMu.Unlock()
	m.sched.stop()
	landed := make(chan struct{})
	go func() {
		m.flights.Wait()
		close(landed)
	}()
	select {
	case <-landed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for renewals in flight: %w", ctx.Err())
	}
}
