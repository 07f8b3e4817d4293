package sandbox

import (
	"cmp"
	"net/http"
	"time"
)

// kuaishou is the mini programs of Kuaishou, 快手. A token lives for two days, and no other
// one ends it [A]. A form is what it wants [A]; that it takes JSON as well is what some
// code relies on [S].
func kuaishou() scheme {
	// The code for a token that is not good is that of the open platform's SDK [S]; that mini
	// programs get the same is [I].
	door := door{at: spot{inQuery, "access_token"}, says: codes{missing: "100200100", bad: "100200102", expired: "100200102"}.of}
	ok := func(who map[string]any) any {
		return map[string]any{"result": 1, "data": who}
	}
	return scheme{
		name: "kuaishou", title: words{"Kuaishou", "快手"},
		modes: []mode{{
			name:   onlyMode,
			family: family{manner: mannerIndependent, lifetime: 48 * time.Hour},
			value:  func(token) string { return "ChFv" + randomText(120) },
		}},
		ids: []string{"app_id"},
		routes: map[string]route{
			"/oauth2/access_token": {
				method: http.MethodPost, secrets: []spot{{inForm, "app_secret"}, {inJSON, "app_secret"}}, serve: kuaishouToken,
			},
			"/openapi/mp/developer/shop/query":   door.asks(ok),
			"/openapi/mp/developer/message/send": door.takes(ok),
		},
		refusal: func(_ *call, code string) answer {
			name, text := "error", "error"
			switch code {
			case "100200100":
				name, text = "invalid_request", "参数有误，需要检查参数是否为空或有误"
			case "100200101":
				name, text = "unauthorized_client", "验证出错，需要检查app_id和app_secret"
			case "100200102":
				name, text = "access_denied", "access_token 无效"
			case "100200500":
				name, text = "server_error", "服务异常"
			}
			return reply(http.StatusOK, map[string]any{"result": number(code), "error": name, "error_msg": text})
		},
		nowhere: notFound, // [U]
		busy:    "100200500", notObject: "100200100",
	}
}

// kuaishouToken is POST /oauth2/access_token.
func kuaishouToken(p *Platform, c *call) answer {
	read := func(name string) string { return cmp.Or(c.value(spot{inForm, name}), c.value(spot{inJSON, name})) }
	id, secret := read("app_id"), read("app_secret")
	m, idOK, secretOK := p.identify(id, secret)
	switch {
	case id == "", secret == "", read("grant_type") != "client_credentials":
		return p.refuse(c, m, "100200100")
	case !idOK, !secretOK:
		return p.refuse(c, m, "100200101")
	}
	return p.issue(c, m, onlyMode, func(value string, lives int64) any {
		return map[string]any{"result": 1, "access_token": value, "expires_in": lives, "token_type": "bearer"}
	})
}
