package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// outcome is how a call ended, as metrics tell it.
type outcome int

const (
	outRefusedHere  outcome = iota // by this server, for the caller's or an operator's fault
	outThrottled                   // by this server, with what the platform said before
	outPassed                      // answered by the platform
	outRefusedThere                // refused by the platform
	outUnanswered                  // the platform gave no answer
	outAbandoned                   // the caller went away before the answer began
)

func (o outcome) String() string {
	return [...]string{"refused", "throttled", "ok", "platform_refused", "unanswered", "abandoned"}[o]
}

const outcomes = int(outAbandoned) + 1

// replay is what became of a call that was rejected for its token.
type replay int

const (
	replayDone      replay = iota // made again, and not rejected
	replayRejected                // made again, and rejected again
	replayFailed                  // made again, and not answered
	replayTooLarge                // its body was not kept
	replayNoToken                 // there was no other token
	replayUnfounded               // the token lives: it was rejected for something else
)

func (r replay) String() string {
	return [...]string{"done", "rejected", "unanswered", "too_large", "no_token", "unfounded"}[r]
}

const replays = int(replayUnfounded) + 1

// metrics has its series made beforehand, so that there are never more of them.
type metrics struct {
	calls   [outcomes]prometheus.Counter
	replays [replays]prometheus.Counter
	seconds prometheus.Histogram
	pending prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "hufu", Name: "gateway_calls_total", Help: "Calls to be passed on to platforms, by how they ended.",
	}, []string{"result"})
	again := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "hufu", Name: "gateway_rejected_total", Help: "Calls that a platform rejected for their token, by what became of them.",
	}, []string{"replay"})
	m := &metrics{seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "hufu", Name: "gateway_call_seconds", Help: "How long calls that were passed on took, bodies and replays included.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	}), pending: prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "hufu", Name: "gateway_calls_pending", Help: "Calls that are being passed on now.",
	})}
	if reg != nil {
		reg.MustRegister(calls, again, m.seconds, m.pending)
	}
	for o := range outcome(outcomes) {
		m.calls[o] = calls.WithLabelValues(o.String())
	}
	for r := range replay(replays) {
		m.replays[r] = again.WithLabelValues(r.String())
	}
	return m
}

func (m *metrics) end(o outcome)   { m.calls[o].Inc() }
func (m *metrics) replay(r replay) { m.replays[r].Inc() }

// begin counts a call that is passed on until took is called.
func (m *metrics) begin() time.Time {
	m.pending.Inc()
	return time.Now()
}

func (m *metrics) took(began time.Time) {
	m.pending.Dec()
	m.seconds.Observe(time.Since(began).Seconds())
}
