package renew

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

// tokenCollector computes the gauges that are about all keys when they are asked for.
// Everybody may ask, so that it is done once in a while and not for everybody.
type tokenCollector struct {
	m       *Manager
	tokens  *prometheus.Desc
	seconds *prometheus.Desc

	mu   sync.Mutex
	at   time.Time
	sums map[group]*sum
}

// collectAgain is how long the sums over all keys are good for.
const collectAgain = 5 * time.Second

type group struct {
	platform string
	kind     broker.Kind
}

type sum struct {
	usable, missing, failing int
	least                    time.Duration
}

func newTokenCollector(m *Manager) *tokenCollector {
	labels := []string{"platform", "kind"}
	return &tokenCollector{
		m:       m,
		tokens:  prometheus.NewDesc("hufu_tokens", "Keys by state.", append(labels, "state"), nil),
		seconds: prometheus.NewDesc("hufu_token_seconds_until_expiry", "The shortest time until a usable token expires by the platform's figure.", labels, nil),
	}
}

// Describe implements [prometheus.Collector].
func (c *tokenCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.tokens
	ch <- c.seconds
}

// Collect implements [prometheus.Collector].
func (c *tokenCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.m.cfg.Now(); c.sums == nil || now.Sub(c.at).Abs() >= collectAgain {
		c.sums, c.at = c.count(), now
	}
	for g, x := range c.sums {
		gauge := func(n int, state string) {
			ch <- prometheus.MustNewConstMetric(c.tokens, prometheus.GaugeValue, float64(n), g.platform, string(g.kind), state)
		}
		gauge(x.usable, "usable")
		gauge(x.missing, "missing")
		gauge(x.failing, "failing")
		if x.usable > 0 {
			ch <- prometheus.MustNewConstMetric(c.seconds, prometheus.GaugeValue, x.least.Seconds(), g.platform, string(g.kind))
		}
	}
}

// count looks at every key that somebody wants.
func (c *tokenCollector) count() map[group]*sum {
	sums := map[group]*sum{}
	now := c.m.now()
	c.m.apps.each(func(a *app) {
		d := a.def.Load()
		for _, e := range a.entries() {
			s := e.state.Load()
			if src, _ := d.source(e.kind); src.Waits() && s.version == 0 && s.failure == nil {
				continue // nobody has asked for it
			}
			g := group{d.app.Platform, e.kind}
			x := sums[g]
			if x == nil {
				x = &sum{}
				sums[g] = x
			}
			if s.usable(now) {
				if left := unstamp(s.expiry).Sub(now); x.usable == 0 || left < x.least {
					x.least = left
				}
				x.usable++
			} else {
				x.missing++
			}
			if s.failure != nil {
				x.failing++
			}
		}
	})
	return sums
}
