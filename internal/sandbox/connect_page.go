package sandbox

import (
	"net/http"
	"strings"
)

// connectView is what the page is made of on which a user logs in.
type connectView struct {
	reader
	English      string // the same page in English
	Chinese      string
	Action       string // where the form goes
	AppID, Scope string
	Host         string // where the browser goes afterwards
	ByQR, Silent bool
	Users        []User
	Errcode      int
	Error        string
}

// About is what tells the users apart.
func (v connectView) About(u User) string {
	var facts []string
	add := func(fact string) {
		if fact != "" {
			facts = append(facts, fact)
		}
	}
	switch u.Sex {
	case 1:
		add(v.Tr("male", "男"))
	case 2:
		add(v.Tr("female", "女"))
	}
	add(v.Tr(u.city.english, u.city.chinese))
	add(v.Tr(u.country.english, u.country.chinese))
	switch {
	case u.Snapshot:
		add(v.Tr("nobody: looks at a snapshot of the page without logging in", "并非真人：未登录，以快照页模式浏览"))
	case u.Follows:
		add(v.Tr("follows", "已关注"))
	default:
		add(v.Tr("does not follow", "未关注"))
	}
	return strings.Join(facts, " · ")
}

// Portrait is where the page finds the picture of a user.
func (v connectView) Portrait(u User) string { return u.portrait("") }

// connectPage renders the page, or the error page that stands in its place.
func (w *wechat) connectPage(c *call, asked authorization, wrong *pageError) answer {
	v := connectView{
		reader: readerOf(c.query, c.language), AppID: asked.app.id, Scope: asked.scope,
		English: withLanguage(c.path, c.query, "en"), Chinese: withLanguage(c.path, c.query, "zh"), Action: withLanguage(c.path, c.query, c.query.Get("lang")),
		ByQR: c.path == qrPath, Silent: asked.silent(), Users: Users(),
	}
	if wrong != nil {
		v.Errcode, v.Error = wrong.code, v.Tr(wrong.says.english, wrong.says.chinese)
	} else {
		v.Host = asked.redirect.Host
	}
	// Browsers hold a form's policy against the redirect that answers it too, and that one
	// leads away on purpose. Web sites show WeChat's page in a frame, so they may.
	return w.page.render(http.StatusOK, v, "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' http: https:; base-uri 'none'")
}
