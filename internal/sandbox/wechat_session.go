package sandbox

import "encoding/base64"

// sessionAnswer is what the login of a mini program brings.
type sessionAnswer struct {
	Key     string `json:"session_key"`
	OpenID  string `json:"openid"`
	UnionID string `json:"unionid"`
}

// serveSession is GET /sns/jscode2session. A user keeps the session key until
// [Sandbox.NewSessionKey].
func (w *wechat) serveSession(c *call) answer {
	app, code := w.admitUser(c, c.query.Get("js_code"))
	if code != codeOK {
		return w.refuse(c, app, code)
	}
	uc, code := w.takeCode(c, app, c.query.Get("js_code"), true)
	if code != codeOK {
		return w.refuse(c, app, code)
	}
	m := w.sns.member(member{app.id, uc.openID})
	switch {
	case m.blocked:
		return w.refuse(c, app, codeBlockedCode)
	case !m.logins.take(everyMinute, c.at, c.path, app.quotas.LoginsPerMinute):
		return w.refuse(c, app, codeMinuteQuota)
	}
	uc.used = true
	app.counts.Exchanges++
	if m.sessionKey == nil {
		m.sessionKey = random16()
	}
	return jsonAnswer(sessionAnswer{base64.StdEncoding.EncodeToString(m.sessionKey), uc.openID, app.unionID(uc.openID)})
}
