package dropin_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// I8: what a call says of an app's params is a part of its name: an app with others is not
// the one that is asked for, although nobody else has its id.
func TestI8AnAppWithOtherParamsIsNotTheOne(t *testing.T) {
	t.Parallel()
	f := newFake("acme")
	one, two, free := f.app("one", "cli_1"), f.app("two", "cli_1"), f.app("free", "cli_2")
	one.Params, two.Params = map[string]string{"corp": "corp-1"}, map[string]string{"corp": "corp-2"}
	c := stacktest.Config{
		Platforms: []broker.Platform{f.platform(byCorp("token", "/v1/{corp}/token"))}, Apps: []*broker.App{one, two, free},
		Clients: []*broker.Client{fakeClient("both", "one", "two", "free"), fakeClient("first", "one")},
	}
	inBubble(t, c, func(t *testing.T, s *stack) {
		for _, tt := range []struct{ client, name, id, corp, app string }{
			{"both", "", "cli_1", "corp-1", "one"},
			{"both", "", "cli_1", "corp-2", "two"},
			{"both", ".two", "cli_1", "corp-2", "two"},
			{"both", ".two", "cli_1", "corp-1", ""},
			{"both", "", "cli_1", "corp-3", ""},
			{"first", "", "cli_1", "corp-1", "one"},
			{"first", "", "cli_1", "corp-2", ""},
			{"both", "", "cli_2", "corp-3", "free"}, // of which nobody has said it
		} {
			g := s.ask(t, "POST", "/v1/"+tt.corp+"/token", credentials(tt.id, stacktest.Key(tt.client)+tt.name))
			switch want := f.token(tt.app, broker.AccessToken); {
			case tt.app == "" && g.Code != broker.ErrUnknownApp.Code, tt.app != "" && (g.Data.Value != want || want == ""):
				t.Errorf("I8: %s asks for %s of %s: %+v, want that of %q", tt.client+tt.name, tt.id, tt.corp, g, tt.app)
			}
		}
	})
}

// I6: what becomes of a call below an app's base URL says nothing of apps that a client may
// not use: neither that they are there nor of which platform they are.
func TestI6AnAppOfOthersIsAsOneThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, c := withAcme(stacktest.Client("caller", stacktest.Key("caller"), broker.Call, "robot"))
	inBubble(t, c, func(t *testing.T, s *stack) {
		said := func(app, client string, header bool) string {
			key := stacktest.Key(client)
			if header {
				return s.do("GET", "/gateway/"+app+"/cgi-bin/token?grant_type=client_credential&appid=wx1", "", "Authorization", "Bearer "+key).Body.String()
			}
			return s.do("GET", "/gateway/"+app+"/cgi-bin/token?grant_type=client_credential&appid=wx1&secret="+key, "").Body.String()
		}
		for _, header := range []bool{true, false} {
			if got, want := mask(said("robot", "reader", header)), mask(said("none", "reader", header)); got != want {
				t.Errorf("I6: of an app of others a client hears %s, of none %s", got, want)
			}
		}
		// Who may use it hears that the path is another one there.
		if got, none := mask(said("robot", "caller", true)), mask(said("none", "caller", true)); got == none {
			t.Errorf("of an app that it may call a client hears %s", got)
		}
	})
}
