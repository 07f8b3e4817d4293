package renew

import (
	"sync/atomic"
	"time"
)

// outageProbe is how long the store is left alone after it did not answer.
const outageProbe = time.Second

// outage remembers that the store does not answer, so that not every renewal that is due
// waits for it in vain: one in a second does, and the others are told at once.
type outage struct {
	down  atomic.Bool
	probe atomic.Int64  // when the next one may try, on the local clock
	fell  chan struct{} // has room for one: the store has just gone
}

func newOutage() *outage { return &outage{fell: make(chan struct{}, 1)} }

// spared reports whether the store is away, so that the caller is not to try it now.
func (o *outage) spared(now time.Time) bool {
	if !o.down.Load() {
		return false
	}
	next := o.probe.Load()
	if now.UnixNano() < next {
		return true
	}
	// Of those who see that it is time, one tries.
	return !o.probe.CompareAndSwap(next, now.Add(outageProbe).UnixNano())
}

// saw notes what came of an access to the store, and reports whether the store is back.
func (o *outage) saw(now time.Time, ok bool) (back bool) {
	if ok {
		return o.down.Load() && o.down.CompareAndSwap(true, false)
	}
	o.probe.Store(now.Add(outageProbe).UnixNano())
	if o.down.CompareAndSwap(false, true) {
		select {
		case o.fell <- struct{}{}:
		default:
		}
	}
	return false
}

// sawStore notes what came of an access to the store. When it is back, what could not be
// stored or renewed meanwhile has its turn: spread, since it may be all there is.
func (m *Manager) sawStore(err error) {
	if !m.outage.saw(m.cfg.Now(), err == nil) {
		return
	}
	now := m.now()
	var waiting []*entry
	m.apps.each(func(a *app) {
		d := a.def.Load()
		for _, e := range a.entries() {
			s := e.state.Load()
			src, _ := d.source(e.kind)
			missing := s.version == 0 && s.failure == nil && !src.Waits()
			if m.isOffline(e) || missing || s.version != 0 && !now.Before(unstamp(s.due)) {
				waiting = append(waiting, e)
			}
		}
	})
	width := min(time.Duration(len(waiting))*spreadPerApp, maxSpread)
	for _, e := range waiting {
		if !e.removed() {
			m.sched.set(e, now.Add(time.Duration(m.cfg.Rand()*float64(width))))
		}
	}
}
