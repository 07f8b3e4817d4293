package sandbox_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// corp has two agents, and another corp one.
func corp() []sandbox.App {
	return []sandbox.App{
		{Platform: "wecom", ID: "ww01", Agent: "1000002", Secret: "secret-2"},
		{Platform: "wecom", ID: "ww01", Agent: "1000003", Secret: "secret-3"},
		{Platform: "wecom", ID: "ww02", Secret: "secret-of-ww02"},
	}
}

func (c caller) wecom(id, secret string) string {
	c.t.Helper()
	return c.shoot(shot{line: "GET /wecom/cgi-bin/gettoken?corpid=" + id + "&corpsecret=" + secret}).token("access_token")
}

func TestI8AgentsOfACorpHaveTokensOfTheirOwn(t *testing.T) {
	t.Parallel()
	on(t, "wecom", sandbox.Config{Apps: corp()}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		p := sb.Of("wecom")
		two, three, other := c.wecom("ww01", "secret-2"), c.wecom("ww01", "secret-3"), c.wecom("ww02", "secret-of-ww02")
		if two == three || two == other || two == "" || three == "" {
			t.Fatal("they share tokens")
		}
		if p.Current("ww01:1000002", "") != two || p.Current("ww01:1000003", "") != three || p.Current("ww02", "") != other || p.Current("ww01", "") != "" {
			t.Error("the tokens are said to be of others")
		}
		a := c.shoot(shot{line: "GET /wecom/cgi-bin/agent/get?access_token=" + three})
		if a.at("app_id") != "ww01" || a.at("agent") != "1000003" {
			t.Errorf("whose token it was: %s", a.text)
		}
		send := shot{line: "POST /wecom/cgi-bin/message/send?access_token=" + two, body: `{"agentid":1000002,"touser":"alice"}`}
		if a := c.shoot(send); a.at("errcode") != 0.0 {
			t.Errorf("an agent speaks for itself: %s", a.text)
		}
		send.body = `{"agentid":1000003,"touser":"alice"}`
		if a := c.shoot(send); a.at("errcode") != 301002.0 {
			t.Errorf("an agent speaks for another: %s", a.text)
		}
		// The secret of one is none of another corp.
		if c.wecom("ww02", "secret-2") != "" {
			t.Error("a secret is good for another corp")
		}
		sb.Inject(sandbox.Fault{App: "ww01:1000003", Kind: sandbox.FaultErrcode, Errcode: -1})
		if c.wecom("ww01", "secret-3") != "" || c.wecom("ww01", "secret-2") == "" {
			t.Error("a fault of an agent hits the wrong one")
		}
		sb.ClearFaults()
		p.Kill(two)
		if !p.Live(three) || !p.Live(other) {
			t.Error("the token of one ends with that of another")
		}
	})
}

func TestWeComHasTwoTickets(t *testing.T) {
	t.Parallel()
	on(t, "wecom", sandbox.Config{Apps: corp()}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		p := sb.Of("wecom")
		two, three := c.wecom("ww01", "secret-2"), c.wecom("ww01", "secret-3")
		ask := func(path, token string) string {
			t.Helper()
			a := c.shoot(shot{line: "GET /wecom/cgi-bin/" + path + "access_token=" + token})
			if a.at("expires_in") != 7200.0 || a.at("errcode") != 0.0 {
				t.Errorf("%s: %s", path, a.text)
			}
			return a.token("ticket")
		}
		corp2, corp3 := ask("get_jsapi_ticket?", two), ask("get_jsapi_ticket?", three)
		agent2, agent3 := ask("ticket/get?type=agent_config&", two), ask("ticket/get?type=agent_config&", three)
		if corp2 != corp3 || agent2 == agent3 || corp2 == agent2 {
			t.Error("the ticket of the corp is one, those of agents are their own")
		}
		if p.CurrentTicket("ww01:1000002", "jsapi_ticket") != corp2 || p.CurrentTicket("ww01:1000003", "agent_config_ticket") != agent3 {
			t.Error("the tickets are said to be others")
		}
		if who, ok := p.Whose(agent2); !ok || who != (sandbox.Credential{Sort: sandbox.Ticket, App: "ww01:1000002", Scope: "agent_config_ticket"}) {
			t.Errorf("a ticket is said to be %+v", who)
		}
		time.Sleep(time.Hour)
		if ask("get_jsapi_ticket?", two) != corp2 {
			t.Error("an hour later the ticket is another one")
		}
		time.Sleep(time.Hour)
		if p.CurrentTicket("ww01:1000002", "jsapi_ticket") != "" {
			t.Error("a ticket outlives its lifetime")
		}
		if n := p.Counts("ww01:1000002"); n.Tickets != 2 || n.TicketCalls != 3 {
			t.Errorf("counts %+v", n)
		}
	})
}

func TestWeComLimitsWhatAgentsAndCorpsDo(t *testing.T) {
	t.Parallel()
	errcode := func(c caller, line string) float64 {
		n, _ := c.shoot(shot{line: "GET /wecom/cgi-bin/" + line}).at("errcode").(float64)
		return n
	}
	on(t, "wecom", sandbox.Config{Apps: corp()}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		two, three := c.wecom("ww01", "secret-2"), c.wecom("ww01", "secret-3")
		for i := range 100 {
			if code := errcode(c, "get_jsapi_ticket?access_token="+two); code != 0 {
				t.Fatalf("ticket %d: %v", i+1, code)
			}
		}
		if code := errcode(c, "get_jsapi_ticket?access_token="+two); code != 45009 {
			t.Errorf("ticket 101 within an hour: %v", code)
		}
		if code := errcode(c, "get_jsapi_ticket?access_token="+three); code != 0 {
			t.Errorf("another agent: %v", code)
		}
		time.Sleep(time.Hour)
		if code := errcode(c, "get_jsapi_ticket?access_token="+two); code != 0 {
			t.Errorf("an hour later: %v", code)
		}
	})
	cfg := sandbox.Config{Apps: corp(), Quotas: sandbox.Quotas{IssueCalls: 2, CallsPerMinute: 3}}
	on(t, "wecom", cfg, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		two, three := c.wecom("ww01", "secret-2"), c.wecom("ww01", "secret-3")
		if code := errcode(c, "gettoken?corpid=ww01&corpsecret=secret-2"); code != 45009 {
			t.Errorf("a third token of the corp within a minute: %v", code)
		}
		for i, want := range []float64{0, 0, 0, 45009} {
			token := []string{two, three}[i%2]
			if code := errcode(c, "agent/get?access_token="+token); code != want {
				t.Errorf("call %d of the corp: %v, want %v", i+1, code, want)
			}
		}
		if code := errcode(c, "user/get?access_token="+two); code != 0 {
			t.Errorf("another path: %v", code)
		}
		time.Sleep(time.Minute)
		if code := errcode(c, "agent/get?access_token="+two); code != 0 {
			t.Errorf("a minute later: %v", code)
		}
	})
}

func TestWeComLooksAtAddresses(t *testing.T) {
	t.Parallel()
	on(t, "wecom", sandbox.Config{Apps: corp()}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		p := sb.Of("wecom")
		if err := p.SetWhitelist("ww02", "10.0.0.0/8"); err != nil {
			t.Fatal(err)
		}
		token := c.wecom("ww02", "secret-of-ww02") // is given to everybody
		call := shot{line: "GET /wecom/cgi-bin/agent/get?access_token=" + token}
		if a := c.shoot(call); a.at("errcode") != 60020.0 {
			t.Errorf("from elsewhere: %s", a.text)
		}
		inside := newCaller(t, sb.TransportFrom("10.1.2.3"))
		if a := inside.shoot(call); a.at("errcode") != 0.0 {
			t.Errorf("from inside: %s", a.text)
		}
		if p.SetWhitelist("ww02", "nonsense") == nil || p.SetWhitelist("nobody") == nil || sb.Of("lark").SetWhitelist("x") == nil {
			t.Error("what cannot be is not refused")
		}
	})
}

func TestWeComsHintsBeginWithTheTime(t *testing.T) {
	t.Parallel()
	on(t, "wecom", sandbox.Config{}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		a := c.shoot(shot{line: "GET /wecom/cgi-bin/agent/get"})
		_, hint, _ := strings.Cut(a.token("errmsg"), "hint: [")
		hint, _, _ = strings.Cut(hint, "]")
		if now := strconv.FormatInt(time.Now().Unix(), 10); len(hint) != len(now)+15 || !strings.HasPrefix(hint, now) {
			t.Errorf("hint %q at %s", hint, now)
		}
	})
}
