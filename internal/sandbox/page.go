package sandbox

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

//go:embed page
var pageFiles embed.FS

// page is one of the pages for people, which is parsed when it is first asked for.
type page func() (*template.Template, error)

func newPage(file string) page {
	return sync.OnceValues(func() (*template.Template, error) {
		t, err := template.ParseFS(pageFiles, "page/"+file)
		if err != nil {
			return nil, fmt.Errorf("parse page: %w", err)
		}
		return t, nil
	})
}

// render makes the answer. Policy is its Content-Security-Policy.
func (p page) render(status int, view any, policy string) answer {
	t, err := p()
	if err != nil {
		return plainError(http.StatusInternalServerError, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return plainError(http.StatusInternalServerError, fmt.Errorf("render page: %w", err))
	}
	a := textAnswer(status, "text/html; charset=utf-8", b.String())
	a.header.Set("Content-Security-Policy", policy)
	a.header.Set("Cache-Control", "no-store")
	a.header.Set("Referrer-Policy", "no-referrer")
	a.header.Set("X-Content-Type-Options", "nosniff")
	return a
}

// reader is who looks at a page.
type reader struct{ Lang string } // en or zh

// Tr picks the words for the reader's language.
func (r reader) Tr(english, chinese string) string {
	if r.Lang == "zh" {
		return chinese
	}
	return english
}

// readerOf is who asks for a page: by the language that its query names, else by what the
// browser prefers.
func readerOf(q url.Values, accepts string) reader {
	asked := q.Get("lang")
	if asked == "" {
		asked = strings.TrimSpace(accepts)
	}
	for _, chinese := range []string{"zh", "cn"} {
		if strings.HasPrefix(strings.ToLower(asked), chinese) {
			return reader{"zh"}
		}
	}
	return reader{"en"}
}

// withLanguage is the address of a page in another language; "" is the reader's own.
func withLanguage(path string, q url.Values, lang string) string {
	q = maps.Clone(q)
	q.Set("lang", lang)
	if lang == "" {
		q.Del("lang")
	}
	u := url.URL{Path: path, RawQuery: q.Encode()}
	return u.String()
}
