package oidc

import "github.com/prometheus/client_golang/prometheus"

// Results that are no OAuth error.
const (
	resultOK   = "ok"
	resultPage = "page" // it ended on a page of ours
)

// metrics count calls. Endpoints and results are constants of this package and of the
// library, whatever callers send.
type metrics struct{ calls *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "hufu", Name: "oidc_calls_total", Help: "OpenID Connect calls, by endpoint and how they ended: ok, page, or the OAuth error.",
	}, []string{"endpoint", "result"})}
	if reg != nil {
		reg.MustRegister(m.calls)
	}
	return m
}

func (m *metrics) ended(endpoint, result string) { m.calls.WithLabelValues(endpoint, result).Inc() }
