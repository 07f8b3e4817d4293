package sandbox

import (
	"cmp"
	"math"
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
func (w *wechat) serveClearQuota(c *call, app *wechatApp, req *clearRequest) answer {
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

type pathRequest struct {
	Path string `json:"cgi_path"`
}

// readPath reads whose quota somebody asks for.
func (w *wechat) readPath(c *call) (pathRequest, int) {
	var r pathRequest
	if code := decode(c.body, &r); code != codeOK {
		return r, code
	}
	switch {
	case !strings.HasPrefix(r.Path, "/") || strings.HasPrefix(r.Path, "//"):
		return r, codeRidForeign
	case strings.HasPrefix(r.Path, snsPrefix):
		return r, codePathForeign
	}
	if _, ok := w.endpoints[r.Path]; !ok {
		return r, codePathUnknown
	}
	return r, codeOK
}

// serveClearPath is POST /cgi-bin/openapi/quota/clear: clear_quota for a single
// path, which costs one of the same ten.
func (w *wechat) serveClearPath(c *call, app *wechatApp) answer {
	req, code := w.readPath(c)
	if code != codeOK {
		return w.refuse(c, app, code)
	}
	if !app.month.take(monthly, c.at, clearName, app.quotas.ClearPerMonth) {
		return w.refuse(c, app, codeClearQuota)
	}
	app.day.forget(req.Path)
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
	req, code := w.readPath(c)
	if code != codeOK {
		return w.refuse(c, app, code)
	}
	limit := max(w.dailyLimit(app, req.Path), 0)
	used := app.day.used(daily, c.at, req.Path)
	a := quotaAnswer{
		wechatError: wechatError{0, "ok"},
		Quota:       quotaUse{limit, used, max(limit-used, 0)},
	}
	switch perMinute := app.quotas.CallsPerMinute; {
	case req.Path == "/cgi-bin/stable_token":
		a.RateLimit = &rateUse{max(app.quotas.StablePerMinute, 0), 60}
	case req.Path != "/cgi-bin/token" && perMinute != math.MaxInt:
		a.RateLimit = &rateUse{max(perMinute, 0), 60}
	}
	return jsonAnswer(a)
}
