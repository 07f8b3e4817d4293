package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// A real token says nothing of its client, and so opens what clients may call that get
// real ones. What clients with virtual tokens may call, it does not open: whoever shows
// it is none of them.
func TestARealTokenOpensWhatItsClientsMayCall(t *testing.T) {
	t.Parallel()
	limited := stacktest.Client("sender", stacktest.Key("sender"), broker.Read|broker.Call, "narrow")
	limited.Paths = []string{"/cgi-bin/message/*"}
	opaque := stacktest.Client("opaque", stacktest.Key("opaque"), broker.Read|broker.Call, "narrow", "mute")
	opaque.Handout = broker.HandoutVirtual
	own := stacktest.Client("own", stacktest.Key("own"), broker.Read, "mute")
	cfg := stacktest.Config{Clients: []*broker.Client{limited, opaque, own}}
	for id, appID := range map[string]string{"narrow": "wx1", "mute": "wx2"} {
		cfg.Apps = append(cfg.Apps, stacktest.NewApp(id, appID))
		cfg.Sandbox.Apps = append(cfg.Sandbox.Apps, sandbox.App{ID: appID, Secret: stacktest.Secret})
	}
	inBubble(t, stackConfig{Config: cfg}, func(t *testing.T, s *stack) {
		had := func(c *broker.Client, app string) string {
			t.Helper()
			h, err := s.Service.Read(t.Context(), broker.Caller{Client: c}, app, broker.AccessToken, 0)
			if err != nil {
				t.Fatal(err)
			}
			return h.Secret.Reveal()
		}
		narrow, mute := had(limited, "narrow"), had(own, "mute")
		for name, c := range map[string]struct {
			a    answer
			want string // of the refusal; "": it is allowed
		}{
			"a path of its client":                 {s.post(message, narrow, text), ""},
			"a path of a virtual client":           {s.get(users, narrow), "among its paths"},
			"an app of virtual clients":            {s.get(users, mute), "without saying who it is"},
			"a virtual client's, all paths":        {s.get(users, had(opaque, "narrow")), ""},
			"a virtual client's on the second app": {s.get(users, had(opaque, "mute")), ""},
		} {
			if c.want == "" && !c.a.ok() || c.want != "" && (c.a.status != http.StatusOK || c.a.Errcode != 48001 || !strings.Contains(c.a.Errmsg, c.want)) {
				t.Errorf("%s: %d %s, want %q", name, c.a.status, c.a.body, c.want)
			}
		}
		for appID, want := range map[string]int{"wx1": 1, "wx2": 1, "": 0} {
			if n := s.Sandbox.Calls(appID, users); n != want {
				t.Errorf("%d calls of %s arrived for %q, want %d", n, users, appID, want)
			}
		}
	})
}
