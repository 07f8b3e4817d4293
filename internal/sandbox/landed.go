package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// landedPath is the page below the control path that stands in for the page of a business,
// which a browser comes back to after a login.
const landedPath = "/landed"

// landedView is what that page is made of.
type landedView struct {
	reader
	English, Chinese string // the same page in that language
	Given            []given
}

// given is a parameter that the browser brought.
type given struct{ Name, Value string }

// maxGiven bounds what is shown.
const maxGiven = 20

// landed shows what the browser was given.
func (c *control) landed(r *http.Request) answer {
	q, path := r.URL.Query(), controlPath+landedPath
	v := landedView{
		reader:  readerOf(q, r.Header.Get("Accept-Language")),
		English: withLanguage(path, q, "en"), Chinese: withLanguage(path, q, "zh"),
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if name != "lang" && len(v.Given) < maxGiven {
			v.Given = append(v.Given, given{name, strings.Join(q[name], ", ")})
		}
	}
	return c.landedPage.render(http.StatusOK, v, "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
}
