package sandbox

import (
	"cmp"
	"hash/fnv"
)

type ipList struct {
	IPs []string `json:"ip_list"`
}

// serveDomainIP is GET /cgi-bin/get_api_domain_ip, the harmless call with
// which callers find out whether a token lives.
func (w *wechat) serveDomainIP(*call, *wechatApp) answer {
	return jsonAnswer(ipList{[]string{"203.0.113.10", "203.0.113.11"}})
}

func (w *wechat) serveCallbackIP(*call, *wechatApp) answer {
	return jsonAnswer(ipList{[]string{"198.51.100.20", "198.51.100.21", "198.51.100.0/25"}})
}

type userAnswer struct {
	Subscribe     int    `json:"subscribe"`
	OpenID        string `json:"openid"`
	Language      string `json:"language"`
	SubscribeTime int64  `json:"subscribe_time"`
	Remark        string `json:"remark"`
	GroupID       int    `json:"groupid"`
	Tags          []int  `json:"tagid_list"`
	Scene         string `json:"subscribe_scene"`
}

func (w *wechat) serveUserInfo(c *call, app *wechatApp) answer {
	openID := c.query.Get("openid")
	if openID == "" {
		return w.refuse(c, app, codeBadOpenID)
	}
	return jsonAnswer(follower(c, openID, c.query.Get("lang")))
}

func follower(c *call, openID, language string) userAnswer {
	return userAnswer{
		Subscribe: 1, OpenID: openID, Language: cmp.Or(language, "zh_CN"),
		SubscribeTime: c.at.Unix() - 86_400, Tags: []int{}, Scene: "ADD_SCENE_QR_CODE",
	}
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
	infos := make([]userAnswer, 0, len(req.Users))
	for _, u := range req.Users {
		if u.OpenID == "" {
			code = codeBadOpenID
		}
		infos = append(infos, follower(c, u.OpenID, u.Language))
	}
	if code != codeOK {
		return w.refuse(c, app, code)
	}
	return jsonAnswer(struct {
		Users []userAnswer `json:"user_info_list"`
	}{infos})
}

type userListAnswer struct {
	Total int `json:"total"`
	Count int `json:"count"`
	Data  struct {
		OpenIDs []string `json:"openid"`
	} `json:"data"`
	Next string `json:"next_openid"`
}

func (w *wechat) serveUserList(_ *call, app *wechatApp) answer {
	var a userListAnswer
	a.Data.OpenIDs = []string{openID(app.id, "1"), openID(app.id, "2"), openID(app.id, "3")}
	a.Total, a.Count = len(a.Data.OpenIDs), len(a.Data.OpenIDs)
	a.Next = a.Data.OpenIDs[a.Count-1]
	return jsonAnswer(a)
}

// openID makes up a user of an app, always the same.
func openID(app, user string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
	h := fnv.New128a()
	_, _ = h.Write([]byte(app + "\x00" + user))
	out := []byte("o")
	for i := range 27 {
		sum := h.Sum(nil)
		out = append(out, digits[sum[i%len(sum)]%64])
		_, _ = h.Write(sum)
	}
	return string(out)
}

type message struct {
	To   string `json:"touser"`
	Type string `json:"msgtype"`
}

// serveMessage takes a message to one user.
func (w *wechat) serveMessage(c *call, app *wechatApp) answer {
	if code := decodeMessage(c.body); code != codeOK {
		return w.refuse(c, app, code)
	}
	return jsonAnswer(wechatError{0, "ok"})
}

func (w *wechat) serveTemplateMessage(c *call, app *wechatApp) answer {
	if code := decodeMessage(c.body); code != codeOK {
		return w.refuse(c, app, code)
	}
	return jsonAnswer(struct {
		wechatError
		ID int `json:"msgid"`
	}{wechatError{0, "ok"}, 200_000_000 + app.counts.Calls})
}

func decodeMessage(body []byte) int {
	var m message
	if code := decode(body, &m); code != codeOK {
		return code
	}
	if m.To == "" {
		return codeBadOpenID
	}
	return codeOK
}
