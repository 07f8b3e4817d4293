package sandbox

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
	a.Data.OpenIDs = app.followers()
	a.Total, a.Count = len(a.Data.OpenIDs), len(a.Data.OpenIDs)
	a.Next = a.Data.OpenIDs[a.Count-1]
	return jsonAnswer(a)
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
