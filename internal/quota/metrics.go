package quota

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

// maxCodes bounds the series of a counter whose label is a platform's code.
const maxCodes = 32

// metrics are what the meter tells of itself.
type metrics struct {
	throttled *prometheus.CounterVec
	refused   prometheus.Counter

	mu    sync.Mutex
	codes map[string]struct{}
}

func newMetrics(m *Meter, r prometheus.Registerer) *metrics {
	x := &metrics{
		codes: map[string]struct{}{},
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "hufu", Name: "quota_throttled_total", Help: "Calls that a platform has throttled, by the platform's code.",
		}, []string{"code"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "hufu", Name: "quota_refused_total", Help: "Calls that were answered with a platform's refusal without asking it again.",
		}),
	}
	if r != nil {
		r.MustRegister(x.throttled, x.refused, newCollector(m))
	}
	return x
}

// count counts a throttled call.
func (x *metrics) count(err *broker.Error) {
	code := err.PlatformCode
	x.mu.Lock()
	if _, ok := x.codes[code]; !ok {
		if len(x.codes) < maxCodes {
			x.codes[code] = struct{}{}
		} else {
			code = "other"
		}
	}
	x.mu.Unlock()
	x.throttled.WithLabelValues(code).Inc()
}
