package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	thatApp    = "app-1"
	thatSecret = "the-secret-of-app-1"
)

// said is the answer of a platform.
type said struct {
	status int
	text   string
	fields map[string]any
}

// at is what stands in an answer, by names that are joined by dots.
func (s said) at(name string) any {
	var v any = s.fields
	for part := range strings.SplitSeq(name, ".") {
		o, _ := v.(map[string]any)
		v = o[part]
	}
	return v
}

// token is the token in the answer.
func (s said) token(name string) string {
	v, _ := s.at(name).(string)
	return v
}

// shot is a request: a method and a path with its query, a body, and headers by turns.
type shot struct {
	line, body string
	header     []string
}

func (c caller) shoot(s shot) said {
	c.t.Helper()
	method, path, _ := strings.Cut(s.line, " ")
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(s.body))
	if err != nil {
		c.t.Fatal(err)
	}
	switch {
	case strings.HasPrefix(s.body, "{"):
		r.Header.Set("Content-Type", "application/json")
	case s.body != "":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(s.header); i += 2 {
		r.Header.Set(s.header[i], s.header[i+1])
	}
	resp, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	a := said{status: resp.StatusCode, text: string(b)}
	_ = json.Unmarshal(b, &a.fields)
	return a
}

// on runs f on a fake clock with an app at a platform.
func on(t *testing.T, platform string, cfg sandbox.Config, f func(t *testing.T, p *sandbox.Platform, c caller)) {
	t.Helper()
	if cfg.Apps == nil {
		cfg.Apps = []sandbox.App{{Platform: platform, ID: thatApp, Secret: thatSecret}}
	}
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.New(cfg)
		f(t, sb.Of(platform), newCaller(t, sb.Transport()))
		for _, m := range sb.Misuses() {
			t.Errorf("misuse of %s: %s (%s)", m.App, m.What, m.Detail)
		}
	})
}

// wire is a request to a platform and what stands in the answer. Names are of fields that
// have the text; a name with = at its end is of one that has exactly it.
type wire struct {
	what   string
	shot   shot
	status int
	code   string
	want   string // what the body has to have in it
}

// wires sends each to a new platform with one app.
func wires(t *testing.T, platform, field string, list []wire) {
	t.Helper()
	for _, w := range list {
		t.Run(w.what, func(t *testing.T) {
			t.Parallel()
			cfg := sandbox.Config{Allow: []sandbox.MisuseKind{sandbox.MisplacedSecret}}
			on(t, platform, cfg, func(t *testing.T, p *sandbox.Platform, c caller) {
				a := c.shoot(w.shot)
				got := ""
				if v := a.at(field); v != nil {
					b, err := json.Marshal(v)
					if err != nil {
						t.Fatal(err)
					}
					got = strings.Trim(string(b), `"`)
				}
				if status := max(w.status, 0); status != 0 && a.status != status || status == 0 && a.status != 200 {
					t.Errorf("status %d, want %d", a.status, max(w.status, 200))
				}
				if got != w.code || !strings.Contains(a.text, w.want) {
					t.Errorf("answered %s, want %s %q with %q", a.text, field, w.code, w.want)
				}
			})
		})
	}
}

func TestWeComsWireForms(t *testing.T) {
	t.Parallel()
	ask := "GET /wecom/cgi-bin/gettoken?"
	wires(t, "wecom", "errcode", []wire{
		{what: "nothing", shot: shot{line: ask}, code: "41004", want: "corpsecret missing, hint: ["},
		{what: "no secret", shot: shot{line: ask + "corpid=app-1"}, code: "41004"},
		{what: "no corp", shot: shot{line: ask + "corpsecret=x"}, code: "41002"},
		{what: "a corp that there is not", shot: shot{line: ask + "corpid=nobody&corpsecret=x"}, code: "40013", want: "from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40013"},
		{what: "a wrong secret", shot: shot{line: ask + "corpid=app-1&corpsecret=x"}, code: "40001"},
		{what: "the right one", shot: shot{line: ask + "corpid=app-1&corpsecret=" + thatSecret}, code: "0", want: `"expires_in":7200`},
		{what: "in a body", shot: shot{line: "GET /wecom/cgi-bin/gettoken", body: `{"corpid":"app-1","corpsecret":"` + thatSecret + `"}`}, code: "41004"},
		{what: "no token", shot: shot{line: "GET /wecom/cgi-bin/get_api_domain_ip"}, code: "41001"},
		{what: "a token in a header", shot: shot{line: "GET /wecom/cgi-bin/get_api_domain_ip", header: []string{"Authorization", "Bearer x"}}, code: "41001"},
		{what: "a token made up", shot: shot{line: "GET /wecom/cgi-bin/get_api_domain_ip?access_token=x"}, code: "40014"},
		{what: "no such path", shot: shot{line: "GET /wecom/cgi-bin/nonsense"}, status: 404},
	})
}

func TestWeComKeepsATokenUntilItExpires(t *testing.T) {
	t.Parallel()
	on(t, "wecom", sandbox.Config{}, func(t *testing.T, p *sandbox.Platform, c caller) {
		ask := shot{line: "GET /wecom/cgi-bin/gettoken?corpid=app-1&corpsecret=" + thatSecret}
		first := c.shoot(ask)
		time.Sleep(time.Hour)
		again := c.shoot(ask)
		if first.token("access_token") != again.token("access_token") || again.at("expires_in") != 3600.0 {
			t.Errorf("an hour later %s, after %s", again.text, first.text)
		}
		time.Sleep(time.Hour)
		if fresh := c.shoot(ask); fresh.token("access_token") == first.token("access_token") || fresh.at("expires_in") != 7200.0 {
			t.Errorf("two hours later %s", fresh.text)
		}
		if n := p.Counts(thatApp); n.Issues != 2 || n.IssueCalls != 3 {
			t.Errorf("counts %+v", n)
		}
	})
}
