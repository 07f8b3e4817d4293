package sandbox

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	ridLifetime = 7 * 24 * time.Hour
	maxRids     = 2048
	maxRidBody  = 4 << 10
)

// ridEntry is what is kept of a refused call.
type ridEntry struct {
	rid     string
	app     string
	at      time.Time
	request ridRequest
}

type ridRequest struct {
	InvokeTime   int64  `json:"invoke_time"`
	CostInMS     int    `json:"cost_in_ms"`
	RequestURL   string `json:"request_url"`
	RequestBody  string `json:"request_body"`
	ResponseBody string `json:"response_body"`
	ClientIP     string `json:"client_ip"`
}

// ridLog keeps the last refused calls. The platform's lock guards it.
type ridLog struct{ list []ridEntry }

// add keeps a refused call, without anything secret that it carried.
func (l *ridLog) add(rid, app string, c *call, response string) {
	l.list = appendBounded(l.list, ridEntry{
		rid: rid, app: app, at: c.at,
		request: ridRequest{
			InvokeTime:   c.at.Unix(),
			RequestURL:   redactURL(c),
			RequestBody:  redactBody(c),
			ResponseBody: response,
			ClientIP:     c.ip.String(),
		},
	}, maxRids)
}

func (l *ridLog) find(rid string, now time.Time) (ridEntry, bool) {
	i := slices.IndexFunc(l.list, func(e ridEntry) bool { return e.rid == rid })
	if i < 0 || now.Sub(l.list[i].at) >= ridLifetime {
		return ridEntry{}, false
	}
	return l.list[i], true
}

// redactURL shows which parameters the call had; of the values only those that
// cannot be secret.
func redactURL(c *call) string {
	q := make(url.Values, len(c.query))
	for k, v := range c.query {
		switch k {
		case "appid", "grant_type", "type", "openid", "next_openid", "lang", "media_id":
			q[k] = v
		default:
			q.Set(k, "***")
		}
	}
	u := url.URL{Path: c.path, RawQuery: q.Encode()}
	return u.String()
}

// redactBody drops the bodies of calls that carry a secret.
func redactBody(c *call) string {
	switch {
	case c.path == "/cgi-bin/stable_token", c.path == "/cgi-bin/clear_quota/v2", c.method != http.MethodPost:
		return ""
	}
	return string(c.body[:min(len(c.body), maxRidBody)])
}

type ridQuestion struct {
	Rid string `json:"rid"`
}

// serveRid is POST /cgi-bin/openapi/rid/get.
func (w *wechat) serveRid(c *call, app *wechatApp, req *ridQuestion) answer {
	if !isRid(req.Rid) {
		return w.refuse(c, app, codeRidMalformed)
	}
	e, ok := w.rids.find(req.Rid, c.at)
	switch {
	case !ok:
		return w.refuse(c, app, codeRidUnknown)
	case e.app != app.id:
		return w.refuse(c, app, codeRidForeign)
	case strings.HasPrefix(e.request.RequestURL, snsPrefix):
		return w.refuse(c, app, codePathForeign)
	}
	return jsonAnswer(struct {
		wechatError
		Request ridRequest `json:"request"`
	}{wechatError{0, "ok"}, e.request})
}

func isRid(s string) bool {
	ok, err := regexp.MatchString(`^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$`, s)
	return err == nil && ok
}
