package sink

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

// metrics counts by the type of sink only: apps and paths have no bound.
type metrics struct {
	runner   *Runner
	attempts *prometheus.CounterVec
	lag      *prometheus.Desc
	behind   *prometheus.Desc
}

// newMetrics registers the runner's metrics; reg may be nil.
func newMetrics(reg prometheus.Registerer, r *Runner) (*metrics, error) {
	m := &metrics{
		runner: r,
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hufu_sink_writes_total",
			Help: "Attempts to write a token to a sink, by type and result (ok, error, panic).",
		}, []string{"type", "result"}),
		lag: prometheus.NewDesc("hufu_sink_lag_seconds",
			"For how long the sink that is furthest behind has not had the newest token.", []string{"type"}, nil),
		behind: prometheus.NewDesc("hufu_sinks_behind",
			"Sinks that do not have the newest token.", []string{"type"}, nil),
	}
	if reg == nil {
		return m, nil
	}
	return m, reg.Register(m)
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.attempts.Describe(ch)
	ch <- m.lag
	ch <- m.behind
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.attempts.Collect(ch)
	for typ, l := range m.runner.lags(time.Now()) {
		ch <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, l.longest.Seconds(), typ)
		ch <- prometheus.MustNewConstMetric(m.behind, prometheus.GaugeValue, float64(l.behind), typ)
	}
}

// attempt counts one attempt to write a token.
func (m *metrics) attempt(typ string, tok broker.Token, err error) {
	result := "ok"
	switch {
	case errors.Is(err, errPanic):
		result = "panic"
	case err != nil:
		result = "error"
	case tok.Secret.IsZero():
		return // only tidied up
	}
	m.attempts.WithLabelValues(typeLabel(typ), result).Inc()
}

// typeLabel keeps the label to the known types.
func typeLabel(typ string) string {
	switch typ {
	case Properties, JSON, Redis, Webhook:
		return typ
	default:
		return "other"
	}
}
