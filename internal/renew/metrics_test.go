package renew_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// figures gathers a registry into "name{label=value,…}" and what it says.
func figures(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := fmt.Sprintf("%s{%s}", f.GetName(), strings.Join(labels, ","))
			switch {
			case m.GetCounter() != nil:
				out[name] = m.GetCounter().GetValue()
			case m.GetGauge() != nil:
				out[name] = m.GetGauge().GetValue()
			case m.GetHistogram() != nil:
				out[name] = float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return out
}

func TestMetricsTellWhatMatters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := sandbox.New(sandbox.Config{Lifetime: 20 * time.Second, Overlap: 6 * time.Second, Apps: []sandbox.App{{ID: appID, Secret: secret}}})
		store := memstore.New(memstore.Config{})
		reg := prometheus.NewRegistry()
		m, err := renew.New(renew.Config{
			Store: store, Leaser: store, Sealer: plainSealer{}, Holder: "replica", Logger: slog.New(slog.DiscardHandler),
			Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(s.Transport()))}, Registerer: reg,
			Rand: func() float64 { return 0 },
		})
		if err != nil {
			t.Fatal(err)
		}
		policy := shortPolicy()
		for _, id := range []string{"shop", "wrong"} {
			a := broker.App{ID: id, Platform: wechat.Name, AppID: appID, Mode: wechat.Classic, BaseURL: "http://sandbox", Policy: &policy, Secrets: []broker.Secret{broker.NewSecret(secret)}}
			if id == "wrong" {
				a.Secrets = []broker.Secret{broker.NewSecret(wrongSecret)}
			}
			if err := m.SetApp(t.Context(), &a); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := m.Start(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		tok, err := m.Token(ctx, accessToken)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Report(ctx, accessToken, tok.Version); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		s.Kill(tok.Secret.Reveal())
		if _, err := m.Report(ctx, accessToken, tok.Version); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		got := figures(t, reg)
		for name, want := range map[string]float64{
			"hufu_tokens{kind=access_token,platform=wechat,state=usable}":                               1,
			"hufu_tokens{kind=access_token,platform=wechat,state=missing}":                              1,
			"hufu_tokens{kind=access_token,platform=wechat,state=failing}":                              1,
			"hufu_token_seconds_until_expiry{kind=access_token,platform=wechat}":                        19,
			"hufu_renewals_total{cause=planned,class=ok,kind=access_token,platform=wechat}":             1,
			"hufu_renewals_total{cause=planned,class=bad_credential,kind=access_token,platform=wechat}": 1,
			"hufu_renewals_total{cause=rejected,class=ok,kind=access_token,platform=wechat}":            1,
			"hufu_foreign_rotations_total{platform=wechat}":                                             1,
			"hufu_checks_total{platform=wechat,verdict=ok}":                                             1,
			"hufu_checks_total{platform=wechat,verdict=rejected}":                                       1,
			"hufu_issue_duration_seconds{platform=wechat}":                                              3,
			"hufu_renewal_panics_total{}":                                                               0,
		} {
			if v, ok := got[name]; !ok || v != want {
				t.Errorf("%s is %v, want %v", name, v, want)
			}
		}
		for name := range got {
			if strings.Contains(name, "shop") || strings.Contains(name, secret) {
				t.Errorf("%s names an app or a secret", name)
			}
		}
		if _, err := renew.New(renew.Config{
			Store: store, Leaser: store, Sealer: plainSealer{}, Holder: "replica", Logger: slog.New(slog.DiscardHandler),
			Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(s.Transport()))},
		}); err != nil {
			t.Error(err)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
