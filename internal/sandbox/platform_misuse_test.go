package sandbox_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// misused runs f in a bubble with an app at a platform, and returns the kinds of what it
// did wrong.
func misused(t *testing.T, platform string, f func(sb *sandbox.Sandbox, c caller)) (kinds []sandbox.MisuseKind) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{Platform: platform, ID: thatApp, Secret: thatSecret}}})
		f(sb, newCaller(t, sb.Transport()))
		for _, m := range sb.Misuses() {
			if m.App != thatApp || strings.Contains(m.Detail, thatSecret) {
				t.Errorf("misuse %+v", m)
			}
			kinds = append(kinds, m.What)
		}
	})
	return kinds
}

func TestCallsWithDeadTokensAreMisuses(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		for what, end := range map[sandbox.MisuseKind]func(p *sandbox.Platform, c caller, token string){
			sandbox.ExpiredToken: func(*sandbox.Platform, caller, string) { time.Sleep(time.Duration(w.life) * time.Second) },
			sandbox.KilledToken:  func(p *sandbox.Platform, _ caller, token string) { p.Kill(token) },
			sandbox.SupersededToken: func(_ *sandbox.Platform, c caller, _ string) {
				time.Sleep(time.Duration(w.life) * time.Second / 2)
				w.get(c)
				time.Sleep(w.overlap)
			},
			sandbox.OutsideToken: func(p *sandbox.Platform, c caller, _ string) {
				if _, err := p.RotateOutside(thatApp, w.mode); err != nil {
					c.t.Error(err)
				}
				time.Sleep(w.overlap)
			},
		} {
			if w.manner != "eager" && (what == sandbox.SupersededToken || what == sandbox.OutsideToken) {
				continue
			}
			got := misused(t, w.platform, func(sb *sandbox.Sandbox, c caller) {
				token, _ := w.get(c)
				end(sb.Of(w.platform), c, token)
				get, post := w.calls(token)
				c.shoot(get)
				c.shoot(post)
				for i, m := range sb.Misuses() {
					if m.Probe != (i == 0) {
						c.t.Errorf("%s: probe %v of %s", w.platform, m.Probe, m.Detail)
					}
				}
			})
			if !slices.Equal(got, []sandbox.MisuseKind{what, what}) {
				t.Errorf("%s %s: misuses %v, want %s of both calls", w.platform, w.mode, got, what)
			}
		}
	}
}

func TestAnIssueInsideTheOverlapIsAMisuse(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		for apart, want := range map[time.Duration]bool{w.overlap - time.Second: true, w.overlap: false} {
			got := misused(t, w.platform, func(_ *sandbox.Sandbox, c caller) {
				w.get(c)
				time.Sleep(apart)
				w.get(c)
			})
			if want = want && w.manner == "eager"; slices.Contains(got, sandbox.IssueInsideOverlap) != want {
				t.Errorf("%s %s: asked again after %v: misuses %v", w.platform, w.mode, apart, got)
			}
		}
		got := misused(t, w.platform, func(sb *sandbox.Sandbox, c caller) {
			token, _ := w.get(c)
			sb.Of(w.platform).Kill(token)
			w.get(c) // since the other is dead anyway
			if _, err := sb.Of(w.platform).RotateOutside(thatApp, w.mode); err != nil {
				t.Error(err)
			}
			w.get(c) // after somebody else did
		})
		if len(got) > 0 {
			t.Errorf("%s %s: what is nobody's fault is a misuse: %v", w.platform, w.mode, got)
		}
	}
}

func TestASecretInAWrongPlaceIsAMisuse(t *testing.T) {
	t.Parallel()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+thatSecret))
	for _, w := range ways() {
		if got := misused(t, w.platform, func(_ *sandbox.Sandbox, c caller) { c.shoot(w.ask(thatApp, thatSecret)) }); len(got) > 0 {
			t.Errorf("%s: the right place is a wrong one: %v", w.platform, got)
		}
		get, post := w.calls("x")
		separator := "?"
		if strings.Contains(get.line, "?") {
			separator = "&"
		}
		for what, s := range map[string]shot{
			"the query of a call":  {line: get.line + separator + "key=" + thatSecret, header: get.header},
			"a header of a call":   {line: get.line, header: append([]string{"X-Secret", thatSecret}, get.header...)},
			"HTTP Basic of a call": {line: get.line, header: append([]string{"Authorization", basic}, get.header...)},
			"the body of a call":   {line: post.line, body: fmt.Sprintf(`{"a":{"b":[1,%q]}}`, thatSecret), header: post.header},
			"the form of a call":   {line: post.line, body: "a=" + thatSecret, header: post.header},
			"an unknown path":      {line: "GET /" + w.platform + "/nonsense?secret=" + thatSecret},
			"another parameter":    {line: strings.Split(w.ask("", "").line, "?")[0] + "?nonsense=" + thatSecret},
		} {
			if what == "HTTP Basic of a call" && slices.Contains(get.header, "Authorization") {
				continue // It stands where the token does.
			}
			got := misused(t, w.platform, func(_ *sandbox.Sandbox, c caller) { c.shoot(s) })
			if !slices.Equal(got, []sandbox.MisuseKind{sandbox.MisplacedSecret}) {
				t.Errorf("%s: a secret in %s: misuses %v", w.platform, what, got)
			}
		}
	}
}
