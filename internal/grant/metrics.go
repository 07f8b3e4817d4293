package grant

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

// metrics count; none is labelled by app or user.
type metrics struct {
	exchanges *prometheus.CounterVec
	refreshes *prometheus.CounterVec
	unopened  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "hufu", Name: name, Help: help}, []string{"outcome"})
	}
	m := &metrics{
		exchanges: counter("user_exchanges_total", "Codes of users' logins that were exchanged, by outcome: ok or the class of the error."),
		refreshes: counter("user_refreshes_total", "Users' tokens that were renewed, by outcome: ok, ended or the class of the error."),
		unopened: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "hufu", Name: "grants_unopened_total", Help: "Stored grants that could not be opened with this keyset.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.exchanges, m.refreshes, m.unopened)
	}
	return m
}

// outcome is the label for what came of something.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, broker.ErrGrantEnded):
		return "ended"
	default:
		return string(broker.AsError(err).Class)
	}
}
