package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestWhatBecomesOfATokenWhenAnAppAsksAgain(t *testing.T) {
	t.Parallel()
	everyWay(t, sandbox.Config{}, func(t *testing.T, w way, sb *sandbox.Sandbox, c caller) {
		p := sb.Of(w.platform)
		life := time.Duration(w.life) * time.Second
		first, lives := w.get(c)
		if lives != w.life || !w.opens(c, first) || p.Current(thatApp, w.mode) != first {
			t.Fatalf("the first token is to live for %d s, want %d", lives, w.life)
		}
		time.Sleep(life / 2)
		second, lives := w.get(c)
		dies, _ := p.Dies(first)
		left := time.Until(dies)
		want := map[string]struct {
			same  bool
			lives int
			left  time.Duration // of the first
		}{
			"eager":       {false, w.life, w.overlap},
			"late":        {true, w.life / 2, life / 2},
			"fixed":       {true, w.life / 2, life / 2},
			"sliding":     {true, w.life, life},
			"independent": {false, w.life, life / 2},
		}[w.manner]
		if (second == first) != want.same || lives != want.lives || left != want.left {
			t.Errorf("asked again half way: the same %v, for %d s, the first for %v; want %+v", second == first, lives, left, want)
		}
		if !w.opens(c, first) || !w.opens(c, second) {
			t.Error("one of the two does not open the platform")
		}
		time.Sleep(left - time.Second)
		if !w.opens(c, first) {
			t.Error("the first token died too early")
		}
		time.Sleep(time.Second)
		if p.Live(first) {
			t.Error("the first token lives too long")
		}
	})
}

func TestAtMostTheNewestTwoOfAnEagerPlatformLive(t *testing.T) {
	t.Parallel()
	cfg := sandbox.Config{Allow: []sandbox.MisuseKind{sandbox.IssueInsideOverlap, sandbox.SupersededToken}}
	everyWay(t, cfg, func(t *testing.T, w way, _ *sandbox.Sandbox, c caller) {
		first, _ := w.get(c)
		second, _ := w.get(c)
		third, _ := w.get(c)
		if got, want := w.opens(c, first), w.manner != "eager"; got != want {
			t.Errorf("after two more: the first opens %v, want %v", got, want)
		}
		if !w.opens(c, second) || !w.opens(c, third) {
			t.Error("one of the newest two does not open the platform")
		}
	})
}

func TestFeishuGivesANewTokenWithLessThanHalfAnHourLeft(t *testing.T) {
	t.Parallel()
	everyWay(t, sandbox.Config{}, func(t *testing.T, w way, sb *sandbox.Sandbox, c caller) {
		p := sb.Of(w.platform)
		if w.manner != "late" {
			return
		}
		first, _ := w.get(c)
		time.Sleep(90 * time.Minute)
		if again, lives := w.get(c); again != first || lives != 1800 {
			t.Errorf("with half an hour left: the same %v, for %d s", again == first, lives)
		}
		time.Sleep(time.Second)
		second, lives := w.get(c)
		if second == first || lives != 7200 {
			t.Errorf("with less: the same %v, for %d s", second == first, lives)
		}
		time.Sleep(30*time.Minute - 2*time.Second)
		if !w.opens(c, first) || !w.opens(c, second) {
			t.Error("both are to live until their own expiry")
		}
		if n := p.Counts(thatApp); w.mode != "app" && (n.Issues != 2 || n.IssueCalls != 3) {
			t.Errorf("counts %+v", n)
		}
	})
}

func TestEveryPlatformsTimesCanBeSet(t *testing.T) {
	t.Parallel()
	cfg := sandbox.Config{Lifetime: time.Minute, Overlap: 10 * time.Second}
	everyWay(t, cfg, func(t *testing.T, w way, sb *sandbox.Sandbox, c caller) {
		one, lives := w.get(c)
		if lives != 60 {
			t.Errorf("it lives for %d s", lives)
		}
		time.Sleep(45 * time.Second)
		two, _ := w.get(c)
		if w.manner == "late" && two != one {
			t.Error("with a quarter left, a late platform gives a new token")
		}
		if dies, _ := sb.Of(w.platform).Dies(one); w.manner == "eager" && time.Until(dies) != 10*time.Second {
			t.Errorf("the one before lives for %v more", time.Until(dies))
		}
		time.Sleep(11 * time.Second)
		if three, _ := w.get(c); w.manner == "late" && three == one {
			t.Error("with less than a quarter left, a late platform gives the same token")
		}
	})
	on(t, "feishu", sandbox.Config{Window: time.Hour}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		ask := shot{line: "POST /feishu/open-apis/auth/v3/tenant_access_token/internal", body: `{"app_id":"app-1","app_secret":"` + thatSecret + `"}`}
		first := c.shoot(ask).token("tenant_access_token")
		time.Sleep(time.Hour + time.Second)
		if c.shoot(ask).token("tenant_access_token") == first {
			t.Error("a window of an hour counts for nothing")
		}
	})
}

func TestAnExpiredTokenIsReplaced(t *testing.T) {
	t.Parallel()
	everyWay(t, sandbox.Config{Allow: []sandbox.MisuseKind{sandbox.ExpiredToken}}, func(t *testing.T, w way, sb *sandbox.Sandbox, c caller) {
		p := sb.Of(w.platform)
		first, _ := w.get(c)
		time.Sleep(time.Duration(w.life) * time.Second)
		get, _ := w.calls(first)
		a := c.shoot(get)
		if w.expired == "" && !w.refused(a) || w.expired != "" && !strings.Contains(a.text, w.expired) {
			t.Errorf("an expired token is answered with %s, want %s", a.text, w.expired)
		}
		if second, lives := w.get(c); second == first || lives != w.life || !w.opens(c, second) {
			t.Errorf("the next one lives for %d s", lives)
		}
		if p.Live(first) {
			t.Error("the first still lives")
		}
	})
}

func TestI8TheTokensOfAppsAndPlatformsOpenNothingElse(t *testing.T) {
	t.Parallel()
	var apps []sandbox.App
	for _, p := range sandbox.Platforms() {
		apps = append(apps, sandbox.App{Platform: p, ID: thatApp, Secret: thatSecret})
	}
	cfg := sandbox.Config{Apps: apps, Allow: []sandbox.MisuseKind{sandbox.MixedUpToken}}
	on(t, "wecom", cfg, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		tokens := make(map[string]string)
		for _, w := range ways() {
			tokens[w.platform+" "+string(w.mode)], _ = w.get(c)
		}
		opened := map[string]string{ // by the doors, beside their own
			"feishu tenant": "feishu oauth", "feishu oauth": "feishu tenant", "lark tenant": "lark oauth", "lark oauth": "lark tenant",
			"douyin client": "douyin stable", "douyin stable": "douyin client",
		}
		for _, w := range ways() {
			own := w.platform + " " + string(w.mode)
			for whose, token := range tokens {
				get, _ := w.calls(token)
				a := c.shoot(get)
				if opens, want := strings.Contains(a.text, `"app_id"`), whose == own || opened[own] == whose; opens != want {
					t.Errorf("the token of %s at %s: %s", whose, own, a.text)
				}
			}
		}
	})
}
