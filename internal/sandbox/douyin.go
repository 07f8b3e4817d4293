package sandbox

import (
	"cmp"
	"net/http"
	"strings"
	"time"
)

// The modes of Douyin. That their tokens know nothing of each other is [I].
const (
	douyinMini   Mode = "mini"
	douyinClient Mode = "client"
	douyinStable Mode = "stable"
)

// douyin is Douyin, 抖音: the mini programs, whose paths begin with /api/, and the open
// platform, on one host. That both want the token in the header access-token, and not
// only the open platform, is [I].
func douyin() scheme {
	eager := family{manner: mannerEager, lifetime: 2 * time.Hour, overlap: 5 * time.Minute}
	often := []rate{{n: 500, every: 5 * time.Minute, code: "10020"}}
	// That a token is too old is documented in the newer form, and beside 10008 in the older
	// one [A]; that it is wrong is said by single calls' pages and by SDKs [A, S], and a call
	// without one is [U].
	mini := door{
		at: spot{inHeader, "access-token"}, opens: []Mode{douyinMini},
		says: codes{missing: "28001003", bad: "28001003", expired: "28001008"}.of,
	}
	open := door{
		at: spot{inHeader, "access-token"}, opens: []Mode{douyinClient, douyinStable},
		says: codes{missing: "2190002", bad: "2190002", expired: "2190008"}.of,
	}
	own := []spot{{inJSON, "client_secret"}}
	return scheme{
		name: "douyin", title: words{"Douyin", "抖音"},
		modes: []mode{
			{name: douyinMini, family: eager, value: func(token) string { return "0801121" + randomText(60) }},
			{name: douyinClient, family: eager, value: douyinClientValue, issues: often},
			// It is the same for its two hours; nothing is said of a new one before their end.
			{
				name: douyinStable, value: douyinClientValue, issues: often,
				family: family{manner: mannerFixed, lifetime: 2 * time.Hour},
			},
		},
		ids: []string{"appid", "client_key"},
		routes: map[string]route{
			"/api/apps/v2/token":          {method: http.MethodPost, secrets: []spot{{inJSON, "secret"}}, serve: douyinMiniToken},
			"/oauth/client_token/":        {method: http.MethodPost, secrets: own, serve: douyinOpenToken(douyinClient)},
			"/oauth/stable_client_token/": {method: http.MethodPost, secrets: own, serve: douyinOpenToken(douyinStable)},

			"/api/apps/v1/capacity/query_applicable/": mini.asks(douyinMiniOK),
			"/api/apps/v1/qrcode/create/":             mini.takes(douyinMiniOK),
			"/goodlife/v1/shop/poi/query/":            open.asks(douyinOpenOK),
			"/goodlife/v1/goods/product/save/":        open.takes(douyinOpenOK),
		},
		refusal: douyinRefusal,
		nowhere: notFound, // [U]
		busy:    "-1", notObject: "28001007",
	}
}

func douyinClientValue(token) string { return "clt." + randomText(60) }

func douyinMiniOK(who map[string]any) any {
	return map[string]any{"err_no": 0, "err_msg": "success", "data": who}
}

func douyinOpenOK(who map[string]any) any {
	who["error_code"], who["description"] = 0, ""
	return map[string]any{"data": who, "extra": map[string]any{"error_code": 0}}
}

// douyinMiniToken is POST /api/apps/v2/token. The order of its checks is [I], and so is
// the code of what is missing.
func douyinMiniToken(p *Platform, c *call) answer {
	id, secret, grant := c.value(spot{inJSON, "appid"}), c.value(spot{inJSON, "secret"}), c.value(spot{inJSON, "grant_type"})
	m, idOK, secretOK := p.identify(id, secret)
	switch {
	case id == "", secret == "", grant == "":
		return p.refuse(c, m, "40014")
	case !idOK:
		return p.refuse(c, m, "40015")
	case grant != "client_credential":
		return p.refuse(c, m, "40020")
	case !secretOK:
		return p.refuse(c, m, "40017")
	}
	return p.issue(c, m, douyinMini, func(value string, lives int64) any {
		return map[string]any{"err_no": 0, "err_tips": "success", "data": map[string]any{"access_token": value, "expires_in": lives}}
	})
}

// douyinOpenToken is POST /oauth/client_token/ and /oauth/stable_client_token/. A grant_type
// that is wrong is as one that is missing [I].
func douyinOpenToken(name Mode) func(*Platform, *call) answer {
	return func(p *Platform, c *call) answer {
		id, secret := c.value(spot{inJSON, "client_key"}), c.value(spot{inJSON, "client_secret"})
		m, idOK, secretOK := p.identify(id, secret)
		switch {
		case id == "", secret == "", c.value(spot{inJSON, "grant_type"}) != "client_credential":
			return p.refuse(c, m, "10002")
		case !idOK:
			return p.refuse(c, m, "10003")
		case !secretOK:
			return p.refuse(c, m, "10013")
		}
		return p.issue(c, m, name, func(value string, lives int64) any {
			return map[string]any{
				"data":    map[string]any{"access_token": value, "description": "", "error_code": 0, "expires_in": lives},
				"message": "success",
			}
		})
	}
}

// douyinRefusal is HTTP 200, in the form of the host that the path belongs to.
func douyinRefusal(c *call, code string) answer {
	text := cmp.Or(map[string]string{
		"-1":       "system error",
		"10002":    "参数错误",
		"10003":    "client_key 不存在",
		"10013":    "client_key 或者 client_secret 报错",
		"10020":    "请求过于频繁",
		"40014":    "bad params",
		"40015":    "bad appid",
		"40017":    "bad secret",
		"40020":    "bad grant_type",
		"2190002":  "access_token无效",
		"2190008":  "access_token过期",
		"28001003": "access_token无效",
		"28001007": "参数不合法",
		"28001008": "access_token过期",
	}[code], "error")
	switch {
	case c.local == "/api/apps/v2/token":
		return reply(http.StatusOK, map[string]any{"err_no": number(code), "err_tips": text})
	case strings.HasPrefix(c.local, "/api/"):
		return reply(http.StatusOK, map[string]any{"err_no": number(code), "err_msg": text, "data": nil})
	case strings.HasPrefix(c.local, "/oauth/"):
		return reply(http.StatusOK, map[string]any{
			"data": map[string]any{"description": text, "error_code": number(code)}, "message": "error",
		})
	default:
		said := map[string]any{"description": text, "error_code": number(code)}
		return reply(http.StatusOK, map[string]any{"data": said, "extra": said})
	}
}
