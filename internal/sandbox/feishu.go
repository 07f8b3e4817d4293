package sandbox

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// The modes of Feishu.
const (
	feishuTenant Mode = "tenant"
	feishuApp    Mode = "app"
	feishuOAuth  Mode = "oauth"
)

// feishu is Feishu, 飞书: the tokens of auth/v3 for the tenant and for the app, and those
// of oauth/v3/token, which are for the tenant too. Its two hosts are one here.
func feishu() scheme { return feishuAs("feishu", words{"Feishu", "飞书"}) }

// lark is the same for the rest of the world.
func lark() scheme { return feishuAs("lark", words{"Lark", "Lark"}) }

func feishuAs(name string, title words) scheme {
	// That there are 30 minutes left is enough for the same token [A]. Whether oauth/v3/token
	// does the same is not stated [U].
	rule := family{manner: mannerLate, lifetime: 2 * time.Hour, window: 30 * time.Minute}
	bearer := spot{inHeader, "Authorization"}
	tenant := door{at: bearer, prefix: "Bearer ", opens: []Mode{feishuTenant, feishuOAuth}, says: feishuSays("99991663")}
	app := door{at: bearer, prefix: "Bearer ", opens: []Mode{feishuApp}, says: feishuSays("99991664")}
	own := []spot{{inJSON, "app_secret"}}
	routes := map[string]route{
		"/open-apis/auth/v3/tenant_access_token/internal": {method: http.MethodPost, secrets: own, serve: feishuTenantToken},
		"/open-apis/auth/v3/app_access_token/internal":    {method: http.MethodPost, secrets: own, serve: feishuAppToken},
		"/oauth/v3/token": {
			method: http.MethodPost, serve: feishuOAuthToken,
			secrets: []spot{{inBasic, basicSecret}, {inForm, "client_secret"}, {inJSON, "client_secret"}},
		},
		"/open-apis/jssdk/ticket/get": tenant.ticket(http.MethodPost, "jsapi_ticket", (*account).key, func(value string, lives int64) any {
			return feishuOK(map[string]any{"ticket": value, "expire_in": lives})
		}),

		"/open-apis/bot/v3/info":            tenant.asks(feishuOK),
		"/open-apis/tenant/v2/tenant/query": tenant.asks(feishuOK),
		"/open-apis/im/v1/messages":         tenant.takes(feishuOK),
		"/open-apis/authen/v1/app_info":     app.asks(feishuOK),
		"/open-apis/authen/v1/access_token": app.takes(feishuOK),
	}
	return scheme{
		name: name, title: title,
		modes: []mode{
			{name: feishuTenant, family: rule, value: func(token) string { return "t-" + randomText(30) }},
			{name: feishuApp, family: rule, value: func(token) string { return "a-" + randomText(30) }},
			{name: feishuOAuth, family: rule, value: feishuJWT, issues: []rate{
				{n: 1000, every: time.Minute, code: "99991400"},
				{n: 50, every: time.Second, code: "99991400"},
			}},
		},
		ids:     []string{"app_id", "client_id"},
		routes:  routes,
		refusal: feishuRefusal,
		nowhere: notFound, // [P]
		busy:    "2200", notObject: "9499",
	}
}

// feishuJWT is as long as the documents say that tokens get [A].
func feishuJWT(token) string {
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT"}`))
	return head + "." + randomText(2700) + "." + randomText(64)
}

// feishuSays tells tokens that have not even the form of one from those that are not good
// [S]. A token without Bearer is none, and a JWT that is made up is taken for a user's [P];
// one that was good says what the others do [I].
func feishuSays(bad string) func(string, *token) string {
	return func(value string, t *token) string {
		switch {
		case value == "":
			return "99991661"
		case t == nil && strings.HasPrefix(value, "eyJ"):
			return "99991668"
		case !strings.HasPrefix(value, "t-") && !strings.HasPrefix(value, "a-") && !strings.HasPrefix(value, "eyJ"):
			return "99991671"
		default:
			return bad
		}
	}
}

func feishuOK(fields map[string]any) any {
	return map[string]any{"code": 0, "msg": "success", "data": fields}
}

// feishuClassic finds out who asks. An id that is missing or wrong is an invalid param [P],
// a secret that is wrong has a code of its own [S]; one that is missing is [I].
func feishuClassic(p *Platform, c *call) (*account, string) {
	id, secret := c.value(spot{inJSON, "app_id"}), c.value(spot{inJSON, "app_secret"})
	m, idOK, secretOK := p.identify(id, secret)
	switch {
	case !idOK, secret == "":
		return m, "10003"
	case !secretOK:
		return m, "10014"
	default:
		return m, ""
	}
}

// feishuTenantToken is POST auth/v3/tenant_access_token/internal. Its fields are not in
// data.
func feishuTenantToken(p *Platform, c *call) answer {
	m, code := feishuClassic(p, c)
	if code != "" {
		return p.refuse(c, m, code)
	}
	return p.issue(c, m, feishuTenant, func(value string, lives int64) any {
		return map[string]any{"code": 0, "msg": "ok", "tenant_access_token": value, "expire": lives}
	})
}

// feishuAppToken is POST auth/v3/app_access_token/internal, which gives the tenant's token
// beside the app's.
func feishuAppToken(p *Platform, c *call) answer {
	m, code := feishuClassic(p, c)
	if code != "" {
		return p.refuse(c, m, code)
	}
	return p.issue(c, m, feishuApp, func(value string, lives int64) any {
		tenant, _ := p.give(c, m, feishuTenant)
		return map[string]any{"code": 0, "msg": "ok", "app_access_token": value, "expire": lives, "tenant_access_token": tenant}
	})
}

// feishuRefusal has HTTP 200 where tokens are issued by auth/v3 and HTTP 400 at calls [P],
// and 429 for what comes too often [A].
func feishuRefusal(c *call, code string) answer {
	if c.local == "/oauth/v3/token" {
		return feishuOAuthRefusal(code)
	}
	text := map[string]string{
		"2200":     "internal error",
		"9499":     "Bad Request",
		"10003":    "invalid param",
		"10012":    "app ticket invalid",
		"10014":    "app secret invalid",
		"99991400": "request trigger frequency limit",
		"99991661": "Missing access token for authorization. Please make a test attempt with the correct token.",
		"99991663": "Invalid access token for authorization. Please make a test attempt with the correct token.",
		"99991664": "invalid app token",
		"99991668": "Invalid access token for authorization. Please make a test attempt with the correct token.",
		"99991671": "Invalid access token format for authorization",
	}[code]
	status := http.StatusBadRequest
	switch {
	case code == "99991400":
		status = http.StatusTooManyRequests
	case strings.HasPrefix(c.local, "/open-apis/auth/v3/"):
		status = http.StatusOK
	}
	return reply(status, map[string]any{"code": number(code), "msg": cmp.Or(text, "error")})
}
