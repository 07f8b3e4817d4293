package dropin

import "github.com/prometheus/client_golang/prometheus"

// outcome is how a request ended, as metrics tell it.
type outcome int

const (
	succeeded       outcome = iota
	refusedByCaller         // the caller's fault
	failed                  // ours or the platform's
)

const outcomes = int(failed) + 1

func (o outcome) String() string {
	switch o {
	case succeeded:
		return "ok"
	case refusedByCaller:
		return "refused"
	case failed:
		return "failed"
	default:
		return "failed"
	}
}

// counters count the requests of one path by how they ended.
type counters [outcomes]prometheus.Counter

// metrics has its series made beforehand: counting a request looks nothing up, and
// there are never more of them.
type metrics struct {
	requests   *prometheus.CounterVec
	other      counters // of no token path
	suspicions [causes]prometheus.Counter
}

// of makes the counters of a token path. "" is no platform.
func (m *metrics) of(platform, path string) (c counters) {
	for o := range c {
		c[o] = m.requests.WithLabelValues(platform, path, outcome(o).String())
	}
	return c
}

// cause is why a token was suspected to be dead.
type cause int

const (
	earlyReask cause = iota
	forceRefresh
)

const causes = int(forceRefresh) + 1

func newMetrics(reg prometheus.Registerer) *metrics {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "hufu", Name: "dropin_requests_total", Help: "Requests on the platforms' own paths.",
	}, []string{"platform", "path", "result"})
	suspicions := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "hufu", Name: "dropin_suspicions_total", Help: "Requests that made a token be suspected to be dead, by what they did.",
	}, []string{"cause"})
	if reg != nil {
		reg.MustRegister(requests, suspicions)
	}
	m := &metrics{requests: requests}
	m.other = m.of("", "other")
	m.suspicions[earlyReask] = suspicions.WithLabelValues("early_reask")
	m.suspicions[forceRefresh] = suspicions.WithLabelValues("force_refresh")
	return m
}
