package sandbox

import (
	"cmp"
	"strings"
)

// clearName is under which both ways of clearing the quota are counted; it is
// no path.
const clearName = "clear_quota"

type clearRequest struct {
	AppID  string `json:"appid"`
	Secret string `json:"appsecret"`
}

// serveClearQuota is POST /cgi-bin/clear_quota.
func (w *wechat) serveClearQuota(c *call, app *wechatApp) answer {
	var req clearRequest
	if code := decode(c.body, &req); code != codeOK {
		return w.refuse(c, app, code)
	}
	switch req.AppID {
	case "":
		return w.refuse(c, app, codeNoAppID)
	case app.id:
		return w.clearQuota(c, app)
	default:
		return w.refuse(c, app, codeBadAppID)
	}
}

// serveClearQuotaV2 is POST /cgi-bin/clear_quota/v2, which needs no token. The
// documentation contradicts itself about where the parameters go, so both
// places are good.
func (w *wechat) serveClearQuotaV2(c *call) answer {
	var req clearRequest
	if len(c.body) > 0 && decode(c.body, &req) != codeOK && !c.query.Has("appid") {
		return w.refuse(c, w.nobody, codeBadJSON)
	}
	req.AppID = cmp.Or(c.query.Get("appid"), req.AppID)
	req.Secret = cmp.Or(c.query.Get("appsecret"), req.Secret)
	app, known := w.apps[req.AppID]
	switch {
	case req.AppID == "":
		return w.refuse(c, w.nobody, codeNoAppID)
	case req.Secret == "":
		return w.refuse(c, w.known(req.AppID), codeNoSecret)
	case !known:
		return w.refuse(c, w.nobody, codeBadAppID)
	case !app.hasSecret(req.Secret):
		return w.refuse(c, app, codeBadSecret)
	}
	return w.clearQuota(c, app)
}

func (w *wechat) clearQuota(c *call, app *wechatApp) answer {
	if !app.month.take(monthly, c.at, clearName, app.quotas.ClearPerMonth) {
		return w.refuse(c, app, codeClearQuota)
	}
	app.day.reset()
	app.counts.Cleared++
	return jsonAnswer(wechatError{0, "ok"})
}

type quotaAnswer struct {
	wechatError
	Quota     quotaUse `json:"quota"`
	RateLimit *rateUse `json:"rate_limit,omitempty"`
}

type quotaUse struct {
	Limit  int `json:"daily_limit"`
	Used   int `json:"used"`
	Remain int `json:"remain"`
}

type rateUse struct {
	Calls   int `json:"call_count"`
	Seconds int `json:"refresh_second"`
}

// serveQuota is POST /cgi-bin/openapi/quota/get.
func (w *wechat) serveQuota(c *call, app *wechatApp) answer {
	var req struct {
		Path string `json:"cgi_path"`
	}
	if code := decode(c.body, &req); code != codeOK {
		return w.refuse(c, app, code)
	}
	switch {
	case !strings.HasPrefix(req.Path, "/") || strings.HasPrefix(req.Path, "//"):
		return w.refuse(c, app, codeRidForeign)
	case strings.HasPrefix(req.Path, "/sns/"):
		return w.refuse(c, app, codePathForeign)
	}
	if _, ok := w.endpoints[req.Path]; !ok {
		return w.refuse(c, app, codePathUnknown)
	}
	limit := max(w.dailyLimit(app, req.Path), 0)
	used := app.day.used(daily, c.at, req.Path)
	a := quotaAnswer{
		wechatError: wechatError{0, "ok"},
		Quota:       quotaUse{limit, used, max(limit-used, 0)},
	}
	if req.Path == "/cgi-bin/stable_token" {
		a.RateLimit = &rateUse{max(app.quotas.StablePerMinute, 0), 60}
	}
	return jsonAnswer(a)
}
