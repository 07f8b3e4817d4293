package dingtalk

import (
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
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
		broker.ErrUnknownApp.Code:    key,
		broker.ErrAmbiguous.Code:     key,
		broker.ErrWrongApp.Code:      key,
		broker.ErrUnauthorized.Code:  key,
		broker.ErrNoAppID.Code:       {Code: "40035", Message: "缺少参数 corpid or appkey"},
		broker.ErrNoKey.Code:         {Code: "40035", Message: "缺少参数 corpsecret or appsecret"},
		broker.ErrBadMethod.Code:     param,
		broker.ErrEmptyBody.Code:     param,
		broker.ErrBadBody.Code:       param,
		broker.ErrBadArgument.Code:   param,
		broker.ErrBadGrant.Code:      param,
		broker.ErrTokenMissing.Code:  {Code: "40000", Message: "access_token is blank"},
		broker.ErrTokenUnknown.Code:  rejected,
		broker.ErrTokenKind.Code:     rejected,
		broker.ErrRejected.Code:      rejected,
		broker.ErrTokenNotKept.Code:  denied,
		broker.ErrNotAllowed.Code:    denied,
		broker.ErrManagedHere.Code:   nowhere,
		broker.ErrNoGateway.Code:     nowhere,
		broker.ErrBadPath.Code:       nowhere,
		broker.ErrUnknownKind.Code:   nowhere,
		string(broker.Misconfigured): denied,
		string(broker.Denied):        denied,
		string(broker.Throttled):     often,
		"":                           {Code: "-1", Message: "系统繁忙"},
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
		broker.ErrUnknownApp.Code:    client,
		broker.ErrAmbiguous.Code:     client,
		broker.ErrWrongApp.Code:      client,
		broker.ErrUnauthorized.Code:  client,
		broker.ErrNoAppID.Code:       param,
		broker.ErrNoKey.Code:         param,
		broker.ErrEmptyBody.Code:     word("Missingbody", "缺少body", http.StatusBadRequest),
		broker.ErrBadBody.Code:       word("Missingbody", "缺少body", http.StatusBadRequest),
		broker.ErrBadArgument.Code:   param,
		broker.ErrBadMethod.Code:     nowhere,
		broker.ErrBadGrant.Code:      word("unsupported.grant.type", "不支持的grant_type", http.StatusBadRequest),
		broker.ErrTokenMissing.Code:  word("AuthenticationFailed.MissingParameter", "缺少参数：x-acs-dingtalk-access-token", http.StatusBadRequest),
		broker.ErrTokenUnknown.Code:  rejected,
		broker.ErrTokenKind.Code:     rejected,
		broker.ErrRejected.Code:      rejected,
		broker.ErrTokenNotKept.Code:  denied,
		broker.ErrNotAllowed.Code:    denied,
		broker.ErrManagedHere.Code:   nowhere,
		broker.ErrNoGateway.Code:     nowhere,
		broker.ErrBadPath.Code:       nowhere,
		broker.ErrUnknownKind.Code:   nowhere,
		string(broker.Misconfigured): denied,
		string(broker.Denied):        denied,
		string(broker.Throttled):     often,
		"":                           word("ServiceUnavailable", "系统繁忙", http.StatusBadRequest),
	}
}
