package access_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/stacktest"
)

func TestAKeyMayHaveAnAppBehindIt(t *testing.T) {
	t.Parallel()
	const tail = "-of-the-file-0123456789abcdef0123"
	var clients []*broker.Client
	for name, key := range map[string]string{"plain": "key" + tail, "dotted": "key.app" + tail, "longer": "key" + tail + ".shop"} {
		c := client(name, broker.Read, "*")
		c.Key = registry.HashKey(key)
		clients = append(clients, c)
	}
	long := strings.Repeat("k", 512)
	widest := client("widest", broker.Read, "*")
	widest.Key = registry.HashKey(long)
	clients = append(clients, widest)
	inBubble(t, stacktest.Config{Clients: clients}, func(t *testing.T, s *stack) {
		for text, want := range map[string]struct{ client, app string }{
			"key" + tail:            {"plain", ""},
			"key" + tail + ".blog":  {"plain", "blog"},
			"key" + tail + ".a-1":   {"plain", "a-1"},
			"key.app" + tail:        {"dotted", ""},
			"key.app" + tail + ".x": {"dotted", "x"},
			// The whole text is a key: no app is named.
			"key" + tail + ".shop":      {"longer", ""},
			"key" + tail + ".shop.shop": {"longer", "shop"},
			long + ".shop":              {"widest", "shop"},
			// What follows the dot is no id of an app.
			"key" + tail + ".":                           {},
			"key" + tail + ".Blog":                       {},
			"key" + tail + ".-a":                         {},
			"key" + tail + ".a b":                        {},
			"key" + tail + "." + strings.Repeat("a", 65): {},
			"key" + tail + ".blog.":                      {},
			"key" + tail + ".blog.blog":                  {},
			"":                                           {},
			".":                                          {},
			".shop":                                      {},
			"guess.shop":                                 {},
			long + "k.shop":                              {},
		} {
			c, app := s.AuthenticateNamed(text)
			if got := (broker.Caller{Client: c}).Name(); got != want.client || app != want.app {
				t.Errorf("%.60q is of %q for %q, want %+v", text, got, app, want)
			}
		}
	})
}

// I8: an app that is named has to be what the caller says it is.
func TestANamedAppIsOneOfThatIDAndPlatformI8(t *testing.T) {
	t.Parallel()
	one, two := stacktest.NewApp("one", otherID), stacktest.NewApp("two", otherID)
	two.Mode = wechat.Classic
	cfg := stacktest.Config{Apps: []*broker.App{one, two}, Clients: []*broker.Client{client("reads", broker.Read, "one", "two"), client("calls", broker.Call, "one", "two")}}
	inBubble(t, cfg, func(t *testing.T, s *stack) {
		reads, calls := s.caller("reads"), s.caller("calls")
		if _, err := s.DropIn(reads, broker.AccessToken, access.Meant{Platform: wechat.Name, AppID: otherID}); broker.AsError(err).Code != broker.ErrAmbiguous.Code {
			t.Errorf("without a name: %v", err)
		}
		for _, app := range []string{"one", "two"} {
			m := access.Meant{Platform: wechat.Name, AppID: otherID, App: app}
			if a, err := s.DropIn(reads, broker.AccessToken, m); err != nil || a.ID != app {
				t.Errorf("%s to read: %v, %v", app, a, err)
			}
			if a, err := s.CallableBy(calls, m); err != nil || a.ID != app {
				t.Errorf("%s to call: %v, %v", app, a, err)
			}
			if _, err := s.DropIn(calls, broker.AccessToken, m); !errors.Is(err, broker.ErrUnknownApp) {
				t.Errorf("I8: %s to read, without the right: %v", app, err)
			}
			if _, err := s.CallableBy(reads, m); !errors.Is(err, broker.ErrUnknownApp) {
				t.Errorf("I8: %s to call, without the right: %v", app, err)
			}
		}
		for name, m := range map[string]access.Meant{
			"no such app":        {Platform: wechat.Name, AppID: otherID, App: "three"},
			"another id":         {Platform: wechat.Name, AppID: appID, App: "one"},
			"another platform":   {Platform: "wecom", AppID: otherID, App: "one"},
			"an app of somebody": {Platform: wechat.Name, AppID: appID, App: "shop"},
		} {
			if a, err := s.DropIn(reads, broker.AccessToken, m); !errors.Is(err, broker.ErrUnknownApp) {
				t.Errorf("I8: %s: %v, %v", name, a, err)
			}
		}
	})
}

// A client with virtual tokens is told what is missing for a token of another kind.
func TestWhatIsMissingForAKindIsSaid(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) {
		m := access.Meant{Platform: wechat.Name, AppID: appID}
		for name, tt := range map[string]struct {
			client string
			kind   broker.Kind
			right  string
		}{
			"a token, without call":  {"blind", broker.AccessToken, "the right call"},
			"a ticket, without read": {"caller", broker.JSAPITicket, "the right read"},
		} {
			if _, err := s.DropIn(s.caller(tt.client), tt.kind, m); !errors.Is(err, broker.ErrNotAllowed) || !strings.Contains(err.Error(), tt.right) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
