package access_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// Every method asks whether its caller may, before it does anything.
func TestNothingIsDoneForWhoMayNot(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		ctx := t.Context()
		held, err := s.Read(ctx, s.caller("orders"), "shop", broker.AccessToken, 0)
		if err != nil {
			t.Fatal(err)
		}
		before, issues := len(s.entries()), s.Issues()
		app := &broker.App{ID: "new", Platform: wechat.Name, AppID: "wx1", Secrets: []broker.Secret{broker.NewSecret("s")}}
		calls := map[string]func(broker.Caller) error{
			"read": func(c broker.Caller) error {
				_, err := s.Read(ctx, c, "other", broker.AccessToken, 0)
				return err
			},
			"read now": func(c broker.Caller) error {
				if _, ok := s.ReadNow(c, "other", broker.AccessToken); ok {
					return nil
				}
				return broker.ErrNotAllowed
			},
			"wait": func(c broker.Caller) error {
				_, err := s.Wait(ctx, c, "other", broker.AccessToken, 0)
				return err
			},
			"watch": func(c broker.Caller) error {
				_, err := s.Watch(c, []string{"other"})
				return err
			},
			"kinds":  func(c broker.Caller) error { _, err := s.Kinds(c, "other"); return err },
			"report": func(c broker.Caller) error { _, err := s.Report(ctx, c, "other", broker.AccessToken, 1); return err },
			"report token": func(c broker.Caller) error {
				_, err := s.ReportToken(ctx, c, "other", broker.AccessToken, held.Secret)
				return err
			},
			"suspect":      func(c broker.Caller) error { _, err := s.Suspect(ctx, c, "other", broker.AccessToken); return err },
			"replace":      func(c broker.Caller) error { _, err := s.Replace(ctx, c, "shop", broker.AccessToken); return err },
			"app":          func(c broker.Caller) error { _, err := s.App(c, "shop"); return err },
			"apps":         func(c broker.Caller) error { _, err := s.Apps(c, "", 10); return err },
			"put app":      func(c broker.Caller) error { _, err := s.PutApp(ctx, c, app); return err },
			"delete app":   func(c broker.Caller) error { return s.DeleteApp(ctx, c, "shop") },
			"clients":      func(c broker.Caller) error { _, err := s.Clients(c); return err },
			"add client":   func(c broker.Caller) error { _, err := s.AddClient(ctx, c, &broker.Client{Name: "new"}); return err },
			"delete":       func(c broker.Caller) error { return s.DeleteClient(ctx, c, "orders") },
			"audit":        func(c broker.Caller) error { _, err := s.Audit(ctx, c, broker.AuditFilter{}); return err },
			"audit of app": func(c broker.Caller) error { _, err := s.Audit(ctx, c, broker.AuditFilter{App: "shop"}); return err },
			"rotate keys":  func(c broker.Caller) error { return s.RotateKeys(ctx, c, func() error { issues++; return nil }) },
		}
		for name, call := range calls {
			for _, c := range []broker.Caller{{}, s.caller("reader"), s.caller("orders")} {
				if err := call(c); !errors.Is(err, broker.ErrNotAllowed) {
					t.Errorf("%s by %q: %v, want that it is not allowed", name, c.Name(), err)
				}
			}
		}
		if got := len(s.entries()); got != before || s.Issues() != issues || s.Registry.App("new") != nil {
			t.Error("something was done for those who may not")
		}
	})
}

// I10: what was done is in the audit, with who did it, from where, to what, and what
// came of it.
func TestWhatWasDoneIsInTheAudit(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		ctx := t.Context()
		held, err := s.Read(ctx, s.caller("reader"), "shop", broker.AccessToken, 0)
		if err != nil {
			t.Fatal(err)
		}
		must := func(_ access.Held, err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		must(s.Report(ctx, s.caller("orders"), "shop", broker.AccessToken, held.Version))
		must(s.Replace(ctx, s.caller("admin"), "shop", broker.AccessToken))
		if _, err := s.PutApp(ctx, s.caller("admin"), &broker.App{ID: "new", Platform: "nothing", AppID: "x"}); err == nil {
			t.Error("an app of an unknown platform was added")
		}
		if err := s.RotateKeys(ctx, s.caller("admin"), func() error { return nil }); err != nil {
			t.Error(err)
		}
		want := map[string]string{
			"read": "reader shop access_token ok", "report": "orders shop access_token ok", "replace": "admin shop access_token ok",
			"put_app": "admin new  unknown_platform", "rotate_keys": "admin   ok",
		}
		for _, e := range s.entries() {
			got := fmt.Sprint(e.Client, " ", e.App, " ", e.Kind, " ", e.Result)
			if w, ok := want[e.Action]; !ok || w != got || e.Remote != "10.0.0.1:4711" || e.RequestID != "r-"+e.Client {
				t.Errorf("I10: %s: %q, want %q: %+v", e.Action, got, w, e)
			}
			delete(want, e.Action)
		}
		if len(want) > 0 {
			t.Errorf("I10: not in the audit: %v", want)
		}
	})
}

// I3: a token is handed out although the audit cannot be written.
func TestAFailingStoreTakesNoTokenAway(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		ctx := t.Context()
		s.Store.Fail(errors.New("the store is away"))
		held, err := s.Read(ctx, s.caller("orders"), "shop", broker.AccessToken, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Report(ctx, s.caller("orders"), "shop", broker.AccessToken, held.Version); err != nil || got.Version != held.Version {
			t.Errorf("%+v, %v", got, err)
		}
		s.Store.Fail(nil)
		// The entries come later.
		for _, e := range s.entries() {
			if e.Action == "report" {
				return
			}
		}
		t.Error("I10: the report is not in the audit")
	})
}

func twins() stacktest.Config {
	app := func(id, mode string) *broker.App {
		a := stacktest.NewApp(id, otherID)
		a.Mode = mode
		return a
	}
	return stacktest.Config{
		Apps: []*broker.App{app("blog", wechat.Stable), app("blog-classic", wechat.Classic)},
		Clients: []*broker.Client{
			client("one", broker.Read, "blog"), client("other", broker.Read, "blog-classic"), client("both", broker.Read, "blog*"), client("none", broker.Renew, "*"),
		},
	}
}

// Two apps may be the same registration; which one is meant, a client's rights say.
func TestDropInFindsTheAppThatTheClientMayRead(t *testing.T) {
	t.Parallel()
	inBubble(t, twins(), func(t *testing.T, s *stack) {
		for name, want := range map[string]string{"one": "blog", "other": "blog-classic"} {
			if a, err := s.DropIn(s.caller(name), broker.AccessToken, access.Meant{Platform: wechat.Name, AppID: otherID}); err != nil || a.ID != want {
				t.Errorf("%s: %v, %v, want %s", name, a, err, want)
			}
		}
		if _, err := s.DropIn(s.caller("both"), broker.AccessToken, access.Meant{Platform: wechat.Name, AppID: otherID}); broker.AsError(err).Code != "ambiguous_app" || broker.AsError(err).Hint == "" {
			t.Errorf("both: %v, want that it is ambiguous", err)
		}
		for _, c := range []broker.Caller{s.caller("none"), s.caller("reader"), {}} {
			if _, err := s.DropIn(c, broker.AccessToken, access.Meant{Platform: wechat.Name, AppID: otherID}); !errors.Is(err, broker.ErrUnknownApp) {
				t.Errorf("%q: %v, want that there is no such app", c.Name(), err)
			}
		}
		if _, err := s.DropIn(s.caller("one"), broker.AccessToken, access.Meant{Platform: "wecom", AppID: otherID}); !errors.Is(err, broker.ErrUnknownApp) {
			t.Errorf("I8: at another platform: %v", err)
		}
	})
}

// I8: a token stands for its own app, as long as it may be in use.
func TestATokenStandsForItsApp(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{Mode: wechat.Classic, Apps: twins().Apps}, func(t *testing.T, s *stack) {
		ctx := t.Context()
		tok := map[string]broker.Secret{}
		for _, id := range []string{"shop", "blog", "blog-classic"} {
			held, ok := s.ReadNow(s.caller("admin"), id, broker.AccessToken)
			if !ok {
				t.Fatal(id, "has no token")
			}
			tok[id] = held.Secret
			if _, a, ok := s.ByToken(ctx, broker.Caller{}, wechat.Name, held.Secret); !ok || a.ID != id {
				t.Errorf("I8: the token of %s stands for %v", id, a)
			}
		}
		ticket, err := s.Read(ctx, s.caller("orders"), "shop", broker.JSAPITicket, 0)
		if err != nil {
			t.Fatal(err)
		}
		for name, seen := range map[string]broker.Secret{
			"none": {}, "a made-up one": broker.NewSecret("83_made_up"), "a ticket": ticket.Secret, "a secret": broker.NewSecret(secret),
		} {
			if _, a, ok := s.ByToken(ctx, broker.Caller{}, wechat.Name, seen); ok {
				t.Errorf("I8: %s stands for %v", name, a)
			}
		}
		time.Sleep(time.Hour + time.Minute)
		s.Settle()
		old := tok["shop"]
		for range 30 {
			_, a, ok := s.ByToken(ctx, broker.Caller{}, wechat.Name, old)
			if live := s.Sandbox.Live(old.Reveal()); live && (!ok || a.ID != "shop") {
				t.Error("a token that works at the platform is not known here")
			}
			time.Sleep(15 * time.Second)
		}
		if _, _, ok := s.ByToken(ctx, broker.Caller{}, wechat.Name, old); ok {
			t.Error("a token that is dead at the platform stands for its app")
		}
	})
}

// A suspicion costs a check, and an issue only if the token is really dead.
func TestRecheckReturnsTheSuccessorOfADeadToken(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{wechat.Stable, wechat.Classic} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			inBubble(t, stacktest.Config{Mode: mode}, func(t *testing.T, s *stack) {
				ctx, c := t.Context(), s.caller("reader")
				held, _ := s.ReadNow(c, "shop", broker.AccessToken)
				if got := s.Recheck(ctx, c, held); got.Version != held.Version || s.Issues() != 1 {
					t.Errorf("a token that lives: %+v, %d issues", got, s.Issues())
				}
				time.Sleep(2 * time.Minute)
				if lived, err := s.Sandbox.KillCurrent(appID, sandbox.Mode(mode)); err != nil || !lived {
					t.Fatal(lived, err)
				}
				got := s.Recheck(ctx, c, held)
				if !s.Sandbox.Live(got.Secret.Reveal()) || s.Issues() != 2 {
					t.Errorf("a dead one: %+v, %d issues", got, s.Issues())
				}
				// A late suspicion of the dead one is none of the new one (I4).
				if again := s.Recheck(ctx, c, held); again.Version != got.Version || s.Issues() != 2 {
					t.Errorf("I4: a late one: %+v, %d issues", again, s.Issues())
				}
				for _, e := range s.entries() {
					if e.Action == "suspect" && e.Client == "reader" && e.Version == got.Version {
						return
					}
				}
				t.Error("I10: the suspicion is not in the audit")
			})
		})
	}
}

func TestRecheckNeverFails(t *testing.T) {
	t.Parallel()
	for _, kind := range []sandbox.FaultKind{sandbox.FaultHang, sandbox.FaultReset, sandbox.FaultGarbage, sandbox.FaultStatus} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
				held, _ := s.ReadNow(s.caller("reader"), "shop", broker.AccessToken)
				s.Sandbox.Inject(sandbox.Fault{Kind: kind})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				begun := time.Now()
				if got := s.Recheck(ctx, s.caller("reader"), held); got.Token != held.Token || time.Since(begun) > time.Second {
					t.Errorf("I3: %+v after %v", got, time.Since(begun))
				}
			})
		})
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		held, _ := s.ReadNow(s.caller("reader"), "shop", broker.AccessToken)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got, err := s.Wait(ctx, s.caller("reader"), "shop", broker.AccessToken, held.Version)
		if err != nil || got.Version != held.Version {
			t.Errorf("%+v, %v, want the token as it is", got, err)
		}
		w, err := s.Watch(s.caller("reader"), []string{"shop"})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		short, cancelShort := context.WithTimeout(t.Context(), time.Second)
		defer cancelShort()
		if _, err := w.Next(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		synctest.Wait()
	})
}

// A read of a token in memory costs nothing that the garbage collector would see.
func TestAReadFromMemoryAllocatesNothing(t *testing.T) {
	s := newStack(t, stacktest.Config{})
	c := s.caller("orders")
	if _, err := s.Read(t.Context(), c, "shop", broker.AccessToken, 0); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := s.ReadNow(c, "shop", broker.AccessToken); !ok {
			t.Error("no token")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
