package obs

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Build says what runs.
type Build struct{ Version, Revision, Go string }

// NewRegistry returns a registry with the metrics of the Go runtime, of the
// process and of the build.
func NewRegistry(b Build) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(b),
	)
	return reg
}

// buildInfo is a constant metric whose labels say what runs.
func buildInfo(b Build) prometheus.Collector {
	labels := prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": b.Go}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "hufu_build_info", Help: "What this server was built from; always 1.", ConstLabels: labels,
	}, func() float64 { return 1 })
}

// Bounds on answering for metrics: a scraper that asks again before it has its
// answer must not pile up work.
const (
	metricsTimeout  = 10 * time.Second
	metricsInFlight = 4
)

// MetricsHandler answers with the registry's metrics. A collector that fails is
// left out and counted, and the others are shown.
func MetricsHandler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		Registry:            reg,
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: metricsInFlight,
		Timeout:             metricsTimeout,
		EnableOpenMetrics:   true,
	})
}
