package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"time"
)

// baidu is the AI platform of Baidu, 百度. A token lives for thirty days and has its expiry
// in it, and another one does not end it, as the pages of one of its services say [A*].
func baidu() scheme {
	// A call without a token is [U].
	door := door{at: spot{inQuery, "access_token"}, says: codes{missing: "110", bad: "110", expired: "111"}.of}
	ok := func(who map[string]any) any {
		who["log_id"] = 1
		return who
	}
	return scheme{
		name: "baidu", title: words{"Baidu AI", "百度智能云"},
		modes: []mode{{
			name:   onlyMode,
			family: family{manner: mannerIndependent, lifetime: 30 * 24 * time.Hour},
			value: func(t token) string {
				return fmt.Sprintf("24.%s.%d.%d.282335-%s", randomText(24), seconds(t.expiry.Sub(t.issued)), t.expiry.Unix(), randomText(6))
			},
		}},
		ids: []string{"client_id"},
		routes: map[string]route{
			"/oauth/2.0/token": {
				method: http.MethodPost, secrets: []spot{{inQuery, "client_secret"}}, serve: baiduToken,
			},
			"/rest/2.0/solution/v1/service/list": door.asks(ok),
			"/rpc/2.0/nlp/v1/lexer":              door.takes(ok),
			// Pictures come as a form.
			"/rest/2.0/ocr/v1/general_basic": {method: http.MethodPost, serve: door.guard(func(_ *Platform, _ *call, m *account) answer {
				return reply(http.StatusOK, ok(m.who()))
			})},
		},
		refusal: baiduRefusal,
		nowhere: notFound, // [U]
		busy:    "2", notObject: "282000",
	}
}

// baiduToken is POST /oauth/2.0/token, all of which is in the query [A]; that it does not
// look at the body is [I]. The order of its checks is too.
func baiduToken(p *Platform, c *call) answer {
	id, secret := c.query.Get("client_id"), c.query.Get("client_secret")
	m, idOK, secretOK := p.identify(id, secret)
	switch {
	case c.query.Get("grant_type") == "", id == "", secret == "":
		return p.refuse(c, m, "invalid_request")
	case c.query.Get("grant_type") != "client_credentials":
		return p.refuse(c, m, "unsupported_grant_type")
	case !idOK:
		return p.refuse(c, m, "unknown client id")
	case !secretOK:
		return p.refuse(c, m, "invalid_client")
	}
	return p.issue(c, m, onlyMode, func(value string, lives int64) any {
		return map[string]any{
			"access_token": value, "expires_in": lives, "refresh_token": "25." + randomText(24), "scope": "public",
			"session_key": randomText(24), "session_secret": randomText(24),
		}
	})
}

// baiduRefusal has words at the token path, where the statuses are [U], and numbers and
// HTTP 200 at all others.
func baiduRefusal(c *call, code string) answer {
	if c.local != "/oauth/2.0/token" {
		text := map[string]string{
			"2": "Service temporarily unavailable", "110": "Access token invalid or no longer valid",
			"111": "Access token expired", "282000": "internal error",
		}[code]
		return reply(http.StatusOK, map[string]any{"error_code": number(code), "error_msg": cmp.Or(text, "error")})
	}
	status, text := http.StatusBadRequest, "error"
	switch code {
	case "invalid_request":
		text = "invalid parameter"
	case "unsupported_grant_type":
		text = "The authorization grant type is not supported"
	case "invalid_client":
		status, text = http.StatusUnauthorized, "Client authentication failed"
	case "unknown client id": // The same code, in other words.
		status, text, code = http.StatusUnauthorized, code, "invalid_client"
	case "2":
		status, text, code = http.StatusServiceUnavailable, "Service temporarily unavailable", "temporarily_unavailable"
	}
	return reply(status, map[string]any{"error": code, "error_description": text})
}
