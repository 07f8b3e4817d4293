package access

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/quota"
)

// Quota is what passed for one app.
type Quota struct {
	App    string
	Day    string    // the platform's, such as 2026-11-21
	Resets time.Time // when the day ends
	Since  time.Time // from when on this server counts
	Paths  []quota.Usage
}

// Quotas tells clients what passed for their apps.
type Quotas struct {
	svc   *Service
	meter *quota.Meter
}

// NewQuotas returns what tells of a meter's counts.
func NewQuotas(s *Service, m *quota.Meter) *Quotas { return &Quotas{svc: s, meter: m} }

// Quota returns what passed for an app. It needs read or call on it.
func (q *Quotas) Quota(c broker.Caller, app string) (Quota, error) {
	if err := q.svc.may(c, broker.Read|broker.Call, app); err != nil {
		return Quota{}, err
	}
	if q.svc.registry.App(app) == nil {
		return Quota{}, q.svc.refuse(broker.ErrUnknownApp)
	}
	out := Quota{App: app, Since: q.meter.Since(), Paths: q.meter.Of(app)}
	out.Day, out.Resets = q.meter.Today()
	return out, nil
}
