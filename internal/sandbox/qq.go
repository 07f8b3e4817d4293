package sandbox

import (
	"cmp"
	"net/http"
	"time"
)

// qq is the mini programs of QQ: WeChat's cgi-bin/token under another name, with fewer
// codes [A*]. What has none of its own there is said with the nearest one [I]. Only payments
// have a documented code for a token that is not good [A].
func qq() scheme {
	says := func(code string) door {
		return door{at: spot{inQuery, "access_token"}, says: codes{missing: code, bad: code, expired: code}.of}
	}
	door, till := says("40001"), says("-3000")
	ok := func(who map[string]any) any {
		who["errcode"], who["errmsg"] = 0, "ok"
		return who
	}
	return scheme{
		name: "qq", title: words{"QQ mini programs", "QQ 小程序"},
		modes: []mode{{
			name:   onlyMode,
			family: family{manner: mannerEager, lifetime: 2 * time.Hour, overlap: 5 * time.Minute},
			value:  func(token) string { return randomText(90) },
		}},
		ids: []string{"appid"},
		routes: map[string]route{
			"/api/getToken": {
				method: http.MethodGet, secrets: []spot{{inQuery, "secret"}}, serve: qqToken,
			},
			// A login is opened by the secret, and is no business of the token's.
			"/sns/jscode2session": {
				method: http.MethodGet, secrets: []spot{{inQuery, "secret"}}, serve: qqSession,
			},
			"/api/getPaidUnionId":                         door.asks(ok),
			"/api/json/security/MsgSecCheck":              door.takes(ok),
			"/api/json/subscribe/SendSubscriptionMessage": door.takes(ok),
			"/api/json/openApiPay/GamePrePay":             till.takes(ok),
		},
		refusal: qqRefusal,
		nowhere: notFound, // [U]
		busy:    "-1", notObject: "40001",
	}
}

// qqAdmit checks in WeChat's order.
func qqAdmit(p *Platform, c *call, grant string) (*account, string) {
	m, idOK, secretOK := p.identify(c.query.Get("appid"), c.query.Get("secret"))
	switch {
	case !idOK:
		return m, "40013"
	case c.query.Get("grant_type") != grant:
		return m, "40002"
	case !secretOK:
		return m, "40001"
	default:
		return m, ""
	}
}

// qqToken is GET /api/getToken.
func qqToken(p *Platform, c *call) answer {
	m, code := qqAdmit(p, c, "client_credential")
	if code != "" {
		return p.refuse(c, m, code)
	}
	return p.issue(c, m, onlyMode, func(value string, lives int64) any {
		return map[string]any{"access_token": value, "expires_in": lives}
	})
}

// qqSession is GET /sns/jscode2session. Any code is that of the same user.
func qqSession(p *Platform, c *call) answer {
	m, code := qqAdmit(p, c, "authorization_code")
	switch {
	case code != "":
		return p.refuse(c, m, code)
	case c.query.Get("js_code") == "":
		return p.refuse(c, m, "40029")
	}
	return reply(http.StatusOK, map[string]any{
		"errcode": 0, "errmsg": "", "openid": OpenID(m.id, defaultUser), "session_key": randomText(18),
	})
}

func qqRefusal(_ *call, code string) answer {
	text := map[string]string{
		"-1":    "system error",
		"-3000": "access_token 校验失败",
		"40001": "invalid credential",
		"40002": "invalid grant_type",
		"40013": "invalid appid",
		"40029": "invalid code",
	}[code]
	return reply(http.StatusOK, map[string]any{"errcode": number(code), "errmsg": cmp.Or(text, "error")})
}
