package access_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// A call that says nothing of its client may do what one of those clients may do that
// could have made it, and no more: the path rules of the others, and what clients of
// another handout may, say nothing about it.
func TestACallWithoutAClientMayDoWhatItsClientsMay(t *testing.T) {
	t.Parallel()
	const (
		message = "/cgi-bin/message/custom/send"
		users   = "/cgi-bin/user/get"
		login   = "/sns/userinfo"
	)
	limited := client("limited", broker.Read|broker.Call, "narrow")
	limited.Paths = []string{"/cgi-bin/message/*"}
	sns := virtualClient("sns", broker.Read|broker.Call, "narrow")
	sns.Paths = []string{"/sns/*", users}
	cfg := withVirtual(t, limited, sns,
		virtualClient("opaque", broker.Read|broker.Call, "opaque"), client("own", broker.Read|broker.Renew, "opaque", "silent"),
		client("root", broker.Admin|broker.Call, "*"),
		client("unread", broker.Call, "silent")) // which never had a token
	for id, appID := range map[string]string{"narrow": "wx1", "opaque": "wx2", "silent": "wx3", "bare": "wx4"} {
		cfg.Apps = append(cfg.Apps, stacktest.NewApp(id, appID))
		cfg.Sandbox.Apps = append(cfg.Sandbox.Apps, sandbox.App{ID: appID, Secret: secret})
	}
	inBubble(t, cfg, func(t *testing.T, s *stack) {
		for _, c := range []struct {
			app  string
			sort broker.CallSort
			path string
			want string // of the refusal's message; "": none
		}{
			{"narrow", broker.CallApp, message, ""},
			{"narrow", broker.CallApp, users, "has this path among its paths"},
			{"narrow", broker.CallUser, login, ""},
			{"narrow", broker.CallUser, users, ""},
			{"narrow", broker.CallUser, "/other/path", "has this path among its paths"},
			{"opaque", broker.CallApp, users, "without saying who it is"},
			{"opaque", broker.CallUser, login, ""},
			{"silent", broker.CallApp, users, "without saying who it is"},
			{"silent", broker.CallUser, login, ""},
			{"bare", broker.CallUser, login, "without saying who it is"},
		} {
			err := s.MayCall(t.Context(), broker.Caller{}, s.Lookup(c.app), c.sort, c.path)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%s on %s: %v", c.path, c.app, err)
			case c.want != "" && (!errors.Is(err, broker.ErrNotAllowed) || !strings.Contains(broker.AsError(err).Message, c.want) || broker.AsError(err).Hint == ""):
				t.Errorf("%s on %s: %v, want a refusal that says %q", c.path, c.app, err, c.want)
			}
		}
		// A pattern of a deny list, the app's or else its platform's, needs somebody who is known.
		own := *s.Lookup("narrow")
		own.Deny = []string{message}
		for path, a := range map[string]*broker.App{message: &own, "/cgi-bin/clear_quota": s.Lookup("narrow")} {
			err := s.MayCall(t.Context(), broker.Caller{}, a, broker.CallApp, path)
			if !errors.Is(err, broker.ErrNotAllowed) || !strings.Contains(broker.AsError(err).Message, "deny list") {
				t.Errorf("the denied path %s: %v", path, err)
			}
		}
		refused := 0
		for _, e := range s.entries() {
			if e.Action == "call" && e.Result == broker.ErrNotAllowed.Code {
				refused += e.Count
			}
		}
		if refused != 7 {
			t.Errorf("I10: %d refused calls are in the audit, want 7", refused)
		}
	})
}

// Who could have made a call is looked up again as soon as a client comes or goes.
func TestWhoCouldHaveMadeACallFollowsTheClients(t *testing.T) {
	t.Parallel()
	app := stacktest.NewApp("blog", otherID)
	inBubble(t, stacktest.Config{Apps: []*broker.App{app}}, func(t *testing.T, s *stack) {
		ctx := t.Context()
		may := func() bool {
			t.Helper()
			return s.MayCall(ctx, broker.Caller{}, s.Lookup("blog"), broker.CallApp, "/x") == nil
		}
		if may() {
			t.Error("a call is allowed although no client may make one")
		}
		if _, err := s.Registry.AddClient(ctx, client("temp", broker.Read|broker.Call, "blog")); err != nil {
			t.Fatal(err)
		}
		if !may() {
			t.Error("a call is refused although a client may make it")
		}
		if err := s.Registry.DeleteClient(ctx, "temp"); err != nil {
			t.Fatal(err)
		}
		if may() {
			t.Error("a call is allowed although the client has gone")
		}
	})
}

// A call with a user's token and nothing else goes by an app that clients may call, and
// by the platform's own address rather than one that an operator wrote.
func TestACallOfAUserGoesByThePlatformsOwnAddressIfItCan(t *testing.T) {
	t.Parallel()
	at := func(id, appID, base string) *broker.App {
		a := stacktest.NewApp(id, appID)
		a.BaseURL, a.Policy = base, &broker.Policy{InitialDelay: time.Hour}
		return a
	}
	const elsewhere = "https://elsewhere.example"
	cfg := stacktest.Config{
		Apps: []*broker.App{
			at("a-proxied", "wx1", elsewhere), at("b-closed", "wx2", ""), at("c-plain", "wx3", ""),
			at("d-written", "wx4", wechat.BaseURL), at("e-twin", "wx1", wechat.BaseURL),
		},
		Clients: []*broker.Client{client("some", broker.Call, "a-*", "c-*", "d-*", "e-*")},
	}
	inBubble(t, cfg, func(t *testing.T, s *stack) {
		for _, c := range []struct {
			platform, appID, want string // "": none
		}{
			{wechat.Name, "", "c-plain"},
			{wechat.Name, "wx1", "e-twin"},
			{wechat.Name, "wx2", ""},
			{wechat.Name, "wx3", "c-plain"},
			{wechat.Name, "wx4", "d-written"},
			{wechat.Name, "wx5", ""},
			{"another", "", ""},
			{"another", "wx3", ""},
		} {
			a, ok := s.CallableByUser(c.platform, c.appID, wechat.BaseURL)
			if ok != (c.want != "") || ok && a.ID != c.want {
				t.Errorf("%s %q: %v, %v, want %q", c.platform, c.appID, a, ok, c.want)
			}
		}
		// Where it is called elsewhere only, that will do.
		if a, ok := s.CallableByUser(wechat.Name, "wx4", "http://nowhere.example"); !ok || a.ID != "d-written" {
			t.Errorf("%v, %v", a, ok)
		}
	})
}
