package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"image"
	"image/jpeg"
	"maps"
	"strconv"
)

// businessEndpoints are calls that business servers make. They have the
// platform's forms, and no memory: what is created is not there afterwards.
func businessEndpoints() map[string]endpoint {
	all := map[string]endpoint{
		"/cgi-bin/user/info":              get((*wechat).serveUserInfo),
		"/cgi-bin/user/info/batchget":     post((*wechat).serveUserInfos),
		"/cgi-bin/user/info/updateremark": post(taking((*wechat).serveRemark)),
		"/cgi-bin/user/get":               get((*wechat).serveUserList),
		"/cgi-bin/user/tag/get":           post(taking((*wechat).serveTaggedUsers)),
		"/cgi-bin/tags/create":            post(taking((*wechat).serveNewTag)),
		"/cgi-bin/groups/create":          post(taking((*wechat).serveNewGroup)),

		"/cgi-bin/message/custom/send":          post((*wechat).serveMessage),
		"/cgi-bin/message/subscribe/send":       post((*wechat).serveMessage),
		"/cgi-bin/message/template/subscribe":   post((*wechat).serveMessage),
		"/cgi-bin/message/template/send":        post((*wechat).serveTemplateMessage),
		"/cgi-bin/message/wxopen/template/send": post((*wechat).serveTemplateMessage),
		"/cgi-bin/message/mass/send":            post(taking((*wechat).serveMass)),
		"/cgi-bin/message/mass/sendall":         post(taking((*wechat).serveMass)),
		"/cgi-bin/message/mass/preview":         post(taking((*wechat).serveMass)),
		"/cgi-bin/message/mass/get":             post(taking((*wechat).serveMassState)),
		"/cgi-bin/template/api_add_template":    post(taking((*wechat).serveNewTemplate)),

		"/cgi-bin/qrcode/create":     post(taking((*wechat).serveQRCode)),
		"/cgi-bin/shorturl":          post(taking((*wechat).serveShortURL)),
		"/cgi-bin/media/uploadvideo": post(taking((*wechat).serveMassVideo)),
		"/wxa/getwxacode":            post(taking((*wechat).serveMiniCode)),
		"/wxa/getwxacodeunlimit":     post(taking((*wechat).serveMiniCode)),
	}
	for _, path := range []string{
		"/cgi-bin/groups/update", "/cgi-bin/groups/delete",
		"/cgi-bin/groups/members/update", "/cgi-bin/groups/members/batchupdate",
		"/cgi-bin/menu/create", "/cgi-bin/menu/delconditional", "/cgi-bin/message/mass/delete",
		"/cgi-bin/tags/update", "/cgi-bin/tags/delete",
		"/cgi-bin/tags/members/batchtagging", "/cgi-bin/tags/members/batchuntagging",
		"/cgi-bin/template/api_set_industry", "/cgi-bin/template/del_private_template",
		"/customservice/kfaccount/add", "/customservice/kfaccount/update",
	} {
		all[path] = post(saying(`{"errcode":0,"errmsg":"ok"}`))
	}
	for path, text := range map[string]string{
		"/cgi-bin/groups/getid":        `{"groupid":0}`,
		"/cgi-bin/tags/getidlist":      `{"tagid_list":[2]}`,
		"/cgi-bin/menu/addconditional": `{"menuid":"208379533"}`,
	} {
		all[path] = post(saying(text))
	}
	maps.Copy(all, readEndpoints())
	return all
}

// readEndpoints are calls that only ask.
func readEndpoints() map[string]endpoint {
	const button = `{"button":[{"type":"click","name":"今日歌曲","key":"V1001_TODAY_MUSIC","sub_button":[]}]}`
	all := make(map[string]endpoint)
	for path, text := range map[string]string{
		"/cgi-bin/menu/get":    `{"menu":` + button + `}`,
		"/cgi-bin/menu/delete": `{"errcode":0,"errmsg":"ok"}`,
		"/cgi-bin/get_current_selfmenu_info": `{"is_menu_open":1,"selfmenu_info":{"button":[` +
			`{"type":"click","name":"今日歌曲","key":"V1001_TODAY_MUSIC"}]}}`,
		"/cgi-bin/get_current_autoreply_info": `{"is_add_friend_reply_open":0,"is_autoreply_open":0}`,
		"/cgi-bin/groups/get": `{"groups":[{"id":0,"name":"未分组","count":3},` +
			`{"id":1,"name":"黑名单","count":0},{"id":2,"name":"星标组","count":0}]}`,
		"/cgi-bin/tags/get": `{"tags":[{"id":2,"name":"星标组","count":0}]}`,
		"/cgi-bin/template/get_industry": `{"primary_industry":{"first_class":"IT科技","second_class":"互联网|电子商务"},` +
			`"secondary_industry":{"first_class":"IT科技","second_class":"IT软件与服务"}}`,
		"/cgi-bin/template/get_all_private_template": `{"template_list":[]}`,
		"/cgi-bin/customservice/getkflist":           `{"kf_list":[]}`,
		"/cgi-bin/customservice/getonlinekflist":     `{"kf_online_list":[]}`,
		"/customservice/kfaccount/del":               `{"errcode":0,"errmsg":"ok"}`,
	} {
		all[path] = get(func(*wechat, *call, *wechatApp) answer { return jsonAnswer(json.RawMessage(text)) })
	}
	return all
}

// saying is a call that takes any JSON object.
func saying(text string) func(*wechat, *call, *wechatApp) answer {
	return taking(func(*wechat, *call, *wechatApp, *struct{}) answer { return jsonAnswer(json.RawMessage(text)) })
}

type remark struct {
	OpenID string `json:"openid"`
}

func (w *wechat) serveRemark(c *call, app *wechatApp, req *remark) answer {
	if req.OpenID == "" {
		return w.refuse(c, app, codeBadOpenID)
	}
	return jsonAnswer(wechatError{0, "ok"})
}

func (w *wechat) serveTaggedUsers(_ *call, app *wechatApp, _ *struct{}) answer {
	var a struct {
		Count int `json:"count"`
		Data  struct {
			OpenIDs []string `json:"openid"`
		} `json:"data"`
		Next string `json:"next_openid"`
	}
	a.Data.OpenIDs = []string{OpenID(app.id, defaultUser)}
	a.Count, a.Next = 1, a.Data.OpenIDs[0]
	return jsonAnswer(a)
}

// named is a tag or a group.
type named struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

type tagRequest struct {
	Tag named `json:"tag"`
}

func (w *wechat) serveNewTag(_ *call, app *wechatApp, req *tagRequest) answer {
	req.Tag.ID = 100 + app.counts.Calls
	return jsonAnswer(req)
}

type groupRequest struct {
	Group named `json:"group"`
}

func (w *wechat) serveNewGroup(_ *call, app *wechatApp, req *groupRequest) answer {
	req.Group.ID = 100 + app.counts.Calls
	return jsonAnswer(req)
}

type massMessage struct {
	Type string `json:"msgtype"`
}

func (w *wechat) serveMass(c *call, app *wechatApp, req *massMessage) answer {
	if req.Type == "" {
		return w.refuse(c, app, codeBadMessage)
	}
	return jsonAnswer(struct {
		wechatError
		ID     int `json:"msg_id"`
		DataID int `json:"msg_data_id"`
	}{wechatError{0, "send job submission success"}, 1_000_000_000 + app.counts.Calls, 2_000_000_000 + app.counts.Calls})
}

type massRequest struct {
	ID any `json:"msg_id"` // a number or a text
}

func (w *wechat) serveMassState(_ *call, _ *wechatApp, req *massRequest) answer {
	return jsonAnswer(struct {
		ID     any    `json:"msg_id"`
		Status string `json:"msg_status"`
	}{req.ID, "SEND_SUCCESS"})
}

type templateRequest struct {
	Short string `json:"template_id_short"`
}

func (w *wechat) serveNewTemplate(c *call, app *wechatApp, req *templateRequest) answer {
	if req.Short == "" {
		return w.refuse(c, app, codeBadTemplate)
	}
	return jsonAnswer(struct {
		wechatError
		ID string `json:"template_id"`
	}{wechatError{0, "ok"}, randomText(32)})
}

type qrRequest struct {
	Action string `json:"action_name"`
	Expire int    `json:"expire_seconds"`
}

func (w *wechat) serveQRCode(c *call, app *wechatApp, req *qrRequest) answer {
	if req.Action == "" {
		return w.refuse(c, app, codeInvalidArgs)
	}
	a := struct {
		Ticket string `json:"ticket"`
		Expire int    `json:"expire_seconds,omitempty"`
		URL    string `json:"url"`
	}{Ticket: "gQ" + randomText(60), URL: "http://weixin.qq.com/q/" + randomText(18)}
	if req.Action == "QR_SCENE" || req.Action == "QR_STR_SCENE" {
		a.Expire = cmp.Or(req.Expire, 30)
	}
	return jsonAnswer(a)
}

type longURL struct {
	URL string `json:"long_url"`
}

func (w *wechat) serveShortURL(c *call, app *wechatApp, req *longURL) answer {
	if req.URL == "" {
		return w.refuse(c, app, codeInvalidArgs)
	}
	return jsonAnswer(struct {
		wechatError
		URL string `json:"short_url"`
	}{wechatError{0, "ok"}, "https://w.url.cn/s/" + strconv.FormatInt(int64(app.counts.Calls), 36)})
}

// serveMassVideo is POST /cgi-bin/media/uploadvideo, which makes an uploaded
// video one that can be sent to many.
func (w *wechat) serveMassVideo(c *call, app *wechatApp, req *materialRequest) answer {
	m := w.media.find(app.id, req.ID, c.at)
	if m == nil {
		return w.refuse(c, app, codeNoSuchMedia)
	}
	return jsonAnswer(mediaAnswer{mediaVideo, m.id, c.at.Unix()})
}

// serveMiniCode answers with an image or with an error in JSON.
func (w *wechat) serveMiniCode(_ *call, _ *wechatApp, _ *struct{}) answer {
	var picture bytes.Buffer
	// A buffer takes everything that is written to it.
	_ = jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8)), nil)
	return textAnswer(200, "image/jpeg", picture.String())
}
