// Package audit records who read, renewed, forced or changed what, and when (I10).
//
// What changes something is written before it is answered. Reads, and whatever else
// changes nothing, are far too many for that: they are coalesced per client, key and
// version, so that the audit says who had which token and how often it was read, at a
// bounded cost.
package audit

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

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

const (
	appendTimeout = 2 * time.Second
	// appendAtOnce is how many entries go to the store at a time, which takes it no
	// more than a part of the timeout.
	appendAtOnce = 1000
	// maxText bounds each text of an entry in bytes: some are what callers sent.
	maxText = 128
)

// Recorder writes the audit. It is safe for concurrent use.
type Recorder struct {
	cfg     Config
	dropped prometheus.Counter

	current atomic.Pointer[window]
	queries chan struct{} // has room for the queries that may run at once

	mu      sync.Mutex
	pending []broker.AuditEntry // not stored yet
	full    []*window           // ended early and not collected yet

	complained time.Time // when it was last said that entries wait; of the goroutine of Run
}

// complainEvery is how often it is said that entries wait for the store.
const complainEvery = time.Minute

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
	r := &Recorder{cfg: cfg, queries: make(chan struct{}, maxQueries), dropped: prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "hufu", Name: "audit_dropped_total", Help: "Audit entries lost because the store was away for too long.",
	})}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(r.dropped)
	}
	r.current.Store(newWindow())
	return r
}

// Record writes entries now, no more than go to the store at a time. If it does not take
// them, they are kept and written later, and the error says so.
func (r *Recorder) Record(ctx context.Context, es ...broker.AuditEntry) error {
	for i := range es {
		es[i] = r.entry(es[i])
	}
	if err := r.append(context.WithoutCancel(ctx), es); err != nil {
		r.keep(es...)
		return fmt.Errorf("write audit entry: %w", err)
	}
	return nil
}

// Later queues an entry that nobody waits for, such as a planned renewal.
func (r *Recorder) Later(e broker.AuditEntry) {
	r.keep(r.entry(e))
}

// entry gives an entry its time, and its texts their bound.
func (r *Recorder) entry(e broker.AuditEntry) broker.AuditEntry {
	if e.At.IsZero() {
		e.At = r.cfg.Now()
	}
	for _, s := range []*string{&e.Client, &e.Action, &e.App, (*string)(&e.Kind), &e.Target, &e.Remote, &e.RequestID, &e.Result} {
		*s = bounded(*s)
	}
	return e
}

// bounded cuts off what is over the bound, between characters.
func bounded(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.Clone(s[:n]) // the rest is not to stay in memory
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

// Run writes what is coalesced and removes what is old, until ctx ends; and then writes
// what is left.
func (r *Recorder) Run(ctx context.Context) {
	var pruning sync.WaitGroup
	defer pruning.Wait()
	if r.cfg.Retain > 0 {
		pruning.Go(func() { r.keepPruning(ctx) })
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	begun := r.cfg.Now()
	for {
		select {
		case <-tick.C:
			if now := r.cfg.Now(); now.Sub(begun) >= r.cfg.Window {
				begun = now
				r.end()
			}
			r.flush(ctx, append(r.collectFull(), r.current.Load().collectNew()...))
		case <-ctx.Done():
			r.end()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
			defer cancel()
			r.flush(ctx, r.collectFull())
			return
		}
	}
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
			if now := time.Now(); now.Sub(r.complained) >= complainEvery {
				r.complained = now
				r.cfg.Logger.WarnContext(ctx, "audit entries wait for the store", "entries", len(es), "error", err)
			}
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
