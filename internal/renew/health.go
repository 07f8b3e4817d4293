package renew

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

// Health is how the tokens of all apps stand, computed from what is held of them.
type Health struct {
	Apps    int
	Tokens  int // usable ones
	Missing int // keys that should have a token and have none that is usable
	Overdue int // usable, but the promise has run out or ends before the next attempt can help
	Failing int // keys whose last attempt failed
	Unsaved int // keys whose newest token could not be stored yet
	// Troubles names some of the keys in trouble, with why.
	Troubles []Trouble
}

// Trouble is one key that needs attention.
type Trouble struct {
	Key   broker.Key
	State string // missing | overdue | failing | unsaved
	Err   *broker.Error
}

// maxTroubles bounds how many keys a health report names.
const maxTroubles = 20

// Health looks at every key. Its cost grows with their number: about 50 ms for a million.
func (m *Manager) Health() Health {
	var h Health
	now := m.now()
	m.apps.each(func(a *app) {
		h.Apps++
		d := a.def.Load()
		for _, e := range a.entries() {
			s := e.state.Load()
			state := ""
			switch src, _ := d.source(e.kind); {
			case s.usable(now):
				h.Tokens++
				if s.failure != nil {
					h.Failing++
					state = "failing"
				}
				if !src.Rotation.AgeUnknown && !now.Before(unstamp(s.until)) {
					h.Overdue++
					state = "overdue"
				}
			case src.Derived && s.version == 0 && s.failure == nil:
				continue
			default:
				h.Missing++
				state = "missing"
			}
			if m.isOffline(e) {
				h.Unsaved++
				state = "unsaved"
			}
			if state != "" && len(h.Troubles) < maxTroubles {
				t := Trouble{Key: e.key(), State: state}
				if s.failure != nil {
					t.Err = s.failure.Error(now)
				}
				h.Troubles = append(h.Troubles, t)
			}
		}
	})
	return h
}

// State is what is known of one key, for people who look after it.
type State struct {
	Token    broker.Token // its Secret is zero
	Usable   bool
	Due      time.Time
	Failure  *broker.Error
	Attempts int
}

// State tells how a key stands, without its secret.
func (m *Manager) State(k broker.Key) (State, error) {
	e, err := m.entry(k)
	if err != nil {
		return State{}, err
	}
	now, s := m.now(), e.state.Load()
	st := State{Token: s.token(k), Usable: s.usable(now), Due: unstamp(s.due)}
	st.Token.Secret = broker.Secret{}
	if s.failure != nil {
		st.Failure, st.Attempts = s.failure.Error(now), s.failure.Attempts
	}
	return st, nil
}

// tokenCollector computes the gauges that are about all keys when they are asked for.
type tokenCollector struct {
	m       *Manager
	tokens  *prometheus.Desc
	seconds *prometheus.Desc
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
	type group struct {
		platform string
		kind     broker.Kind
	}
	type sum struct {
		usable, missing, failing int
		least                    time.Duration
	}
	sums := map[group]*sum{}
	now := c.m.now()
	c.m.apps.each(func(a *app) {
		d := a.def.Load()
		for _, e := range a.entries() {
			g := group{d.app.Platform, e.kind}
			x := sums[g]
			if x == nil {
				x = &sum{}
				sums[g] = x
			}
			s := e.state.Load()
			switch {
			case s.usable(now):
				if left := unstamp(s.expiry).Sub(now); x.usable == 0 || left < x.least {
					x.least = left
				}
				x.usable++
			default:
				x.missing++
			}
			if s.failure != nil {
				x.failing++
			}
		}
	})
	for g, x := range sums {
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
