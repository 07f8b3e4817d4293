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

// metrics has its series made beforehand: counting a request looks nothing up, and
// there are never more of them.
type metrics struct {
	requests   [places][outcomes]prometheus.Counter
	suspicions [causes]prometheus.Counter
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
	}, []string{"path", "result"})
	suspicions := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "hufu", Name: "dropin_suspicions_total", Help: "Requests that made a token be suspected to be dead, by what they did.",
	}, []string{"cause"})
	if reg != nil {
		reg.MustRegister(requests, suspicions)
	}
	m := &metrics{}
	for p := range place(places) {
		for o := range outcome(outcomes) {
			m.requests[p][o] = requests.WithLabelValues(p.String(), o.String())
		}
	}
	m.suspicions[earlyReask] = suspicions.WithLabelValues("early_reask")
	m.suspicions[forceRefresh] = suspicions.WithLabelValues("force_refresh")
	return m
}
