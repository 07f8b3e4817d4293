package sandbox

import "net/http"

func mediaEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"/cgi-bin/media/upload":    uploading((*wechat).uploadMedia),
		"/cgi-bin/media/uploadimg": uploading((*wechat).uploadImage),
		"/cgi-bin/media/get":       get((*wechat).serveMedia),

		"/cgi-bin/material/add_material":      uploading((*wechat).uploadMaterial),
		"/cgi-bin/material/get_material":      post(taking((*wechat).serveMaterial)),
		"/cgi-bin/material/get_materialcount": get((*wechat).serveMaterialCount),
		"/cgi-bin/material/batchget_material": post(taking((*wechat).serveMaterialList)),
		"/cgi-bin/material/del_material":      post(taking((*wechat).serveDeleteMaterial)),

		"/customservice/kfaccount/uploadheadimg": uploading((*wechat).uploadPortrait),
	}
}

// uploading makes an endpoint that takes an upload. Whatever can be said
// without the body is said before a byte of it is read: net/http then reads a
// small rest by itself, and closes the connection instead of reading a large
// one.
func uploading(store func(*wechat, *call, *wechatApp, form) answer) endpoint {
	return endpoint{method: http.MethodPost, upload: func(w *wechat, c *call) answer {
		app, refusal, ok := w.admitUpload(c)
		if !ok {
			return refusal
		}
		f, err := w.media.receive(c.upload)
		if c.upload.broken != nil {
			w.media.free(f.content.held) // Of a form that was complete all the same.
			return answer{cut: cutGone}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		c.at = w.cfg.Now()
		if err != nil {
			return w.refuse(c, app, receiveCode(err))
		}
		return store(w, c, app, f)
	}}
}

// admitUpload judges everything but the body.
func (w *wechat) admitUpload(c *call) (app *wechatApp, refusal answer, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	app, code := w.guard(c)
	if code == codeOK && needsKind(c.path) && !mediaKind(c.query.Get("type")).known() {
		code = codeBadMedia
	}
	if code != codeOK {
		return app, w.refuse(c, app, code), false
	}
	return app, answer{}, true
}

func needsKind(path string) bool {
	return path == "/cgi-bin/media/upload" || path == "/cgi-bin/material/add_material"
}

// keepMedia keeps an upload as the app's.
func (w *wechat) keepMedia(c *call, app *wechatApp, f form, permanent bool) *media {
	kind := mediaKind(c.query.Get("type"))
	m := &media{
		id: randomText(48), app: app.id, kind: kind, permanent: permanent, created: c.at,
		name: f.name, contentType: f.typeOf(kind), description: f.description, content: f.content,
	}
	w.media.add(m)
	return m
}

type mediaAnswer struct {
	Kind    mediaKind `json:"type"`
	ID      string    `json:"media_id"`
	Created int64     `json:"created_at"`
}

// uploadMedia is POST /cgi-bin/media/upload.
func (w *wechat) uploadMedia(c *call, app *wechatApp, f form) answer {
	m := w.keepMedia(c, app, f, false)
	return jsonAnswer(mediaAnswer{m.kind, m.id, m.created.Unix()})
}

// uploadImage is POST /cgi-bin/media/uploadimg, whose images are reached by
// their URL alone. Nobody serves that here, so nothing is kept.
func (w *wechat) uploadImage(_ *call, _ *wechatApp, f form) answer {
	w.media.free(f.content.held)
	return jsonAnswer(struct {
		URL string `json:"url"`
	}{imageURL(randomText(48))})
}

func (w *wechat) uploadPortrait(_ *call, _ *wechatApp, f form) answer {
	w.media.free(f.content.held)
	return jsonAnswer(wechatError{0, "ok"})
}

func imageURL(id string) string { return "http://mmbiz.qpic.cn/mmbiz/" + id + "/0" }

// serveMedia is GET /cgi-bin/media/get. Videos are handed out like all others;
// the platform answers with the address of the video instead.
func (w *wechat) serveMedia(c *call, app *wechatApp) answer {
	m := w.media.find(app.id, c.query.Get("media_id"), c.at)
	if m == nil {
		a := w.refuse(c, app, codeNoSuchMedia)
		a.header.Set("Content-Type", "text/plain")
		return a
	}
	return m.answer()
}

func (m *media) answer() answer {
	return answer{
		status: http.StatusOK,
		header: http.Header{
			"Content-Type":        {m.contentType},
			"Content-Disposition": {`attachment; filename="` + m.fileName() + `"`},
		},
		media: m.content,
	}
}

// uploadMaterial is POST /cgi-bin/material/add_material.
func (w *wechat) uploadMaterial(c *call, app *wechatApp, f form) answer {
	m := w.keepMedia(c, app, f, true)
	a := struct {
		ID  string `json:"media_id"`
		URL string `json:"url,omitempty"`
	}{ID: m.id}
	if m.kind == mediaImage {
		a.URL = imageURL(m.id)
	}
	return jsonAnswer(a)
}

type materialRequest struct {
	ID     string    `json:"media_id"`
	Kind   mediaKind `json:"type"`
	Offset int       `json:"offset"`
	Count  int       `json:"count"`
}

// serveMaterial is POST /cgi-bin/material/get_material. Of a video it tells
// where it is.
func (w *wechat) serveMaterial(c *call, app *wechatApp, req *materialRequest) answer {
	m := w.media.find(app.id, req.ID, c.at)
	switch {
	case m == nil || !m.permanent:
		return w.refuse(c, app, codeNoSuchMedia)
	case m.kind != mediaVideo:
		return m.answer()
	}
	return jsonAnswer(struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		URL         string `json:"down_url"`
	}{m.description.Title, m.description.Introduction, "http://mp.weixin.qq.com/mp/video/" + m.id})
}

func (w *wechat) serveMaterialCount(_ *call, app *wechatApp) answer {
	n := make(map[mediaKind]int)
	for _, m := range w.media.permanent(app.id) {
		n[m.kind]++
	}
	return jsonAnswer(struct {
		Voice int `json:"voice_count"`
		Video int `json:"video_count"`
		Image int `json:"image_count"`
		News  int `json:"news_count"`
	}{n[mediaVoice], n[mediaVideo], n[mediaImage], 0})
}

type materialItem struct {
	ID      string `json:"media_id"`
	Name    string `json:"name"`
	Updated int64  `json:"update_time"`
	URL     string `json:"url,omitempty"`
}

// serveMaterialList is POST /cgi-bin/material/batchget_material.
func (w *wechat) serveMaterialList(_ *call, app *wechatApp, req *materialRequest) answer {
	a := struct {
		Total int            `json:"total_count"`
		Count int            `json:"item_count"`
		Items []materialItem `json:"item"`
	}{Items: []materialItem{}}
	for _, m := range w.media.permanent(app.id) {
		if m.kind != req.Kind {
			continue
		}
		if a.Total++; a.Total <= req.Offset || len(a.Items) >= min(req.Count, 20) {
			continue
		}
		item := materialItem{ID: m.id, Name: m.name, Updated: m.created.Unix()}
		if m.kind == mediaImage {
			item.URL = imageURL(m.id)
		}
		a.Items = append(a.Items, item)
	}
	a.Count = len(a.Items)
	return jsonAnswer(a)
}

func (w *wechat) serveDeleteMaterial(c *call, app *wechatApp, req *materialRequest) answer {
	if !w.media.remove(app.id, req.ID) {
		return w.refuse(c, app, codeNoSuchMedia)
	}
	return jsonAnswer(wechatError{0, "ok"})
}
