package sandbox

import (
	"bytes"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// landedPath is the page below the control path that stands in for the page of a business,
// which a browser comes back to after a login.
const landedPath = "/landed"

func parseLandedPage() (*template.Template, error) {
	t, err := template.ParseFS(pageFiles, "page/landed.html")
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	return t, nil
}

// landedView is what that page is made of.
type landedView struct {
	Lang             string
	English, Chinese string // the same page in that language
	Given            []given
}

// given is a parameter that the browser brought.
type given struct{ Name, Value string }

// Tr picks the words for the reader's language.
func (v landedView) Tr(english, chinese string) string {
	if v.Lang == "zh" {
		return chinese
	}
	return english
}

// maxGiven bounds what is shown.
const maxGiven = 20

// landed shows what the browser was given.
func (c *control) landed(r *http.Request) answer {
	t, err := c.landedPage()
	if err != nil {
		return plainError(http.StatusInternalServerError, err)
	}
	q := r.URL.Query()
	in := func(lang string) string {
		other := maps.Clone(q)
		other.Set("lang", lang)
		return controlPath + landedPath + "?" + other.Encode()
	}
	lang := q.Get("lang")
	if lang == "" && strings.HasPrefix(strings.ToLower(strings.TrimSpace(r.Header.Get("Accept-Language"))), "zh") {
		lang = "zh"
	}
	v := landedView{Lang: lang, English: in("en"), Chinese: in("zh")}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if name != "lang" && len(v.Given) < maxGiven {
			v.Given = append(v.Given, given{name, strings.Join(q[name], ", ")})
		}
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return plainError(http.StatusInternalServerError, fmt.Errorf("render page: %w", err))
	}
	a := textAnswer(http.StatusOK, "text/html; charset=utf-8", b.String())
	a.header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
	a.header.Set("Cache-Control", "no-store")
	a.header.Set("Referrer-Policy", "no-referrer")
	a.header.Set("X-Content-Type-Options", "nosniff")
	return a
}
