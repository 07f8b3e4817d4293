package access_test

import (
	"errors"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// I6: the key of a session reaches only clients that may have it; for the others it is
// used here.
func TestSessionKeysReachOnlyWhoMayHaveThem_I6(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		ctx := t.Context()
		for name, has := range map[string]bool{"members": false, "admin": false, "keys": true} {
			who, key, err := s.Session(ctx, s.caller(name), "blog", u.Code("bob", ""))
			if err != nil || who.Key.Subject != "bob" || who.UnionID != "union-bob" {
				t.Fatalf("%s: %+v, %v", name, who, err)
			}
			if got := !key.IsZero(); got != has || has && key.Reveal() != stacktest.SessionKey("bob") {
				t.Errorf("I6: %s gets the key: %v, want %v", name, got, has)
			}
		}
		c := s.caller("members")
		for signature, want := range map[string]bool{stacktest.Sign("data", stacktest.SessionKey("bob")): true, stacktest.Sign("data", "another key"): false} {
			if valid, err := s.Verify(ctx, c, "blog", "bob", "data", signature); err != nil || valid != want {
				t.Errorf("%s: %v, %v", signature, valid, err)
			}
		}
		plain, err := s.Decrypt(ctx, c, "blog", "bob", stacktest.SessionKey("bob")+`:{"a":1}`, "iv")
		if err != nil || string(plain) != `{"a":1}` {
			t.Errorf("%s, %v", plain, err)
		}
		if err := second(s.Decrypt(ctx, c, "blog", "bob", "something else", "iv")); broker.AsError(err).Code != "invalid" {
			t.Errorf("what the key does not open: %v", err)
		}
		for name, err := range map[string]error{
			"nobody": second(s.Verify(ctx, c, "blog", "nobody", "data", "x")), "another app's": second(s.Verify(ctx, c, "shop", "bob", "data", "x")),
		} {
			if !errors.Is(err, broker.ErrNoGrant) {
				t.Errorf("I8: %s session: %v", name, err)
			}
		}
		code := u.Code("bob", "")
		if _, _, err := s.Session(ctx, c, "blog", code); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Session(ctx, c, "blog", code); broker.AsError(err).Code != "invalid_code" {
			t.Errorf("a code that was used: %v", err)
		}
	})
}
