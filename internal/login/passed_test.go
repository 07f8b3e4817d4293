package login_test

import (
	"errors"
	"net/http"
	"testing"
)

// TestACodeThatWasPassedOnEndsNoOtherLoginI8: a site that had the platform's own code sent to it could
// bring it back with a login of its own, for another site, and be taken for the user there.
func TestACodeThatWasPassedOnEndsNoOtherLoginI8(t *testing.T) {
	t.Parallel()
	for name, params := range map[string][]string{
		"with a code of ours":     {"redirect_uri", business},
		"with a code challenge":   {"redirect_uri", business, "code_challenge", challenge(verifier), "code_challenge_method", "S256"},
		"with the platform's own": {"redirect_uri", business, "mode", "code"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			twin := *s.apps["shop"] // the same registration under another id
			twin.ID = "twin"
			s.apps["twin"] = &twin
			user := s.browser(t)
			tr := begin(t, user, "shop", "redirect_uri", business, "mode", "code")
			code := s.platform.agree("shop", "o-victim", tr.scope)
			if got := sentBack(t, user.get(t, tr.callback(code))).Get("code"); got != code {
				t.Fatalf("the site was sent %q", got)
			}
			for _, app := range []string{"shop", "twin"} {
				thief := s.browser(t)
				thief.handler = s.replica(t)
				a := thief.get(t, begin(t, thief, app, params...).callback(code))
				wantPage(t, a, http.StatusGone, "The login took too long", code)
			}
			if n := s.platform.exchanges(t); n != 0 {
				t.Errorf("the platform was asked %d times", n)
			}
			clean(t, s.log.String(), code)
		})
	}
}

// TestNoCodeIsPassedOnUnnoted: while the store is away nobody is sent on with a code that could be
// brought back, and no code is exchanged that may have been sent on.
func TestNoCodeIsPassedOnUnnoted(t *testing.T) {
	t.Parallel()
	for op, params := range map[string][]string{
		"add passed":  {"redirect_uri", business, "mode", "code"},
		"look passed": {"redirect_uri", business},
	} {
		s := newStack(t)
		s.oneTime.fail = func(asked string) (bool, error) {
			if asked == op {
				return false, errors.New("away")
			}
			return true, nil
		}
		b := s.browser(t)
		tr := begin(t, b, "shop", params...)
		a := b.get(t, tr.callback(s.platform.agree("shop", "o-1", tr.scope)))
		wantPage(t, a, http.StatusServiceUnavailable, "The login does not work just now")
		if n := s.platform.exchanges(t); n != 0 {
			t.Errorf("%s: the platform was asked %d times", op, n)
		}
	}
}
