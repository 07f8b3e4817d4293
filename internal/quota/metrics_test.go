package quota_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/quota"
)

func measured() (*quota.Meter, *watch, *prometheus.Registry) {
	w, reg := &watch{}, prometheus.NewPedanticRegistry()
	w.at.Store(noon.UnixNano())
	return quota.New(quota.Config{Registerer: reg, Now: w.now}), w, reg
}

func TestMetricsTellOfCallsRefusalsAndCircuits(t *testing.T) {
	t.Parallel()
	m, w, reg := measured()
	m.Passed(shop, get, nil)
	m.Passed(shop, send, dayQuota())
	m.Passed("news", send, minuteQuota())
	_ = m.Admit(shop, send)
	want := `
# HELP hufu_quota_calls_today Calls that passed on the platform's day, for the busiest hundred paths of apps.
# TYPE hufu_quota_calls_today gauge
hufu_quota_calls_today{app="news",path="/cgi-bin/message/custom/send"} 1
hufu_quota_calls_today{app="shop",path="/cgi-bin/message/custom/send"} 1
hufu_quota_calls_today{app="shop",path="/cgi-bin/user/get"} 1
# HELP hufu_quota_circuits_open Paths of apps that the platform has throttled and is not asked for.
# TYPE hufu_quota_circuits_open gauge
hufu_quota_circuits_open 2
# HELP hufu_quota_refused_total Calls that were answered with a platform's refusal without asking it again.
# TYPE hufu_quota_refused_total counter
hufu_quota_refused_total 1
# HELP hufu_quota_throttled_total Calls that a platform has throttled, by the platform's code.
# TYPE hufu_quota_throttled_total counter
hufu_quota_throttled_total{code="45009"} 1
hufu_quota_throttled_total{code="45011"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	w.pass(time.Minute)
	want = `
# HELP hufu_quota_circuits_open Paths of apps that the platform has throttled and is not asked for.
# TYPE hufu_quota_circuits_open gauge
hufu_quota_circuits_open 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "hufu_quota_circuits_open"); err != nil {
		t.Error(err)
	}
	w.pass(24 * time.Hour)
	if n, err := testutil.GatherAndCount(reg, "hufu_quota_calls_today"); err != nil || n != 0 {
		t.Errorf("the next day: %d series, %v", n, err)
	}
}

func TestOnlyTheBusiestHundredHaveSeries(t *testing.T) {
	t.Parallel()
	m, _, reg := measured()
	for i := range 300 {
		for range i%3 + 1 {
			m.Passed(fmt.Sprintf("app-%d", i), send, nil)
		}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		if f.GetName() != "hufu_quota_calls_today" {
			continue
		}
		for _, x := range f.GetMetric() {
			n++
			if got := x.GetGauge().GetValue(); got != 3 {
				t.Errorf("%v has a series with %v calls", x.GetLabel(), got)
			}
		}
	}
	if n != 100 {
		t.Errorf("%d series, want 100", n)
	}
}

func TestCodesOfThrottledCallsAreBounded(t *testing.T) {
	t.Parallel()
	m, _, reg := measured()
	for i := range 100 {
		m.Passed(shop, send, &broker.Error{Class: broker.Throttled, PlatformCode: fmt.Sprint(i)})
	}
	if n, err := testutil.GatherAndCount(reg, "hufu_quota_throttled_total"); err != nil || n != 33 {
		t.Errorf("%d series (%v), want 32 and the others", n, err)
	}
}
