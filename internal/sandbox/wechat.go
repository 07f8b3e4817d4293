package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Mode is one of the two token states that WeChat keeps for an app. They do
// not know of each other: neither's new token ends a token of the other.
type Mode string

// The modes.
const (
	Classic Mode = "classic" // cgi-bin/token: a new token at every call
	Stable  Mode = "stable"  // cgi-bin/stable_token: the same token until the last minutes
)

// wechat is the simulated platform. mu guards everything below it and is held
// for a whole call, since nothing in a call waits; the lock of misuses is
// taken inside it.
type wechat struct {
	cfg       Config
	misuses   *misuses
	endpoints map[string]endpoint

	mu     sync.Mutex
	apps   map[string]*wechatApp
	order  []string
	nobody *wechatApp // counts the calls that name no known app
	tokens map[string]*token
	rids   ridLog
}

// endpoint is one path of the platform.
type endpoint struct {
	method string
	serve  func(*wechat, *call) answer
}

func newWeChat(cfg Config, m *misuses) *wechat {
	w := &wechat{
		cfg:       cfg,
		misuses:   m,
		endpoints: wechatEndpoints(),
		apps:      make(map[string]*wechatApp, len(cfg.Apps)),
		nobody:    &wechatApp{},
		tokens:    make(map[string]*token),
	}
	for _, a := range cfg.Apps {
		w.add(a)
	}
	return w
}

func wechatEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"/cgi-bin/token":            {http.MethodGet, (*wechat).serveToken},
		"/cgi-bin/stable_token":     {http.MethodPost, (*wechat).serveStable},
		"/cgi-bin/ticket/getticket": {http.MethodGet, guarded((*wechat).serveTicket)},

		"/cgi-bin/get_api_domain_ip":     {http.MethodGet, guarded((*wechat).serveDomainIP)},
		"/cgi-bin/getcallbackip":         {http.MethodGet, guarded((*wechat).serveCallbackIP)},
		"/cgi-bin/user/info":             {http.MethodGet, guarded((*wechat).serveUserInfo)},
		"/cgi-bin/user/get":              {http.MethodGet, guarded((*wechat).serveUserList)},
		"/cgi-bin/menu/get":              {http.MethodGet, guarded((*wechat).serveMenu)},
		"/cgi-bin/message/custom/send":   {http.MethodPost, guarded((*wechat).serveCustomMessage)},
		"/cgi-bin/message/template/send": {http.MethodPost, guarded((*wechat).serveTemplateMessage)},

		"/cgi-bin/clear_quota":       {http.MethodPost, guarded((*wechat).serveClearQuota)},
		"/cgi-bin/clear_quota/v2":    {http.MethodPost, (*wechat).serveClearQuotaV2},
		"/cgi-bin/openapi/quota/get": {http.MethodPost, guarded((*wechat).serveQuota)},
		"/cgi-bin/openapi/rid/get":   {http.MethodPost, guarded((*wechat).serveRid)},
	}
}

// serve answers one call.
func (w *wechat) serve(c *call) answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.endpoints[c.path]
	switch {
	case !ok:
		return w.refuse(c, w.nobody, codeInvalidURL)
	case c.method != e.method && e.method == http.MethodPost:
		return w.refuse(c, w.nobody, codeRequirePost)
	case c.method != e.method:
		return w.refuse(c, w.nobody, codeRequireGet)
	}
	return e.serve(w, c)
}

// guarded makes an endpoint that needs a live token of the app, and counts
// against the app's daily quota for the path.
func guarded(serve func(*wechat, *call, *wechatApp) answer) func(*wechat, *call) answer {
	return func(w *wechat, c *call) answer {
		value := c.query.Get("access_token")
		if value == "" {
			return w.refuse(c, w.nobody, codeNoToken)
		}
		t := w.tokens[value]
		if t == nil {
			return w.refuse(c, w.nobody, codeBadToken)
		}
		app := w.apps[t.app]
		if !t.live(c.at) {
			w.usedDead(c, t)
			if t.end == endExpiry {
				return w.refuse(c, app, codeExpired)
			}
			return w.refuse(c, app, codeBadToken)
		}
		if !app.day.take(daily, c.at, c.path, w.dailyLimit(app, c.path)) {
			return w.refuse(c, app, codeDayQuota)
		}
		app.counts.Calls++
		return serve(w, c, app)
	}
}

// dailyLimit is how often the path may be called in a day.
func (w *wechat) dailyLimit(app *wechatApp, path string) int {
	switch path {
	case "/cgi-bin/token":
		return app.quotas.TokenPerDay
	case "/cgi-bin/stable_token":
		return app.quotas.StablePerDay
	case "/cgi-bin/ticket/getticket":
		return app.quotas.TicketPerDay
	default:
		return app.quotas.CallsPerDay
	}
}

// appOf finds out whose call it is, without judging it.
func (w *wechat) appOf(c *call) string {
	if id := c.query.Get("appid"); id != "" {
		return id
	}
	if value := c.query.Get("access_token"); value != "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		if t := w.tokens[value]; t != nil {
			return t.app
		}
		return ""
	}
	var body struct {
		AppID string `json:"appid"`
	}
	if json.Unmarshal(c.body, &body) != nil {
		return ""
	}
	return body.AppID
}

// fail refuses a call for a reason that lies outside of it.
func (w *wechat) fail(c *call, code int) answer {
	id := w.appOf(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	app, ok := w.apps[id]
	if !ok {
		app = w.nobody
	}
	return w.refuse(c, app, code)
}

func (w *wechat) misused(at time.Time, app string, what MisuseKind, detail words) {
	w.misuses.add(Misuse{At: at, App: app, What: what, Detail: detail.english, words: detail})
}

// usedDead records a call with a dead token. The two calls that tell nothing but
// whether a token lives are probes: whoever suspects a token is right to make them.
func (w *wechat) usedDead(c *call, t *token) {
	story := describe(t)
	detail := words{c.path + " with " + story.english, c.path + "，使用 " + story.chinese}
	w.misuses.add(Misuse{
		At: c.at, App: t.app, What: deadTokenMisuse(t), Detail: detail.english, words: detail,
		Probe: c.path == "/cgi-bin/get_api_domain_ip" || c.path == "/cgi-bin/getcallbackip",
	})
}

// decode reads a JSON object. The platform has one code for nothing at all and
// one for anything else that is not what it expects.
func decode(body []byte, v any) int {
	body = bytes.Trim(body, " \t\r\n")
	if len(body) == 0 {
		return codeEmptyBody
	}
	if body[0] != '{' || json.Unmarshal(body, v) != nil {
		return codeBadJSON
	}
	return codeOK
}
