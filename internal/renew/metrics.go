package renew

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

// metrics of this package. Labels are platforms, kinds, causes and classes: few, and
// never an app.
type metrics struct {
	renewals    *prometheus.CounterVec
	took        *prometheus.HistogramVec
	foreign     *prometheus.CounterVec
	checks      *prometheus.CounterVec
	conflicts   prometheus.Counter
	regressed   prometheus.Counter
	storeErrors prometheus.Counter
	unopened    prometheus.Counter
	undecodable prometheus.Counter
	panics      prometheus.Counter
}

func newMetrics(m *Manager, reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "hufu", Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "hufu", Name: name, Help: help}, labels)
	}
	x := &metrics{
		renewals: vec("renewals_total", "Renewals that were tried, by what they were for and the class of their failure (ok: a token came).", "platform", "kind", "cause", "class"),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "hufu", Name: "issue_duration_seconds", Help: "How long the platform took to issue a token or to refuse.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"platform"}),
		foreign:     vec("foreign_rotations_total", "Tokens that ended early and not by an issue of this server: the platform ended them or, where it can be done with the app secret, somebody else replaced them.", "platform"),
		checks:      vec("checks_total", "Reported tokens that were checked at the platform, by its verdict.", "platform", "verdict"),
		conflicts:   counter("record_conflicts_total", "Records that another replica wrote while this one issued."),
		regressed:   counter("records_regressed_total", "Records that were older in the store than they had been: it was restored, or lost writes."),
		storeErrors: counter("store_errors_total", "Accesses to the store that failed during a renewal."),
		unopened:    counter("unopened_tokens_total", "Stored tokens that the keyset could not open."),
		undecodable: counter("undecodable_records_total", "Stored records that could not be decoded when everything was read, and were passed over."),
		panics:      counter("renewal_panics_total", "Renewals that ended in a panic, which is a fault of the program."),
	}
	if reg != nil {
		reg.MustRegister(x.renewals, x.took, x.foreign, x.checks, x.conflicts, x.regressed, x.storeErrors, x.unopened, x.undecodable, x.panics, newTokenCollector(m))
		if m.cfg.Notifier != nil {
			reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Namespace: "hufu", Name: "store_behind_seconds", Help: "How long ago this server last knew of everything that others had written to the store.",
			}, func() float64 { return m.Behind().Seconds() }))
		}
	}
	return x
}

func (x *metrics) check(e *entry, v broker.Verdict) {
	x.checks.WithLabelValues(e.app.def.Load().app.Platform, verdictName(v)).Inc()
}

func verdictName(v broker.Verdict) string {
	switch v {
	case broker.VerdictOK:
		return "ok"
	case broker.VerdictRejected:
		return "rejected"
	case broker.VerdictThrottled:
		return "throttled"
	case broker.VerdictUnknown:
		return "unknown"
	default:
		return "unknown"
	}
}

// report tells metrics, log and the configured observer what came of a renewal.
func (m *Manager) report(ctx context.Context, ev Event) {
	platform, class := "unknown", "ok"
	var rot broker.Rotation
	x := m.apps.get(ev.Key.App)
	if x != nil {
		d := x.def.Load()
		platform = d.app.Platform
		_, rot = d.source(ev.Key.Kind)
	}
	attrs := []slog.Attr{
		slog.String("app", ev.Key.App), slog.String("kind", string(ev.Key.Kind)), slog.String("cause", ev.Cause.String()),
		slog.Duration("took", ev.Took.Round(time.Millisecond)),
	}
	if ev.Foreign {
		m.metrics.foreign.WithLabelValues(platform).Inc()
		m.logForeign(ctx, rot, attrs)
	}
	switch {
	case ev.Err != nil:
		e := broker.AsError(ev.Err)
		class = string(e.Class)
		attrs = append(attrs, slog.String("class", class), slog.String("code", e.Code), slog.String("platform_code", e.PlatformCode), slog.String("hint", e.Hint), slog.Any("error", ev.Err))
		m.log.LogAttrs(ctx, slog.LevelWarn, "renewal failed", attrs...)
	case x != nil && x.had(ev):
		m.log.LogAttrs(ctx, slog.LevelDebug, "the platform gave the same token again", append(attrs, slog.Int64("version", int64(ev.Version)))...)
	default:
		m.log.LogAttrs(ctx, slog.LevelInfo, "token renewed", append(attrs, slog.Int64("version", int64(ev.Version)))...)
	}
	m.metrics.renewals.WithLabelValues(platform, string(ev.Key.Kind), ev.Cause.String(), class).Inc()
	m.metrics.took.WithLabelValues(platform).Observe(ev.Took.Seconds())
	if m.cfg.Renewed != nil {
		m.cfg.Renewed(ev)
	}
}

// logForeign says who may have ended a token that no issue of ours has: others who have the
// secret only where it can be done with that, so that nobody changes it for nothing.
func (m *Manager) logForeign(ctx context.Context, rot broker.Rotation, attrs []slog.Attr) {
	switch {
	case rot.EndedByOthers():
		m.log.LogAttrs(ctx, slog.LevelWarn, "someone else replaced the app's token: another server uses the same secret, or the token was revoked at the platform", attrs...)
	case rot.UsesRefresh:
		m.log.LogAttrs(ctx, slog.LevelWarn, "the platform ended the app's token early: somebody may have withdrawn the authorization at the provider, or used the refresh token elsewhere", attrs...)
	default:
		m.log.LogAttrs(ctx, slog.LevelWarn, "the platform ended the app's token early: somebody may have changed the app secret, the app's state or its permissions there; that others have the secret does no harm", attrs...)
	}
}

// had reports whether the token that an attempt brought was there before it. A new one
// has the version of the record that it came with, or a later one; where there is none,
// only the record's moves on.
func (a *app) had(ev Event) bool {
	e := a.find(ev.Key.Kind, ev.Key.Subject)
	return e != nil && ev.Version < e.state.Load().record
}
