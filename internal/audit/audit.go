// Package audit records who read, renewed, forced or changed what, and when (I10).
//
// What changes something is written before it is answered. Reads are far too many
// for that: they are coalesced per client, key and version, so that the audit says
// who had which token and how often it was read, at a bounded cost.
package audit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

// Config is what a [Recorder] is made of. Log and Logger are required.
type Config struct {
	Log        broker.AuditLog
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Window is how long reads of one version by one client are counted together.
	// Zero: ten minutes. The first read of it is written within a second.
	Window time.Duration
	// Keep is how many entries wait in memory while the store is away. Zero: 10 000.
	Keep int
	// Retain is for how long entries are kept in the store. Zero: for ever.
	Retain time.Duration
	Now    func() time.Time // nil: time.Now
}

// maxCounted bounds the reads that are counted at a time; beyond it the window ends early.
const maxCounted = 100_000

const (
	appendTimeout = 2 * time.Second
	// appendAtOnce is how many entries go to the store at a time, which takes it no
	// more than a part of the timeout.
	appendAtOnce = 1000
	// maxPrunes bounds the writes of one clearing away of old entries.
	maxPrunes = 100
)

// Recorder writes the audit. It is safe for concurrent use.
type Recorder struct {
	cfg     Config
	dropped prometheus.Counter

	reads atomic.Pointer[window]

	mu      sync.Mutex
	pending []broker.AuditEntry // not stored yet
	full    []*window           // ended early and not collected yet
}

// window counts the reads since it began.
type window struct {
	mu     sync.RWMutex
	counts map[read]*tally
	fresh  []*tally // read for the first time and not queued yet
	closed bool     // it is collected: a read belongs to the next one
}

func newWindow() *window { return &window{counts: map[read]*tally{}} }

type read struct {
	client, app string
	kind        broker.Kind
	version     broker.Version
}

type tally struct {
	first   broker.AuditEntry
	n       atomic.Int64
	written int64 // guarded by the window's mu
}

// New returns a recorder. [Recorder.Run] writes what is coalesced.
func New(cfg Config) *Recorder {
	if cfg.Window <= 0 {
		cfg.Window = 10 * time.Minute
	}
	if cfg.Keep <= 0 {
		cfg.Keep = 10_000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r := &Recorder{cfg: cfg, dropped: prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "hufu", Name: "audit_dropped_total", Help: "Audit entries lost because the store was away for too long.",
	})}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(r.dropped)
	}
	r.reads.Store(newWindow())
	return r
}

// Record writes one entry now. If the store does not take it, the entry is kept and
// written later, and the error says so.
func (r *Recorder) Record(ctx context.Context, e broker.AuditEntry) error {
	if e.At.IsZero() {
		e.At = r.cfg.Now()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	if err := r.cfg.Log.Append(ctx, e); err != nil {
		r.keep(e)
		return fmt.Errorf("write audit entry: %w", err)
	}
	return nil
}

// Later queues an entry that nobody waits for, such as a planned renewal.
func (r *Recorder) Later(e broker.AuditEntry) {
	if e.At.IsZero() {
		e.At = r.cfg.Now()
	}
	r.keep(e)
}

// Read counts one read of a token. It neither waits nor, for the second and later
// reads of a version, allocates.
func (r *Recorder) Read(c broker.Caller, app string, kind broker.Kind, v broker.Version) {
	k := read{client: c.Name(), app: app, kind: kind, version: v}
	for {
		w := r.reads.Load()
		if w.count(k) || r.begin(w, k, c) {
			return
		}
	}
}

// count counts a read of what was read before. The lock is held so that the window is
// not collected between finding the tally and adding to it.
func (w *window) count(k read) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	t := w.counts[k]
	if t == nil || w.closed {
		return false
	}
	t.n.Add(1)
	return true
}

// begin counts a first read. It reports false if the window has ended.
func (r *Recorder) begin(w *window, k read, c broker.Caller) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	t := w.counts[k]
	if t == nil {
		t = &tally{first: broker.AuditEntry{
			At: r.cfg.Now(), Client: k.client, Action: "read", App: k.app, Kind: k.kind, Version: k.version,
			Remote: c.Remote, RequestID: c.RequestID, Result: "ok",
		}}
		w.counts[k] = t
		w.fresh = append(w.fresh, t)
		if len(w.counts) >= maxCounted && r.reads.CompareAndSwap(w, newWindow()) {
			r.mu.Lock()
			r.full = append(r.full, w)
			r.mu.Unlock()
		}
	}
	t.n.Add(1)
	return true
}

func (r *Recorder) keep(es ...broker.AuditEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(r.pending, es...)
	if over := len(r.pending) - r.cfg.Keep; over > 0 {
		r.dropped.Add(float64(over))
		r.pending = append(r.pending[:0:0], r.pending[over:]...)
	}
}

// Run writes coalesced reads until ctx ends, and then what is left.
func (r *Recorder) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	begun := r.cfg.Now()
	for {
		select {
		case <-tick.C:
			if now := r.cfg.Now(); now.Sub(begun) >= r.cfg.Window {
				begun = now
				r.end()
				r.prune(ctx, now)
			}
			r.flush(ctx, append(r.collectFull(), r.reads.Load().collectNew()...))
		case <-ctx.Done():
			r.end()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
			defer cancel()
			r.flush(ctx, r.collectFull())
			return
		}
	}
}

// prune removes what is older than it is kept, a bounded part at a time: an audit that
// was kept for long is not to hold up the store's other writes.
func (r *Recorder) prune(ctx context.Context, now time.Time) {
	if r.cfg.Retain <= 0 {
		return
	}
	for range maxPrunes {
		ctx, cancel := context.WithTimeout(ctx, appendTimeout)
		n, err := r.cfg.Log.Prune(ctx, now.Add(-r.cfg.Retain), appendAtOnce)
		cancel()
		if err != nil {
			r.cfg.Logger.WarnContext(ctx, "old audit entries were not removed", "error", err)
			return
		}
		if n < appendAtOnce {
			return
		}
	}
}

// end ends the window.
func (r *Recorder) end() {
	w := r.reads.Swap(newWindow())
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

// collectNew returns an entry for each version that was read for the first time.
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

// take returns an entry for the reads since the last one.
func (t *tally) take() broker.AuditEntry {
	e, n := t.first, t.n.Load()
	e.Count = int(n - t.written)
	t.written = n
	return e
}

// flush stores what waits and then the given entries, in portions that the store takes
// in time. What cannot be stored waits; only then is there a bound to it.
func (r *Recorder) flush(ctx context.Context, es []broker.AuditEntry) {
	r.mu.Lock()
	es = append(r.pending, es...)
	r.pending = nil
	r.mu.Unlock()
	for len(es) > 0 {
		n := min(len(es), appendAtOnce)
		if err := r.append(ctx, es[:n]); err != nil {
			r.cfg.Logger.WarnContext(ctx, "audit entries wait for the store", "entries", len(es), "error", err)
			r.mu.Lock()
			newer := r.pending
			r.pending = nil
			r.mu.Unlock()
			r.keep(append(es, newer...)...)
			return
		}
		es = es[n:]
	}
}

func (r *Recorder) append(ctx context.Context, es []broker.AuditEntry) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	return r.cfg.Log.Append(ctx, es...)
}

// Query reads the audit, newest first.
func (r *Recorder) Query(ctx context.Context, f broker.AuditFilter) ([]broker.AuditEntry, error) {
	es, err := r.cfg.Log.Query(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	return es, nil
}
