package access_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
	"github.com/hufu-io/hufu/internal/virtual"
)

// virtualClient gets virtual tokens.
func virtualClient(name string, rights broker.Right, apps ...string) *broker.Client {
	c := client(name, rights, apps...)
	c.Handout = broker.HandoutVirtual
	return c
}

// withVirtual is a stack with virtual tokens, whose client caller may call the app and
// report, and whose client signer may read it as well.
func withVirtual(tb testing.TB, clients ...*broker.Client) stacktest.Config {
	tb.Helper()
	codec, err := virtual.New(bytes.Repeat([]byte{1}, virtual.KeySize))
	if err != nil {
		tb.Fatal(err)
	}
	return stacktest.Config{
		Mode: wechat.Classic, Virtual: codec,
		Clients: append(clients,
			virtualClient("caller", broker.Call|broker.Renew, "shop"),
			virtualClient("signer", broker.Call|broker.Read, "shop"),
			virtualClient("blind", broker.Read|broker.Renew, "shop")),
	}
}

func (s *stack) read(tb testing.TB, name string) access.Held {
	tb.Helper()
	h, err := s.Read(tb.Context(), s.caller(name), "shop", broker.AccessToken, 0)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return h
}

// I6: in each way in which a client can ask, it gets the virtual token, with one version
// and one lifetime, and the same one whatever becomes of the real one.
func TestAVirtualClientNeverSeesTheRealTokenI6(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) {
		ctx, c := t.Context(), s.caller("caller")
		first := s.read(t, "caller")
		check := func(how string, h access.Held, err error) {
			t.Helper()
			if err != nil || !h.Secret.Equal(first.Secret) || h.Version != 1 || !h.Virtual || h.Promise() != 7200*time.Second || h.Key.App != "shop" {
				t.Errorf("I6: %s: %v: version %d for %v, virtual %v", how, err, h.Version, h.Promise(), h.Virtual)
			}
		}
		if tok := first.Secret.Reveal(); !strings.HasPrefix(tok, "hv1_") || s.Sandbox.Live(tok) {
			t.Fatalf("%q is no virtual token", tok)
		}
		for range 3 {
			now, ok := s.ReadNow(c, "shop", broker.AccessToken)
			if !ok {
				t.Error("a token in memory is not handed out at once")
			}
			check("read now", now, nil)
			for how, f := range map[string]func() (access.Held, error){
				"read":             func() (access.Held, error) { return s.Read(ctx, c, "shop", broker.AccessToken, 0) },
				"read with a ttl":  func() (access.Held, error) { return s.Read(ctx, c, "shop", broker.AccessToken, 90*time.Minute) },
				"a long ttl":       func() (access.Held, error) { return s.Read(ctx, c, "shop", broker.AccessToken, 9*time.Hour) },
				"report":           func() (access.Held, error) { return s.Report(ctx, c, "shop", broker.AccessToken, 1) },
				"another version":  func() (access.Held, error) { return s.Report(ctx, c, "shop", broker.AccessToken, 99) },
				"report its token": func() (access.Held, error) { return s.ReportToken(ctx, c, "shop", broker.AccessToken, first.Secret) },
				"report another": func() (access.Held, error) {
					return s.ReportToken(ctx, c, "shop", broker.AccessToken, broker.NewSecret("83_other"))
				},
				"suspect": func() (access.Held, error) { return s.Suspect(ctx, c, "shop", broker.AccessToken) },
				"wait": func() (access.Held, error) {
					ctx, cancel := context.WithTimeout(ctx, time.Minute)
					defer cancel()
					return s.Wait(ctx, c, "shop", broker.AccessToken, 1)
				},
				"wait for a change of what is not virtual": func() (access.Held, error) { return s.Wait(ctx, c, "shop", broker.AccessToken, 17) },
			} {
				h, err := f()
				check(how, h, err)
			}
			time.Sleep(75 * time.Minute) // the real one is renewed
		}
		if s.Issues() < 3 {
			t.Error("the real token was not renewed meanwhile")
		}
	})
}

func TestALongPollOfAVirtualTokenLastsAsLongAsItIsAskedTo(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) {
		s.read(t, "caller")
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		if h, err := s.Wait(ctx, s.caller("caller"), "shop", broker.AccessToken, 1); err != nil || h.Version != 1 || time.Since(begun) < 3*time.Hour {
			t.Errorf("version %d, %v after %v", h.Version, err, time.Since(begun))
		}
	})
}

// A virtual client's right is the one to call: to read it needs the right to read, and
// tickets are real.
func TestWhatAVirtualClientMayHave(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t, virtualClient("master", broker.Admin, "*")), func(t *testing.T, s *stack) {
		ctx := t.Context()
		for name, want := range map[string]struct{ token, ticket bool }{
			"caller": {token: true}, "signer": {true, true}, "blind": {ticket: true}, "master": {true, true}, "orders": {true, true},
		} {
			c := s.caller(name)
			h, err := s.Read(ctx, c, "shop", broker.AccessToken, 0)
			if (err == nil) != want.token || err != nil && !errors.Is(err, broker.ErrNotAllowed) {
				t.Errorf("%s: the token: %v", name, err)
			}
			if err == nil && h.Virtual == (name == "orders") {
				t.Errorf("%s: virtual: %v", name, h.Virtual)
			}
			ticket, err := s.Read(ctx, c, "shop", broker.JSAPITicket, 0)
			if (err == nil) != want.ticket || err != nil && !errors.Is(err, broker.ErrNotAllowed) {
				t.Errorf("%s: the ticket: %v", name, err)
			}
			if err == nil && (ticket.Virtual || ticket.Secret.Reveal() != s.Sandbox.CurrentTicket(appID, "jsapi")) {
				t.Errorf("%s: the ticket is not the platform's", name)
			}
		}
		// What is missing is said, in each way of asking.
		blind := s.caller("blind")
		_, watch := s.Watch(blind, []string{"shop"})
		_, kinds := s.Kinds(blind, "shop")
		_, dropin := s.DropIn(blind, broker.AccessToken, access.Meant{Platform: wechat.Name, AppID: appID})
		for how, err := range map[string]error{
			"read": second(s.Read(ctx, blind, "shop", broker.AccessToken, 0)), "suspect": second(s.Suspect(ctx, blind, "shop", broker.AccessToken)),
			"report": second(s.Report(ctx, blind, "shop", broker.AccessToken, 1)), "wait": second(s.Wait(ctx, blind, "shop", broker.AccessToken, 1)),
			"watch": watch, "kinds": kinds, "drop-in": dropin,
		} {
			e := broker.AsError(err)
			if !errors.Is(err, broker.ErrNotAllowed) || !strings.Contains(e.Message, "the right call on the app shop") || !strings.Contains(e.Hint, "handout") {
				t.Errorf("%s: %v; hint %q", how, err, e.Hint)
			}
		}
		if h, ok := s.ReadNow(blind, "shop", broker.AccessToken); ok {
			t.Errorf("read now: version %d", h.Version)
		}
		// Who may not use the app at all is told the same as ever.
		if _, err := s.DropIn(s.caller("caller"), broker.AccessToken, access.Meant{Platform: wechat.Name, AppID: otherID}); !errors.Is(err, broker.ErrUnknownApp) {
			t.Errorf("an app of others: %v", err)
		}
		if _, err := s.Report(ctx, s.caller("signer"), "shop", broker.AccessToken, 1); !errors.Is(err, broker.ErrNotAllowed) {
			t.Errorf("a report without the right: %v", err)
		}
	})
}

// Each client and app has a token of its own, and only the client's own works.
func TestVirtualTokensAreBoundToClientAndAppI8(t *testing.T) {
	t.Parallel()
	cfg := withVirtual(t, virtualClient("twice", broker.Call, "*"), virtualClient("other", broker.Call, "*"))
	cfg.Apps = []*broker.App{stacktest.NewApp("blog", otherID)}
	inBubble(t, cfg, func(t *testing.T, s *stack) {
		seen := map[string]string{}
		for _, name := range []string{"twice", "other"} {
			for _, app := range []string{"shop", "blog"} {
				h, err := s.Read(t.Context(), s.caller(name), app, broker.AccessToken, 0)
				if err != nil {
					t.Fatal(err)
				}
				tok := h.Secret.Reveal()
				if who, ok := seen[tok]; ok {
					t.Errorf("I8: %s has the token of %s", name, who)
				}
				seen[tok] = name
				c, a, _, ok := s.Bearer(broker.Caller{}, h.Secret)
				if !ok || c.Name() != name || a.ID != app {
					t.Errorf("I10: the token of %s for %s is taken for that of %q for %v", name, app, c.Name(), a)
				}
			}
		}
	})
}

// A report of a virtual token is a suspicion of the one behind it: it costs a check, and
// an issue only if that one is dead.
func TestAReportOfAVirtualTokenIsCheckedI4(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) {
		ctx, c := t.Context(), s.caller("caller")
		first, issues := s.read(t, "caller"), s.Issues()
		report := func() {
			t.Helper()
			if h, err := s.ReportToken(ctx, c, "shop", broker.AccessToken, first.Secret); err != nil || !h.Secret.Equal(first.Secret) {
				t.Errorf("%v, or another token", err)
			}
		}
		report()
		if s.Checks() != 1 || s.Issues() != issues {
			t.Errorf("a report of a token that lives cost %d checks and %d issues", s.Checks(), s.Issues()-issues)
		}
		behind, _ := s.ReadNow(s.caller("orders"), "shop", broker.AccessToken)
		if _, err := s.Sandbox.KillCurrent(appID, sandbox.Classic); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		for range 3 {
			report()
		}
		after, _ := s.ReadNow(s.caller("orders"), "shop", broker.AccessToken)
		if s.Issues() != issues+1 || after.Version <= behind.Version || !s.Sandbox.Live(after.Secret.Reveal()) {
			t.Errorf("I4: three reports of a dead token cost %d issues", s.Issues()-issues)
		}
	})
}

// What keeps the real token from being had is told to virtual clients as to all others.
func TestAVirtualTokenNeedsALiveOneBehindIt(t *testing.T) {
	t.Parallel()
	cfg := withVirtual(t)
	cfg.Policy.InitialDelay = time.Hour
	inBubble(t, cfg, func(t *testing.T, s *stack) {
		if err := s.Sandbox.SetSecret(appID, "another"); err != nil {
			t.Fatal(err)
		}
		_, err := s.Read(t.Context(), s.caller("caller"), "shop", broker.AccessToken, 0)
		if e := broker.AsError(err); e.Class != broker.BadCredential || e.PlatformCode != "40125" {
			t.Errorf("%v", err)
		}
	})
}

// I10: who was handed a virtual token is told, with the version of the one behind it.
func TestVirtualTokensAreAccountedForI10(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) {
		behind, _ := s.ReadNow(s.caller("orders"), "shop", broker.AccessToken)
		for range 5 {
			s.read(t, "caller")
		}
		n := 0
		for _, e := range s.entries() {
			if e.Client == "caller" && e.Action == "read" && e.App == "shop" && e.Kind == broker.AccessToken && e.Version == behind.Version {
				n += e.Count
			}
		}
		if n != 5 {
			t.Errorf("I10: %d reads of 5", n)
		}
	})
}

// A watcher hears of the token at each renewal, which moves on how long it lasts, and of
// no tickets that it may not read.
func TestAWatchOfVirtualTokensTellsNothingElse(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) {
		if _, err := s.Read(t.Context(), s.caller("orders"), "shop", broker.JSAPITicket, 0); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string][]broker.Kind{"caller": {"access_token"}, "signer": {"access_token", "jsapi_ticket"}} {
			kinds, err := s.Kinds(s.caller(name), "shop")
			if err != nil || fmt.Sprint(kinds) != fmt.Sprint(want) {
				t.Errorf("%s: %v, %v", name, kinds, err)
			}
		}
		w, err := s.Watch(s.caller("caller"), []string{"shop"})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		first, ctx := s.read(t, "caller"), t.Context()
		for range 3 {
			h, err := w.Next(ctx)
			if err != nil || h.Key.Kind != broker.AccessToken || !h.Secret.Equal(first.Secret) {
				t.Fatalf("I6: %v %v", h.Key, err)
			}
		}
		if s.Issues() < 4 {
			t.Errorf("told of %d issues", s.Issues())
		}
	})
}

// A real token's holder may have tickets, and a virtual one's may what its client may:
// that one is named in the audit.
func TestATicketForAVirtualToken(t *testing.T) {
	t.Parallel()
	narrow := virtualClient("narrow", broker.Call, "shop")
	narrow.Paths = []string{"/cgi-bin/message/*"}
	wide := virtualClient("wide", broker.Call, "*")
	wide.Paths = []string{"/cgi-bin/ticket/*"}
	cfg := withVirtual(t, narrow, wide)
	closed := stacktest.NewApp("closed", otherID)
	closed.Deny = []string{"/cgi-bin/ticket/*"}
	cfg.Apps = []*broker.App{closed}
	const path = "/cgi-bin/ticket/getticket"
	inBubble(t, cfg, func(t *testing.T, s *stack) {
		ctx := t.Context()
		for _, tc := range []struct {
			name, app string
			ok        bool
		}{
			{"caller", "shop", true},
			{"signer", "shop", true},
			{"wide", "shop", true},
			{"orders", "shop", true},
			{"narrow", "shop", false},
			{"wide", "closed", false},
			{"admin", "closed", true},
		} {
			h, err := s.Read(ctx, s.caller(tc.name), tc.app, broker.AccessToken, 0)
			if err != nil {
				t.Fatal(err)
			}
			c, a, ok := s.ByToken(ctx, broker.Caller{}, wechat.Name, h.Secret)
			if !ok || a.ID != tc.app || c.Name() != "" && c.Name() != tc.name || (c.Client != nil) != h.Virtual {
				t.Fatalf("%s: the token is that of %q", tc.name, c.Name())
			}
			ticket, err := s.ReadTicket(ctx, c, a, broker.JSAPITicket, path)
			if (err == nil) != tc.ok || err != nil && !errors.Is(err, broker.ErrNotAllowed) {
				t.Errorf("%s on %s: %v", tc.name, tc.app, err)
			}
			if err == nil && ticket.Virtual {
				t.Error("the ticket is virtual")
			}
		}
		named := false
		for _, e := range s.entries() {
			named = named || e.Client == "caller" && e.Action == "read" && e.Kind == broker.JSAPITicket
		}
		if !named {
			t.Error("I10: nobody says who got the ticket")
		}
	})
}

// Without virtual tokens nobody gets a real one in their place.
func TestAServerWithoutVirtualTokensHandsOutNothingInTheirPlaceI6(t *testing.T) {
	t.Parallel()
	cfg := withVirtual(t)
	cfg.Virtual = nil
	inBubble(t, cfg, func(t *testing.T, s *stack) {
		if h, err := s.Read(t.Context(), s.caller("caller"), "shop", broker.AccessToken, 0); err == nil || !h.Secret.IsZero() {
			t.Errorf("I6: version %d, %v", h.Version, err)
		}
		if _, ok := s.ReadNow(s.caller("caller"), "shop", broker.AccessToken); ok {
			t.Error("I6: read now")
		}
	})
}

// A read of a virtual token costs what one of a real token does.
func BenchmarkReadNow(b *testing.B) {
	s := newStack(b, withVirtual(b))
	for _, name := range []string{"orders", "caller"} {
		c := s.caller(name)
		if _, err := s.Read(b.Context(), c, "shop", broker.AccessToken, 0); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := s.ReadNow(c, "shop", broker.AccessToken); !ok {
					b.Fatal("no token")
				}
			}
		})
	}
}
