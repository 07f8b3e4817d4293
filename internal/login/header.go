package login

import (
	"crypto/rand"
	"net/http"
	"strings"
)

const requestIDHeader = "X-Request-Id"

// arrive sets what every answer to a browser has, and returns the request's id: the one that
// somebody before us has answered with already, or a new one.
//
// Nothing is kept in a cache, and no page that a browser goes to from here is told where it
// came from: the address may have a code or a state in it.
func arrive(w http.ResponseWriter) string {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", policy)
	id := h.Get(requestIDHeader)
	if id == "" {
		id = strings.ToLower(rand.Text()[:16])
		h.Set(requestIDHeader, id)
	}
	return id
}

// policy is that of answers that show nothing. Pages add their own style to it.
const policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// send sends a browser to another address. The answer has no body: the address may have a
// code in it, which belongs on no page.
//
// It is 303 and not 302, because a browser may have come with a POST to the protocol that began
// the login, and must not repeat it there.
func send(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
