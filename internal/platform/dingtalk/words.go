package dingtalk

import (
	"net/http"

	"github.com/hufu-io/hufu/internal/platform/declared"
)

// legacyWords are this server's errors as the older calls say them.
func legacyWords() map[string]declared.Word {
	var (
		key      = declared.Word{Code: "40096", Message: "不合法的appKey或appSecret"}
		param    = declared.Word{Code: "40035", Message: "不合法的参数"}
		nowhere  = declared.Word{Code: "404", Message: "请求的URI地址不存在"}
		often    = declared.Word{Code: "90002", Message: "当前接口因调用频率过高被暂时禁用"}
		rejected = declared.Word{Code: "40014", Message: "不合法的access_token"}
		denied   = declared.Word{Code: "60011", Message: "没有调用该接口的权限"}
	)
	return map[string]declared.Word{
		"unknown_app":      key,
		"wrong_app":        key,
		"unauthorized":     key,
		"app_id_missing":   {Code: "40035", Message: "缺少参数 corpid or appkey"},
		"key_missing":      {Code: "40035", Message: "缺少参数 corpsecret or appsecret"},
		"wrong_method":     param,
		"empty_body":       param,
		"bad_body":         param,
		"bad_argument":     param,
		"wrong_grant_type": param,
		"token_missing":    {Code: "40000", Message: "access_token is blank"},
		"token_unknown":    rejected,
		"wrong_token_kind": rejected,
		"token_rejected":   rejected,
		"token_not_kept":   denied,
		"not_allowed":      denied,
		"managed_here":     nowhere,
		"no_gateway":       nowhere,
		"bad_path":         nowhere,
		"unknown_kind":     nowhere,
		"throttled":        often,
		"":                 {Code: "-1", Message: "系统繁忙"},
	}
}

// words are this server's errors as the newer calls say them.
func words() map[string]declared.Word {
	word := func(code, message string, status int) declared.Word {
		return declared.Word{Code: code, Message: message, Status: status}
	}
	var (
		client   = word("invalidClientIdOrSecret", "无效的clientId或者clientSecret", http.StatusBadRequest)
		param    = word("MissingParameter", "缺少参数", http.StatusBadRequest)
		rejected = word("InvalidAuthentication", "不合法的access_token", http.StatusBadRequest)
		denied   = word("Forbidden.AccessDenied.AccessTokenPermissionDenied", "没有调用该接口的权限", http.StatusForbidden)
		nowhere  = word("InvalidAction.NotFound", "请求的URI地址不存在", http.StatusNotFound)
		often    = word("Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", "调用过于频繁", http.StatusForbidden)
	)
	return map[string]declared.Word{
		"unknown_app":      client,
		"wrong_app":        client,
		"unauthorized":     client,
		"app_id_missing":   param,
		"key_missing":      param,
		"empty_body":       word("Missingbody", "缺少body", http.StatusBadRequest),
		"bad_body":         word("Missingbody", "缺少body", http.StatusBadRequest),
		"bad_argument":     param,
		"wrong_method":     nowhere,
		"wrong_grant_type": word("unsupported.grant.type", "不支持的grant_type", http.StatusBadRequest),
		"token_missing":    word("AuthenticationFailed.MissingParameter", "缺少参数：x-acs-dingtalk-access-token", http.StatusBadRequest),
		"token_unknown":    rejected,
		"wrong_token_kind": rejected,
		"token_rejected":   rejected,
		"token_not_kept":   denied,
		"not_allowed":      denied,
		"managed_here":     nowhere,
		"no_gateway":       nowhere,
		"bad_path":         nowhere,
		"unknown_kind":     nowhere,
		"throttled":        often,
		"":                 word("ServiceUnavailable", "系统繁忙", http.StatusBadRequest),
	}
}
