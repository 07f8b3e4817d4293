package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
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
// for a whole call, since nothing in a call waits; only uploads let go of it
// while they read. The locks of media and misuses are taken inside it.
type wechat struct {
	cfg       Config
	misuses   *misuses
	media     *mediaStore
	endpoints map[string]endpoint
	page      page // on which users log in

	mu     sync.Mutex
	apps   map[string]*wechatApp
	order  []string
	nobody *wechatApp // counts the calls that name no known app
	tokens map[string]*token
	rids   ridLog
	sns    sns
}

func newWeChat(cfg Config, m *misuses) *wechat {
	w := &wechat{
		cfg:       cfg,
		misuses:   m,
		media:     newMediaStore(cfg.MediaBytes),
		endpoints: wechatEndpoints(),
		page:      newPage("connect.html"),
		apps:      make(map[string]*wechatApp, len(cfg.Apps)),
		nobody:    &wechatApp{},
		tokens:    make(map[string]*token),
	}
	return w
}

// uploads reports whether the call's body is to be read by its endpoint.
func (w *wechat) uploads(c *call) bool {
	e, ok := w.endpoints[c.path]
	return ok && e.upload != nil && c.method == http.MethodPost
}

// serve answers one call. Whatever takes an upload locks by itself.
func (w *wechat) serve(c *call) answer {
	e, ok := w.endpoints[c.path]
	if c.upload != nil {
		return e.upload(w, c)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case strings.HasPrefix(c.path, connectPrefix):
		return w.serveConnect(c)
	case !ok:
		return w.refuse(c, w.nobody, codeInvalidURL)
	case c.method != e.method && e.method == http.MethodPost:
		return w.refuse(c, w.nobody, codeRequirePost)
	case c.method != e.method:
		return w.refuse(c, w.nobody, codeRequireGet)
	}
	return e.serve(w, c)
}

// guarded makes an endpoint that needs a live token of the app.
func guarded(serve func(*wechat, *call, *wechatApp) answer) func(*wechat, *call) answer {
	return func(w *wechat, c *call) answer {
		app, code := w.guard(c)
		if code != codeOK {
			return w.refuse(c, app, code)
		}
		return serve(w, c, app)
	}
}

// guard asks for a live token of an app, and counts the call against the app's
// quotas for the path. It returns the app as far as it is known.
func (w *wechat) guard(c *call) (*wechatApp, int) {
	value := c.query.Get("access_token")
	if value == "" {
		return w.nobody, codeNoToken
	}
	t := w.tokens[value]
	if t == nil {
		return w.known(w.mixedUp(c, value)), codeBadToken
	}
	app := w.apps[t.app]
	if !t.live(c.at) {
		w.usedDead(c, t)
		if t.end == endExpiry {
			return app, codeExpired
		}
		return app, codeBadToken
	}
	limit := w.dailyLimit(app, c.path)
	switch {
	case app.day.used(daily, c.at, c.path) >= limit:
		return app, codeDayQuota
	case !app.minute.take(everyMinute, c.at, c.path, app.quotas.CallsPerMinute):
		return app, codeMinuteQuota
	}
	app.day.take(daily, c.at, c.path, limit)
	app.counts.Calls++
	return app, codeOK
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

// holderOf returns the app whose token or whose user's token it is, if any.
func (w *wechat) holderOf(value string) string {
	if t := w.tokens[value]; t != nil {
		return t.app
	}
	return w.sns.holderOf(value)
}

// appInBody returns the app that a JSON body names, if any.
func appInBody(b []byte) string {
	var body struct {
		AppID string `json:"appid"`
	}
	if json.Unmarshal(b, &body) != nil {
		return ""
	}
	return body.AppID
}

// fail refuses a call for a reason that lies outside of it.
func (w *wechat) fail(c *call, f Fault) answer {
	code := f.Errcode
	if code == 0 {
		code, _ = strconv.Atoi(f.Code)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refuse(c, w.known(c.owner), cmp.Or(code, codeBusy))
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
