package access_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// I5: what was imported is there, and what is newer stays.
func TestGrantsAreTakenOver(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		ctx, c := t.Context(), s.caller("team")
		in(t, s, u, "alice", stacktest.UserInfo)
		granted, err := u.Exchange(ctx, nil, broker.NewSecret(secret), u.Code("bob", stacktest.Base))
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.ImportUsers(ctx, c, "blog", []access.Import{
			{OpenID: "alice", Scope: stacktest.UserInfo, Refresh: broker.NewSecret("RT_old"), Authorized: time.Now().Add(-time.Hour)},
			{OpenID: "bob", Scope: stacktest.Base, Access: granted.Access, Expiry: time.Now().Add(time.Hour), Refresh: granted.Refresh},
			{OpenID: "carol", Scope: "snsapi_all", Refresh: broker.NewSecret("RT")},
		})
		if err != nil || !errors.Is(out[0].Err, broker.ErrConflict) || out[0].Kind != stacktest.UserInfo || out[1].Err != nil || out[1].Kind != stacktest.Base || broker.AsError(out[2].Err).Class != broker.Invalid {
			t.Fatalf("%+v, %v", out, err)
		}
		if got, err := s.UserToken(ctx, s.caller("members"), "blog", "bob", "", 0); err != nil || !got.Secret.Equal(granted.Access) {
			t.Errorf("%+v, %v", got, err)
		}
		counted := map[string]bool{}
		for _, e := range s.entries() {
			if e.Action == "import_user" {
				counted[e.Result] = true
			}
		}
		if !counted["kept"] || !counted["ok"] || !counted["invalid"] {
			t.Errorf("I10: %v", counted)
		}
	})
}

// I8: an app's own token is not taken over as a user's, to be handed out as hers or to be sent
// to the platform in the place of hers.
func TestI8AppsTokensAreNotImportedAsUsers(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		ctx := t.Context()
		own, err := s.Read(ctx, s.caller("team"), "blog", broker.AccessToken, 0)
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.ImportUsers(ctx, s.caller("team"), "blog", []access.Import{
			{OpenID: "alice", Scope: stacktest.Base, Access: own.Secret, Expiry: time.Now().Add(time.Hour)},
			{OpenID: "bob", Scope: stacktest.Base, Refresh: own.Secret},
		})
		if err != nil || !errors.Is(out[0].Err, broker.ErrTokenKind) || !errors.Is(out[1].Err, broker.ErrTokenKind) {
			t.Errorf("%+v, %v", out, err)
		}
		for _, user := range []string{"alice", "bob"} {
			if got, err := s.UserToken(ctx, s.caller("members"), "blog", user, "", 0); !errors.Is(err, broker.ErrNoGrant) {
				t.Errorf("%s has %v, %v", user, got.Key, err)
			}
		}
		if n := u.Count("refresh"); n != 0 {
			t.Errorf("the platform was shown the app's token in the place of a refresh token %d times", n)
		}
	})
}

// An import into a store that is away ends soon, and says of each what became of it.
func TestAnImportEndsWhenTheStoreIsAway(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, _ *stacktest.Users, _ *stacktest.Logins) {
		var list []access.Import
		for i := range 500 {
			list = append(list, access.Import{OpenID: fmt.Sprint("user-", i), Scope: stacktest.Base, Refresh: broker.NewSecret("RT")})
		}
		s.Store.Fail(errors.New("the store is away"))
		begun := time.Now()
		out, err := s.ImportUsers(t.Context(), s.caller("team"), "blog", list)
		if took := time.Since(begun); err != nil || took > time.Minute {
			t.Errorf("%v after %v", err, took)
		}
		for i, o := range out {
			if broker.AsError(o.Err).Code != "store_unreachable" {
				t.Fatalf("%d: %v", i, o.Err)
			}
		}
		s.Store.Fail(nil)
		if out, err = s.ImportUsers(t.Context(), s.caller("team"), "blog", list); err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if o.Err != nil {
				t.Fatalf("%d: %v", i, o.Err)
			}
		}
		page, err := s.Users(t.Context(), s.caller("team"), "blog", broker.Key{App: "blog", Kind: stacktest.Base, Subject: "user-498"}, 10)
		if err != nil || len(page) != 10 && len(page) == 0 {
			t.Errorf("%d, %v", len(page), err)
		}
	})
}

// A check finds what a put would be refused for, and leaves no trace.
func TestAnAppIsCheckedWithoutBeingPut(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		issues := s.Issues()
		for code, change := range map[string]func(*broker.App){
			"":                 func(*broker.App) {},
			"unknown_platform": func(a *broker.App) { a.Platform = "wechatt" },
			"unknown_mode":     func(a *broker.App) { a.Mode = "stabel" },
			"invalid":          func(a *broker.App) { a.Params = map[string]string{"x": "y"} },
			"conflict":         func(a *broker.App) { *a = *s.Registry.App("shop"); a.ID = "new" },
		} {
			a := &broker.App{ID: "new", Platform: "wechat", AppID: "wx99", Mode: "stable", Secrets: []broker.Secret{broker.NewSecret("one")}}
			change(a)
			err := s.CheckApp(t.Context(), s.caller("admin"), a)
			if got := broker.AsError(err).Code; (err == nil) != (code == "") || err != nil && got != code {
				t.Errorf("%q: %v", code, err)
			}
		}
		if err := s.CheckApp(t.Context(), s.caller("reader"), &broker.App{ID: "new", Platform: "wechat"}); broker.AsError(err).Code != broker.ErrNotAllowed.Code {
			t.Errorf("without the right: %v", err)
		}
		if _, err := s.App(s.caller("admin"), "new"); err == nil || s.Issues() != issues {
			t.Errorf("the check has put the app: %v", err)
		}
	})
}
