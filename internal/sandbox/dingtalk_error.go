package sandbox

import (
	"cmp"
	"net/http"
	"strings"
)

// dingtalkRefusal has the form of the host that the path belongs to.
func dingtalkRefusal(c *call, code string) answer {
	if strings.HasPrefix(c.local, "/v1.0/") {
		return dingtalkNewRefusal(code)
	}
	text := map[string]string{
		"-1":    "系统繁忙",
		"404":   "请求的URI地址不存在",
		"40014": "不合法的access_token",
		"40035": "缺少参数 corpid or appkey",
		"40089": "不合法的corpid或corpsecret",
		"40096": "不合法的appKey或appSecret",
		"90018": "您的服务器调用钉钉开放平台所有接口的请求都被暂时禁用了",
	}[code]
	text = cmp.Or(text, "error")
	if code == "40014" || code == "90018" { // Those have the code in a second place.
		return reply(http.StatusOK, map[string]any{
			"errcode": 88, "errmsg": "ding talk error[subcode=" + code + ",submsg=" + text + "]", "sub_code": code, "sub_msg": text,
		})
	}
	return reply(http.StatusOK, map[string]any{"errcode": number(code), "errmsg": text})
}

// dingtalkNewRefusal has words for codes. Which status goes with those that are not
// documented is [U].
func dingtalkNewRefusal(code string) answer {
	switch code { // What the other host has numbers for.
	case "-1":
		code = "ServiceUnavailable"
	case "404":
		code = "InvalidAction.NotFound"
	case "40035":
		code = "Missingbody"
	case "90018":
		code = "Forbidden.AccessDenied.QpsLimitForApi"
	}
	said := map[string]struct {
		status int
		text   string
	}{
		"ServiceUnavailable":                    {http.StatusServiceUnavailable, "系统繁忙"},
		"InvalidAction.NotFound":                {http.StatusNotFound, "Specified api is not found, please check your url and method."},
		"Missingbody":                           {http.StatusBadRequest, "body is mandatory for this action."},
		"AuthenticationFailed.MissingParameter": {http.StatusBadRequest, "缺少必要的参数"},
		"InvalidAuthentication":                 {http.StatusBadRequest, "不合法的access_token"},
		"invalidClientIdOrSecret":               {http.StatusBadRequest, "无效的clientId或者clientSecret"},
		"invalid.client":                        {http.StatusBadRequest, "invalid client"},
		"unsupported.grant.type":                {http.StatusBadRequest, "unsupported grant type"},
		"unauthorized.client":                   {http.StatusUnauthorized, "unauthorized client"},
		"Forbidden.AccessDenied.QpsLimitForApi": {http.StatusForbidden, "触发该API的QPS限流"},
		"unknownError":                          {http.StatusInternalServerError, "未知错误"},
	}[code]
	return reply(cmp.Or(said.status, http.StatusBadRequest), map[string]any{
		"requestid": strings.ToUpper(randomText(27)), "code": code, "message": cmp.Or(said.text, "error"),
	})
}
