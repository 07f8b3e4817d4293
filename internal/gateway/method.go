package gateway

import (
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
)

// passable reports whether calls of a method are passed on. TRACE would send back what
// only the platform may see, CONNECT asks for a connection instead of an answer, and what
// stands between here and the platform may take a method that nobody knows for anything.
func passable(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	default:
		return false
	}
}

var errMethod = &broker.Error{
	Code: "bad_method", Class: broker.Invalid, Message: "calls of this method are not passed on",
	Hint: "the platforms' paths are called with GET and POST",
}
