package wecom

import (
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Name is the platform's name in configurations.
const Name = "wecom"

// Mode is the one way to issue: each app of a corp has a secret of its own, and a token
// that no other app of the corp may use [A].
const Mode = "token"

// AgentID is the parameter that tells the apps of one corp apart.
const AgentID = broker.ParamAgentID

// Platform describes WeCom. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform {
	p := declared.Must(Definition(), c)
	p.Pages = platform.Pages{Unit: time.Second} // [A]
	return p
}

// Definition describes the platform.
func Definition() declared.Definition {
	return declared.Definition{
		Name:    Name,
		BaseURL: "https://qyapi.weixin.qq.com", // [A]
		Params: []broker.Param{{
			Name: AgentID,
			Help: "the app's AgentId, which tells the apps of one corp apart and is signed for wx.agentConfig: 应用管理 → the app (App management), beside its Secret",
		}},
		Modes: []declared.Mode{{Name: Mode, Tokens: []declared.Token{
			{
				Kind:     broker.AccessToken,
				Request:  declared.Request{Method: http.MethodGet, Path: "/cgi-bin/gettoken", Query: map[string]string{"corpid": "{app_id}", "corpsecret": "{secret}"}},
				Answer:   answer("access_token"),
				Rotation: tokenRotation(),
				DropIn:   "gettoken",
			},
			{
				Kind: broker.JSAPITicket, From: broker.AccessToken,
				Request:  declared.Request{Method: http.MethodGet, Path: "/cgi-bin/get_jsapi_ticket"},
				Answer:   answer("ticket"),
				Rotation: ticketRotation(),
				DropIn:   "get_jsapi_ticket",
			},
			{
				Kind: broker.AgentConfigTicket, From: broker.AccessToken,
				Request:  declared.Request{Method: http.MethodGet, Path: "/cgi-bin/ticket/get", Query: map[string]string{"type": "agent_config"}},
				Answer:   answer("ticket"),
				Rotation: ticketRotation(),
				DropIn:   "ticket_get",
			},
		}}},
		Surfaces: []declared.Surface{{
			Attach: declared.Place{Query: "access_token"}, // nowhere else: in a header or a body it is missing [P]
			Errors: declared.Errors{Code: []string{"errcode"}, OK: []string{"0"}, Message: []string{"errmsg"}},
		}},
		Codes: codes(),
		Words: words(),
		// The platform's own addresses, which takes no parameter and changes nothing [A*].
		Check: &declared.Check{Method: http.MethodGet, Path: "/cgi-bin/get_api_domain_ip"},
		Foreign: []string{
			// Opened by the token of a suite or of a service provider, or by such a secret; some
			// of them give the tokens of other corps [A].
			"/cgi-bin/service/*", "/cgi-bin/license/*",
			// The robots of groups, each of which has a key of its own in the query [A*].
			"/cgi-bin/webhook/*",
		},
	}
}

// answer is that of all three: errcode is there in a success too [A].
func answer(field string) declared.Answer {
	return declared.Answer{Token: field, Lifetime: "expires_in", Extra: map[string]string{"errcode": "0", "errmsg": "ok"}}
}

// tokenRotation: within its lifetime repeated calls give the same token, and after it a new
// one. Today's page does not say so any more, the older ones did [A*]; nothing forces a new
// token. That the lifetime counts down meanwhile is inferred [I].
func tokenRotation() broker.Rotation {
	return broker.Rotation{
		Family:   broker.Fixed,
		Lifetime: 2 * time.Hour, // 7200 [A]
		Limits: broker.Limits{
			// The platform allows 10 000 a minute and 150 000 an hour of each API to a corp [A],
			// and wants this call to be rare [A]. 2000 calls with a wrong secret in an hour get
			// the address banned for an hour [C].
			PerDay:    1000,
			Unplanned: 200,
		},
	}
}

// ticketRotation is taken to be that of WeChat's tickets, whose heirs these are: the same
// one within its lifetime, and 7200 said whatever its age is [I].
func ticketRotation() broker.Rotation {
	return broker.Rotation{
		Family:     broker.Fixed,
		Lifetime:   2 * time.Hour, // 7200 [A]
		AgeUnknown: true,
		Limits: broker.Limits{
			// 400 an hour for a corp and 100 an hour for an app [A]. Asking once in three
			// minutes, as long as a ticket's age is not known, is 480 a day.
			PerDay:    600,
			Unplanned: 60,
		},
	}
}
