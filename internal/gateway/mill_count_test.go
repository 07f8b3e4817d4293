package gateway_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// However many platforms a call could be of, it is refused once, or not at all.
func TestACallIsRefusedOnce(t *testing.T) {
	t.Parallel()
	m, mule := newMill("mill"), newMill("mule")
	other := mule.app()
	other.ID, other.AppID = "api-mule", "mule-1"
	cfg := stackConfig{Config: stacktest.Config{Platforms: []broker.Platform{mule.platform()}, Apps: []*broker.App{m.app(), other}}}
	inMill(t, m, cfg, func(t *testing.T, s *stack) {
		refused := func() (n float64) {
			families, err := s.Metrics.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				for _, x := range f.GetMetric() {
					if f.GetName() == "hufu_refusals_total" {
						n += x.GetCounter().GetValue()
					}
				}
			}
			return n
		}
		for id, want := range map[string]float64{millID: 0, "mule-1": 0, "nobody": 1} {
			before := refused()
			s.send(request(http.MethodPost, millExchange, fmt.Sprintf(`{"client_id":%q,"client_secret":%q}`, id, callerKey)))
			if got := refused() - before; got != want {
				t.Errorf("%s: counted as %v refusals, want %v", id, got, want)
			}
		}
	})
}
