package quota

import (
	"cmp"
	"container/heap"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// busiest is how many pairs of app and path have a series of their own: there may be
	// a million apps.
	busiest = 100
	// collectAgain is how long a look at all apps is good for. Everybody may ask for it.
	collectAgain = 5 * time.Second
)

// collector looks at all apps when metrics are asked for.
type collector struct {
	m     *Meter
	calls *prometheus.Desc
	open  *prometheus.Desc

	mu    sync.Mutex
	at    time.Time
	top   pairs
	count int // of open circuits
}

func newCollector(m *Meter) *collector {
	return &collector{
		m:     m,
		calls: prometheus.NewDesc("hufu_quota_calls_today", "Calls that passed on the platform's day, for the busiest hundred paths of apps.", []string{"app", "path"}, nil),
		open:  prometheus.NewDesc("hufu_quota_circuits_open", "Paths of apps that the platform has throttled and is not asked for.", nil, nil),
	}
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.calls
	ch <- c.open
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.m.now(); c.at.IsZero() || now.Sub(c.at).Abs() >= collectAgain {
		c.look(now.UnixNano())
		c.at = now
	}
	for _, p := range c.top {
		ch <- prometheus.MustNewConstMetric(c.calls, prometheus.GaugeValue, float64(p.calls), p.app, p.path)
	}
	ch <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, float64(c.count))
}

// look goes through all apps, and drops those that are idle.
func (c *collector) look(now int64) {
	c.top, c.count = nil, 0
	today := dayOf(now)
	for i := range c.m.shards {
		for _, n := range c.m.shards[i].calledOn(today, now) {
			c.lookAt(n, today, now)
		}
	}
}

// named is an app and its id.
type named struct {
	id string
	*app
}

// calledOn returns the apps that were called on a day. No lock is held while they are
// looked at.
func (s *shard) calledOn(today uint64, now int64) []named {
	s.mu.Lock()
	s.sweep(now)
	s.mu.Unlock()
	s.mu.RLock()
	defer s.mu.RUnlock()
	var apps []named
	for id, a := range s.apps {
		if a.last.Load() == today {
			apps = append(apps, named{id, a})
		}
	}
	return apps
}

// lookAt looks at an app that was called today. Of the others nothing passed, and no
// circuit lasts longer than its day.
func (c *collector) lookAt(n named, today uint64, now int64) {
	for path, p := range *n.paths.Load() {
		c.top.offer(pair{n.id, path, p.day.in(today)})
		if p.circuit.Load().open(now) {
			c.count++
		}
	}
	c.top.offer(pair{n.id, Other, n.other.day.in(today)})
}

// pair is an app, one of its paths, and its calls today.
type pair struct {
	app, path string
	calls     int64
}

// less puts the least busy first. Equals are ordered too, so that it does not depend on
// chance which of them have a series.
func (p pair) less(o pair) bool {
	return cmp.Or(cmp.Compare(p.calls, o.calls), cmp.Compare(o.app, p.app), cmp.Compare(o.path, p.path)) < 0
}

// pairs is a heap of the busiest, with the least busy of them at the top.
type pairs []pair

func (h pairs) Len() int           { return len(h) }
func (h pairs) Less(i, j int) bool { return h[i].less(h[j]) }
func (h pairs) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements [heap.Interface].
func (h *pairs) Push(x any) { *h = append(*h, x.(pair)) }

// Pop implements [heap.Interface].
func (h *pairs) Pop() any {
	p := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return p
}

// offer keeps a pair if it is among the busiest.
func (h *pairs) offer(p pair) {
	switch {
	case p.calls == 0:
	case len(*h) < busiest:
		heap.Push(h, p)
	case (*h)[0].less(p):
		(*h)[0] = p
		heap.Fix(h, 0)
	}
}
