package sandbox

import (
	"cmp"
	"net/http"
	"time"
)

// xiaohongshu is the mini programs of Xiaohongshu, 小红书. Its pages name the code of a
// system that is not well and no other. Those of the app, its secret and its token are what
// people have met and its staff has explained in its public tracker [C], as is that refusals
// come with HTTP 200; what a missing parameter gets is made up [U], and that a missing token
// gets what a bad one does is a guess [I].
func xiaohongshu() scheme {
	door := door{at: spot{inQuery, "access_token"}, says: codes{missing: "410101", bad: "410101", expired: "410101"}.of}
	ok := func(fields map[string]any) any {
		return map[string]any{"success": true, "code": 0, "msg": "成功", "data": fields}
	}
	return scheme{
		name: "xiaohongshu", title: words{"Xiaohongshu", "小红书"},
		modes: []mode{{
			name:   onlyMode,
			family: family{manner: mannerEager, lifetime: 2 * time.Hour, overlap: 5 * time.Minute},
			value:  func(token) string { return randomText(96) }, // At least 128 characters are to be reserved [A]; those seen have 32 [C].
		}},
		ids: []string{"appid", "app_id"},
		routes: map[string]route{
			"/api/rmp/token": {
				method: http.MethodPost, secrets: []spot{{inJSON, "secret"}},
				serve: func(p *Platform, c *call) answer {
					id, secret := c.value(spot{inJSON, "appid"}), c.value(spot{inJSON, "secret"})
					m, idOK, secretOK := p.identify(id, secret)
					switch {
					case id == "", secret == "":
						return p.refuse(c, m, "10001")
					case !idOK:
						return p.refuse(c, m, "410002")
					case !secretOK:
						return p.refuse(c, m, "410004")
					}
					return p.issue(c, m, onlyMode, func(value string, lives int64) any {
						return ok(map[string]any{"access_token": value, "expire_in": lives})
					})
				},
			},
			// Logins are opened by the token, and not by the secret.
			"/api/rmp/apps/category": door.asks(ok),
			"/api/rmp/session": door.asks(func(who map[string]any) any {
				id, _ := who["app_id"].(string)
				who["openid"], who["session_key"] = OpenID(id, defaultUser), randomText(18)
				return ok(who)
			}),
			"/api/rmp/qrcode/unlimited": door.takes(ok),
			"/api/rmp/message/send":     door.takes(ok),
		},
		refusal: func(_ *call, code string) answer {
			text := map[string]string{
				"2":      "系统异常，请稍后重试",
				"10001":  "参数错误",
				"410002": "应用无效",
				"410004": "应用秘钥不匹配",
				"410101": "应用访问令牌不匹配",
			}[code]
			return reply(http.StatusOK, map[string]any{"success": false, "code": number(code), "msg": cmp.Or(text, "error"), "data": nil})
		},
		nowhere: notFound,
		busy:    "2", notObject: "10001",
	}
}
