package sandbox_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestTokenIsReplacedAtEveryCallAndTheNewestTwoLive(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		a := c.token()
		if a.Errcode != nil || a.ExpiresIn != 7200 || !strings.HasPrefix(a.AccessToken, "83_") {
			t.Fatalf("first token = %+v", a)
		}
		if n := len(a.AccessToken); n < 136 || n > 157 {
			t.Errorf("token of %d characters, want 136 to 157", n)
		}
		time.Sleep(time.Hour)
		b := c.token()
		if a.AccessToken == b.AccessToken {
			t.Fatal("the second call returned the same token")
		}
		time.Sleep(5*time.Minute - time.Nanosecond)
		if c.use(a.AccessToken) != 0 || c.use(b.AccessToken) != 0 {
			t.Error("a token died inside the overlap")
		}
		time.Sleep(time.Nanosecond)
		if got := c.use(a.AccessToken); got != 40001 {
			t.Errorf("superseded token after the overlap: errcode %d, want 40001", got)
		}
		if !sb.Live(b.AccessToken) || sb.Live(a.AccessToken) {
			t.Error("Live disagrees with the calls")
		}
	})
}

func TestASecondRotationEndsTheTokenBeforeTheLast(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		a, b, d := c.token(), c.token(), c.token()
		if got := c.use(a.AccessToken); got != 40001 {
			t.Errorf("the third newest token: errcode %d, want 40001", got)
		}
		for _, r := range []reply{b, d} {
			if c.use(r.AccessToken) != 0 {
				t.Error("one of the newest two tokens is dead")
			}
		}
		if sb.Current(appID, sandbox.Classic) != d.AccessToken {
			t.Error("Current is not the newest token")
		}
	})
}

func TestATokenDiesAtItsOwnExpiryEvenInsideTheOverlap(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{Lifetime: time.Minute, Overlap: 40 * time.Second}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		a := c.token()
		if a.ExpiresIn != 60 {
			t.Fatalf("expires_in = %d, want 60", a.ExpiresIn)
		}
		time.Sleep(50 * time.Second)
		c.token()
		time.Sleep(10*time.Second - time.Nanosecond)
		if !sb.Live(a.AccessToken) {
			t.Error("the token died before its expiry")
		}
		time.Sleep(time.Nanosecond)
		if got := c.use(a.AccessToken); got != 42001 {
			t.Errorf("token past its lifetime: errcode %d, want 42001", got)
		}
	})
}

func TestTheTwoTokenStatesAreIsolated(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		s := c.stable()
		p := c.token()
		c.token()
		time.Sleep(31 * time.Second)
		c.forced()
		time.Sleep(31 * time.Second)
		c.forced()
		if !sb.Live(p.AccessToken) {
			t.Error("stable_token ended a token of cgi-bin/token")
		}
		if sb.Live(s.AccessToken) {
			t.Error("two forced refreshes left the first stable token alive")
		}
		if got := c.stable().AccessToken; got != sb.Current(appID, sandbox.Stable) || !sb.Live(got) {
			t.Error("cgi-bin/token ended a token of stable_token")
		}
	})
}

func TestStableTokenCountsDownAndRollsOverInItsLastMinutes(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		a := c.stable()
		if a.Errcode != nil || a.ExpiresIn != 7200 {
			t.Fatalf("first answer = %+v", a)
		}
		time.Sleep(time.Hour + time.Millisecond)
		if b := c.stable(); b.AccessToken != a.AccessToken || b.ExpiresIn != 3599 {
			t.Errorf("after an hour: same token %v, expires_in %d, want 3599", b.AccessToken == a.AccessToken, b.ExpiresIn)
		}
		time.Sleep(55*time.Minute - 2*time.Millisecond)
		if b := c.stable(); b.AccessToken != a.AccessToken || b.ExpiresIn != 300 {
			t.Errorf("before the window: same token %v, expires_in %d, want 300", b.AccessToken == a.AccessToken, b.ExpiresIn)
		}
		time.Sleep(time.Millisecond)
		b := c.stable()
		if b.AccessToken == a.AccessToken || b.ExpiresIn != 7200 {
			t.Errorf("in the window: new token %v, expires_in %d, want 7200", b.AccessToken != a.AccessToken, b.ExpiresIn)
		}
		time.Sleep(5*time.Minute - time.Nanosecond)
		if c.use(a.AccessToken) != 0 {
			t.Error("the previous token died before its own expiry")
		}
		time.Sleep(time.Nanosecond)
		if got := c.use(a.AccessToken); got != 42001 {
			t.Errorf("the previous token past its expiry: errcode %d, want 42001", got)
		}
		if n := sb.Counts(appID).Issues; n != 2 {
			t.Errorf("%d issues, want 2", n)
		}
	})
}

func TestForcedRefresh(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		a := c.stable()
		b := c.forced()
		if a.AccessToken == b.AccessToken {
			t.Fatal("force did not refresh")
		}
		if c.use(a.AccessToken) != 0 {
			t.Error("one forced refresh ended the previous token at once")
		}
		time.Sleep(30*time.Second - time.Nanosecond)
		if d := c.forced(); d.AccessToken != b.AccessToken {
			t.Error("a forced refresh less than 30 s after the last one did refresh")
		}
		time.Sleep(time.Nanosecond)
		d := c.forced()
		if d.AccessToken == b.AccessToken {
			t.Error("a forced refresh 30 s after the last one did not refresh")
		}
		if got := c.use(a.AccessToken); got != 40001 {
			t.Errorf("leaked token after two forced refreshes: errcode %d, want 40001", got)
		}
		for range 18 {
			time.Sleep(30 * time.Second)
			if r := c.forced(); r.code() != 0 {
				t.Fatalf("forced refresh within the quota: %+v", r)
			}
		}
		time.Sleep(30 * time.Second)
		if got := c.forced().code(); got != 45009 {
			t.Errorf("21st forced refresh: errcode %d, want 45009", got)
		}
		if c.stable().AccessToken == "" {
			t.Error("the forced quota stopped ordinary calls")
		}
		if n := sb.Counts(appID).Forced; n != 20 {
			t.Errorf("%d forced refreshes, want 20", n)
		}
		time.Sleep(24 * time.Hour)
		if got := c.forced().code(); got != 0 {
			t.Errorf("forced refresh on the next day: errcode %d", got)
		}
	})
}

func TestAStableTokenThatIsSpoiledIsStillHandedOut(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		a := c.stable()
		if !sb.Spoil(a.AccessToken) || sb.Spoil(a.AccessToken) {
			t.Error("Spoil does not report whether the token lived")
		}
		if got := c.use(a.AccessToken); got != 40001 {
			t.Errorf("spoiled token: errcode %d, want 40001", got)
		}
		if c.stable().AccessToken != a.AccessToken {
			t.Error("stable_token gave up the spoiled token")
		}
		if b := c.forced(); b.AccessToken == a.AccessToken || !sb.Live(b.AccessToken) {
			t.Error("force did not replace the spoiled token")
		}

		time.Sleep(time.Minute)
		k := c.stable()
		sb.Kill(k.AccessToken)
		if b := c.stable(); b.AccessToken == k.AccessToken {
			t.Error("stable_token handed out a killed token")
		}
	})
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	q := sandbox.Quotas{TokenPerDay: 3, StablePerDay: 5, StablePerMinute: 2, TicketPerDay: 2, CallsPerDay: 4}
	allow := []sandbox.MisuseKind{sandbox.IssueInsideOverlap}
	bubble(t, sandbox.Config{Quotas: q, Allow: allow}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		codes := func(n int, call func() reply) []int {
			var out []int
			for range n {
				out = append(out, call().code())
			}
			return out
		}
		check := func(what string, got []int, want ...int) {
			t.Helper()
			if len(got) != len(want) {
				t.Fatalf("%s: %v, want %v", what, got, want)
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%s: errcodes %v, want %v", what, got, want)
					return
				}
			}
		}
		check("cgi-bin/token", codes(4, c.token), 0, 0, 0, 45009)
		check("stable_token, minute 1", codes(3, c.stable), 0, 0, 45011)
		time.Sleep(time.Minute)
		check("stable_token, minute 2", codes(3, c.stable), 0, 0, 45011)
		time.Sleep(time.Minute)
		check("stable_token, minute 3", codes(3, c.stable), 0, 45009, 45009)

		token := sb.Current(appID, sandbox.Stable)
		check("getticket", codes(3, func() reply {
			return c.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+token, "")
		}), 0, 0, 45009)
		check("other calls", codes(5, func() reply {
			return c.do("GET", "/cgi-bin/get_api_domain_ip?access_token="+token, "")
		}), 0, 0, 0, 0, 45009)

		// The clock of the bubble starts at midnight UTC, eight in the morning
		// in China.
		time.Sleep(16*time.Hour - 2*time.Minute - time.Nanosecond)
		check("before midnight in China", codes(1, c.token), 45009)
		time.Sleep(time.Nanosecond)
		check("after midnight in China", codes(2, c.token), 0, 0)
		if got := c.do("GET", tokenPath(other, "other-"+secret), "").code(); got != 0 {
			t.Errorf("another app: errcode %d", got)
		}
	})
}

func TestAnAppCanHaveItsOwnQuotas(t *testing.T) {
	t.Parallel()
	apps := []sandbox.App{
		{ID: appID, Secret: secret, Quotas: sandbox.Quotas{TokenPerDay: -1}},
		{ID: other, Secret: secret},
	}
	bubble(t, sandbox.Config{Apps: apps}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		if got := c.token().code(); got != 45009 {
			t.Errorf("punished app: errcode %d, want 45009", got)
		}
		if got := c.do("GET", tokenPath(other, secret), "").code(); got != 0 {
			t.Errorf("other app: errcode %d", got)
		}
	})
}

func TestErrorsEndInARidThatCarriesTheTime(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		// 2000-01-01T00:00:00Z is 386d4380.
		form := regexp.MustCompile(`^invalid appid rid: 386d4380-[0-9a-f]{8}-[0-9a-f]{8}$`)
		if got := c.do("GET", tokenPath("wxunknown", secret), "").Errmsg; !form.MatchString(got) {
			t.Errorf("errmsg = %q", got)
		}
		const hint = "invalid credential, access_token is invalid or not latest, could get access_token by " +
			"getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r rid: "
		if got := c.do("GET", "/cgi-bin/user/get?access_token=nonsense", "").Errmsg; !strings.HasPrefix(got, hint) {
			t.Errorf("errmsg = %q", got)
		}
	})
}
