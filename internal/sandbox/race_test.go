package sandbox_test

import (
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{
		Apps:   []sandbox.App{{ID: appID, Secret: secret}, {ID: other, Secret: "other-" + secret}},
		Quotas: sandbox.Quotas{TokenPerDay: 100_000, LoginsPerMinute: 100_000},
		// So small that uploads drop one another.
		MediaBytes: 256 << 10,
		Allow:      sandbox.MisuseKinds(),
	})
	c := newCaller(t, sb.Transport())
	const workers, rounds = 8, 50
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				c.token()
				c.use(c.stable().AccessToken)
				c.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+sb.Current(appID, sandbox.Stable), "")
			}
		})
		wg.Go(func() {
			for range rounds {
				if _, err := sb.RotateOutside(appID); err != nil {
					t.Error(err)
				}
				sb.Live(sb.Current(appID, sandbox.Classic))
				sb.Inject(sandbox.Fault{Path: "/nowhere", App: other, Kind: sandbox.FaultHang, Times: 1})
				sb.Faults()
				sb.ClearFaults()
				if err := sb.SetWhitelist(appID); err != nil {
					t.Error(err)
				}
				sb.AddApp(sandbox.App{ID: other, Secret: secret})
			}
		})
		wg.Go(func() {
			for range rounds {
				token := c.stable().AccessToken
				r := c.send("/cgi-bin/media/upload?type=image&access_token="+token, picture("x"))
				c.raw("GET", "/cgi-bin/media/get?access_token="+token+"&media_id="+r.MediaID, "")
				g := c.exchange(newCode(t, sb, sandbox.ScopeUserInfo))
				c.sns("userinfo", "access_token", g.AccessToken, "openid", user)
				sb.Calls(appID, "/sns/userinfo")
			}
		})
		wg.Go(func() {
			b := browser{t, sb}
			for range rounds {
				b.request("GET", inWeChat+asking(sandbox.ScopeUserInfo), "")
				b.submit(inWeChat+asking(sandbox.ScopeUserInfo, "state", "-"), "alice", "agree")
				c.mini(sb, user)
				for _, end := range []func(string, string) (int, error){sb.ExpireUser, sb.KillUser, sb.ExpireRefresh, sb.Revoke} {
					if _, err := end(appID, sandbox.OpenID(appID, "alice")); err != nil {
						t.Error(err)
					}
				}
				if _, err := sb.SignRaw(appID, user, "{}"); err != nil {
					t.Error(err)
				}
				if err := sb.NewSessionKey(appID, user); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range rounds / 10 {
				sb.Counts(appID)
				sb.Issues(appID)
				sb.Misuses()
				c.raw("GET", "/_sandbox/state", "")
				c.raw("GET", "/_sandbox/", "")
			}
		})
	}
	wg.Wait()
	n := sb.Counts(appID)
	if want := workers * rounds; n.ClassicCalls != want || n.Outside != want || n.Issues != want+1 {
		t.Errorf("counts %+v, want %d calls, as many rotations from outside, one issue more", n, want)
	}
}

func TestEveryPlatformAtOnce(t *testing.T) {
	t.Parallel()
	sb := newMany()
	c := newCaller(t, sb.Transport())
	var wg sync.WaitGroup
	for _, w := range ways() {
		p := sb.Of(w.platform)
		for range 2 {
			wg.Go(func() {
				for range 10 {
					token, _ := w.get(c)
					get, post := w.calls(token)
					c.shoot(get)
					c.shoot(post)
				}
			})
		}
		wg.Go(func() {
			for range 10 {
				if _, err := p.RotateOutside(thatApp, w.mode); err != nil {
					t.Error(err)
				}
				p.Live(p.Current(thatApp, w.mode))
				p.Counts(thatApp)
				p.Issues(thatApp)
				sb.AddApp(sandbox.App{Platform: w.platform, ID: "another", Secret: "s"})
				c.raw("GET", "/_sandbox/state", "")
			}
		})
	}
	wg.Wait()
	// Whoever came first got it issued, and all others got the same.
	if n := sb.Of("wecom").Counts(thatApp); n.Issues+n.Outside != 1 || n.IssueCalls != 20 {
		t.Errorf("counts %+v, want one token for all", n)
	}
}

func TestConcurrentStableCallsGetOneToken(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}})
	c := newCaller(t, sb.Transport())
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if c.stable().AccessToken != sb.Current(appID, sandbox.Stable) {
				t.Error("two stable tokens")
			}
		})
	}
	wg.Wait()
	if n := sb.Counts(appID).Issues; n != 1 {
		t.Errorf("%d issues, want 1", n)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{
		Apps:   []sandbox.App{{ID: appID, Secret: secret}},
		Quotas: sandbox.Quotas{TokenPerDay: 1_000_000},
	})
	c := newCaller(t, sb.Transport())
	first, stable := c.token().AccessToken, c.stable().AccessToken
	for range 10_500 {
		if _, err := sb.RotateOutside(appID); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.use(first); got != 40001 {
		t.Errorf("forgotten token: errcode %d, want 40001", got)
	}
	if _, known := sb.Dies(first); known {
		t.Error("ten thousand tokens are remembered")
	}
	if !sb.Live(sb.Current(appID, sandbox.Classic)) || !sb.Live(stable) {
		t.Error("a live token was forgotten")
	}
}

func TestThePlatformsHistoryIsBounded(t *testing.T) {
	t.Parallel()
	sb := newMany()
	c := newCaller(t, sb.Transport())
	for _, w := range ways() {
		if w.platform != "qq" && w.platform != "baidu" {
			continue
		}
		p := sb.Of(w.platform)
		token, _ := w.get(c)
		for range 5000 {
			if _, err := p.RotateOutside(thatApp, ""); err != nil {
				t.Fatal(err)
			}
		}
		if _, known := p.Dies(token); known || w.opens(c, token) {
			t.Errorf("%s: thousands of tokens are remembered", w.platform)
		}
		if !w.opens(c, p.Current(thatApp, "")) {
			t.Errorf("%s: the newest token was forgotten", w.platform)
		}
	}
}
