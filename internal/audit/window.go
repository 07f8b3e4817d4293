package audit

import (
	"sync"
	"sync/atomic"

	"github.com/hufu-io/hufu/internal/broker"
)

// maxCounted bounds what is counted at a time; beyond it the window ends early.
const maxCounted = 100_000

// window counts what was done since it began.
type window struct {
	mu     sync.RWMutex
	counts map[deed]*tally
	fresh  []*tally // done for the first time and not queued yet
	closed bool     // it is collected: what is done now belongs to the next one
}

func newWindow() *window { return &window{counts: map[deed]*tally{}} }

// deed is what is counted together.
type deed struct {
	client, app string
	kind        broker.Kind
	version     broker.Version
	// other is what it was if it was no read: one word instead of three that every read
	// would have to look up.
	other string
}

type tally struct {
	first   broker.AuditEntry
	n       atomic.Int64
	written int64 // guarded by the window's mu
}

// Read counts one read of a token. It neither waits nor, for the second and later
// reads of a version, allocates.
func (r *Recorder) Read(c broker.Caller, app string, kind broker.Kind, v broker.Version) {
	r.use(c, "read", deed{client: c.Name(), app: app, kind: kind, version: v})
}

// Call counts one call that was made with a token, as [Recorder.Read] does reads.
func (r *Recorder) Call(c broker.Caller, app string, kind broker.Kind, v broker.Version) {
	r.use(c, "call", deed{client: c.Name(), app: app, kind: kind, version: v, other: "call"})
}

func (r *Recorder) use(c broker.Caller, action string, k deed) {
	for {
		w := r.current.Load()
		if w.count(k) || r.begin(w, k, broker.AuditEntry{
			Client: k.client, Action: action, App: k.app, Kind: k.kind, Version: k.version,
			Remote: c.Remote, RequestID: c.RequestID, Result: "ok",
		}) {
			return
		}
	}
}

// Count counts something that changed nothing together with what is like it: the same
// client did the same to the same version, with the same result. Where it was first
// asked from is kept.
func (r *Recorder) Count(e broker.AuditEntry) {
	e = r.entry(e)
	k := deed{
		client: e.Client, app: e.App, kind: e.Kind, version: e.Version,
		other: e.Action + "\x00" + e.Result + "\x00" + e.Target,
	}
	for {
		w := r.current.Load()
		if w.count(k) || r.begin(w, k, e) {
			return
		}
	}
}

// count counts what was done before. The lock is held so that the window is
// not collected between finding the tally and adding to it.
func (w *window) count(k deed) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	t := w.counts[k]
	if t == nil || w.closed {
		return false
	}
	t.n.Add(1)
	return true
}

// begin counts what is done for the first time. It reports false if the window has ended.
func (r *Recorder) begin(w *window, k deed, first broker.AuditEntry) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	t := w.counts[k]
	if t == nil {
		t = &tally{first: r.entry(first)}
		w.counts[k] = t
		w.fresh = append(w.fresh, t)
		if len(w.counts) >= maxCounted && r.current.CompareAndSwap(w, newWindow()) {
			r.mu.Lock()
			r.full = append(r.full, w)
			r.mu.Unlock()
		}
	}
	t.n.Add(1)
	return true
}

// end ends the window.
func (r *Recorder) end() {
	w := r.current.Swap(newWindow())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = append(r.full, w)
}

// collectFull returns what the windows have that ended.
func (r *Recorder) collectFull() []broker.AuditEntry {
	r.mu.Lock()
	full := r.full
	r.full = nil
	r.mu.Unlock()
	var es []broker.AuditEntry
	for _, w := range full {
		es = append(es, w.collect()...)
	}
	return es
}

// collectNew returns an entry for each deed that was done for the first time.
func (w *window) collectNew() []broker.AuditEntry {
	w.mu.Lock()
	defer w.mu.Unlock()
	var es []broker.AuditEntry
	for _, t := range w.fresh {
		if e := t.take(); e.Count > 0 {
			es = append(es, e)
		}
	}
	w.fresh = nil
	return es
}

// collect closes a window that has ended and returns what it still has.
func (w *window) collect() []broker.AuditEntry {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	var es []broker.AuditEntry
	for _, t := range w.counts {
		if e := t.take(); e.Count > 0 {
			es = append(es, e)
		}
	}
	return es
}

// take returns an entry for what was done since the last one.
func (t *tally) take() broker.AuditEntry {
	e, n := t.first, t.n.Load()
	e.Count = int(n - t.written)
	t.written = n
	return e
}
