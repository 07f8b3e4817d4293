package sandbox

import (
	"cmp"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// portraitPath is where pictures of the users are. They are drawn here, so that a page that
// shows one asks nobody else for it.
const portraitPath = controlPath + "/portrait/"

// portrait draws the picture of a user. Any size is the same, because it can be enlarged.
func portrait(path string) answer {
	id, _, _ := strings.Cut(strings.TrimPrefix(path, "/portrait/"), "/")
	people := append(Users(), stranger())
	i := slices.IndexFunc(people, func(u User) bool { return u.color != "" && cmp.Or(u.ID, "stranger") == id })
	if i < 0 {
		return plainError(http.StatusNotFound, errNoSuchPage)
	}
	letter, _ := utf8.DecodeRuneInString(people[i].Nickname)
	a := textAnswer(http.StatusOK, "image/svg+xml", fmt.Sprintf(
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 132 132" width="132" height="132"><rect width="132" height="132" fill="%s"/>`+
			`<text x="66" y="66" dy=".36em" text-anchor="middle" font-family="sans-serif" font-size="64" fill="#fff">%s</text></svg>`,
		people[i].color, html.EscapeString(string(letter))))
	a.header.Set("X-Content-Type-Options", "nosniff")
	a.header.Set("Content-Security-Policy", "default-src 'none'")
	return a
}
