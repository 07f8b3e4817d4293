package sandbox

import (
	"maps"
	"net/http"
)

// endpoint is one path of the platform.
type endpoint struct {
	method string
	serve  func(*wechat, *call) answer // is called with the lock held
	upload func(*wechat, *call) answer // instead, without the lock: reads the body
}

func get(serve func(*wechat, *call, *wechatApp) answer) endpoint {
	return endpoint{method: http.MethodGet, serve: guarded(serve)}
}

func post(serve func(*wechat, *call, *wechatApp) answer) endpoint {
	return endpoint{method: http.MethodPost, serve: guarded(serve)}
}

// taking is a call that takes a JSON object of a form.
func taking[T any](serve func(*wechat, *call, *wechatApp, *T) answer) func(*wechat, *call, *wechatApp) answer {
	return func(w *wechat, c *call, app *wechatApp) answer {
		var req T
		if code := decode(c.body, &req); code != codeOK {
			return w.refuse(c, app, code)
		}
		return serve(w, c, app, &req)
	}
}

func wechatEndpoints() map[string]endpoint {
	all := map[string]endpoint{
		"/cgi-bin/token":            {method: http.MethodGet, serve: (*wechat).serveToken},
		"/cgi-bin/stable_token":     {method: http.MethodPost, serve: (*wechat).serveStable},
		"/cgi-bin/ticket/getticket": get((*wechat).serveTicket),

		"/cgi-bin/get_api_domain_ip": get((*wechat).serveDomainIP),
		"/cgi-bin/getcallbackip":     get((*wechat).serveCallbackIP),

		"/cgi-bin/clear_quota":         post(taking((*wechat).serveClearQuota)),
		"/cgi-bin/clear_quota/v2":      {method: http.MethodPost, serve: (*wechat).serveClearQuotaV2},
		"/cgi-bin/openapi/quota/get":   post((*wechat).serveQuota),
		"/cgi-bin/openapi/quota/clear": post((*wechat).serveClearPath),
		"/cgi-bin/openapi/rid/get":     post(taking((*wechat).serveRid)),

		"/sns/oauth2/access_token":  {method: http.MethodGet, serve: (*wechat).serveExchange},
		"/sns/oauth2/refresh_token": {method: http.MethodGet, serve: (*wechat).serveRefresh},
		"/sns/userinfo":             {method: http.MethodGet, serve: (*wechat).serveUser},
		"/sns/auth":                 {method: http.MethodGet, serve: (*wechat).serveAuth},
		"/sns/jscode2session":       {method: http.MethodGet, serve: (*wechat).serveSession},
	}
	maps.Copy(all, mediaEndpoints())
	maps.Copy(all, businessEndpoints())
	return all
}
