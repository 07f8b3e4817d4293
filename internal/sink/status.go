package sink

import (
	"maps"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Status is what a sink has got and what it should have.
type Status struct {
	App     string
	Type    string
	Path    string // the file, or the other server without what opens it
	Key     string // of a properties file, or of a Redis
	Kind    broker.Kind
	Written broker.Version // zero: none by this process yet
	Wanted  broker.Version // zero: none delivered yet
	// Since is when the sink fell behind; zero if it has what it should have.
	Since time.Time
	// LastError and Attempts are of the failures since the last success.
	LastError string
	Attempts  int
}

// Status returns the state of every sink, by app and in the order they were set.
func (r *Runner) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Status
	for _, app := range slices.Sorted(maps.Keys(r.apps)) {
		for _, s := range r.apps[app] {
			all = append(all, Status{
				App: s.app, Type: s.sink.Type, Path: s.sink.Place(), Key: s.sink.Key, Kind: s.sink.Kind,
				Written: s.written, Wanted: s.wanted.Version, Since: s.since,
				LastError: s.lastErr, Attempts: s.attempts,
			})
		}
	}
	return all
}

// countBehind returns how many sinks do not have the newest token.
func (r *Runner) countBehind() int {
	n := 0
	for _, l := range r.lags(time.Now()) {
		n += l.behind
	}
	return n
}

// lag says how far the sinks of one type are behind.
type lag struct {
	behind  int
	longest time.Duration
}

// lags sums up the sinks by type.
func (r *Runner) lags(now time.Time) map[string]lag {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := map[string]lag{}
	for _, slots := range r.apps {
		for _, s := range slots {
			l := by[typeLabel(s.sink.Type)]
			if s.behind() {
				l.behind++
				l.longest = max(l.longest, now.Sub(s.since))
			}
			by[typeLabel(s.sink.Type)] = l
		}
	}
	return by
}
