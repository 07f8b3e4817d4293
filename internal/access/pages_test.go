package access_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// Pages of the app are signed with its own ticket, which is not given away, and no two
// signatures have the same nonce.
func TestPagesAreSignedWithTheAppsTicket(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, _ *stacktest.Users, _ *stacktest.Logins) {
		ctx, c := t.Context(), s.caller("admin")
		seen := map[string]bool{}
		for range 3 {
			got, err := s.SignPage(ctx, c, "blog", "https://blog.test/a?b=c#fragment")
			if err != nil {
				t.Fatal(err)
			}
			ticket, err := s.Read(ctx, c, "blog", broker.JSAPITicket, 0)
			if err != nil {
				t.Fatal(err)
			}
			want := stacktest.Sign(ticket.Secret.Reveal(), "https://blog.test/a?b=c", got.Nonce, strconv.FormatInt(got.Timestamp, 10))
			if got.Signature != want || got.AppID != otherID || got.Timestamp != s.Now().Unix() || len(got.Nonce) < 16 || seen[got.Nonce] {
				t.Errorf("%+v, want the signature %s", got, want)
			}
			seen[got.Nonce] = true
		}
		for _, page := range []string{"https://evil.test/", "https://blog.test.evil.test/"} {
			if err := second(s.SignPage(ctx, c, "blog", page)); !errors.Is(err, broker.ErrPageNotAllowed) {
				t.Errorf("%s: %v", page, err)
			}
		}
		if err := second(s.SignPage(ctx, c, "shop", "https://blog.test/")); !errors.Is(err, broker.ErrPageNotAllowed) {
			t.Errorf("I8: a page of another app: %v", err)
		}
		if err := second(s.SignPage(ctx, c, "blog", "about:blank")); broker.AsError(err).Code != "invalid" {
			t.Errorf("no page: %v", err)
		}
	})
}

func TestCardsAreSignedWithTheCardTicket(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, _ *stacktest.Users, _ *stacktest.Logins) {
		ctx, c := t.Context(), s.caller("admin")
		got, err := s.SignCard(ctx, c, "blog", func(x *access.Signed) []string { return []string{"card", x.Nonce, x.AppID} })
		if err != nil {
			t.Fatal(err)
		}
		ticket, err := s.Read(ctx, c, "blog", broker.WxCardTicket, 0)
		if err != nil {
			t.Fatal(err)
		}
		if want := (*stacktest.Users)(nil).SignCard(ticket.Secret, "card", got.Nonce, otherID); got.Signature != want {
			t.Errorf("%+v, want %s", got, want)
		}
	})
}

// A login sends browsers, with what they bring back, where it says; whoever manages some
// apps only has no say over where the platform's pages are.
func TestWhatLoginsAnAppMayBeGiven(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, _ *stacktest.Users, _ *stacktest.Logins) {
		ctx := t.Context()
		if err := s.Registry.DeleteApp(ctx, "blog"); err == nil {
			t.Fatal("an app of the file was removed")
		}
		app := func(l broker.Login) *broker.App {
			a := stacktest.NewApp("new", "wx1111111111111111")
			a.Login, a.PageHosts = &l, []string{"a.test"}
			return a
		}
		admin, redirects := s.caller("admin"), []string{"https://a.test/"}
		if _, err := s.PutApp(ctx, admin, app(broker.Login{Redirects: redirects, Scopes: []string{stacktest.UserInfo, stacktest.Base}, AuthorizeURL: "https://open.test"})); err != nil {
			t.Fatal(err)
		}
		if got := s.Registry.App("new").Login; got.Scopes[0] != stacktest.Base || got.AuthorizeURL != "https://open.test" {
			t.Errorf("%+v, want the narrowest scope first", got)
		}
		if err := second(s.PutApp(ctx, admin, app(broker.Login{Redirects: redirects, Scopes: []string{"snsapi_all"}}))); broker.AsError(err).Code != "invalid" {
			t.Errorf("a scope that there is not: %v", err)
		}
	})
	inBubble(t, tenants(), func(t *testing.T, s *stack) {
		ctx := t.Context()
		a := teamApp("team-a", otherID)
		a.Login = &broker.Login{Redirects: []string{"https://a.test/"}, AuthorizeURL: "https://evil.test"}
		if err := second(s.PutApp(ctx, s.caller("team"), a)); err == nil {
			t.Error("an administrator of some apps says where the platform's pages are")
		}
	})
}

// Nobody can come back to a server that does not know its own address.
func TestALoginNeedsAPublicURL(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		u := &stacktest.Users{}
		svc := access.New(access.Config{
			Manager: s.Manager, Registry: s.Registry, Audit: s.Recorder, Platforms: []broker.Platform{{Name: "wechat", Web: u, Pages: u}},
		})
		a := stacktest.NewApp("new", otherID)
		a.Login = &broker.Login{Redirects: []string{"https://a.test/"}}
		err := second(svc.PutApp(t.Context(), s.caller("admin"), a))
		if e := broker.AsError(err); e.Code != "invalid" || e.Hint == "" || s.Registry.App("new") != nil {
			t.Errorf("%v", err)
		}
		none := access.New(access.Config{Manager: s.Manager, Registry: s.Registry, Audit: s.Recorder, PublicURL: "https://hufu.test", Platforms: []broker.Platform{{Name: "wechat"}}})
		if err := second(none.PutApp(t.Context(), s.caller("admin"), a)); broker.AsError(err).Code != "invalid" {
			t.Errorf("a platform without logins: %v", err)
		}
		if err := second(none.Users(t.Context(), s.caller("admin"), "shop", broker.Key{}, 1)); !errors.Is(err, broker.ErrNoLogin) {
			t.Errorf("nothing is kept of users: %v", err)
		}
	})
}
