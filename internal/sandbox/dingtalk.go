package sandbox

import (
	"math"
	"net/http"
	"strings"
	"time"
)

// dingtalk is DingTalk, 钉钉. Its three token paths give the same token, which whoever asks
// prolongs [A*]. The paths of its old host have errors with errcode and HTTP 200, those of
// the new one, which begin with /v1.0, words and HTTP 4xx; here both are one host.
func dingtalk() scheme {
	old := door{at: spot{inQuery, "access_token"}, says: codes{missing: "40014", bad: "40014", expired: "40014"}.of}
	header := door{
		at:   spot{inHeader, "x-acs-dingtalk-access-token"},
		says: codes{missing: "AuthenticationFailed.MissingParameter", bad: "InvalidAuthentication", expired: "InvalidAuthentication"}.of,
	}
	return scheme{
		name: "dingtalk", title: words{"DingTalk", "钉钉"},
		modes: []mode{{
			name:   onlyMode,
			family: family{manner: mannerSliding, lifetime: 2 * time.Hour},
			value:  func(token) string { return randomText(24) },
			// Calls are throttled, but it is not said from which number on, nor with which code [U].
			issues: []rate{{n: math.MaxInt, every: time.Minute, code: "90018"}},
		}},
		ids: []string{"appkey", "appKey", "client_id"},
		routes: map[string]route{
			"/gettoken": {
				method: http.MethodGet, secrets: []spot{{inQuery, "appsecret"}}, serve: dingtalkOld,
			},
			"/v1.0/oauth2/accessToken": {
				method: http.MethodPost, secrets: []spot{{inJSON, "appSecret"}}, serve: dingtalkNew,
			},
			"/v1.0/oauth2/*/token": {
				method: http.MethodPost, secrets: []spot{{inJSON, "client_secret"}}, serve: dingtalkUnified,
			},
			"/get_jsapi_ticket": old.ticket(http.MethodGet, "jsapi_ticket", (*account).key, func(value string, lives int64) any {
				return map[string]any{"errcode": 0, "errmsg": "ok", "ticket": value, "expires_in": lives}
			}),
			// That it is the same ticket is [I].
			"/v1.0/oauth2/jsapiTickets": header.ticket(http.MethodPost, "jsapi_ticket", (*account).key, func(value string, lives int64) any {
				return map[string]any{"jsapiTicket": value, "expireIn": lives}
			}),

			"/auth/scopes":                      old.asks(dingtalkOK),
			"/topapi/v2/user/get":               old.takes(dingtalkOK),
			"/v1.0/microApp/allApps":            header.asks(dingtalkWho),
			"/v1.0/robot/oToMessages/batchSend": header.takes(dingtalkWho),
		},
		refusal: dingtalkRefusal,
		nowhere: func(c *call) answer { return dingtalkRefusal(c, "404") },
		busy:    "-1", notObject: "40035",
	}
}

func dingtalkOK(who map[string]any) any {
	return map[string]any{"errcode": 0, "errmsg": "ok", "result": who}
}

func dingtalkWho(who map[string]any) any { return who }

// dingtalkOld is GET /gettoken, which looks at nothing but its query [P].
func dingtalkOld(p *Platform, c *call) answer {
	id, secret := c.query.Get("appkey"), c.query.Get("appsecret")
	m, idOK, secretOK := p.identify(id, secret)
	switch {
	case id == "":
		return p.refuse(c, m, "40035")
	case !idOK, !secretOK:
		return p.refuse(c, m, "40096")
	}
	return p.issue(c, m, onlyMode, func(value string, lives int64) any {
		return map[string]any{"errcode": 0, "errmsg": "ok", "access_token": value, "expires_in": lives}
	})
}

// dingtalkNew is POST /v1.0/oauth2/accessToken.
func dingtalkNew(p *Platform, c *call) answer {
	id, secret := c.value(spot{inJSON, "appKey"}), c.value(spot{inJSON, "appSecret"})
	m, idOK, secretOK := p.identify(id, secret)
	switch {
	case !c.declares("application/json"): // [C]
		return p.refuse(c, m, "Missingbody")
	case id == "", secret == "":
		return p.refuse(c, m, "AuthenticationFailed.MissingParameter")
	case !idOK, !secretOK:
		return p.refuse(c, m, "invalidClientIdOrSecret")
	}
	return p.issue(c, m, onlyMode, func(value string, lives int64) any {
		return map[string]any{"accessToken": value, "expireIn": lives}
	})
}

// dingtalkUnified is POST /v1.0/oauth2/{corpId}/token. The order of its checks is [I].
func dingtalkUnified(p *Platform, c *call) answer {
	corp, _, _ := strings.Cut(strings.TrimPrefix(c.local, "/v1.0/oauth2/"), "/")
	id, secret := c.value(spot{inJSON, "client_id"}), c.value(spot{inJSON, "client_secret"})
	m, idOK, secretOK := p.identify(id, secret)
	switch {
	case !c.declares("application/json"):
		return p.refuse(c, m, "Missingbody")
	case id == "", secret == "":
		return p.refuse(c, m, "AuthenticationFailed.MissingParameter")
	case c.value(spot{inJSON, "grant_type"}) != "client_credentials":
		return p.refuse(c, m, "unsupported.grant.type")
	case idOK && m.company != "" && m.company != corp: // [P]
		return p.refuse(c, m, "unknownError")
	case !idOK, !secretOK:
		return p.refuse(c, m, "invalid.client")
	}
	return p.issue(c, m, onlyMode, func(value string, lives int64) any {
		return map[string]any{"access_token": value, "expires_in": lives}
	})
}
