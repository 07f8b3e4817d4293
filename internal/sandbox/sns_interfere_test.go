package sandbox_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// tokenCodes is what a user's token and refresh token are answered with.
func (c caller) tokenCodes(g grantReply) [3]int {
	c.t.Helper()
	return [3]int{
		c.sns("auth", "access_token", g.AccessToken, "openid", g.OpenID).code(),
		c.sns("userinfo", "access_token", g.AccessToken, "openid", g.OpenID).code(),
		c.refresh(g.RefreshToken).code(),
	}
}

func TestUsersTokensEndInEveryWayThatTheyCan(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end  func(*sandbox.Sandbox) func(appID, openID string) (int, error)
		want [3]int
	}{
		"expired":               {func(s *sandbox.Sandbox) func(string, string) (int, error) { return s.ExpireUser }, [3]int{42001, 42001, 0}},
		"killed":                {func(s *sandbox.Sandbox) func(string, string) (int, error) { return s.KillUser }, [3]int{40001, 40001, 0}},
		"refresh token expired": {func(s *sandbox.Sandbox) func(string, string) (int, error) { return s.ExpireRefresh }, [3]int{0, 0, 42002}},
		"revoked":               {func(s *sandbox.Sandbox) func(string, string) (int, error) { return s.Revoke }, [3]int{42007, 42007, 42007}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
				login := func(who string) grantReply {
					t.Helper()
					return c.exchange(codeOf(t, sb, appID, who, sandbox.ScopeUserInfo))
				}
				a, b, bystander := login("alice"), login("alice"), login("bob")
				n, err := tc.end(sb)(appID, a.OpenID)
				if err != nil || n != 2 {
					t.Errorf("%d ended (%v), want 2", n, err)
				}
				if sb.LiveUser(a.AccessToken) != (tc.want[0] == 0) || sb.LiveRefresh(a.RefreshToken) != (tc.want[2] == 0) {
					t.Error("the truth is another")
				}
				for _, g := range []grantReply{a, b} {
					if got := c.tokenCodes(g); got != tc.want {
						t.Errorf("errcodes %v, want %v", got, tc.want)
					}
				}
				if got := c.tokenCodes(bystander); got != [3]int{} || !sb.LiveRefresh(bystander.RefreshToken) {
					t.Errorf("another user's: errcodes %v", got)
				}
				if got := c.tokenCodes(login("alice")); got != [3]int{} {
					t.Errorf("after another login: errcodes %v", got)
				}
				if n, err := tc.end(sb)(appID, "o-nobody"); n != 0 || err != nil {
					t.Errorf("of nobody: %d, %v", n, err)
				}
				if _, err := tc.end(sb)("wxunknown", a.OpenID); err == nil {
					t.Error("of an unknown app: no error")
				}
				if _, err := tc.end(sb)(appID, ""); err == nil {
					t.Error("of no open id: no error")
				}
			})
		})
	}
}

func TestATokenThatWasEndedIsReplacedByARefresh(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		g := c.exchange(codeOf(t, sb, appID, "alice", sandbox.ScopeUserInfo))
		for _, end := range []func(string, string) (int, error){sb.ExpireUser, sb.KillUser} {
			if _, err := end(appID, g.OpenID); err != nil {
				t.Fatal(err)
			}
			next := c.refresh(g.RefreshToken)
			if next.AccessToken == g.AccessToken || next.RefreshToken != g.RefreshToken || !sb.LiveUser(next.AccessToken) || sb.LiveUser(g.AccessToken) {
				t.Errorf("refresh %+v", next)
			}
			g = next
		}
	})
}

func TestCodesThatComeTwiceAreMisuses(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		code := codeOf(t, sb, appID, "alice", sandbox.ScopeBase)
		js, err := sb.NewJSCode(appID, sandbox.OpenID(appID, "alice"))
		if err != nil {
			t.Fatal(err)
		}
		session := func() int {
			return c.sns("jscode2session", "appid", appID, "secret", secret, "js_code", js, "grant_type", "authorization_code").code()
		}
		if c.exchange(code).code() != 0 || session() != 0 || c.exchange("never made").code() != 40029 || len(sb.Misuses()) != 0 {
			t.Errorf("misuses of proper use: %v", sb.Misuses())
		}
		for range 2 {
			again := c.exchange(code)
			if again.code() != 40163 || !strings.HasPrefix(again.Errmsg, "code been used, hints: [ req_id: ") || !strings.HasSuffix(again.Errmsg, " ]") {
				t.Errorf("again: %+v", again)
			}
		}
		if got := session(); got != 40163 {
			t.Errorf("again: errcode %d", got)
		}
		for _, m := range sb.Misuses() {
			if m.What != sandbox.CodeUsedTwice || m.App != appID || strings.Contains(m.Detail, code) {
				t.Errorf("misuse %+v", m)
			}
		}
		if n := len(sb.Misuses()); n != 3 {
			t.Errorf("%d misuses, want 3", n)
		}
	})
}

func TestAnAnswerThatWasLostUsesTheCodeUp(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		code := codeOf(t, sb, appID, "alice", sandbox.ScopeBase)
		sb.Inject(sandbox.Fault{Path: "/sns/oauth2/access_token", Kind: sandbox.FaultLost, Times: 1})
		attempt(t.Context(), sb.Transport(), base, "/sns/oauth2/access_token?grant_type=authorization_code&appid="+appID+"&secret="+secret+"&code="+code)
		if got := c.exchange(code).code(); got != 40163 {
			t.Errorf("errcode %d, want 40163", got)
		}
	})
}

func TestOldCodesAreTooOldOrInvalid(t *testing.T) {
	t.Parallel()
	for invalid, want := range map[bool]int{false: 42003, true: 40029} {
		bubble(t, sandbox.Config{OldCodesInvalid: invalid}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
			code := codeOf(t, sb, appID, "alice", sandbox.ScopeBase)
			js, err := sb.NewJSCode(appID, user)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Minute)
			if got := c.exchange(code).code(); got != want {
				t.Errorf("errcode %d, want %d", got, want)
			}
			if got := c.sns("jscode2session", "appid", appID, "secret", secret, "js_code", js, "grant_type", "authorization_code").code(); got != 40029 {
				t.Errorf("of a mini program: errcode %d, want 40029", got)
			}
		})
	}
}

// I5: on a platform that uses refresh tokens up, whoever loses one has lost the grant.
func TestI5RefreshTokensCanBeUsedUp(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{RotateRefresh: true, RefreshLifetime: 24 * time.Hour}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		g := c.exchange(codeOf(t, sb, appID, "alice", sandbox.ScopeUserInfo))
		time.Sleep(20 * time.Hour)
		next := c.refresh(g.RefreshToken)
		if next.code() != 0 || next.RefreshToken == g.RefreshToken || sb.LiveRefresh(g.RefreshToken) || !sb.LiveRefresh(next.RefreshToken) {
			t.Errorf("refresh %+v", next)
		}
		if len(sb.Misuses()) != 0 {
			t.Errorf("misuses %v", sb.Misuses())
		}
		again := c.refresh(g.RefreshToken)
		if again.code() != 40030 || !strings.HasPrefix(again.Errmsg, "invalid refresh_token, rid: ") {
			t.Errorf("again: %+v", again)
		}
		if m := sb.Misuses(); len(m) != 1 || m[0].What != sandbox.RefreshUsedTwice || m[0].App != appID {
			t.Errorf("misuses %v", m)
		}
		time.Sleep(20 * time.Hour)
		if last := c.refresh(next.RefreshToken); last.code() != 0 {
			t.Errorf("a new refresh token has its own time: %+v", last)
		}
		if n := sb.Counts(appID).Refreshes; n != 2 {
			t.Errorf("%d refreshes, want 2", n)
		}
	})
}

func TestConcurrentRefreshesAreCounted(t *testing.T) {
	t.Parallel()
	for rotate, want := range map[bool]int{false: 20, true: 1} {
		sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}, RotateRefresh: rotate})
		c := newCaller(t, sb.Transport())
		g := c.exchange(codeOf(t, sb, appID, "alice", sandbox.ScopeBase))
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { c.refresh(g.RefreshToken) })
		}
		wg.Wait()
		if n := sb.Counts(appID).Refreshes; n != want {
			t.Errorf("rotating %v: %d refreshes, want %d", rotate, n, want)
		}
	}
}

func TestAGrantsHistoryIsBounded(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{RotateRefresh: true}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		first := c.exchange(codeOf(t, sb, appID, "alice", sandbox.ScopeBase))
		g := first
		for range 100 {
			time.Sleep(2 * time.Hour)
			g = c.refresh(g.RefreshToken)
		}
		if g.code() != 0 || !sb.LiveUser(g.AccessToken) || !sb.LiveRefresh(g.RefreshToken) {
			t.Errorf("the newest: %+v", g)
		}
		before := len(sb.Misuses())
		if got := c.refresh(first.RefreshToken).code(); got != 40030 || len(sb.Misuses()) != before {
			t.Error("a hundred refresh tokens of a grant are remembered")
		}
		if got := c.sns("auth", "access_token", first.AccessToken, "openid", g.OpenID).code(); got != 40001 {
			t.Errorf("a hundred tokens of a grant are remembered: errcode %d", got)
		}
	})
}

func TestErrcodesCanComeAsText(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		sb.Inject(sandbox.Fault{Path: "/sns/", Kind: sandbox.FaultQuoted})
		const path = "/sns/oauth2/access_token?grant_type=authorization_code&appid=" + appID + "&secret=" + secret + "&code="
		if got := c.raw("GET", path+"nonsense", ""); !strings.HasPrefix(got, `{"errcode":"40029","errmsg":"invalid code`) {
			t.Errorf("answer %s", got)
		}
		if got := c.raw("GET", path+codeOf(t, sb, appID, "alice", sandbox.ScopeBase), ""); !strings.HasPrefix(got, `{"access_token":`) {
			t.Errorf("without an errcode: %s", got)
		}
	})
}

func TestUsersTokensLiveAsLongAsIsSet(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{Lifetime: 20 * time.Second, RefreshLifetime: time.Minute}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		g := c.exchange(codeOf(t, sb, appID, "alice", sandbox.ScopeBase))
		if g.ExpiresIn != 20 || !sb.LiveUser(g.AccessToken) || !sb.LiveRefresh(g.RefreshToken) {
			t.Errorf("%+v", g)
		}
		time.Sleep(20 * time.Second)
		if sb.LiveUser(g.AccessToken) || !sb.LiveRefresh(g.RefreshToken) {
			t.Error("after 20 s")
		}
		time.Sleep(40 * time.Second)
		if got := c.refresh(g.RefreshToken).code(); got != 42002 || sb.LiveRefresh(g.RefreshToken) {
			t.Errorf("after a minute: errcode %d", got)
		}
	})
}
