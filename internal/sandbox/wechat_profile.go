package sandbox

import "cmp"

// profileAnswer is what sns/userinfo tells of a user.
type profileAnswer struct {
	OpenID    string   `json:"openid"`
	Nickname  string   `json:"nickname"`
	Sex       int      `json:"sex"`
	Language  string   `json:"language"`
	City      string   `json:"city"`
	Province  string   `json:"province"`
	Country   string   `json:"country"`
	Portrait  string   `json:"headimgurl"`
	Privilege []string `json:"privilege"`
	UnionID   string   `json:"unionid"`
}

// serveUser is GET /sns/userinfo. Places are named in the language that is asked for, names are
// as their owners write them.
func (w *wechat) serveUser(c *call) answer {
	g, app, code := w.guardUser(c)
	if code == codeOK && g.scope == ScopeBase {
		code = codeNoScope
	}
	if code != codeOK {
		return w.refuse(c, app, code)
	}
	u, lang := app.person(g.openID), cmp.Or(c.query.Get("lang"), "zh_CN")
	in := func(place words) string {
		if lang == "en" {
			return place.english
		}
		return place.chinese
	}
	return jsonAnswer(profileAnswer{
		OpenID: g.openID, Nickname: u.Nickname, Sex: u.Sex, Language: lang,
		City: in(u.city), Province: in(u.province), Country: in(u.country),
		Portrait: u.portrait(c.base), Privilege: []string{}, UnionID: app.unionID(g.openID),
	})
}

// followerAnswer is what an app learns of a user who follows it. WeChat does not tell the name any
// more.
type followerAnswer struct {
	Subscribe     int    `json:"subscribe"`
	OpenID        string `json:"openid"`
	Language      string `json:"language"`
	SubscribeTime int64  `json:"subscribe_time"`
	UnionID       string `json:"unionid"`
	Remark        string `json:"remark"`
	GroupID       int    `json:"groupid"`
	Tags          []int  `json:"tagid_list"`
	Scene         string `json:"subscribe_scene"`
	QRScene       int    `json:"qr_scene"`
	QRSceneText   string `json:"qr_scene_str"`
}

// strangerAnswer is all that an app learns of a user who does not follow it.
type strangerAnswer struct {
	Subscribe int    `json:"subscribe"`
	OpenID    string `json:"openid"`
	UnionID   string `json:"unionid"`
}

// about is what user/info tells an app of a user.
func (a *wechatApp) about(c *call, openID, language string) any {
	if !a.person(openID).Follows {
		return strangerAnswer{0, openID, a.unionID(openID)}
	}
	return followerAnswer{
		Subscribe: 1, OpenID: openID, Language: cmp.Or(language, "zh_CN"),
		SubscribeTime: c.at.Unix() - 86_400, UnionID: a.unionID(openID), Tags: []int{}, Scene: "ADD_SCENE_QR_CODE",
	}
}

// serveUserInfo is GET /cgi-bin/user/info.
func (w *wechat) serveUserInfo(c *call, app *wechatApp) answer {
	openID := c.query.Get("openid")
	if openID == "" {
		return w.refuse(c, app, codeBadOpenID)
	}
	return jsonAnswer(app.about(c, openID, c.query.Get("lang")))
}

// maxUsers is how many users one batchget may ask for.
const maxUsers = 100

// serveUserInfos is POST /cgi-bin/user/info/batchget.
func (w *wechat) serveUserInfos(c *call, app *wechatApp) answer {
	var req struct {
		Users []struct {
			OpenID   string `json:"openid"`
			Language string `json:"lang"`
		} `json:"user_list"`
	}
	code := decode(c.body, &req)
	switch {
	case code != codeOK:
	case len(req.Users) == 0 || len(req.Users) > maxUsers:
		code = codeInvalidArgs
	}
	infos := make([]any, 0, len(req.Users))
	for _, u := range req.Users {
		if u.OpenID == "" {
			code = codeBadOpenID
		}
		infos = append(infos, app.about(c, u.OpenID, u.Language))
	}
	if code != codeOK {
		return w.refuse(c, app, code)
	}
	return jsonAnswer(struct {
		Users []any `json:"user_info_list"`
	}{infos})
}
