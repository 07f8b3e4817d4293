package sandbox

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The pages that people see in their browsers when they log in to something by WeChat.
const (
	connectPrefix = "/connect/"
	authorizePath = connectPrefix + "oauth2/authorize" // inside WeChat
	qrPath        = connectPrefix + "qrconnect"        // on web sites, by a QR code
)

// maxState is how long a state may be, in bytes.
const maxState = 128

// The codes of WeChat's error pages. An app id that is unknown, a state that is too long and a
// wrong response_type have none.
const (
	pageUnnumbered  = 0
	pageBadRedirect = 10003
	pageBanned      = 10004
	pageBadScope    = 10005
	pageNoScope     = 10010
	pageNoRedirect  = 10011
	pageNoApp       = 10012
)

// authorization is what an app asks of a user.
type authorization struct {
	app      *wechatApp
	scope    string
	redirect *url.URL
	state    string
}

// silent says that WeChat asks the user nothing.
func (a authorization) silent() bool { return a.scope == ScopeBase }

// back is where the browser goes. What the redirect_uri has in its query stays as it is.
func (a authorization) back(code string) string {
	u := *a.redirect
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	if code != "" {
		u.RawQuery += "code=" + url.QueryEscape(code) + "&"
	}
	u.RawQuery += "state=" + url.QueryEscape(a.state)
	return u.String()
}

// pageError is what an error page says.
type pageError struct {
	code int // as far as WeChat has one
	says words
}

// serveConnect answers a browser. The page asks by its query, and what the user chooses comes by
// POST to the same address, so that the page can be looked at without anything happening.
func (w *wechat) serveConnect(c *call) answer {
	asked, wrong := w.readAuthorization(c)
	switch {
	case c.path != authorizePath && c.path != qrPath:
		return textAnswer(http.StatusNotFound, "text/html", nginxPage(http.StatusNotFound))
	case c.method != http.MethodGet && c.method != http.MethodHead && c.method != http.MethodPost:
		return textAnswer(http.StatusMethodNotAllowed, "text/html", nginxPage(http.StatusMethodNotAllowed))
	case wrong == nil && c.method == http.MethodPost:
		var to string
		if to, wrong = w.choose(c, asked); wrong == nil {
			return found(to)
		}
	}
	switch {
	case wrong == nil:
	case wrong.code == pageUnnumbered:
		asked.app.counts.Refused++
	default:
		asked.app.counts.refused(wrong.code)
	}
	return w.connectPage(c, asked, wrong)
}

// readAuthorization reads what is asked. In any case it returns the app, as far as it is known.
func (w *wechat) readAuthorization(c *call) (authorization, *pageError) {
	q := c.query
	id, to := q.Get("appid"), q.Get("redirect_uri")
	a := authorization{app: w.known(id), scope: q.Get("scope"), state: q.Get("state")}
	switch {
	case id == "":
		return a, &pageError{pageNoApp, words{"The appid is missing.", "appid 不能为空"}}
	case a.app == w.nobody:
		return a, &pageError{pageUnnumbered, words{"There is no app with this appid.", "AppID 参数错误"}}
	case a.app.frozen == FrozenAccount:
		return a, &pageError{pageBanned, words{"This account is banned.", "此公众号被封禁"}}
	case to == "":
		return a, &pageError{pageNoRedirect, words{"The redirect_uri is missing.", "redirect_uri 不能为空"}}
	}
	var ok bool
	a.redirect, ok = a.app.callback(to)
	switch {
	case !ok:
		return a, &pageError{pageBadRedirect, words{"The domain of the redirect_uri is not the one that was set for the app.", "redirect_uri 域名与后台配置不一致"}}
	case q.Get("response_type") != "code":
		return a, &pageError{pageUnnumbered, words{"The response_type has to be code.", "response_type 参数错误，应为 code"}}
	case a.scope == "":
		return a, &pageError{pageNoScope, words{"The scope is missing.", "scope 不能为空"}}
	case !slices.Contains(scopesAt(c.path), a.scope):
		return a, &pageError{pageBadScope, words{"There is no such scope on this page, or the app does not have it.", "Scope 参数错误或没有 Scope 权限"}}
	case len(a.state) > maxState:
		return a, &pageError{pageUnnumbered, words{"The state is longer than 128 bytes.", "state 超过 128 字节"}}
	}
	if strings.ContainsFunc(a.state, notAlphanumeric) {
		w.misused(c.at, id, BadState, words{
			c.path + " with a state of other characters than letters and digits",
			c.path + " 的 state 含字母和数字以外的字符",
		})
	}
	return a, nil
}

// scopesAt are what can be asked for on a page: web sites have a scope and a page of their own.
func scopesAt(path string) []string {
	if path == qrPath {
		return []string{ScopeLogin}
	}
	return []string{ScopeBase, ScopeUserInfo}
}

func notAlphanumeric(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

// callback parses a redirect_uri and reports whether the app may have browsers sent there. The
// domain has to be the same: below it is not enough.
func (a *wechatApp) callback(s string) (*url.URL, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return nil, false
	}
	if len(a.domains) == 0 {
		return u, true
	}
	return u, slices.ContainsFunc(a.domains, func(domain string) bool {
		if _, _, err := net.SplitHostPort(domain); err == nil {
			return strings.EqualFold(domain, u.Host)
		}
		return strings.EqualFold(domain, u.Hostname())
	})
}

// choose carries out what the user has chosen, and returns where the browser goes.
func (w *wechat) choose(c *call, asked authorization) (string, *pageError) {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return "", &pageError{pageUnnumbered, words{"The form cannot be read.", "表单无法读取"}}
	}
	answer, id := form.Get("answer"), form.Get("user")
	known := slices.ContainsFunc(Users(), func(u User) bool { return u.ID == id })
	switch {
	case answer == "agree" && !known:
		return "", &pageError{pageUnnumbered, words{"There is no such user.", "没有这个用户"}}
	case answer == "agree":
		return asked.back(w.newCode(member{asked.app.id, OpenID(asked.app.id, id)}, asked.scope, c.at)), nil
	case answer != "refuse" || asked.silent():
		return "", &pageError{pageUnnumbered, words{"That cannot be chosen here.", "这里不能这样选择"}}
	case asked.scope == ScopeLogin || w.cfg.RefuseWithoutCode:
		return asked.back(""), nil
	default:
		return asked.back(deniedCode), nil
	}
}

// deniedCode is what WeChat's clients send in the place of a code when a user refuses.
const deniedCode = "authdeny"

// newCode makes a code for a user; without a scope it is one of a mini program.
func (w *wechat) newCode(m member, scope string, at time.Time) string {
	return w.sns.addCode(userCode{app: m.app, openID: m.openID, scope: scope, expiry: at.Add(w.cfg.CodeLifetime)})
}

// found sends a browser on.
func found(to string) answer {
	a := textAnswer(http.StatusFound, "text/plain; charset=utf-8", "")
	a.header.Set("Location", to)
	a.header.Set("Cache-Control", "no-store")
	a.header.Set("Referrer-Policy", "no-referrer")
	return a
}
