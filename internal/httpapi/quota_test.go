package httpapi_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// ward is a stack whose callers can see quotas and have apps examined.
type ward struct {
	*stack
	meter *quota.Meter
}

func inWard(t *testing.T, c stacktest.Config, examiner broker.Examiner, f func(*testing.T, *ward)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := stacktest.New(t, c)
		m := quota.New(quota.Config{Now: s.Service.Now})
		platform := broker.Platform{Name: stacktest.NewApp("", "").Platform, Examiner: examiner}
		platform.Kinds = func(string) map[broker.Kind]broker.Source { return nil }
		a, err := httpapi.New(httpapi.Config{
			Service: s.Service, Logger: s.Logger, Quotas: access.NewQuotas(s.Service, m),
			Doctor: access.NewDoctor(access.DoctorConfig{Service: s.Service, Records: s.Store, Platforms: []broker.Platform{platform}, Meter: m}),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Settle()
		f(t, &ward{stack: &stack{tb: t, Stack: s, API: a}, meter: m})
	})
}

// callers are clients with single rights.
func callers() stacktest.Config {
	return stacktest.Config{Clients: []*broker.Client{
		stacktest.Client("caller", stacktest.Key("caller"), broker.Call, stacktest.App),
		stacktest.Client("renewer", stacktest.Key("renewer"), broker.Renew, stacktest.App),
		stacktest.Client("keeper", stacktest.Key("keeper"), broker.Admin, "shop*"),
	}}
}

func TestQuotaTellsWhatPassedAndWhatIsThrottled(t *testing.T) {
	t.Parallel()
	inWard(t, callers(), nil, func(t *testing.T, s *ward) {
		began := time.Now().Add(-time.Second)
		s.meter.Passed("shop", "/cgi-bin/user/get", nil)
		s.meter.Passed("shop", "/cgi-bin/user/get", nil)
		s.meter.Passed("shop", "/cgi-bin/message/send", &broker.Error{
			Class: broker.Throttled, Reset: broker.ResetMinute, PlatformCode: "45011", PlatformMessage: "slower",
		})
		got := decode[api.Quota](t, s.get("/v1/apps/shop/quota", stacktest.Key("caller")), http.StatusOK)
		now := time.Now().UTC()
		want := api.Quota{
			App: "shop", Day: "2000-01-01", Resets: time.Date(2000, 1, 1, 16, 0, 0, 0, time.UTC), Since: began.UTC(), Paths: []api.QuotaPath{
				{Path: "/cgi-bin/message/send", Today: 1, ThisMinute: 1, Throttled: &api.QuotaThrottled{
					Code: "45011", Message: "slower", Until: now.Truncate(time.Minute).Add(time.Minute),
				}},
				{Path: "/cgi-bin/user/get", Today: 2, ThisMinute: 2},
			},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
		empty := decode[api.Quota](t, s.get("/v1/apps/shop/quota?_=1", readerKey), http.StatusOK)
		if len(empty.Paths) != 2 {
			t.Errorf("a reader sees %+v", empty)
		}
	})
}

func TestWhoMaySeeAQuotaAndADiagnosis(t *testing.T) {
	t.Parallel()
	inWard(t, callers(), nil, func(t *testing.T, s *ward) {
		for _, c := range []struct {
			client, target string
			status         int
		}{
			{"", "shop/quota", 401},
			{"nobody", "shop/quota", 401},
			{"caller", "shop/quota", 200},
			{"reader", "shop/quota", 200},
			{"orders", "shop/quota", 200},
			{"admin", "shop/quota", 200},
			{"renewer", "shop/quota", 403},
			{"caller", "news/quota", 403},
			{"orders", "api-9/quota", 404},
			{"admin", "nothing/quota", 404},
			{"admin", "shop/quota?day=today", 400},
			{"", "shop/doctor", 401},
			{"nobody", "shop/doctor", 401},
			{"caller", "shop/doctor", 403},
			{"orders", "shop/doctor", 403},
			{"keeper", "news/doctor", 403},
			{"keeper", "shop-2/doctor", 404},
			{"admin", "nothing/doctor", 404},
			{"keeper", "shop/doctor", 200},
			{"admin", "shop/doctor", 200},
			{"admin", "shop/doctor?fast=1", 400},
		} {
			key := c.client
			if key != "" {
				key = stacktest.Key(c.client)
			}
			if w := s.get("/v1/apps/"+c.target, key); w.Code != c.status {
				t.Errorf("%q gets %d for %s, want %d: %s", c.client, w.Code, c.target, c.status, w.Body)
			}
		}
		p := problemIn(t, s.get("/v1/apps/shop/quota", stacktest.Key("renewer")), http.StatusForbidden)
		if p.Code != api.CodeNotAllowed || p.Hint == "" {
			t.Errorf("%+v", p)
		}
	})
}

func TestCallsThatAServerHasNotDoNotExist(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for _, target := range []string{"/v1/apps/shop/quota", "/v1/apps/shop/doctor"} {
			problemIn(t, s.get(target, adminKey), http.StatusNotFound)
		}
	})
}
