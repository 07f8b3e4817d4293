package sandbox_test

import (
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// path is where a way asks, without the query.
func (w way) path() string {
	_, path, _ := strings.Cut(w.ask("", "").line, " ")
	path, _, _ = strings.Cut(path, "?")
	return path
}

func TestEveryPlatformFails(t *testing.T) {
	t.Parallel()
	everyWay(t, sandbox.Config{}, func(t *testing.T, w way, sb *sandbox.Sandbox, c caller) {
		p := sb.Of(w.platform)
		ask := w.ask(thatApp, thatSecret)
		sb.Inject(sandbox.Fault{Path: "/cgi-bin/", Kind: sandbox.FaultStatus})
		sb.Inject(sandbox.Fault{Path: "/" + w.platform + "/nonsense", Kind: sandbox.FaultStatus})
		sb.Inject(sandbox.Fault{App: "nobody", Kind: sandbox.FaultStatus})
		token, _ := w.get(c)

		sb.Inject(sandbox.Fault{Path: w.path(), Kind: sandbox.FaultStatus, Times: 1})
		if a := c.shoot(ask); a.status != 502 {
			t.Errorf("with a proxy's error: %d %s", a.status, a.text)
		}
		for what, s := range map[string]shot{"by what it says": ask, "by a token": first(w.calls(token))} {
			sb.Inject(sandbox.Fault{Path: "/" + w.platform + "/", App: thatApp, Kind: sandbox.FaultErrcode, Errcode: 4711, Times: 1})
			if a := c.shoot(s); !strings.Contains(a.text, "4711") || a.token(w.token) != "" {
				t.Errorf("an app found %s suffers nothing: %s", what, a.text)
			}
		}
		sb.Inject(sandbox.Fault{App: thatApp, Kind: sandbox.FaultErrcode, Code: "some_words", Status: 418, Times: 1})
		if a := c.shoot(ask); !strings.Contains(a.text, `"some_words"`) || a.status != 418 {
			t.Errorf("with a code in words: %d %s", a.status, a.text)
		}
		sb.Inject(sandbox.Fault{Path: w.path(), Kind: sandbox.FaultErrcode, Times: 1})
		if a := c.shoot(ask); a.token(w.token) != "" || !strings.HasPrefix(a.text, "{") {
			t.Errorf("busy: %s", a.text)
		}
		if n := p.Counts(thatApp); n.Refused != 4 || n.ByCode["some_words"] != 1 || n.ByCode["4711"] != 2 {
			t.Errorf("counts %+v", n)
		}
	})
}

func first[A, B any](a A, _ B) A { return a }

func TestAnIssueWhoseAnswerIsLostIsCounted(t *testing.T) {
	t.Parallel()
	everyWay(t, sandbox.Config{}, func(t *testing.T, w way, sb *sandbox.Sandbox, c caller) {
		p := sb.Of(w.platform)
		sb.Inject(sandbox.Fault{Path: w.path(), Kind: sandbox.FaultTruncated, Times: 1})
		if _, err := c.attempt(w.ask(thatApp, thatSecret)); err == nil {
			t.Error("half of an answer is a whole one")
		}
		e := p.Issues(thatApp)
		if len(e) == 0 || !e[0].Lost || p.Counts(thatApp).Lost != len(e) {
			t.Errorf("issues %+v, counts %+v", e, p.Counts(thatApp))
		}
		// Whoever did not get it asks again, and that is no misuse.
		if token, _ := w.get(c); !w.opens(c, token) {
			t.Error("the next one does not open the platform")
		}
	})
}

func TestAPlatformsCodeCanBeText(t *testing.T) {
	t.Parallel()
	for platform, want := range map[string]string{
		"wecom": `"errcode":"0"`, "feishu": `"code":"0"`, "douyin": `"err_no":"0"`, "kuaishou": `"result":"1"`, "xiaohongshu": `"code":"0"`,
	} {
		for _, w := range ways() {
			if w.platform != platform {
				continue
			}
			on(t, platform, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
				sb.Inject(sandbox.Fault{Path: w.path(), Kind: sandbox.FaultQuoted, Times: 1})
				if a := c.shoot(w.ask(thatApp, thatSecret)); !strings.Contains(a.text, want) {
					t.Errorf("%s: %s", platform, a.text)
				}
			})
			break
		}
	}
}
