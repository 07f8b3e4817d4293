package login

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

//go:embed page/page.html page/page.css
var files embed.FS

// Words are what a page says, in the languages that there are.
type Words struct{ English, Chinese string }

// Page is what a user is shown where a login does not go on.
type Page struct {
	Title Words // what has happened
	Text  Words // what it means, and what the user does now
	// Detail is for those who build the page that the user came from. It is plain English and
	// never holds a secret. Empty: there is none.
	Detail string
	// Again is where a login begins anew, and Back the page of the business: URLs. Empty: not
	// known.
	Again, Back string
}

// pages makes pages. It is not changed any more.
type pages struct {
	page   *template.Template
	style  template.CSS
	policy string
}

func newPages() (*pages, error) {
	t, err := template.ParseFS(files, "page/page.html")
	if err != nil {
		return nil, fmt.Errorf("login: parse the page: %w", err)
	}
	css, err := files.ReadFile("page/page.css")
	if err != nil {
		return nil, fmt.Errorf("login: read the page's style: %w", err)
	}
	style := strings.TrimSpace(string(css))
	sum := sha256.Sum256([]byte(style))
	return &pages{
		page: t, style: template.CSS(style), //nolint:gosec // it is a file of ours
		// The one style that a browser takes is this very text: nothing that got into a page could add any.
		policy: policy + "; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
	}, nil
}

// shown is what the template is filled with.
type shown struct {
	Lang, Title, Text, Detail            string
	Again, AgainLabel                    string
	Back, BackLabel                      string
	DetailLabel, RequestLabel, RequestID string
	Style                                template.CSS
}

// Page shows a page of this package's look. The answer's id in X-Request-Id is kept where there
// is one, so that the page names the request by what the caller has logged.
func (r *Relay) Page(w http.ResponseWriter, req *http.Request, status int, p Page) {
	id := arrive(w)
	s := shown{
		Lang: "en", Title: p.Title.English, Text: p.Text.English, Detail: p.Detail, Again: p.Again, Back: p.Back, RequestID: id,
		AgainLabel: "Log in again", BackLabel: "Back to " + hostOf(p.Back), DetailLabel: "For the site’s developers", RequestLabel: "Request",
		Style: r.pages.style,
	}
	if chinese(req.Header.Get("Accept-Language")) {
		s.Lang, s.Title, s.Text = "zh-CN", p.Title.Chinese, p.Text.Chinese
		s.AgainLabel, s.BackLabel, s.DetailLabel, s.RequestLabel = "重新登录", "返回 "+hostOf(p.Back), "供网站开发者参考", "请求编号"
	}
	var b bytes.Buffer
	if err := r.pages.page.Execute(&b, s); err != nil {
		r.cfg.Logger.ErrorContext(req.Context(), "a page could not be made", "request_id", id, "error", err)
		b.Reset()
		b.WriteString("<!doctype html><title>Hufu</title>")
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", s.Lang)
	h.Set("Content-Security-Policy", r.pages.policy)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser is gone if this fails
}

// chinese reports whether a reader would rather have Chinese than English, by Accept-Language (RFC
// 9110, 12.5.4). All of Chinese is nearer to what there is than English.
func chinese(accept string) bool {
	var best string
	var most float64
	for part := range strings.SplitSeq(accept, ",") {
		tag, weight, _ := strings.Cut(part, ";")
		language, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if language != "zh" && language != "en" {
			continue
		}
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(weight), "q="); ok {
			q, _ = strconv.ParseFloat(v, 64) // what is no number is not wanted
		}
		if q > most {
			best, most = language, q
		}
	}
	return best == "zh"
}
