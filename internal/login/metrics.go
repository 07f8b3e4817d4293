package login

import "github.com/prometheus/client_golang/prometheus"

// The outcomes of logins that succeed.
const (
	loggedIn = "ok"
	relayed  = "relayed" // with the platform's own code
)

type metrics struct {
	begun  prometheus.Counter
	logins *prometheus.CounterVec
}

// newMetrics registers the relay's metrics; reg may be nil.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		begun: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hufu_logins_begun_total", Help: "Browsers that were sent to a platform to log in.",
		}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hufu_logins_total", Help: "Logins that ended, or were not let begin, by outcome.",
		}, []string{"outcome"}),
	}
	// So that the first of its sort is a growth that a rule sees.
	for _, e := range counted() {
		m.logins.WithLabelValues(e.outcome)
	}
	m.logins.WithLabelValues(loggedIn)
	m.logins.WithLabelValues(relayed)
	if reg == nil {
		return m, nil
	}
	if err := reg.Register(m.begun); err != nil {
		return nil, err
	}
	return m, reg.Register(m.logins)
}
