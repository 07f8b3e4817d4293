package sandbox

import (
	"bytes"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

func parseConnectPage() (*template.Template, error) {
	t, err := template.ParseFS(pageFiles, "page/connect.html")
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	return t, nil
}

// connectView is what the page is made of on which a user logs in.
type connectView struct {
	Lang         string
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

// Tr picks the words for the reader's language.
func (v connectView) Tr(english, chinese string) string {
	if v.Lang == "zh" {
		return chinese
	}
	return english
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
	t, err := w.page()
	if err != nil {
		return plainError(http.StatusInternalServerError, err)
	}
	v := connectView{
		Lang: connectLanguage(c), AppID: asked.app.id, Scope: asked.scope,
		English: withLanguage(c, "en"), Chinese: withLanguage(c, "zh"), Action: withLanguage(c, c.query.Get("lang")),
		ByQR: c.path == qrPath, Silent: asked.silent(), Users: Users(),
	}
	if wrong != nil {
		v.Errcode, v.Error = wrong.code, v.Tr(wrong.says.english, wrong.says.chinese)
	} else {
		v.Host = asked.redirect.Host
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return plainError(http.StatusInternalServerError, fmt.Errorf("render page: %w", err))
	}
	a := textAnswer(http.StatusOK, "text/html; charset=utf-8", b.String())
	// Browsers hold a form's policy against the redirect that answers it too, and that one
	// leads away on purpose. Web sites show WeChat's page in a frame, so they may.
	a.header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' http: https:; base-uri 'none'")
	a.header.Set("Cache-Control", "no-store")
	a.header.Set("Referrer-Policy", "no-referrer")
	a.header.Set("X-Content-Type-Options", "nosniff")
	return a
}

// connectLanguage is the reader's: that of the query, else what the browser prefers.
func connectLanguage(c *call) string {
	asked := c.query.Get("lang")
	if asked == "" {
		asked = strings.TrimSpace(c.language)
	}
	for _, chinese := range []string{"zh", "cn"} {
		if strings.HasPrefix(strings.ToLower(asked), chinese) {
			return "zh"
		}
	}
	return "en"
}

// withLanguage is the address of the page in another language.
func withLanguage(c *call, lang string) string {
	q := maps.Clone(c.query)
	q.Set("lang", lang)
	if lang == "" {
		q.Del("lang")
	}
	u := url.URL{Path: c.path, RawQuery: q.Encode()}
	return u.String()
}
