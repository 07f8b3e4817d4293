package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// withUsers runs a test on a stack with users, and clients that may work with them.
func withUsers(t *testing.T, f func(*testing.T, *stack, *stacktest.Users, *stacktest.Logins)) {
	t.Helper()
	u, logins := &stacktest.Users{}, &stacktest.Logins{}
	app := stacktest.NewApp("blog", otherID)
	app.Login = &broker.Login{Redirects: []string{"https://blog.test/"}}
	app.PageHosts = []string{"blog.test"}
	keys := client("keys", broker.Users, "*")
	keys.SessionKeys = true
	inBubble(t, stacktest.Config{
		Users: u, Logins: logins, UserTokens: &remembered{}, Apps: []*broker.App{app},
		Clients: []*broker.Client{client("members", broker.Users, "*"), keys, client("team", broker.Admin, "blog"), client("renews", broker.Renew, "*")},
	}, func(t *testing.T, s *stack) { f(t, s, u, logins) })
}

// remembered is a memory of users' tokens.
type remembered map[string]bool

func (r *remembered) Add(_, _ string, tok broker.Secret) {
	if *r == nil {
		*r = remembered{}
	}
	(*r)[tok.Reveal()] = true
}

func (r *remembered) Has(tok broker.Secret) bool { return (*r)[tok.Reveal()] }

// in logs a user in to the app blog.
func in(t *testing.T, s *stack, u *stacktest.Users, user, scope string) broker.User {
	t.Helper()
	got, err := s.Grants.Exchange(t.Context(), s.Registry.App("blog"), scope, u.Code(user, scope))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Every method that is about users asks whether its caller may, before it does anything.
func TestNothingIsToldOfUsersToWhoMayNot(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, logins *stacktest.Logins) {
		ctx := t.Context()
		logins.Add("code", in(t, s, u, "alice", stacktest.UserInfo))
		calls := map[string]func(broker.Caller) error{
			"exchange": func(c broker.Caller) error { return second(s.Exchange(ctx, c, "blog", "code", "", "")) },
			"users":    func(c broker.Caller) error { return second(s.Users(ctx, c, "blog", broker.Key{}, 10)) },
			"user":     func(c broker.Caller) error { return second(s.User(ctx, c, "blog", "alice")) },
			"delete":   func(c broker.Caller) error { return second(s.DeleteUser(ctx, c, "blog", "alice")) },
			"token":    func(c broker.Caller) error { return second(s.UserToken(ctx, c, "blog", "alice", "", 0)) },
			"report": func(c broker.Caller) error {
				return second(s.ReportUser(ctx, c, "blog", "alice", "", 1, broker.Secret{}))
			},
			"profile":      func(c broker.Caller) error { _, _, err := s.Profile(ctx, c, "blog", "alice", ""); return err },
			"subscription": func(c broker.Caller) error { return second(s.Subscription(ctx, c, "blog", "alice", "")) },
			"session":      func(c broker.Caller) error { _, _, err := s.Session(ctx, c, "blog", u.Code("alice", "")); return err },
			"verify":       func(c broker.Caller) error { return second(s.Verify(ctx, c, "blog", "alice", "", "")) },
			"decrypt":      func(c broker.Caller) error { return second(s.Decrypt(ctx, c, "blog", "alice", "", "")) },
			"import": func(c broker.Caller) error {
				return second(s.ImportUsers(ctx, c, "blog", []access.Import{{OpenID: "x", Scope: stacktest.Base, Refresh: broker.NewSecret("RT")}}))
			},
			"page": func(c broker.Caller) error { return second(s.SignPage(ctx, c, "blog", "https://blog.test/")) },
			"card": func(c broker.Caller) error {
				return second(s.SignCard(ctx, c, "blog", func(*access.Signed) []string { return nil }))
			},
		}
		for name, call := range calls {
			who := []broker.Caller{{}, s.caller("renews"), s.caller("orders")}
			if name == "import" || name == "page" || name == "card" {
				who = append(who, s.caller("members"))
			}
			for _, c := range who {
				if err := call(c); !errors.Is(err, broker.ErrNotAllowed) {
					t.Errorf("%s by %q: %v, want that it is not allowed", name, c.Name(), err)
				}
			}
		}
		if n := u.Count("exchange"); n != 1 || u.Count("profile")+u.Count("subscription")+u.Count("session") != 0 {
			t.Error("the platform was asked for those who may not")
		}
		if list, err := s.Users(ctx, s.caller("members"), "blog", broker.Key{}, 10); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		// What may be asked on one app may not be asked on another.
		if err := second(s.Users(ctx, s.caller("team"), "shop", broker.Key{}, 10)); !errors.Is(err, broker.ErrNotAllowed) {
			t.Errorf("another app: %v", err)
		}
		if err := second(s.Users(ctx, s.caller("members"), "nowhere", broker.Key{}, 10)); !errors.Is(err, broker.ErrUnknownApp) {
			t.Errorf("no app: %v", err)
		}
	})
}

// I10: who was told of which login, who deleted and imported whom, and for which report a
// token was renewed is written down at once, with the open id. What is only read is counted,
// without.
func TestWhatIsDoneToUsersIsInTheAudit_I10(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, logins *stacktest.Logins) {
		ctx, c := t.Context(), s.caller("members")
		who := in(t, s, u, "alice", stacktest.UserInfo)
		logins.Add("code", who)
		got, err := s.Exchange(ctx, c, "blog", "code", "", "")
		if err != nil || got != who {
			t.Fatal(got, err)
		}
		held, err := s.UserToken(ctx, c, "blog", "alice", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		u.Kill(held.Secret.Reveal())
		time.Sleep(time.Minute)
		if _, err := s.ReportUser(ctx, c, "blog", "alice", "", held.Version, broker.Secret{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Session(ctx, c, "blog", u.Code("bob", "")); err != nil {
			t.Fatal(err)
		}
		if out, err := s.ImportUsers(ctx, s.caller("team"), "blog", []access.Import{
			{OpenID: "carol", Scope: stacktest.Base, Refresh: broker.NewSecret("RT_c")},
			{OpenID: "dave", Scope: "nothing", Refresh: broker.NewSecret("RT_d")},
		}); err != nil || out[0].Err != nil || out[1].Err == nil {
			t.Fatal(out, err)
		}
		if n, err := s.DeleteUser(ctx, c, "blog", "alice"); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		// Before anything that is counted can have been written.
		var at []string
		for _, e := range s.Entries() {
			if e.Target != "" {
				at = append(at, fmt.Sprint(e.Client, " ", e.Action, " ", e.App, " ", e.Kind, " ", e.Target, " ", e.Result))
				if e.Remote == "" || e.RequestID == "" || e.Count != 0 {
					t.Errorf("I10: %+v", e)
				}
			}
		}
		want := []string{
			"members delete_user blog  alice ok", "team import_user blog snsapi_base carol ok", "members exchange blog session_key bob ok",
			"members report_user blog snsapi_userinfo alice ok", "members exchange blog snsapi_userinfo alice ok",
		}
		if d := cmp.Diff(want, at); d != "" {
			t.Errorf("I10: at once (-want +got):\n%s", d)
		}

		in(t, s, u, "alice", stacktest.UserInfo)
		before := len(s.entries())
		for range 50 {
			for what, err := range map[string]error{
				"token": second(s.UserToken(ctx, c, "blog", "alice", "", 0)), "user": second(s.User(ctx, c, "blog", "alice")),
				"users": second(s.Users(ctx, c, "blog", broker.Key{}, 10)), "subscription": second(s.Subscription(ctx, c, "blog", "alice", "")),
				"verify": second(s.Verify(ctx, c, "blog", "bob", "", "x")),
			} {
				if err != nil {
					t.Fatal(what, err)
				}
			}
			if _, _, err := s.Profile(ctx, c, "blog", "alice", ""); err != nil {
				t.Fatal(err)
			}
			if _, err := s.DeleteUser(ctx, c, "blog", "nobody"); !errors.Is(err, broker.ErrNoGrant) {
				t.Fatal(err)
			}
			if _, err := s.Exchange(ctx, c, "blog", "nothing", "", ""); broker.AsError(err).Code != "bad_code" {
				t.Fatal(err)
			}
		}
		time.Sleep(11 * time.Minute) // until the window has ended
		es := s.entries()
		es = es[:len(es)-before]
		if len(es) > 2*8 {
			t.Errorf("%d entries for what changed nothing", len(es))
		}
		actions := map[string]bool{}
		for _, e := range es {
			actions[e.Action+" "+e.App+" "+e.Result] = true
			if e.Target != "" || strings.Contains(fmt.Sprint(e), "alice") {
				t.Errorf("a read names its user: %+v", e)
			}
		}
		for _, a := range []string{
			"read_user_token blog ok", "read_user blog ok", "list_users blog ok", "read_subscription blog ok", "verify blog ok", "read_profile blog ok",
			"delete_user blog no_grant", "exchange blog bad_code",
		} {
			if !actions[a] {
				t.Errorf("I10: %s is not in the audit: %v", a, actions)
			}
		}
	})
}

// A report costs a refresh only where the token is dead, and its entry is counted where it
// cost none.
func TestAReportOfAUsersTokenThatLivesChangesNothing(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		ctx, c := t.Context(), s.caller("members")
		in(t, s, u, "alice", stacktest.UserInfo)
		held, err := s.UserToken(ctx, c, "blog", "alice", stacktest.UserInfo, 0)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		got, err := s.ReportUser(ctx, c, "blog", "alice", "", held.Version, broker.Secret{})
		if err != nil || !got.Secret.Equal(held.Secret) || u.Count("refresh") != 0 {
			t.Errorf("%+v, %v, %d refreshes", got, err, u.Count("refresh"))
		}
		u.Kill(held.Secret.Reveal())
		time.Sleep(time.Minute)
		got, err = s.ReportUser(ctx, c, "blog", "alice", "", 0, held.Secret)
		if err != nil || got.Version == held.Version || u.Count("refresh") != 1 {
			t.Errorf("%+v, %v, %d refreshes", got, err, u.Count("refresh"))
		}
		// I4: a late report of the old one costs nothing.
		time.Sleep(time.Second)
		again, err := s.ReportUser(ctx, c, "blog", "alice", "", held.Version, broker.Secret{})
		if err != nil || again.Version != got.Version || u.Count("refresh") != 1 {
			t.Errorf("I4: %+v, %v, %d refreshes", again, err, u.Count("refresh"))
		}
		recorded := 0
		for _, e := range s.entries() {
			if e.Action == "report_user" && e.Target != "" {
				recorded++
			}
		}
		if recorded != 1 {
			t.Errorf("%d reports are recorded with the open id, want that which renewed", recorded)
		}
	})
}

// I8: a user's token is not taken for the app's own, nor the other way round.
func TestTokensOfUsersAndAppsAreNotMixedUp_I8(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		ctx := t.Context()
		in(t, s, u, "alice", stacktest.UserInfo)
		held, err := s.UserToken(ctx, s.caller("members"), "blog", "alice", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		issues := len(s.Sandbox.Issues(otherID))
		if err := second(s.ReportToken(ctx, s.caller("renews"), "blog", broker.AccessToken, held.Secret)); !errors.Is(err, broker.ErrTokenKind) {
			t.Errorf("I8: a user's token reported as the app's: %v", err)
		}
		if got := len(s.Sandbox.Issues(otherID)); got != issues {
			t.Error("I8: it cost an issue")
		}
		own, err := s.Read(ctx, s.caller("admin"), "blog", broker.AccessToken, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := second(s.ReportUser(ctx, s.caller("members"), "blog", "alice", "", 0, own.Secret)); !errors.Is(err, broker.ErrTokenKind) {
			t.Errorf("I8: the app's token reported as a user's: %v", err)
		}
		if _, _, _, ok := s.Bearer(broker.Caller{}, held.Secret); ok {
			t.Error("I8: a user's token stands for an app")
		}
		if u.Count("refresh")+u.Count("check") != 0 {
			t.Error("I8: a mix-up was taken to the platform")
		}
		if err := second(s.UserToken(ctx, s.caller("members"), "shop", "alice", "", 0)); !errors.Is(err, broker.ErrNoGrant) {
			t.Errorf("I8: the token of another app's user: %v", err)
		}
		if err := second(s.UserToken(ctx, s.caller("members"), "blog", "alice", "snsapi_all", 0)); broker.AsError(err).Code != "invalid" {
			t.Errorf("a scope that there is not: %v", err)
		}
	})
}

// A subscription is read with the app's token, which is replaced once where the platform
// rejects it, however many callers see that (I4).
func TestASubscriptionIsReadOnceMoreWithANewToken_I4(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		ctx := t.Context()
		own, _ := s.ReadNow(s.caller("admin"), "blog", broker.AccessToken)
		s.Sandbox.Kill(own.Secret.Reveal())
		time.Sleep(2 * time.Minute)
		issues := len(s.Sandbox.Issues(otherID))
		errs := make(chan error)
		for range 20 {
			go func() {
				sub, err := s.Subscription(ctx, s.caller("members"), "blog", "alice", "zh_CN")
				if err == nil && (!sub.Subscribed || sub.Language != "zh_CN") {
					err = fmt.Errorf("%+v", sub)
				}
				errs <- err
			}()
		}
		for range 20 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if got := len(s.Sandbox.Issues(otherID)) - issues; got != 1 {
			t.Errorf("I4: %d issues, want 1", got)
		}
		// A platform that goes on rejecting is not asked a third time.
		u.Live = func(string) bool { return false }
		asked := u.Count("subscription")
		if err := second(s.Subscription(ctx, s.caller("members"), "blog", "alice", "")); err == nil {
			t.Error("no error")
		}
		if got := u.Count("subscription") - asked; got > 2 {
			t.Errorf("the platform was asked %d times", got)
		}
	})
}

func TestWhereUsersCannotLogIn(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, _ *stacktest.Users, _ *stacktest.Logins) {
		if err := second(s.Exchange(t.Context(), s.caller("members"), "shop", "code", "", "")); !errors.Is(err, broker.ErrNoLogin) {
			t.Errorf("an app without a login: %v", err)
		}
	})
}
