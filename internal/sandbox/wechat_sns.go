package sandbox

// snsPrefix is where users' tokens are good and apps' tokens are not.
const snsPrefix = "/sns/"

const codeGrant = "authorization_code"

// admitUser checks what comes with a code: the order of the checks is that of
// the token endpoints. There is no whitelist here.
func (w *wechat) admitUser(c *call, code string) (*wechatApp, int) {
	id, secret := c.query.Get("appid"), c.query.Get("secret")
	app, known := w.apps[id]
	switch {
	case id == "":
		return w.nobody, codeNoAppID
	case secret == "":
		return w.known(id), codeNoSecret
	case code == "":
		return w.known(id), codeNoCode
	case !known:
		return w.nobody, codeBadAppID
	case c.query.Get("grant_type") != codeGrant:
		return app, codeBadGrant
	case !app.hasSecret(secret):
		return app, codeBadSecret
	case app.frozen != 0:
		return app, int(app.frozen)
	}
	return app, w.admitMinute(c, app)
}

// admitMinute counts a call under /sns/, where no day is limited.
func (w *wechat) admitMinute(c *call, app *wechatApp) int {
	if !app.minute.take(everyMinute, c.at, c.path, app.quotas.CallsPerMinute) {
		return codeMinuteQuota
	}
	return codeOK
}

type grantAnswer struct {
	AccessToken  string `json:"access_token"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	OpenID       string `json:"openid"`
	Scope        string `json:"scope"`
	Snapshot     int    `json:"is_snapshotuser,omitempty"`
	UnionID      string `json:"unionid,omitempty"`
}

// takeCode finds what an app brings. A code of another sort or app, or one that is too old,
// stays as it is; the caller uses up what is returned. That a code comes twice is a misuse:
// it is good once, and whoever sends it again did not keep what it brought.
func (w *wechat) takeCode(c *call, app *wechatApp, value string, mini bool) (*userCode, int) {
	uc := w.sns.code(app.id, value, mini)
	switch {
	case uc == nil:
		return nil, codeBadCode
	case uc.used:
		w.misused(c.at, app.id, CodeUsedTwice, words{c.path + " with a code that was used before", c.path + "，使用已用过的 code"})
		return nil, codeUsedCode
	case c.at.Before(uc.expiry):
		return uc, codeOK
	case mini || w.cfg.OldCodesInvalid:
		return nil, codeBadCode
	default:
		return nil, codeOldCode
	}
}

// serveExchange is GET /sns/oauth2/access_token.
func (w *wechat) serveExchange(c *call) answer {
	app, code := w.admitUser(c, c.query.Get("code"))
	if code != codeOK {
		return w.refuse(c, app, code)
	}
	uc, code := w.takeCode(c, app, c.query.Get("code"), false)
	if code != codeOK {
		return w.refuse(c, app, code)
	}
	uc.used = true
	app.counts.Exchanges++
	g := w.sns.grant(*uc, c.at, &w.cfg)
	a := grantAnswer{g.current().value, seconds(w.cfg.Lifetime), g.refresh, g.openID, g.scope, 0, ""}
	if app.person(g.openID).Snapshot {
		a.Snapshot = 1
	}
	if g.scope != ScopeBase {
		a.UnionID = app.unionID(g.openID)
	}
	return jsonAnswer(a)
}

// serveRefresh is GET /sns/oauth2/refresh_token, which needs no secret.
func (w *wechat) serveRefresh(c *call) answer {
	id, value := c.query.Get("appid"), c.query.Get("refresh_token")
	app, known := w.apps[id]
	switch {
	case id == "":
		return w.refuse(c, w.nobody, codeNoAppID)
	case value == "":
		return w.refuse(c, w.known(id), codeNoRefresh)
	case !known:
		return w.refuse(c, w.nobody, codeBadAppID)
	case c.query.Get("grant_type") != "refresh_token":
		return w.refuse(c, app, codeBadGrant)
	}
	g := w.sns.byRefresh[value]
	if g == nil || g.app != id {
		w.mixedUp(c, value)
		return w.refuse(c, app, codeBadRefresh)
	}
	if code := g.refusal(value, c.at); code != codeOK {
		if code == codeBadRefresh {
			w.misused(c.at, id, RefreshUsedTwice, words{c.path + " with a refresh token that was used up before", c.path + "，使用已用过的 refresh_token"})
		}
		return w.refuse(c, app, code)
	}
	if code := w.admitMinute(c, app); code != codeOK {
		return w.refuse(c, app, code)
	}
	app.counts.Refreshes++
	t := w.sns.refresh(g, c.at, &w.cfg)
	return jsonAnswer(grantAnswer{t.value, seconds(t.expiry.Sub(c.at)), g.refresh, g.openID, g.scope, 0, ""})
}

// guardUser asks for a live token of the user who is named.
func (w *wechat) guardUser(c *call) (*userGrant, *wechatApp, int) {
	value := c.query.Get("access_token")
	if value == "" {
		return nil, w.nobody, codeNoToken
	}
	t := w.sns.byToken[value]
	if t == nil {
		return nil, w.known(w.mixedUp(c, value)), codeBadToken
	}
	app := w.apps[t.grant.app]
	if code := t.refusal(c.at); code != codeOK {
		return nil, app, code
	}
	if c.query.Get("openid") != t.grant.openID {
		return nil, app, codeBadOpenID
	}
	if code := w.admitMinute(c, app); code != codeOK {
		return nil, app, code
	}
	app.counts.UserCalls++
	return t.grant, app, codeOK
}

// mixedUp records a token that is good elsewhere, and returns whose it is.
func (w *wechat) mixedUp(c *call, value string) string {
	var what words
	switch {
	case w.tokens[value] != nil:
		what = words{"the app's own token", "应用自身的令牌"}
	case w.sns.byToken[value] != nil:
		what = words{"a user's token", "用户的网页授权令牌"}
	case w.sns.byRefresh[value] != nil:
		what = words{"a user's refresh token", "用户的 refresh_token"}
	default:
		return ""
	}
	holder := w.holderOf(value)
	w.misused(c.at, holder, MixedUpToken, words{c.path + " with " + what.english, c.path + "，使用" + what.chinese})
	return holder
}

// serveAuth is GET /sns/auth.
func (w *wechat) serveAuth(c *call) answer {
	if _, app, code := w.guardUser(c); code != codeOK {
		return w.refuse(c, app, code)
	}
	return jsonAnswer(wechatError{0, "ok"})
}
