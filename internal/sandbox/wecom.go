package sandbox

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"time"
)

// wecom is WeCom, 企业微信. The agents of a corp have its id and secrets of their own, and
// each secret its own token. That a token is the same until it expires and counts down is
// what older documents say [A*]; that it is not promised any more makes it [I].
func wecom() scheme {
	door := door{at: spot{inQuery, "access_token"}, says: codes{missing: "41001", bad: "40014", expired: "42001"}.of}
	ticket := func(value string, lives int64) any {
		return map[string]any{"errcode": 0, "errmsg": "ok", "ticket": value, "expires_in": lives}
	}
	return scheme{
		name: "wecom", title: words{"WeCom", "企业微信"},
		modes: []mode{{
			name:   onlyMode,
			family: family{manner: mannerFixed, lifetime: 2 * time.Hour},
			value:  func(token) string { return randomText(160) },
			// That the corp's limit for each path is that of gettoken as well is [I].
			issues: []rate{{n: 10_000, every: time.Minute, company: true, code: "45009"}},
		}},
		ids: []string{"corpid"},
		routes: map[string]route{
			"/cgi-bin/gettoken": {
				method: http.MethodGet, secrets: []spot{{inQuery, "corpsecret"}}, serve: wecomToken,
			},
			// The ticket of a corp is the same for all of its agents [I].
			"/cgi-bin/get_jsapi_ticket": door.ticket(http.MethodGet, "jsapi_ticket", func(m *account) string { return m.id }, ticket),
			"/cgi-bin/ticket/get":       wecomAgentTicket(door.ticket(http.MethodGet, "agent_config_ticket", (*account).key, ticket)),

			"/cgi-bin/get_api_domain_ip": door.asks(wecomIPs),
			"/cgi-bin/getcallbackip":     door.asks(wecomIPs),
			"/cgi-bin/agent/get":         door.asks(wecomOK),
			"/cgi-bin/user/get":          door.asks(wecomOK),
			"/cgi-bin/message/send":      {method: http.MethodPost, serve: door.guard(wecomSend)},
		},
		refusal: wecomRefusal,
		// An unknown path is answered with 404 and nothing [P]; another method too [U].
		nowhere: func(*call) answer { return textAnswer(http.StatusNotFound, "text/plain; charset=utf-8", "") },
		busy:    "-1", notObject: "40035", notFrom: "60020",
		tickets: []rate{
			{n: 100, every: time.Hour, code: "45009"},
			{n: 400, every: time.Hour, company: true, code: "45009"},
		},
		calls: []rate{
			{n: 10_000, every: time.Minute, company: true, paths: true, code: "45009"},
			{n: 150_000, every: time.Hour, company: true, paths: true, code: "45009"},
		},
	}
}

// wecomToken is GET /cgi-bin/gettoken. The secret is asked for first [P].
func wecomToken(p *Platform, c *call) answer {
	id, secret := c.query.Get("corpid"), c.query.Get("corpsecret")
	m, idOK, secretOK := p.identify(id, secret)
	switch {
	case secret == "":
		return p.refuse(c, m, "41004")
	case id == "":
		return p.refuse(c, m, "41002")
	case !idOK:
		return p.refuse(c, m, "40013")
	case !secretOK:
		return p.refuse(c, m, "40001")
	}
	return p.issue(c, m, onlyMode, func(value string, lives int64) any {
		return map[string]any{"errcode": 0, "errmsg": "ok", "access_token": value, "expires_in": lives}
	})
}

// wecomAgentTicket lets only those pass who ask for the ticket of agentConfig: there is no
// other type. The code for another one is [U].
func wecomAgentTicket(r route) route {
	serve := r.serve
	r.serve = func(p *Platform, c *call) answer {
		if c.query.Get("type") != "agent_config" {
			return p.refuse(c, p.nobody, "40097")
		}
		return serve(p, c)
	}
	return r
}

func wecomOK(who map[string]any) any {
	who["errcode"], who["errmsg"] = 0, "ok"
	return who
}

func wecomIPs(who map[string]any) any {
	who["ip_list"] = []string{"203.0.113.20", "203.0.113.21"}
	return wecomOK(who)
}

// wecomSend is POST /cgi-bin/message/send, by which an agent may speak for itself only.
func wecomSend(p *Platform, c *call, m *account) answer {
	var message struct {
		Agent json.Number `json:"agentid"`
	}
	switch {
	case decode(c.body, &message) != codeOK:
		return p.refuse(c, m, p.notObject)
	case m.agent != "" && message.Agent != "" && message.Agent.String() != m.agent:
		return p.refuse(c, m, "301002")
	}
	return reply(http.StatusOK, wecomOK(m.who()))
}

// wecomRefusal is always HTTP 200. The hint has 25 digits, of which the first ten are the
// time [S].
func wecomRefusal(c *call, code string) answer {
	text := map[string]string{
		"-1":     "system busy",
		"40001":  "invalid credential",
		"40013":  "invalid corpid",
		"40014":  "invalid access_token",
		"40035":  "invalid parameter",
		"40097":  "invalid args",
		"41001":  "access_token missing",
		"41002":  "corpid missing",
		"41004":  "corpsecret missing",
		"42001":  "access_token expired",
		"45009":  "api freq out of limit",
		"48002":  "api forbidden",
		"50003":  "app disabled",
		"60020":  "not allow to access from your ip",
		"301002": "not allow operate another agent with this accesstoken",
	}[code]
	random, _ := rand.Int(rand.Reader, big.NewInt(1_000_000_000_000_000)) // never fails
	return reply(http.StatusOK, map[string]any{"errcode": number(code), "errmsg": fmt.Sprintf(
		"%s, hint: [%d%015d], from ip: %s, more info at https://open.work.weixin.qq.com/devtool/query?e=%s",
		cmp.Or(text, "error"), c.at.Unix(), random, c.ip, code)})
}
